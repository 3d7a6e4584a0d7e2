"""What was pushed from here, and which of it a component runs in.

Each push is recorded in `.kfx/images.json` in the working directory, by target, the latest last:

    {"slim": {"name": "europe-west4-docker.pkg.dev/p/r/kfx:0.1.0-slim", "digest": "sha256:...", "files": "3f9a..."}}
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import kfx
from kfx.errors import UsageError
from kfx.images.reference import parse

RECORD = Path(".kfx", "images.json")
"""Where pushes are recorded, from the working directory."""

REPOSITORY = "localhost/kfx"
"""The kfx image's name without a tag where none is configured: on this machine only."""


@dataclass(frozen=True)
class Pushed:
    """An image in a registry."""

    name: str
    """The name it was pushed under."""

    digest: str
    """The registry's digest of it."""

    files: str = ""
    """Hash of the files it was built from, the same for every target; empty where it is not known (`kfx push`)."""

    def __post_init__(self) -> None:
        """Raises ValueError for a digest that is none, and TypeError for what is no text."""
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", self.digest):
            raise ValueError(f"{self.digest!r} is no digest")
        if not isinstance(self.name, str):
            raise TypeError(f"{self.name!r} is no image")

    @property
    def pinned(self) -> str:
        """The image by digest: what goes into pipelines."""
        return str(parse(self.name).with_digest(self.digest))


def default_name(target: str) -> str:
    """Returns the name an image gets when none is given, without a digest.

    Args:
        target: `full` is BASE_KFX_IMAGE, else `localhost/kfx:VERSION`. `slim` is BASE_KFX_SLIM_IMAGE, else the full
            image's name with `-slim` after its tag. `trainer` is the image `trainer` beside the full one. Any other
            target goes after the tag, as slim does.
    """
    full = os.environ.get("BASE_KFX_IMAGE") or f"{REPOSITORY}:{kfx.__version__}"
    if target == "slim" and (slim := os.environ.get("BASE_KFX_SLIM_IMAGE")):
        return slim.partition("@")[0]
    return beside(full, target)


def beside(full: str, target: str) -> str:
    """Returns the name of another target's image beside the full one's; see `default_name`."""
    name = full.partition("@")[0]
    if target == "full":
        return name
    folder, slash, last = name.rpartition("/")
    repository, _, tag = last.partition(":")
    tag = tag or kfx.__version__
    return f"{folder}{slash}trainer:{tag}" if target == "trainer" else f"{folder}{slash}{repository}:{tag}-{target}"


def record(target: str, pushed: Pushed, path: Path = RECORD) -> None:
    """Adds a push to the record, after those of other targets.

    Args:
        target: `full`, `slim`, or another stage of a Dockerfile.
        pushed: The image.
        path: The record.

    Raises:
        UsageError: The record is there and cannot be read.
    """
    others = {name: asdict(entry) for name, entry in recorded(path).items() if name != target}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside_ = path.with_name(f".{path.name}.{os.getpid()}")
    beside_.write_text(json.dumps({**others, target: asdict(pushed)}, indent=1) + "\n", encoding="utf-8")
    beside_.replace(path)


def recorded(path: Path = RECORD) -> dict[str, Pushed]:
    """Returns what was pushed last, by target, the latest last; empty when nothing was.

    Raises:
        UsageError: The record cannot be read.
    """
    if not path.is_file():
        return {}
    try:
        return {target: Pushed(**entry) for target, entry in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no record of pushed images ({error}). Remove it and push again.") from error


def serving(target: str, pushed: Mapping[str, Pushed]) -> Pushed | None:
    """Returns the pushed image that components of a target run in, or None when there is none.

    Slim components run in the full image as well. They do when no slim one was pushed, and when the full one was pushed
    after it from other files: the slim one holds old code then.

    Args:
        target: `slim` or `full`.
        pushed: What was pushed, the latest last.
    """
    full, slim = pushed.get("full"), pushed.get("slim")
    if target != "slim" or slim is None:
        return full
    order = list(pushed)
    known = full is not None and full.files and slim.files
    if full is not None and known and full.files != slim.files and order.index("full") > order.index("slim"):
        return full
    return slim
