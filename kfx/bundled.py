"""The border to a package that kfx ships beside itself and does not depend on: `trainer`.

Two things go wrong there. kfp.local starts a component with the working directory first on Python's path, so a team's
own `trainer/` folder (the name Vertex's guides use too) is imported in place of kfx's. And the package has errors of
its own, which a kfx component must end with as one of kfx's.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from kfx.errors import PermanentError, UsageError


@contextlib.contextmanager
def bundled(submodule: str) -> Iterator[None]:
    """Runs a block that imports and calls a bundled package.

    Args:
        submodule: The module the block imports, by its full name ("trainer.training"). Here it is looked for only.

    Raises:
        UsageError: Another package of that name comes first on the path, none is installed, or the bundled package
            found its input wrong (its error has `exit_code` 2).
        PermanentError: The bundled package failed with an error of its own (`exit_code` 1).
    """
    package = submodule.partition(".")[0]
    _refuse_shadowed(package, submodule)
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(f"{package}."):
            raise
        kind = UsageError if getattr(error, "exit_code", 1) == 2 else PermanentError
        raise kind(str(error)) from error


def _refuse_shadowed(package: str, submodule: str) -> None:
    found = importlib.util.find_spec(package)
    if found is None:
        raise UsageError(f"The package {package!r}, which is part of kfx, is not installed. Install kfx again.")
    places = list(found.submodule_search_locations or [])
    # An editable install finds the submodule even inside a foreign package, so the file itself is looked for.
    if any(Path(place, *submodule.split(".")[1:]).with_suffix(".py").is_file() for place in places):
        return
    where = places[0] if places else found.origin
    raise UsageError(
        f"{where} hides kfx's package {package!r}: Python finds it first. Rename it, or start kfx from another folder."
    )
