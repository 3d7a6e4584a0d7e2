"""Runs tasks as containers of Docker's API (Docker, or podman behind its Docker-compatible socket).

A container is never removed by the engine itself: kfp's own Docker runner asks for that, and so loses the output and
the exit code of a task that ends quickly. kfx removes it after both are read; a removal that fails is no task failure.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kfx.errors import MissingExtraError, PermanentError, UsageError
from kfx.launch.spec import TaskSpec

GRACE_S = 5
"""Seconds between SIGTERM and SIGKILL when a run is stopped."""

_SILENCE_S = 2
"""Seconds that an ended container's output may take to come to its end."""

_CANCELLED = "the run was cancelled"


@dataclass(frozen=True)
class DockerSettings:
    """How containers are started."""

    volumes: tuple[str, ...] = ()
    """More mounts as `HOST:CONTAINER[:ro]`; the run's folder is always mounted, at its own path."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Variables every container gets, such as the ones that `env:NAME` secret references look up."""

    network: str | None = None
    """Docker network; `host` lets a container reach servers on this machine's loopback."""

    user: str | None = None
    """User that tasks run as; None for the calling user, so that outputs belong to whoever started the run."""


class DockerLauncher:
    """Starts tasks as containers and stops them together."""

    def __init__(self, settings: DockerSettings | None = None, client: Any = None) -> None:
        """Connects to the engine that DOCKER_HOST or Docker's default socket names.

        Args:
            settings: How containers are started.
            client: A `docker.DockerClient` to use instead.

        Raises:
            MissingExtraError: The docker package is not installed.
            UsageError: No engine answers.
        """
        self._settings = settings or DockerSettings()
        self._client = client or _connect()
        # podman answers who asks for output with the first line of it, which may take hours.
        self._client.api.timeout = None
        self._containers: dict[Any, TaskSpec] = {}
        self._lock = threading.Lock()
        self._killed = False
        self.cancelled = False

    def check(self, name: str, image: str, command: Sequence[str]) -> None:
        """Refuses nothing: every task has an image."""

    def has(self, image: str) -> bool:
        """Tells whether an image is on this machine."""
        import docker

        try:
            self._client.images.get(image)
        except docker.errors.ImageNotFound:
            return False
        return True

    def run(self, task: TaskSpec, on_line: Callable[[str], None] | None = None) -> int:
        """Runs a task to its end in a container of its own.

        Args:
            task: The task; its image is pulled when the engine does not have it.
            on_line: Called with each line of output, without its newline.

        Returns:
            The container's exit code; 128 plus the signal's number when a signal ended it.

        Raises:
            InterruptedError: The launcher was cancelled, before or during the task; for an exit task, killed.
            PermanentError: The image cannot be had or the container cannot be started.
        """
        task.folder.mkdir(parents=True, exist_ok=True)
        container = self._create(task)
        try:
            self._start(container, task)
            with task.log.open("a", encoding="utf-8") as sink:
                for line in _output(container):
                    sink.write(f"{line}\n")
                    sink.flush()
                    if on_line:
                        on_line(line)
            code = int(container.wait()["StatusCode"])
        finally:
            self._remove(container)
        if self._stops(task):
            raise InterruptedError(_CANCELLED)
        return code

    def cancel(self) -> None:
        """Stops every container but exit tasks': SIGTERM, after `GRACE_S` SIGKILL; only exit tasks start now.

        Returns at once.
        """
        self.cancelled = True
        threading.Thread(target=self._stop, daemon=True).start()

    def kill(self) -> None:
        """Ends every container with SIGKILL, exit tasks' too; none starts any more."""
        self.cancelled = self._killed = True
        for container in list(self._containers):
            with _gone_is_fine():
                container.kill()

    def _stops(self, task: TaskSpec) -> bool:
        return self._killed or (self.cancelled and not task.at_exit)

    def _stop(self) -> None:
        for container, task in list(self._containers.items()):
            if self._stops(task):
                with _gone_is_fine():
                    container.stop(timeout=GRACE_S)

    def _create(self, task: TaskSpec) -> Any:
        import docker

        options = self._options(task)
        try:
            try:
                return self._client.containers.create(task.image, **options)
            except docker.errors.ImageNotFound:
                self._client.images.pull(task.image)
                return self._client.containers.create(task.image, **options)
        except docker.errors.DockerException as error:
            raise PermanentError(
                f"No container of image {task.image!r} can be made: {_reason(error)}. Build it with kfx build, or name "
                "another with BASE_KFX_IMAGE."
            ) from error

    def _options(self, task: TaskSpec) -> dict[str, Any]:
        settings = self._settings
        run_folder = str(task.run_folder)
        return {
            # A component's command takes the place of the image's entry point, as on Kubernetes.
            "entrypoint": list(task.command[:1]),
            "command": list(task.command[1:]),
            "environment": {**settings.env, **task.env, "HOME": "/tmp"},  # noqa: S108 - the container's
            "volumes": [f"{run_folder}:{run_folder}", *settings.volumes],
            "network": settings.network,
            "user": settings.user or f"{os.getuid()}:{os.getgid()}",
            "labels": {"kfx.run": task.run_folder.name, "kfx.task": task.name},
            "working_dir": run_folder,
        }

    def _start(self, container: Any, task: TaskSpec) -> None:
        import docker

        with self._lock:
            if self._stops(task):
                raise InterruptedError(_CANCELLED)
            self._containers[container] = task
        try:
            container.start()
        except docker.errors.DockerException as error:
            raise PermanentError(f"The container cannot be started: {_reason(error)}") from error
        # Cancelled between the two: `cancel` found a container that did not run yet.
        if self._stops(task):
            with _gone_is_fine():
                container.stop(timeout=GRACE_S)

    def _remove(self, container: Any) -> None:
        with self._lock:
            self._containers.pop(container, None)
        with _gone_is_fine():
            container.remove(force=True)


@contextlib.contextmanager
def _gone_is_fine() -> Iterator[None]:
    """Stopping or removing a container that is already gone, or whose engine is, changes no task's result."""
    import docker
    import requests

    with contextlib.suppress(docker.errors.DockerException, requests.RequestException):
        yield


def parse_volume(text: str) -> str:
    """Makes a `HOST:CONTAINER[:ro]` text's host side absolute.

    Raises:
        UsageError: The text has another form, or the host path does not exist.
    """
    host, colon, rest = text.partition(":")
    if not colon or not rest.startswith("/"):
        raise UsageError(f"--volume {text!r}: write HOST:CONTAINER, such as ./data:/data or ./data:/data:ro.")
    path = Path(host).resolve()
    if not path.exists():
        raise UsageError(f"--volume {text!r}: there is no {path}.")
    return f"{path}:{rest}"


def _connect() -> Any:
    try:
        import docker
    except ModuleNotFoundError as error:
        raise MissingExtraError("Runs in containers", "docker") from error
    try:
        return docker.from_env()
    except docker.errors.DockerException as error:
        where = os.environ.get("DOCKER_HOST", "Docker's default socket")
        raise UsageError(
            f"No container engine answers at {where}. Start Docker, or podman's API (podman system service) and set "
            "DOCKER_HOST to its socket."
        ) from error


def _output(container: Any) -> Iterator[str]:
    """Yields the lines of a container as they come, and ends after it.

    podman may keep a reader that began as the container ended waiting for ever: such output is read once more, whole.
    """
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    ended = threading.Event()

    def read() -> None:
        with _gone_is_fine():  # a connection that breaks is no end of the output either
            for line in _lines(container.logs(stream=True, follow=True, stdout=True, stderr=True)):
                lines.put(line)
            lines.put(None)

    def watch() -> None:
        with _gone_is_fine():
            container.wait()
        ended.set()

    for work in (read, watch):
        threading.Thread(target=work, daemon=True).start()
    given = 0
    while True:
        try:
            line = lines.get(timeout=_SILENCE_S)
        except queue.Empty:
            if ended.is_set():
                break
            continue
        if line is None:
            return
        given += 1
        yield line
    yield from list(_lines([container.logs(stdout=True, stderr=True)]))[given:]


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines of a byte stream that comes in arbitrary pieces."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", errors="replace").rstrip("\r") for line in lines)
    if rest:
        yield rest.decode("utf-8", errors="replace")


def _reason(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error).rstrip(".")
