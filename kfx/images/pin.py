"""Digests into pipelines: a tag can move between the day a pipeline is compiled and the day it runs.

`push` records what it pushed in `.kfx/images.json` in the working directory, by target:

    {"slim": {"name": "europe-west4-docker.pkg.dev/p/r/kfx:0.1.0-slim", "digest": "sha256:..."}}

`with_digests` then puts digests into a compiled pipeline (`ml_pipelines.PipelineSpec` as JSON, kfp's
pipeline_spec.proto), whenever and by whomever it was compiled: kfp copies an image's name as it is given.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kfx.errors import UsageError
from kfx.images.reference import Reference, parse
from kfx.images.registry import digest_of

RECORD = Path(".kfx", "images.json")
"""Where pushes are recorded, from the working directory."""

_KFX_COMMAND = "kfx.entrypoint"


@dataclass(frozen=True)
class Pushed:
    """An image in a registry."""

    name: str
    """The name it was pushed under."""

    digest: str
    """The registry's digest of it."""

    @property
    def pinned(self) -> str:
        """The image by digest: what goes into pipelines."""
        return str(parse(self.name).with_digest(self.digest))


def record(target: str, pushed: Pushed, path: Path = RECORD) -> None:
    """Adds a push to the record, beside those of other targets.

    Args:
        target: `full`, `slim`, or another stage of a Dockerfile.
        pushed: The image.
        path: The record.

    Raises:
        UsageError: The record is there and cannot be read.
    """
    entries = {name: asdict(entry) for name, entry in recorded(path).items()}
    entries[target] = asdict(pushed)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


def recorded(path: Path = RECORD) -> dict[str, Pushed]:
    """Returns what was pushed last, by target; empty when nothing was.

    Raises:
        UsageError: The record cannot be read.
    """
    if not path.is_file():
        return {}
    try:
        return {target: Pushed(**entry) for target, entry in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no record of pushed images ({error}). Remove it and push again.") from error


def with_digests(
    spec: Mapping[str, Any],
    *,
    every: bool = False,
    digest: Callable[[Reference], str | None] = digest_of,
) -> dict[str, Any]:
    """Puts digests in place of tags in a compiled pipeline; each name is asked for once.

    Args:
        spec: The pipeline's specification; it is not changed.
        every: Pin the images of other components, too; else only those of kfx components, which start kfp's executor
            through `kfx.entrypoint`.
        digest: Looks a name up; the registry by default.

    Returns:
        The specification with digests.

    Raises:
        UsageError: A registry holds no image of that name, or the image was never pushed.
        TransientError: A registry cannot be reached.
        PermanentError: A registry refuses.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(spec))
    executors = changed.get("deploymentSpec", {}).get("executors", {})
    known: dict[str, str] = {}
    for executor in executors.values():
        container = executor.get("container", {})
        name = container.get("image", "")
        # A placeholder ({{$.inputs...}}) names its image when the task starts.
        if not name or "{{" in name or not (every or _is_kfx(container)):
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


def _is_kfx(container: Mapping[str, Any]) -> bool:
    return any(_KFX_COMMAND in part for part in container.get("command", []))
