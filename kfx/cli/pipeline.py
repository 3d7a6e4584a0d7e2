"""What PIPELINE and `-p key=value` mean on the command line of `kfx run`, `kfx compile` and `kfx submit`.

`resolve` turns PIPELINE into a compiled pipeline, `parse` turns `-p` texts into values of the pipeline's own types.
Nothing is sent or run here: whatever is wrong with either is said first.

    pipeline = resolve("sklearn_train")
    values = parse(["source=beans.csv", "test_fraction=0.2"], pipeline)
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import importlib
import importlib.util
import inspect
import itertools
import pkgutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from kfx.cli.parameters import Parameter, check, parameters
from kfx.errors import MissingExtraError, UsageError

_COMPILED = {".yaml", ".yml", ".json"}


@dataclass(frozen=True)
class Pipeline:
    """A compiled pipeline."""

    name: str
    """`pipelineInfo.name` of the specification, such as `sklearn-train`."""

    spec: dict[str, Any]
    """The `ml_pipelines.PipelineSpec` as JSON: the first YAML document."""

    platforms: dict[str, Any] = field(default_factory=dict)
    """The second YAML document, `platforms:`, that kfp-kubernetes settings make; empty without them."""

    text: str = ""
    """The YAML it was read from, both documents; `yaml` is the present one."""

    edited: bool = False
    """Whether the specification differs from the text."""

    origin: str = ""
    """What the user named, for messages."""

    rule: Callable[[Mapping[str, Any], Mapping[str, Any]], list[str] | None] | None = None
    """`check_parameters(values, spec)` of the pipeline's own file: raises UsageError for values that types cannot
    exclude, and may return what the user should know."""

    images: Mapping[str, str] = field(default_factory=dict)
    """`IMAGES` of the pipeline's own file: parameters whose default is an image that kfx builds, each with the folder
    of its Dockerfile in a clone of kfx, which is also its target."""

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters a run takes, in the order of the specification."""
        return parameters(self.spec)

    def checked(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Checks a run's parameters with `parameters.check` and with the pipeline's own `check_parameters`.

        Returns:
            The values in their types, and what the user should know.

        Raises:
            UsageError: A name is unknown, a value is wrong, or a required one is missing.
        """
        found = check(values, self.spec)
        return found, (self.rule(found, self.spec) if self.rule else None) or []

    def changed(self, spec: dict[str, Any]) -> Pipeline:
        """Returns the pipeline with another specification.

        Args:
            spec: The specification; this one's, changed.
        """
        return self if spec == self.spec else dataclasses.replace(self, spec=spec, edited=True)

    @property
    def yaml(self) -> str:
        """The YAML as kfp writes it: comments, the specification, the platforms."""
        if not self.edited:
            return self.text
        comments = "".join(itertools.takewhile(lambda line: line.startswith("#"), self.text.splitlines(keepends=True)))
        documents = [self.spec, {"platforms": self.platforms}] if self.platforms else [self.spec]
        return comments + yaml.dump_all(documents, sort_keys=True)

    def load(self) -> Any:
        """Returns the kfp component, which runs the pipeline when called after `kfp.local.init`."""
        from kfp import components

        return components.load_component_from_text(self.yaml)


def names() -> list[str]:
    """Returns the names of kfx's own pipelines, without importing one."""
    import kfx.pipelines

    return sorted(module.name for module in pkgutil.iter_modules(kfx.pipelines.__path__) if module.name[0] != "_")


def resolve(reference: str) -> Pipeline:
    """Finds and compiles what the user named.

    Args:
        reference: One of

            - a name in kfx.pipelines: `sklearn_train`; `bq_sklearn_train:vertex_email` names another one in its file;
            - `module:function` or `package.module`, importable here (the working directory counts);
            - `file.py` or `file.py:function`;
            - a compiled `file.yaml` or `file.json`.

            `function` is a `@dsl.pipeline`, a component, or a function without required arguments that returns one.

    Raises:
        UsageError: There is no such pipeline, the file has several, or it does not import or compile.
    """
    target, _, function = reference.partition(":")
    if Path(target).suffix in _COMPILED:
        return read(Path(target))
    known = names()
    if target.replace("-", "_") in known:
        name = target.replace("-", "_")
        return compile_component(_pick(_import(f"kfx.pipelines.{name}"), function or name, reference), reference)
    if Path(target).suffix == ".py":
        return compile_component(_pick(_import_file(Path(target)), function, reference), reference)
    if Path(target).is_file() or "/" in target:
        raise UsageError(f"{target} is no pipeline file. Give a .py file, a compiled .yaml file, or a module's name.")
    if function or "." in target:
        return compile_component(_pick(_import(target), function, reference), reference)
    near = difflib.get_close_matches(target, known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"kfx has: {', '.join(known)}."
    raise UsageError(f"There is no pipeline {target!r}. {hint} Your own: module:function, file.py or file.yaml.")


def beginning(reference: str) -> str:
    """Returns the line that says what happens to PIPELINE now; empty for a file that is not there.

    Args:
        reference: As `resolve` takes it.
    """
    path = Path(reference.partition(":")[0])
    if path.suffix in {".py", *_COMPILED} and not path.is_file():
        return ""
    return f"{'Reading' if path.suffix in _COMPILED else 'Compiling'} {reference}"


def compile_component(component: Any, origin: str) -> Pipeline:
    """Compiles a pipeline with kfp's compiler.

    Args:
        component: A `@dsl.pipeline` or component object.
        origin: What the user named, for messages.

    Raises:
        UsageError: kfp cannot compile it.
    """
    from kfp import compiler

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        try:
            compiler.Compiler().compile(pipeline_func=component, package_path=str(path))
        except (TypeError, ValueError, RuntimeError) as error:
            raise UsageError(f"{origin} does not compile: {error}") from error
        compiled = from_text(path.read_text(encoding="utf-8"), origin)
    module = sys.modules.get(getattr(getattr(component, "pipeline_func", None), "__module__", ""))
    rule, images = getattr(module, "check_parameters", None), getattr(module, "IMAGES", {})
    return dataclasses.replace(compiled, rule=rule, images=images)


def read(path: Path) -> Pipeline:
    """Reads a compiled pipeline.

    Raises:
        UsageError: The file is absent, or not a compiled KFP 2 pipeline.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}. Make one with: kfx compile PIPELINE -o {path}")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text: a compiled pipeline is YAML in UTF-8.") from error
    return from_text(text, str(path))


def from_text(text: str, origin: str) -> Pipeline:
    """Parses compiled YAML: the specification, and the `platforms:` document after it if there is one.

    Args:
        text: What kfp's compiler wrote. A Vertex PipelineJob document (`pipelineSpec:` inside) is taken as well.
        origin: The file's name, for messages.

    Raises:
        UsageError: It is not YAML, not a pipeline, or compiled by KFP 1.
    """
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    try:
        documents = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError as error:
        raise UsageError(f"{origin} is not YAML: {error}") from error
    head = documents[0] if documents else None
    if not isinstance(head, dict):
        raise UsageError(f"{origin} is not a compiled pipeline. Make one with: kfx compile PIPELINE -o {origin}")
    if head.get("apiVersion", "").startswith("argoproj.io"):
        raise UsageError(f"{origin} was compiled by KFP 1 (an Argo Workflow). Compile its source with KFP 2.")
    spec = head.get("pipelineSpec", head)
    try:
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        name = str(spec["pipelineInfo"]["name"])
        parts = spec["root"], spec["deploymentSpec"]
    except (json_format.ParseError, KeyError, TypeError) as error:
        raise UsageError(f"{origin} is not a compiled KFP 2 pipeline: {error}") from error
    if not all(isinstance(part, dict) for part in parts):
        raise UsageError(f"{origin} is not a compiled KFP 2 pipeline: root and deploymentSpec must be mappings")
    platforms = documents[1].get("platforms", {}) if len(documents) > 1 else {}
    return Pipeline(name=name, spec=spec, platforms=platforms, text=text, origin=origin)


def _pick(module: ModuleType, function: str, reference: str) -> Any:
    """Returns the component a reference names in a module: by name, or the only one there."""
    from kfp.dsl import base_component, graph_component

    if not function:
        return _only(module, reference)
    found = getattr(module, function, None)
    if inspect.isfunction(found) and not any(
        parameter.default is parameter.empty for parameter in inspect.signature(found).parameters.values()
    ):
        found = found()
    if isinstance(found, base_component.BaseComponent):
        return found
    candidates = [name for name, value in vars(module).items() if isinstance(value, graph_component.GraphComponent)]
    near = difflib.get_close_matches(function, candidates, n=1) or candidates
    hint = f" It has: {', '.join(near)}." if near else ""
    raise UsageError(f"{reference}: {function!r} is no pipeline or component of {_where(module)}.{hint}")


def _only(module: ModuleType, reference: str) -> Any:
    """Returns the one pipeline of a module, else its one component, those it imports counting last."""
    from kfp.dsl import base_component, graph_component

    pipelines = {name: v for name, v in vars(module).items() if isinstance(v, graph_component.GraphComponent)}
    own = {name: v for name, v in pipelines.items() if v.pipeline_func.__module__ == module.__name__}
    components = {name: v for name, v in vars(module).items() if isinstance(v, base_component.BaseComponent)}
    for found in (own, pipelines, components):
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            first = next(iter(found))
            raise UsageError(
                f"{_where(module)} has several: {', '.join(found)}. Name one: {reference.rstrip(':')}:{first}"
            )
    raise UsageError(f"{_where(module)} has no pipeline. Decorate a function with @dsl.pipeline.")


def _where(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or module.__name__)


def _import(name: str) -> ModuleType:
    """Imports a module by name, the working directory included."""
    with _importing(name, Path.cwd()):
        return importlib.import_module(name)


def _import_file(path: Path) -> ModuleType:
    """Imports a Python file, with its own folder importable as under `python file.py`."""
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    name = f"_kfx_pipeline_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    with _importing(str(path), path.resolve().parent):
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _importing(what: str, folder: Path) -> Iterator[None]:
    """Puts a folder on the import path for a while and tells an import's error as the user's."""
    sys.path.insert(0, str(folder))
    try:
        yield
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing.startswith("google"):
            raise MissingExtraError("Pipelines on Google Cloud", "gcp") from error
        if what == missing or what.startswith(f"{missing}."):
            raise UsageError(
                f"There is no module {what!r} here: it is neither installed nor below {folder}."
            ) from error
        raise UsageError(f"{what} needs the package {missing!r}, which is not installed.") from error
    except ImportError as error:
        if error.name == "kfp" and "kubernetes" in str(error):
            raise MissingExtraError("kfp-kubernetes settings", "kubernetes") from error
        raise UsageError(f"{what} cannot be imported: {error}") from error
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        kind = type(error).__name__
        raise UsageError(f"{what} cannot be imported: {kind}: {error} ({at.filename}, line {at.lineno})") from error
    finally:
        sys.path.remove(str(folder))
