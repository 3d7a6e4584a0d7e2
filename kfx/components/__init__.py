"""kfx's components: `from kfx.components import statistics_gen`, then use it in any `@dsl.pipeline`.

One file a component, found by its file: `NAME.py` holds the component `NAME`. Bodies import what they need when they
run, so importing this package costs no more than importing kfp.
"""

import importlib
import pkgutil

__all__ = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]

for _name in __all__:
    globals()[_name] = getattr(importlib.import_module(f"{__name__}.{_name}"), _name)
