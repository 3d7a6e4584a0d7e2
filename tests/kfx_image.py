"""kfx's own image for tests: built of the working copy, or found again when an earlier run built the same content."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from kfx.images.build import Built, Request, build
from kfx.images.engine import Engine, find_engine
from kfx.images.reference import parse

from .conftest import REPOSITORY, absent

CONFINED = ("--read-only", "--tmpfs=/tmp:rw,mode=1777", "--cap-drop=all")
"""How a locked-down cluster runs it: nothing to write to but /tmp, no capabilities."""


def built(target: str, base: str) -> Built:
    """Returns an image, or treats the part as absent where it was not asked for: it takes minutes to build.

    KFX_TEST_FULL_IMAGE (and KFX_TEST_SLIM_IMAGE) names one that is to be taken as it is.

    Args:
        target: Of the Dockerfile.
        base: The base image.
    """
    if ready := os.environ.get(f"KFX_TEST_{target.upper()}_IMAGE"):
        name = parse(ready)
        return Built(name, name, "on this machine", target, size_bytes=chosen_engine().size(name))
    asked = os.environ.get("KFX_TEST_IMAGES", "slim,full" if os.environ.get("KFX_REQUIRE_ALL") == "1" else "")
    if target not in asked.split(","):
        absent(f"the {target} image takes minutes to build (KFX_TEST_IMAGES=slim,full builds it)")
    engine = chosen_engine()
    made = build(wanted(target, base), engine, print)
    _remove_older(engine, made)
    return made


def wanted(target: str, base: str) -> Request:
    """A build of the repository."""
    return Request(
        folder=REPOSITORY,
        target=target,
        tag=f"localhost/kfx-image-test:{target}",
        build_args={"BASE": base},
        options=tuple(os.environ.get("KFX_TEST_BUILD_ARGS", "").split()),
    )


def chosen_engine() -> Engine:
    """Returns the engine: the first that answers, or KFX_TEST_ENGINE."""
    return find_engine(os.environ.get("KFX_TEST_ENGINE", ""))


def _remove_older(engine: Engine, made: Built) -> None:
    """Takes the names off images of earlier content, so that every change does not leave an image behind."""
    listed = subprocess.run(
        [engine.program, "images", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, text=True, check=True
    )
    kind = str(made.content).rpartition("-")[0]
    for name in listed.stdout.split():
        if re.fullmatch(rf"{re.escape(kind)}-[0-9a-f]{{12}}", name) and name != str(made.content):
            # One that a container of an interrupted run still holds stays.
            subprocess.run([engine.program, "rmi", name], capture_output=True, check=False)


@dataclass(frozen=True)
class Container:
    """A container that was started."""

    program: str
    """The engine's program."""

    name: str
    """Its name."""

    def wait(self) -> int:
        """Waits for its end and returns its exit code."""
        command = [self.program, "wait", self.name]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def logs(self) -> str:
        """Returns what it has printed, errors included."""
        command = [self.program, "logs", self.name]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout

    def output(self) -> str:
        """Returns what it has printed on standard output."""
        return subprocess.run([self.program, "logs", self.name], capture_output=True, text=True, check=True).stdout

    def stop(self) -> None:
        """Sends it SIGTERM, as a platform that stops a task does."""
        subprocess.run([self.program, "kill", "--signal=TERM", self.name], capture_output=True, check=True)


@dataclass(frozen=True)
class Image:
    """An image that containers are started of."""

    name: str
    """Its name."""

    program: str = field(default_factory=lambda: chosen_engine().program)
    """The engine's program."""

    @contextmanager
    def started(self, command: Sequence[str], options: Sequence[str] = ()) -> Iterator[Container]:
        """Starts a container, confined, for the time of a `with` block.

        Args:
            command: What to run in it.
            options: More options of the engine: mounts, environment, network.
        """
        name = f"kfx-test-{uuid.uuid4().hex}"
        # Without --rm: podman's Docker API may remove a short container before its exit code is read.
        started = [self.program, "run", "--detach", f"--name={name}", *CONFINED, *options, self.name, *command]
        subprocess.run(started, capture_output=True, check=True)
        try:
            yield Container(self.program, name)
        finally:
            subprocess.run([self.program, "rm", "--force", name], capture_output=True, check=True)

    def run(self, command: Sequence[str], options: Sequence[str] = ("--network=none",)) -> str:
        """Runs a command and returns its output. A failure shows it, with the errors."""
        with self.started(command, options) as container:
            assert container.wait() == 0, container.logs()
            return container.output()
