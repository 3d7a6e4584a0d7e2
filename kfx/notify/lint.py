"""Finds secrets by value and wrong notifications in a compiled pipeline, before it is submitted.

A pipeline's YAML and parameters are readable by everyone who may see its runs, so this is the last place to stop one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kfx.errors import UsageError
from kfx.notify.config import read_all
from kfx.secret import check_reference, refuse_literals, refuse_named_secrets

_SECRET_PARAMETERS = {"bearer_token", "password", "routing_key", "signing_secret", "token", "webhook"}
"""Parameters of kfx components that take a reference to a secret."""

_NAMED = ("headers", "override_body", "url")
"""Parameters in which a header, key or query parameter may be named like a secret."""


def check_spec(spec: Mapping[str, Any], parameters: Mapping[str, Any] | None = None) -> None:
    """Checks every constant of a compiled pipeline and the values of its parameters.

    Args:
        spec: `ml_pipelines.PipelineSpec` as JSON.
        parameters: The run's parameters; the spec's defaults are checked where it has none.

    Raises:
        UsageError: A value looks like a secret (unless its notification allows that), or a notification is wrong. The
            message says where.
    """
    for where, value in _secrets(spec, parameters or {}):
        _check_secret(value, where)
    for where, value in _values(spec, parameters or {}):
        _check_constant(value, where)


def _secrets(spec: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields what the root's kfx tasks get for parameters that take a secret's reference, with its place.

    A task with a `decrypt_fn` is left out: its secrets may stand in the pipeline, encrypted.
    """
    root = spec.get("root", {})
    declared = root.get("inputDefinitions", {}).get("parameters", {})
    for task, detail in (root.get("dag", {}).get("tasks") or {}).items():
        given = detail.get("inputs", {}).get("parameters") or {}
        if not _is_kfx(spec, detail["componentRef"]["name"]) or given.get("decrypt_fn"):
            continue
        for name in sorted(_SECRET_PARAMETERS & given.keys()):
            source = given[name].get("componentInputParameter", "")
            default = declared.get(source, {}).get("defaultValue")
            value = parameters.get(source, default) if source else given[name].get("runtimeValue", {}).get("constant")
            yield f"{task}.{name}", value


def _is_kfx(spec: Mapping[str, Any], component: str) -> bool:
    label = spec.get("components", {}).get(component, {}).get("executorLabel", "")
    executor = spec.get("deploymentSpec", {}).get("executors", {}).get(label, {})
    return any("kfx.entrypoint" in part for part in executor.get("container", {}).get("command", ()))


def _check_secret(value: Any, where: str) -> None:
    if not isinstance(value, str) or not value:
        return
    try:
        check_reference(value)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def check_arguments(task: str, arguments: Mapping[str, Any]) -> None:
    """Checks the constants a kfx component is called with while a pipeline is built, by whatever compiler.

    Args:
        task: The component's name, for the message.
        arguments: What it is called with; values that only the run knows (other tasks' outputs, pipeline parameters
            and texts made of them) are passed over.

    Raises:
        UsageError: As `check_spec`.
    """
    for name, value in arguments.items():
        where = f"{task}.{name}"
        if not isinstance(value, (str, list, dict)) or "{{channel:" in str(value):
            continue
        if name in _SECRET_PARAMETERS and not arguments.get("decrypt_fn"):
            _check_secret(value, where)
        _check_constant(value, where)


def _check_constant(value: Any, where: str) -> None:
    name = where.rpartition(".")[2]
    if name == "notifications" and isinstance(value, list):
        _check_notifications(value, where)
        return
    refuse_literals(value, where)
    if name in _NAMED:
        refuse_named_secrets(value, where)


def _check_notifications(value: list[Any], where: str) -> None:
    try:
        read_all(value)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _values(spec: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields each value that the pipeline carries, with its place."""
    declared = spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    for name, item in declared.items():
        yield f"parameter.{name}", parameters.get(name, item.get("defaultValue"))
    for executor, detail in spec.get("deploymentSpec", {}).get("executors", {}).items():
        for variable in detail.get("container", {}).get("env") or ():
            yield f"{executor.removeprefix('exec-')}.env.{variable.get('name')}", variable.get("value")
    dags = {"root": spec.get("root", {}), **spec.get("components", {})}
    for dag in dags.values():
        for task, detail in (dag.get("dag", {}).get("tasks") or {}).items():
            for name, given in (detail.get("inputs", {}).get("parameters") or {}).items():
                yield f"{task}.{name}", given.get("runtimeValue", {}).get("constant")
