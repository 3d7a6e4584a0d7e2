"""Runs tasks as child processes of this one, in this Python.

Each task leads its own process group, so that stopping it also stops what it started, and so that Ctrl-C in the
terminal reaches kfx first and not the children.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence

from kfx.errors import PermanentError, UsageError
from kfx.launch.spec import TaskSpec

GRACE_S = 5.0
"""Seconds between SIGTERM and SIGKILL when a run is stopped: time for a task to cancel what it started elsewhere."""

_CANCELLED = "the run was cancelled"
_EXECUTOR_MODULE = "kfp.dsl.executor_main"
_SOURCE_FOLLOWS = "ephemeral_component.py"
"""In the script that a lightweight component's command runs; the next part of the command is the component's source."""


class SubprocessLauncher:
    """Starts tasks as processes and stops them together."""

    def __init__(self) -> None:
        self._children: dict[subprocess.Popen[str], TaskSpec] = {}
        self._lock = threading.Lock()
        self._killed = False
        self.cancelled = False

    def check(self, name: str, image: str, command: Sequence[str]) -> None:
        """Refuses container components: there is no Python function to run.

        Raises:
            UsageError: The task's command is not kfp's executor.
        """
        if not any(_EXECUTOR_MODULE in part for part in command):
            raise UsageError(
                f"Task {name!r} runs the container image {image!r}, which a process on this machine cannot. "
                "Run the pipeline in containers (kfx run --on docker) or on a cluster (kfx submit)."
            )

    def run(self, task: TaskSpec, on_line: Callable[[str], None] | None = None) -> int:
        """Runs a task to its end.

        Args:
            task: The task; `python3` in its script becomes this interpreter. A task that installs packages gets a
                virtual environment of its own, because kfx must not change the user's.
            on_line: Called with each line of output, without its newline.

        Returns:
            The exit code; minus the signal's number when a signal ended the child (`subprocess.Popen.returncode`).

        Raises:
            InterruptedError: The launcher was cancelled, before or during the task; for an exit task, killed.
            PermanentError: The program cannot be started.
        """
        task.folder.mkdir(parents=True, exist_ok=True)
        with task.log.open("a", encoding="utf-8") as sink, _python(task.command) as python:
            child = self._start(task, _with_python(task.command, python))
            try:
                for line in child.stdout or ():
                    sink.write(line)
                    sink.flush()
                    if on_line:
                        on_line(line.rstrip("\n"))
                code = child.wait()
            finally:
                self._forget(child)
        if self._stops(task):
            raise InterruptedError(_CANCELLED)
        return code

    def cancel(self) -> None:
        """Ends every child but exit tasks, first with SIGTERM, after `GRACE_S` with SIGKILL; only exit tasks start now.

        Takes no lock, because a signal handler calls it: a child started meanwhile sees `cancelled` right after.
        """
        self.cancelled = True
        self._signal(signal.SIGTERM)
        killer = threading.Timer(GRACE_S, self._signal, [signal.SIGKILL])
        killer.daemon = True
        killer.start()

    def kill(self) -> None:
        """Ends every child with SIGKILL, exit tasks too; none starts any more."""
        self.cancelled = self._killed = True
        self._signal(signal.SIGKILL)

    def _stops(self, task: TaskSpec) -> bool:
        return self._killed or (self.cancelled and not task.at_exit)

    def _signal(self, number: signal.Signals) -> None:
        for child, task in list(self._children.items()):
            if self._stops(task):
                _signal_group(child, number)

    def _start(self, task: TaskSpec, command: Sequence[str]) -> subprocess.Popen[str]:
        with self._lock:
            if self._stops(task):
                raise InterruptedError(_CANCELLED)
            try:
                child = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    env={**os.environ, **task.env},
                    start_new_session=True,
                )
            except OSError as error:
                raise PermanentError(f"{command[0]!r} cannot be started: {error.strerror or error}") from error
            self._children[child] = task
        if self._stops(task):
            _signal_group(child, signal.SIGTERM)
        threading.Thread(target=_end_with_its_leader, args=[child], daemon=True).start()
        return child

    def _forget(self, child: subprocess.Popen[str]) -> None:
        # Reached with the child alive only when this thread is interrupted while it reads.
        if child.poll() is None:
            _signal_group(child, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(GRACE_S)
            _signal_group(child, signal.SIGKILL)
            child.wait()
        if child.stdout:
            child.stdout.close()
        with self._lock:
            self._children.pop(child, None)


@contextlib.contextmanager
def _python(command: Sequence[str]) -> Iterator[str]:
    """The interpreter for a task: this one, or a new virtual environment's where the task installs packages."""
    if not any("pip install" in part for part in _scripts(command)):
        yield sys.executable
        return
    with tempfile.TemporaryDirectory(prefix="kfx-venv-") as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        yield f"{folder}/bin/python3"


def _scripts(command: Sequence[str]) -> list[str]:
    """The parts of a command that kfp wrote: all up to the component's source, which is the user's own text."""
    for number, part in enumerate(command):
        if _SOURCE_FOLLOWS in part:
            return list(command[: number + 1])
    return list(command)


def _with_python(command: Sequence[str], python: str) -> list[str]:
    scripts = _scripts(command)
    return [*(part.replace("python3", python) for part in scripts), *command[len(scripts) :]]


def _end_with_its_leader(child: subprocess.Popen[str]) -> None:
    """Ends what a task left running when it ends, as a container does; it would keep the output open for ever."""
    child.wait()
    _signal_group(child, signal.SIGKILL)


def _signal_group(child: subprocess.Popen[str], number: signal.Signals) -> None:
    # A group exists as long as one member does, its leader or not.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
