"""A small image to build, and a registry on loopback."""

from __future__ import annotations

import os
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from kfx.errors import UsageError
from kfx.images.build import Built, Request
from kfx.images.engine import PROGRAMS, Engine, find_engine

from ..conftest import REPOSITORY, absent, loopback_registry, require_program
from ..kfx_image import Image

DOCKERFILE = """\
ARG BASE
FROM ${BASE} AS first
COPY greeting /greeting
RUN cat /greeting

FROM first AS slim
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"

FROM first AS broken
RUN echo about to fail && exit 7
"""


@pytest.fixture(params=PROGRAMS)
def engine(request: pytest.FixtureRequest, container_engine: str) -> Iterator[Engine]:
    """Each engine on this machine in turn. What a test built goes."""
    require_program(request.param)
    try:
        found = find_engine(request.param)
    except UsageError as error:
        absent(str(error))
    yield found
    _remove_built(found.program)


def _remove_built(program: str, tries: int = 5) -> None:
    """Removes the images of these tests; podman fails while another image is being removed, so it is asked again."""
    name = "{{.Name}}:{{.Tag}}" if program == "buildah" else "{{.Repository}}:{{.Tag}}"
    try:
        listed = subprocess.run([program, "images", "--format", name], capture_output=True, text=True, check=True)
        if names := [line for line in listed.stdout.split() if re.search(r"/kfx-test(/|:|-sent:)", line)]:
            subprocess.run([program, "rmi", "--force", *names], capture_output=True, check=True)
    except subprocess.CalledProcessError:
        if tries == 1:
            raise
        time.sleep(1)
        _remove_built(program, tries - 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a Dockerfile of three stages and one file that goes in."""
    made = tmp_path / "context"
    made.mkdir()
    (made / "Dockerfile").write_text(DOCKERFILE)
    (made / ".dockerignore").write_text("*\n!greeting\n")
    # Content of its own in every test run, so that no image of an earlier run is found.
    (made / "greeting").write_text(f"hello {uuid.uuid4().hex}\n")
    (made / ".env").write_text("TOKEN=never in an image\n")
    return made


@pytest.fixture
def request_for(folder: Path, container_engine: str) -> Callable[..., Request]:
    """Returns a function that asks for a build of the folder: `request_for(tag=..., target=...)`."""

    def ask(**choices: object) -> Request:
        options = tuple(os.environ.get("KFX_TEST_BUILD_ARGS", "").split())
        given = {"target": "slim", "build_args": {"BASE": container_engine}, "options": options, **choices}
        return Request(folder=folder, **given)  # type: ignore[arg-type]

    return ask


@pytest.fixture(scope="session")
def registry() -> str:
    """Host and port of an OCI registry on loopback."""
    return loopback_registry()


@pytest.fixture
def name(registry: str) -> str:
    """A name no image had before."""
    return f"{registry}/kfx-test/{uuid.uuid4().hex}:1"


def budget_bytes(target: str) -> float:
    """What docs/images.md promises of a target: uncompressed, on python:3.12-slim-trixie or a base of its size."""
    page = (REPOSITORY / "docs" / "images.md").read_text(encoding="utf-8")
    (budget,) = re.findall(rf"^\| `{target}`.*, budget ([0-9.]+) GB \|", page, re.MULTILINE)
    return float(budget) * 1e9


def run(program: str, image: Built, *command: str, volumes: Sequence[str] = (), options: Sequence[str] = ()) -> str:
    """Runs a command in a container as a locked-down cluster would, and returns its output. A failure shows it."""
    mounted = [f"--volume={volume}" for volume in volumes]
    return Image(str(image.content), program).run(command, ["--network=none", *mounted, *options])
