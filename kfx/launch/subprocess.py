"""Runs commands as child processes that can all be stopped at once.

Each command leads its own process group, so that stopping a task also stops what the task started, and so that
Ctrl-C in the terminal reaches kfx first and not the children.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

GRACE_S = 5.0
"""Seconds between SIGTERM and SIGKILL when a run is stopped: time for a task to cancel what it started elsewhere."""


class SubprocessLauncher:
    """Starts commands and stops them together.

    Safe to use from several threads: `dsl.ParallelFor` runs its iterations in two.
    """

    def __init__(self) -> None:
        self._children: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self.cancelled = False

    def run(
        self, command: Sequence[str], *, env: Mapping[str, str], log: Path, on_line: Callable[[str], None] | None = None
    ) -> int:
        """Runs a command to its end, its standard output and error going to one log file.

        Args:
            command: Program and arguments.
            env: The whole environment of the child.
            log: File that receives the output, line by line as it comes; its folder is made.
            on_line: Called with each line, without its newline.

        Returns:
            The exit code; minus the signal's number when a signal ended the child (`subprocess.Popen.returncode`).

        Raises:
            InterruptedError: The launcher was cancelled, before or during the command.
            OSError: The program cannot be started.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as sink:
            child = self._start(command, env)
            try:
                for line in child.stdout or ():
                    sink.write(line)
                    sink.flush()
                    if on_line:
                        on_line(line.rstrip("\n"))
                code = child.wait()
            finally:
                self._forget(child)
        if self.cancelled:
            raise InterruptedError("the run was cancelled")
        return code

    def cancel(self) -> None:
        """Ends every child, first with SIGTERM, after `GRACE_S` with SIGKILL; no further command is started.

        Takes no lock, because a signal handler calls it: a child started meanwhile sees `cancelled` right after.
        """
        self.cancelled = True
        for child in list(self._children):
            _signal_group(child, signal.SIGTERM)
        killer = threading.Timer(GRACE_S, self.kill)
        killer.daemon = True
        killer.start()

    def kill(self) -> None:
        """Ends every child with SIGKILL."""
        for child in list(self._children):
            _signal_group(child, signal.SIGKILL)

    def _start(self, command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
        with self._lock:
            if self.cancelled:
                raise InterruptedError("the run was cancelled")
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=dict(env),
                start_new_session=True,
            )
            self._children.add(child)
        if self.cancelled:
            _signal_group(child, signal.SIGTERM)
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
            self._children.discard(child)


def _signal_group(child: subprocess.Popen[str], number: signal.Signals) -> None:
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
