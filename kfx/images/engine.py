"""The program that builds and pushes: docker, podman or buildah, driven by its command line.

Its output is handed on line by line while it runs, its exit code is looked at, and a failure names the step.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kfx.errors import PermanentError, UsageError
from kfx.images.content import sent_folder
from kfx.images.reference import Reference

PROGRAMS = ("docker", "podman", "buildah")

Report = Callable[[str], None]
"""Takes one line of the program's output."""

# "STEP 3/9: RUN ...", "[2/4] STEP 3/9: ..." (podman), "Step 3/9 : ..." (docker without BuildKit),
# "#12 [slim 3/9] RUN ..." (BuildKit).
_STEP = re.compile(r"^(?:\[\d+/\d+\] )?step \d+/\d+ ?: (.+)$|^#\d+ \[[^\]]+\] ((?!internal\b).+)$", re.IGNORECASE)
# Stages run side by side, so the step begun last need not be the one that failed; BuildKit, and podman and buildah
# (`building at STEP`), name that one in their errors.
_FAILED = re.compile(r'^ERROR: (?:failed to solve: )?(.+)$|^ > \[.*?\] (.+):$|building at STEP "(.+?)":')
_PROBE_TIMEOUT_S = 20


@dataclass(frozen=True)
class Build:
    """One build: what to make of which folder."""

    folder: Path
    """The folder whose files the engine gets."""

    dockerfile: Path
    """The Dockerfile."""

    names: tuple[Reference, ...]
    """The names the image gets."""

    target: str = ""
    """Stage of the Dockerfile; empty for the last."""

    platform: str = "linux/amd64"
    """System and processor the image is for."""

    build_args: Mapping[str, str] | None = None
    """Values of the Dockerfile's ARGs. They can be read from the image's history: no secrets."""

    secrets: tuple[str, ...] = ()
    """Build secrets as the engine takes them: `id=pip_conf,src=/home/me/pip.conf`."""

    options: tuple[str, ...] = ()
    """More options for the engine, such as `--network=host`."""


class Builder(Protocol):
    """What builds and pushes images."""

    def build(self, build: Build, report: Report) -> None:
        """Builds an image, or raises a KfxError."""

    def push(self, name: Reference, report: Report) -> None:
        """Pushes an image to its registry, or raises a KfxError."""

    def has(self, name: Reference) -> bool:
        """Tells whether an image is on this machine."""

    def tag(self, name: Reference, other: Reference) -> None:
        """Gives an image on this machine another name, or raises a KfxError."""

    def size(self, name: Reference) -> int | None:
        """Returns an image's size on this machine in bytes, where it is known."""


@dataclass(frozen=True)
class Engine:
    """An engine on this machine that answers."""

    program: str
    """`docker`, `podman` or `buildah`."""

    def build(self, build: Build, report: Report) -> None:
        """Builds an image.

        Raises:
            UsageError: There are build secrets, and this docker has no BuildKit to take them.
            PermanentError: The build failed; the message names the step.
        """
        if build.secrets and self.program == "docker" and _quiet(["docker", "buildx", "version"]).returncode:
            raise UsageError(
                "docker takes build secrets with BuildKit only, and docker buildx is not installed here. Install it "
                "(apt-get install docker-buildx), or build with another engine: --engine podman"
            )
        command = [self.program, "build", "--file", str(build.dockerfile.absolute()), "--platform", build.platform]
        command += ["--target", build.target] if build.target else []
        for name, value in sorted((build.build_args or {}).items()):
            command += ["--build-arg", f"{name}={value}"]
        for secret in build.secrets:
            command += ["--secret", secret]
        for image in build.names:
            command += ["--tag", str(image)]
        begun: list[str] = []
        failed: list[str] = []
        with sent_folder(build.folder) as folder:
            code = stream([*command, *build.options, str(folder)], lambda line: _watch(line, begun, failed, report))
        if code:
            where = f" at the step: {(failed or begun)[-1]}" if failed or begun else ""
            raise PermanentError(f"{self.program} build failed with exit code {code}{where}. Its output is above.")

    def push(self, name: Reference, report: Report) -> None:
        """Pushes an image to its registry.

        Raises:
            PermanentError: The push failed.
        """
        # docker takes plain http on loopback by itself; the others are told.
        plain = ["--tls-verify=false"] if name.is_loopback and self.program != "docker" else []
        code = stream([self.program, "push", *plain, str(name)], report)
        if code:
            raise PermanentError(
                f"{self.program} push of {name} failed with exit code {code}. Its output is above. If it is about "
                f"permissions, log in first: {_login(name)}"
            )

    def has(self, name: Reference) -> bool:
        """Tells whether an image is on this machine."""
        asked = ["inspect", "--type", "image"] if self.program == "buildah" else ["image", "inspect"]
        return _quiet([self.program, *asked, str(name)]).returncode == 0

    def tag(self, name: Reference, other: Reference) -> None:
        """Gives an image on this machine another name.

        Raises:
            PermanentError: The engine refused.
        """
        done = _quiet([self.program, "tag", str(name), str(other)])
        if done.returncode:
            raise PermanentError(f"{self.program} tag {name} {other} failed: {done.stderr.strip()}")

    def size(self, name: Reference) -> int | None:
        """Returns an image's size on this machine in bytes; None where the engine does not tell it."""
        if self.program == "buildah":
            return None
        done = _quiet([self.program, "image", "inspect", "--format", "{{.Size}}", str(name)])
        return int(done.stdout) if done.returncode == 0 and done.stdout.strip().isdigit() else None


def find_engine(program: str = "") -> Engine:
    """Returns the engine asked for, else the first of docker, podman and buildah that answers.

    Raises:
        UsageError: The program is unknown, not installed, or does not answer; the message says which of it.
    """
    if program and program not in PROGRAMS:
        raise UsageError(f"The engine {program!r} is unknown. There are: {', '.join(PROGRAMS)}.")
    refused = []
    for name in [program] if program else PROGRAMS:
        if not shutil.which(name):
            refused.append(f"{name} is not installed")
            continue
        answer = _probe(name)
        if answer is None:
            return Engine(name)
        refused.append(f"{name} does not answer ({answer})")
    raise UsageError(f"No container engine: {'; '.join(refused)}. Install or start one, or name it with --engine.")


def _probe(name: str) -> str | None:
    """Returns None when an engine answers, else its last word. `docker version` fails when no daemon is there."""
    try:
        done = subprocess.run([name, "version"], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"nothing within {_PROBE_TIMEOUT_S} s"
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no message"])[-1]


def stream(command: Sequence[str], report: Report) -> int:
    """Runs a command, hands on its output line by line, and returns its exit code."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as run:
        for line in run.stdout or ():
            report(line.rstrip("\n"))
    return run.returncode


def _watch(line: str, begun: list[str], failed: list[str], report: Report) -> None:
    report(line)
    for pattern, steps in ((_STEP, begun), (_FAILED, failed)):
        if match := pattern.search(line):
            steps.append(next(group for group in match.groups() if group))


def _quiet(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _login(name: Reference) -> str:
    if name.registry.endswith(".pkg.dev"):
        return f"gcloud auth configure-docker {name.registry}"
    return f"docker login {name.registry}"
