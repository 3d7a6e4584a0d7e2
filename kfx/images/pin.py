"""Digests into pipelines: a tag can move between the day a pipeline is compiled and the day it runs.

A compiled pipeline is `ml_pipelines.PipelineSpec` as JSON (kfp's pipeline_spec.proto). kfp copies an image's name as it
is given, so images are named here, late: whenever and by whomever the pipeline was compiled. A kfx component starts
kfp's executor through `kfx.entrypoint`, and its command says which target of the Dockerfile it needs:
`KFX_IMAGE_TARGET=slim`. Every function returns a new document.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kfx.errors import UsageError
from kfx.images.record import REPOSITORY, Pushed, beside, serving
from kfx.images.reference import Reference, parse
from kfx.images.registry import digest_of

_KFX_COMMAND = "kfx.entrypoint"
_TARGET = re.compile(r"\bKFX_IMAGE_TARGET=(\w+)")
_LOCAL = re.compile(rf"^(?:{REPOSITORY}|localhost/(?P<other>trainer)):[\w.-]+$")
"""The names that images have before one is configured (`kfx.images.record.default_name`)."""


def targets(spec: Mapping[str, Any]) -> set[str]:
    """Returns the targets that the pipeline's kfx components need: slim, full, both or none."""
    return {target for _, target in _kfx_containers(spec)}


def with_image(spec: Mapping[str, Any], full: str, slim: str = "") -> dict[str, Any]:
    """Puts given images into every kfx component.

    Args:
        spec: The specification.
        full: The image of every component, best with a digest; empty leaves each as it is.
        slim: The image of those that need the slim one only; empty for the full one.
    """
    changed = copy.deepcopy(dict(spec))
    for container, target in _kfx_containers(changed):
        container["image"] = (slim if target == "slim" else "") or full or container["image"]
    return changed


def with_configured(spec: Mapping[str, Any], full: str, slim: str = "") -> dict[str, Any]:
    """Names the image of every kfx component that was compiled without one (`localhost/kfx:...`).

    The pipeline is then what it would be if it were compiled with these settings now. Default values of pipeline
    parameters that stand for an image beside the full one, such as `training_image`, get that one's place.

    Args:
        spec: The specification.
        full: The configured image, BASE_KFX_IMAGE; empty leaves what needs it as it is.
        slim: BASE_KFX_SLIM_IMAGE, of the components that need the slim one only; empty for the full one.
    """
    changed = copy.deepcopy(dict(spec))
    for container, target in _kfx_containers(changed):
        if container["image"].startswith(f"{REPOSITORY}:"):
            container["image"] = (slim if target == "slim" else "") or full or container["image"]
    for parameter in changed["root"].get("inputDefinitions", {}).get("parameters", {}).values():
        default = parameter.get("defaultValue")
        if full and isinstance(default, str) and (local := _LOCAL.match(default)):
            parameter["defaultValue"] = beside(full, local["other"] or "full")
    return changed


def with_pushed(spec: Mapping[str, Any], pushed: Mapping[str, Pushed]) -> dict[str, Any]:
    """Puts what was pushed from here into every kfx component, slim or full, without asking a registry.

    A component whose image was never named (`localhost/kfx:...`) runs in what was pushed; one whose image was pushed
    under that name gets the digest, and a slim one the slim image that was pushed beside it. A digest stays. The same
    goes for the default values of pipeline parameters, such as `training_image`.

    Args:
        spec: The specification.
        pushed: What was pushed, by target (`kfx.images.record.recorded`).
    """
    changed = copy.deepcopy(dict(spec))
    for container, target in _kfx_containers(changed):
        container["image"] = _from_here(container["image"], target, pushed)
    for parameter in changed["root"].get("inputDefinitions", {}).get("parameters", {}).values():
        if isinstance(parameter.get("defaultValue"), str):
            parameter["defaultValue"] = _pushed_as(parameter["defaultValue"], pushed)
    return changed


def with_local_slim(spec: Mapping[str, Any], has: Callable[[str], bool]) -> dict[str, Any]:
    """Lets slim components without a configured image run in the slim image where only that was built.

    Args:
        spec: The specification.
        has: Tells whether an image is on this machine.
    """
    changed = copy.deepcopy(dict(spec))
    for container, target in _kfx_containers(changed):
        name, slim = container["image"], beside(container["image"], "slim")
        if target == "slim" and name.startswith(f"{REPOSITORY}:") and not has(name) and has(slim):
            container["image"] = slim
    return changed


def with_digests(
    spec: Mapping[str, Any],
    *,
    every: bool = False,
    digest: Callable[[Reference], str | None] = digest_of,
) -> dict[str, Any]:
    """Puts digests in place of tags; each name is asked for once.

    Args:
        spec: The specification.
        every: Pin the images of other components, too; else only those of kfx components.
        digest: Looks a name up; the registry by default.

    Raises:
        UsageError: A registry holds no image of that name, or the image was never pushed.
        TransientError: A registry cannot be reached.
        PermanentError: A registry refuses.
    """
    changed = copy.deepcopy(dict(spec))
    known: dict[str, str] = {}
    for container in _containers(changed):
        name = container["image"]
        # A placeholder ({{$.inputs...}}) names its image when the task starts.
        if "{{" in name or not (every or _target(container)):
            continue
        if name not in known:
            known[name] = pinned(name, digest)
        container["image"] = known[name]
    return changed


def pinned(name: str, digest: Callable[[Reference], str | None] = digest_of) -> str:
    """Returns an image by digest; one that has a digest already stays as it is.

    Raises:
        UsageError: The registry holds no such image, or the image was never pushed.
        TransientError: The registry cannot be reached.
        PermanentError: The registry refuses.
    """
    reference = parse(name)
    if reference.digest:
        return name
    if reference.is_on_this_machine:
        raise UsageError(f"{name} is on this machine only. Push it: kfx build --push --tag REGISTRY/REPOSITORY/kfx:TAG")
    found = digest(reference)
    if found is None:
        raise UsageError(
            f"{reference.registry} holds no image {name}. Build and push it: kfx build --push --tag {name}"
        )
    return str(reference.with_digest(found))


def tags(spec: Mapping[str, Any]) -> list[str]:
    """Returns the images of kfx components that go without a digest, each once."""
    return sorted(
        {container["image"] for container, _ in _kfx_containers(spec) if "@sha256:" not in container["image"]}
    )


def _from_here(name: str, target: str, pushed: Mapping[str, Pushed]) -> str:
    """The image a kfx component runs in, as far as it was pushed from here."""
    if "@" in name or "{{" in name:
        return name
    entry, full = serving(target, pushed), pushed.get("full")
    unnamed = name.startswith(f"{REPOSITORY}:")
    # One pushed under another name, a private one perhaps, is no part of the configured image.
    named = {name, beside(name, target)} if full and full.name == name else {beside(name, target)}
    if entry and (unnamed or entry.name in named):
        return entry.pinned
    return name if unnamed else _pushed_as(name, pushed)


def _pushed_as(name: str, pushed: Mapping[str, Pushed]) -> str:
    """The digest of an image that was pushed under this name, or that has a default name on this machine only."""
    local = _LOCAL.match(name)
    if local:
        entry = pushed.get(local["other"] or "full")
        return entry.pinned if entry else name
    return next((entry.pinned for entry in pushed.values() if entry.name == name), name)


def _containers(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for executor in spec.get("deploymentSpec", {}).get("executors", {}).values():
        if executor.get("container", {}).get("image"):
            yield executor["container"]


def _kfx_containers(spec: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for container in _containers(spec):
        if target := _target(container):
            yield container, target


def _target(container: Mapping[str, Any]) -> str:
    """The target a kfx component needs: `full` when its command does not say; empty for other people's components."""
    script = " ".join(part for part in container.get("command", []) if _KFX_COMMAND in part)
    found = _TARGET.search(script)
    return found[1] if found else "full" if script else ""
