"""Writes what follows from the components themselves: `make docs`. A test fails when a file is stale.

- docs/components.md, the reference page;
- kfx/components/__init__.pyi, which tells type checkers and editors that `from kfx.components import NAME` is the
  component and not the module of the same name.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import docstring_parser
from kfp.dsl import structures

import kfx.components

PAGE = Path(__file__).with_name("components.md")
STUB = Path(kfx.components.__file__).with_suffix(".pyi")
_HEADER = """# Components

Written by `make docs` from the components' own signatures and docstrings.

`from kfx.components import NAME`, then use it in any `@dsl.pipeline`. Every component runs in the kfx image and
installs nothing at run time.
"""


def page() -> str:
    """Returns the reference page as Markdown."""
    return "\n".join([_HEADER, *(_section(name) for name in sorted(kfx.components.__all__))])


def stub() -> str:
    """Returns the stub of `kfx.components`."""
    lines = [f"from kfx.components.{name} import {name} as {name}" for name in sorted(kfx.components.__all__)]
    return "\n".join(["# Written by `make docs`.", *lines, "", "__all__: list[str]", ""])


def _section(name: str) -> str:
    module = importlib.import_module(f"kfx.components.{name}")
    component = getattr(module, name)
    summary, _, rest = (inspect.getdoc(module) or "").partition("\n")
    described = {
        given.arg_name: (given.description or "").replace("\n", " ")
        for given in docstring_parser.parse(component.python_func.__doc__ or "").params
    }
    lines = [f"## {name}\n\n{summary}\n{_fenced(rest)}\n| argument | type | default | meaning |\n|---|---|---|---|"]
    for argument, parameter in inspect.signature(component.python_func).parameters.items():
        kind, default = _kind(component.component_spec, argument, parameter)
        lines.append(
            f"| `{argument}` | {kind} | {default} | {described.get(argument, '').replace('|', chr(92) + '|')} |"
        )
    return "\n".join(lines) + "\n"


def _kind(spec: Any, argument: str, parameter: inspect.Parameter) -> tuple[str, str]:
    """The type and default of an argument, as a caller in a pipeline sees them."""
    if argument in (spec.outputs or {}):
        return f"output {_artifact(spec.outputs[argument])}", ""
    given: structures.InputSpec | None = (spec.inputs or {}).get(argument)
    if given is None or given.type == "TASK_FINAL_STATUS":
        return "the run's final status", "filled in by KFP"
    kind = _artifact(given) if given.type.startswith(("system.", "google.")) else given.type.replace("typing.", "")
    if parameter.default is inspect.Parameter.empty:
        return kind, "required"
    return kind, "" if parameter.default is None else f"`{json.dumps(parameter.default)}`"


def _artifact(given: Any) -> str:
    return str(given.type).partition("@")[0].removeprefix("system.")


def _fenced(text: str) -> str:
    """Turns the docstring's indented example into a fenced one."""
    lines, fenced = [], False
    for line in text.strip("\n").splitlines():
        if line.startswith("    ") and not fenced:
            lines.append("```python")
            fenced = True
        elif fenced and line and not line.startswith("    "):
            lines.append("```\n")
            fenced = False
        lines.append(line[4:] if fenced else line)
    while lines and not lines[-1]:
        lines.pop()
    return "\n" + "\n".join([*lines, "```"] if fenced else lines) + "\n"


def main() -> None:
    """Writes the files; with --check, exits with 1 and names the stale ones instead."""
    wanted = {PAGE: page(), STUB: stub()}
    if "--check" in sys.argv:
        stale = [path.name for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
        sys.exit(f"stale: {', '.join(stale)}. Run: make docs" if stale else 0)
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
