"""A small image to build, and a registry on loopback."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kfx.images.build import Request
from kfx.images.engine import Engine, find_engine

from ..conftest import loopback_registry

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


@pytest.fixture
def engine(container_engine: str) -> Iterator[Engine]:
    """The engine on this machine; `container_engine` skips the test where none answers. What a test built goes."""
    found = find_engine(os.environ.get("KFX_TEST_ENGINE", ""))
    yield found
    command = [found.program, "images", "--format", "{{.Repository}}:{{.Tag}}"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    if names := [name for name in listed if re.search(r"/kfx-test(/|:|-sent:)", name)]:
        subprocess.run([found.program, "rmi", "--force", *names], capture_output=True, check=True)


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
