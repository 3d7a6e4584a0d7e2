"""What is changed in, or refused of, a compiled pipeline before it is submitted.

The document is `ml_pipelines.PipelineSpec` (kfp's pipeline_spec.proto) as JSON. Every function returns a new document.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kfx.errors import UsageError

_THIS_MACHINE = re.compile(r"^(localhost|127\.0\.0\.1|\[::1\]|host\.docker\.internal)(:\d+)?/")
_NO_REGISTRY = re.compile(r"^localhost/")
_TAG = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")
_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,127}$")


def with_tag(image: str, tag: str) -> str:
    """Returns an image reference with another tag; a digest it had is dropped.

    Raises:
        UsageError: Not a tag.
    """
    if not _TAG.match(tag):
        raise UsageError(f"The image tag {tag!r} must be letters, digits, '_', '.' and '-', at most 128 of them.")
    repository = image.partition("@")[0]
    folder, slash, last = repository.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}:{tag}"


def with_name(spec: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Renames the pipeline.

    Raises:
        UsageError: Not a pipeline name: lower-case letters, digits and `-`, at most 128.
    """
    if not _NAME.match(name):
        raise UsageError(f"The pipeline name {name!r} must be lower-case letters, digits and '-', at most 128 of them.")
    changed = copy.deepcopy(dict(spec))
    changed["pipelineInfo"]["name"] = name
    return changed


def with_caching(spec: Mapping[str, Any], caching: bool | None) -> dict[str, Any]:
    """Sets caching of every task, except that an exit task is never cached: it would tell nobody.

    Args:
        spec: The specification.
        caching: True or False for all tasks; None keeps what each task says.
    """
    changed = copy.deepcopy(dict(spec))
    for task in _tasks(changed):
        if _is_exit_task(task):
            task["cachingOptions"] = {"enableCache": False}
        elif caching is not None:
            task["cachingOptions"] = {"enableCache": caching}
    return changed


def check_images(spec: Mapping[str, Any], values: Mapping[str, Any], *, emulated: bool = False) -> None:
    """Refuses images that only this machine has, in components and in parameters.

    Args:
        spec: The specification.
        values: The run's parameters; those left out have their defaults.
        emulated: Whether the platform, too, is on this machine: then a registry here serves it.

    Raises:
        UsageError: An image's registry is this machine; the message has the ways out.
    """
    refused = _NO_REGISTRY if emulated else _THIS_MACHINE
    for name, item in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        value = values.get(name, item.get("defaultValue"))
        if isinstance(value, str) and refused.match(value):
            raise UsageError(
                f"{name} is {value}, which no cluster can pull. Give --{name.replace('_', '-')} IMAGE, or name the kfx "
                "image (--image, BASE_KFX_IMAGE) if it stands beside that one."
            )
    executors = _executors(spec)
    for component, item in spec.get("components", {}).items():
        container = executors.get(item.get("executorLabel", ""), {}).get("container", {})
        image = container.get("image", "")
        if refused.match(image):
            name = component.removeprefix("comp-")
            raise UsageError(f"{name} runs in {image}, which no cluster can pull. {_way_out(container)}")


def check_platforms(platforms: Mapping[str, Any]) -> None:
    """Refuses kfp-kubernetes settings where they have no effect.

    Args:
        platforms: The `platforms:` document of the compiled pipeline.

    Raises:
        UsageError: There are such settings; the message names the tasks.
    """
    executors = platforms.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    if not executors:
        return
    tasks = ", ".join(label.removeprefix("exec-") for label in executors)
    raise UsageError(
        f"The pipeline has kfp-kubernetes settings ({tasks}), and Vertex AI refuses them: it takes one YAML document "
        "and has no pods to set. Remove them, or submit to a KFP cluster: --to kfp."
    )


def _way_out(container: Mapping[str, Any]) -> str:
    """How a component comes to an image that can be pulled; settings name only what was compiled without a name."""
    if not any("kfx.entrypoint" in part for part in container.get("command", [])):
        return "It is no component of kfx: push its image to a registry, and compile the pipeline with that name."
    settings = ", or BASE_KFX_IMAGE in the environment or .env, or base_kfx_image in kfx.toml"
    return (
        "Build and push one in a clone of kfx, kfx build --push --tag REGISTRY/REPOSITORY/kfx:TAG, or name one: "
        f"--image IMAGE{settings if _NO_REGISTRY.match(container['image']) else ''}."
    )


def _executors(spec: Mapping[str, Any]) -> dict[str, Any]:
    executors: dict[str, Any] = spec.get("deploymentSpec", {}).get("executors", {})
    return executors


def _tasks(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for component in [spec["root"], *spec.get("components", {}).values()]:
        yield from component.get("dag", {}).get("tasks", {}).values()


def _is_exit_task(task: Mapping[str, Any]) -> bool:
    """Whether a task waits for an exit handler. `.ignore_upstream_failure()` gives others the same trigger policy."""
    waits_for_all = task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"
    return waits_for_all and any(name.startswith("exit-handler-") for name in task.get("dependentTasks", []))
