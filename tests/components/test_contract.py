"""What every component promises, whoever wrote it: found by its file, no list to keep."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import docstring_parser
import pytest

import kfx
import kfx.components
from kfx.components._image import image

REPOSITORY = Path(__file__).resolve().parent.parent.parent
MOST_BODY_LINES = 15

every_component = pytest.mark.parametrize("name", sorted(kfx.components.__all__))


def _component(name: str) -> Any:
    return getattr(importlib.import_module(f"kfx.components.{name}"), name)


def _function(name: str) -> ast.FunctionDef:
    source = textwrap.dedent(inspect.getsource(_component(name).python_func))
    return next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))


@every_component
def test_it_runs_in_the_kfx_image_and_installs_nothing(name: str) -> None:
    """The image is kfx's, kfp's executor starts through kfx.entrypoint, and no pip runs when the task starts."""
    container = _component(name).component_spec.implementation.container
    assert container.image in {image("slim"), image("full")}
    script = " ".join(container.command[:3])
    assert "python3 -m kfx.entrypoint -m kfp.dsl.executor_main" in script
    assert "pip" not in script


@every_component
def test_its_body_only_calls_the_library(name: str) -> None:
    """At most 15 lines after the docstring, and no import of kfx.components, which a running task does not have."""
    function = _function(name)
    first, last = function.body[1], function.body[-1]
    assert (last.end_lineno or 0) - first.lineno + 1 <= MOST_BODY_LINES
    imported = {node.module or "" for node in ast.walk(function) if isinstance(node, ast.ImportFrom)}
    assert not any(module.startswith(("kfx.components", "kfx.pipelines", "kfx.cli")) for module in imported)


@every_component
def test_every_argument_is_described(name: str) -> None:
    """The docstring's Args names each argument once, none more, each with a full sentence."""
    function = _component(name).python_func
    described = {given.arg_name: given.description or "" for given in docstring_parser.parse(function.__doc__).params}
    assert sorted(described) == sorted(inspect.signature(function).parameters)
    assert all(text.rstrip().endswith((".", "}", ")")) for text in described.values()), described


@every_component
def test_its_file_says_what_it_is_for(name: str) -> None:
    """The module's docstring opens with one line and has an indented example."""
    docstring = importlib.import_module(f"kfx.components.{name}").__doc__ or ""
    assert docstring.partition("\n")[0].endswith(".")
    assert "\n    " in docstring


def test_the_image_comes_from_the_environment_else_from_dotenv(tmp_path: Path) -> None:
    """BASE_KFX_IMAGE names the image, as a variable or in .env; the slim one has its own; neither gives localhost."""
    code = "from kfx.components import evaluate; print(evaluate.component_spec.implementation.container.image, end='')"

    def seen(**env: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=env, check=True
        )
        return done.stdout

    assert seen() == f"localhost/kfx:{kfx.__version__}"
    (tmp_path / ".env").write_text("BASE_KFX_IMAGE=registry.example/kfx:file\n")
    assert seen() == "registry.example/kfx:file"
    assert seen(BASE_KFX_IMAGE="registry.example/kfx:1") == "registry.example/kfx:1"
    assert seen(BASE_KFX_IMAGE="a/b:1", BASE_KFX_SLIM_IMAGE="a/b:1-slim") == "a/b:1-slim"


def test_importing_a_component_file_does_not_hide_the_component() -> None:
    """`from kfx.components import X` is the component even after `kfx.components.X` was imported as a module."""
    importlib.import_module("kfx.components.evaluate")
    from kfx.components import evaluate

    assert evaluate.name == "evaluate"


def test_the_reference_page_and_the_stub_are_current() -> None:
    """docs/components.md and the type stub are what `make docs` writes."""
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
