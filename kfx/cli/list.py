"""`kfx list`: the pipelines and components kfx brings."""

from __future__ import annotations

import ast
import json
import pkgutil
from pathlib import Path

import click

import kfx


@click.command("list")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_(output: str) -> None:
    """List kfx's pipelines and components, each with what it does."""
    found = {kind: _described(kind) for kind in ("pipelines", "components")}
    if output == "json":
        click.echo(json.dumps(found, indent=2))
        return
    width = max(len(name) for names in found.values() for name in names) + 2
    for kind, names in found.items():
        click.secho(kind.capitalize(), bold=True)
        for name, summary in names.items():
            click.echo(f"  {name:<{width}}{summary}")


def _described(folder: str) -> dict[str, str]:
    """Reads the first line of each file's docstring without importing it, because that would import kfp."""
    root = Path(kfx.__file__).parent / folder
    names = sorted(module.name for module in pkgutil.iter_modules([str(root)]) if not module.name.startswith("_"))
    return {name: _summary(root, name) for name in names}


def _summary(root: Path, name: str) -> str:
    path = root / f"{name}.py" if (root / f"{name}.py").exists() else root / name / "__init__.py"
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
