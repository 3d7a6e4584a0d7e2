"""Builds and pushes the kfx image, and does nothing when nothing changed.

Every image gets a second tag with a hash of what went in (`kfx.images.content`), such as `0.1.0-slim-3f9a5c01b2d4`. An
image with that tag, on this machine or in the registry, is the one a build would make.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import kfx
from kfx.errors import KfxError, PermanentError, UsageError
from kfx.images import dockerfile
from kfx.images.check import arguments, check_arguments, check_ignore_files, check_platform, check_push
from kfx.images.content import any_goes_in, content_hash, left_out, read_text, specials
from kfx.images.engine import Build, Builder, Report
from kfx.images.record import Pushed, default_name, record
from kfx.images.reference import Reference, parse
from kfx.images.registry import digest_of

_LABEL_ARGS = ("VERSION", "REVISION", "SOURCE")
_LEAVE_TRACES = ("--build-arg", "--label")  # options of an engine that change the image


@dataclass(frozen=True)
class Request:
    """What to build."""

    folder: Path = Path()
    """The folder to build in: a clone of kfx, or your own folder with a Dockerfile on top of it."""

    dockerfile: Path | None = None
    """The Dockerfile; `Dockerfile` in the folder by default."""

    target: str = ""
    """Stage of the Dockerfile. By default `full` where there is such a stage, else the last one; a last stage without
    a name counts as full."""

    tag: str = ""
    """The image's name; by default the target's (`kfx.images.record.default_name`)."""

    platform: str = "linux/amd64"
    """System and processor the image is for."""

    build_args: Mapping[str, str] = field(default_factory=dict)
    """Values of the Dockerfile's ARGs."""

    secrets: tuple[str, ...] = ()
    """Build secrets as the engine takes them."""

    options: tuple[str, ...] = ()
    """More options for the engine."""

    force: bool = False
    """Build although nothing changed, because the base image or the package index did."""

    @property
    def file(self) -> Path:
        """The Dockerfile's path."""
        return self.dockerfile or self.folder / "Dockerfile"


@dataclass(frozen=True)
class Built:
    """An image, and how it came to be."""

    name: Reference
    """The name asked for."""

    content: Reference
    """The name whose tag holds the hash of what went in."""

    how: Literal["built", "on this machine", "in the registry"]
    """Built now, or found where it was."""

    target: str = "full"
    """What it counts as: `full`, `slim`, or another stage."""

    files: str = ""
    """Hash of the files it is made of, the same for every target; empty where it is not known."""

    size_bytes: int | None = None
    """Size on this machine, uncompressed; None where it is not known."""


def name_of(request: Request) -> Reference:
    """Returns the name an image gets.

    Raises:
        UsageError: The folder has no Dockerfile, the Dockerfile no such target, or the name is none.
    """
    return parse(request.tag or default_name(_stage(request, _read(request)).lower() or "full"))


def build(request: Request, engine: Builder, report: Report, *, to_push: bool = False) -> Built:
    """Builds an image unless one of the same content is on this machine or in its registry.

    Args:
        request: What to build.
        engine: What builds it.
        report: Takes the engine's output line by line.
        to_push: Refuse what `push` would refuse afterwards, before anything is built.

    Raises:
        UsageError: The folder has no Dockerfile, the Dockerfile no such target or ARG, the platform is unknown, the
            name is none, or none to push under, or an engine would read another file than `.dockerignore`.
        PermanentError: The build failed.
    """
    text = _read(request)
    stage = _stage(request, text)
    target = stage.lower() or "full"
    check_platform(request.platform)
    check_arguments(request.build_args, text, request.file)
    check_ignore_files(request.folder, request.file)
    name = name_of(request)
    if to_push:
        check_push(name)
    choices = {"platform": request.platform, **_from_outside(request, text), **request.build_args}
    files = content_hash(request.folder, request.file, choices)
    hashed = content_hash(request.folder, request.file, {"target": stage, **choices})
    content = name.with_tag(f"{kfx.__version__}{'' if target == 'full' else f'-{target}'}-{hashed}")
    found = functools.partial(Built, name, content, target=target, files=files)
    if not request.force:
        if engine.has(content):
            engine.tag(content, name)
            return found("on this machine", size_bytes=engine.size(content))
        if _same_in_registry(content, name, report):
            return found("in the registry")
    if behind := left_out(request.folder):
        report(f"Left out: {', '.join(behind)}. A line such as !{behind[0]} in .dockerignore takes one in.")
    if never := specials(request.folder):
        report(f"Left out: {', '.join(never)}. Pipes, sockets and devices go into no image.")
    engine.build(
        Build(
            folder=request.folder,
            dockerfile=request.file,
            names=(name, content),
            target=stage,
            platform=request.platform,
            build_args={**_described(request, text), **request.build_args},
            secrets=request.secrets,
            options=request.options,
        ),
        report,
    )
    return found("built", size_bytes=engine.size(content))


def push(built: Built, engine: Builder, report: Report) -> tuple[Pushed, bool]:
    """Pushes an image under both its names, unless the registry has it, and records its digest under its target.

    Args:
        built: The image.
        engine: What pushes it.
        report: Takes the engine's output line by line.

    Returns:
        The image in the registry, and whether anything was sent.

    Raises:
        UsageError: The name has no registry, or the record of pushes cannot be read.
        PermanentError: The push failed, or the registry does not hold the image afterwards.
        TransientError: The registry cannot be reached.
    """
    check_push(built.name)
    # The content's name says whether the registry has this image. `kfx push` does not know it and always pushes.
    known = digest_of(built.content) if built.content != built.name else None
    sent = known is None or digest_of(built.name) != known
    if sent:
        for name in dict.fromkeys([built.content, built.name]):
            engine.push(name, report)
    digest = digest_of(built.name)
    if digest is None:
        raise PermanentError(f"{built.name} is not in its registry after the push.")
    pushed = Pushed(str(built.name), digest, built.files)
    record(built.target, pushed)
    return pushed, sent


def _same_in_registry(content: Reference, name: Reference, report: Report) -> bool:
    """Whether the registry holds this content under both names; when it cannot be asked, the image is built."""
    if name.is_on_this_machine:
        return False
    try:
        digest = digest_of(content)
        return digest is not None and digest_of(name) == digest
    except KfxError as error:
        report(f"Building without asking the registry: {error}")
        return False


def _read(request: Request) -> str:
    try:
        text = read_text(request.file)
    except OSError as error:
        raise UsageError(
            f"{request.file} cannot be read ({error.strerror}). kfx build runs in a clone of kfx, or in a folder with "
            "a Dockerfile of your own; name it with --file."
        ) from error
    return text


def stages(request: Request) -> list[str]:
    """Returns the names of the Dockerfile's stages in small letters, in their order.

    Raises:
        UsageError: There is no Dockerfile.
    """
    return [name.lower() for name in dockerfile.stages(_read(request)) if name]


def _stage(request: Request, text: str) -> str:
    """The stage to build, as the Dockerfile writes it; empty for a last one without a name."""
    there = dockerfile.stages(text)
    # Stages are told apart without regard to case, but not every engine finds one by another case.
    written = {name.lower(): name for name in reversed(there)}
    if not request.target:
        return written.get("full", there[-1] if there else "")
    if request.target.lower() not in written:
        raise UsageError(
            f"{request.file} has no target {request.target!r}. It has: {', '.join(filter(None, there)) or 'none'}."
        )
    return written[request.target.lower()]


def _from_outside(request: Request, text: str) -> dict[str, str]:
    """Returns what shapes the image besides the folder and `--build-arg`: options of the engine, and the environment.

    Options such as `--network=host` leave no trace in the image, and are not among them.
    """
    traces = []
    options = iter(request.options)
    for option in options:
        whole = f"{option}={next(options, '')}" if option in _LEAVE_TRACES else option
        if whole.startswith(_LEAVE_TRACES):
            # An engine takes the value of an argument without one from the environment.
            value = os.environ.get(whole.removeprefix("--build-arg="))
            traces.append(whole if value is None else f"{whole}={value}")
    return {**{f"option {number}": trace for number, trace in enumerate(traces)}, **_epoch(text)}


def _epoch(text: str) -> dict[str, str]:
    """Returns the time of the image's files where the environment names one and the Dockerfile asks for it."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return {"SOURCE_DATE_EPOCH": epoch} if epoch and "SOURCE_DATE_EPOCH" in arguments(text) else {}


def _described(request: Request, text: str) -> dict[str, str]:
    """Returns the labels' values that the Dockerfile asks for; an ARG it does not have would only draw a warning."""
    values = {
        "VERSION": kfx.__version__,
        "REVISION": _revision(request),
        "SOURCE": _git(request.folder, "config", "--get", "remote.origin.url"),
    }
    asked = arguments(text)
    return {name: values[name] for name in _LABEL_ARGS if name in asked and values[name]} | _epoch(text)


def _revision(request: Request) -> str:
    """The commit of the folder, with `-dirty` after it when the image holds what is not in it."""
    head = _git(request.folder, "rev-parse", "HEAD")
    if not head:
        return ""
    changed = _git(request.folder, "diff", "--name-only", "--relative", "-z", "HEAD")
    added = _git(request.folder, "ls-files", "--others", "--exclude-standard", "-z")
    names = {name for name in f"{changed}\0{added}".split("\0") if name}
    # The Dockerfile counts wherever it lies, also when `.dockerignore` keeps it from the image.
    is_dirty = any_goes_in(request.folder, names) or os.path.relpath(request.file, request.folder) in names
    return f"{head}-dirty" if is_dirty else head


def _git(folder: Path, *arguments: str) -> str:
    """Returns git's answer about the folder; empty where there is no git or no repository."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    # A remote's URL may carry a password or token; a label is for everyone to read.
    return re.sub(r"//[^/@]+@", "//", done.stdout.strip()) if done.returncode == 0 else ""
