"""What a launcher is given and what it must do. `subprocess.py` and `docker.py` do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class TaskSpec:
    """One task, ready to start: every placeholder resolved."""

    name: str
    """The task's name in its run, such as `train-sklearn` or `for-loop-2-iteration-0/say`."""

    image: str
    """Image the component asks for."""

    command: Sequence[str]
    """Program and arguments: the container's command and args in one list."""

    folder: Path
    """The task's folder in the run's; absolute."""

    run_folder: Path
    """The run's folder, which holds every task's outputs; absolute."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Variables the pipeline sets for the task, and those kfx adds."""

    at_exit: bool = False
    """Whether it is an exit task: it tells how the run ended, so it starts and goes on after `cancel`, until `kill`."""

    @property
    def log(self) -> Path:
        """File that receives the task's output."""
        return self.folder / "log.txt"


class Launcher(Protocol):
    """Runs tasks one by one or several at once (`dsl.ParallelFor`), and stops them together."""

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""

    def check(self, name: str, image: str, command: Sequence[str]) -> None:
        """Refuses a task this launcher cannot run, before the run starts.

        Raises:
            UsageError: It cannot; the text says what can.
        """

    def run(self, task: TaskSpec, on_line: Callable[[str], None] | None = None) -> int:
        """Runs a task to its end, its output going to `task.log` and, line by line, to `on_line`.

        Returns:
            The exit code; minus the signal's number where a signal ended a process.

        Raises:
            InterruptedError: The launcher was cancelled, before or during the task; for an exit task, killed.
            KfxError: The task could not be started.
        """

    def cancel(self) -> None:
        """Asks every running task but exit tasks to end (SIGTERM), then makes it; only exit tasks start from now on.

        Returns at once.
        """

    def kill(self) -> None:
        """Ends every running task now (SIGKILL); none starts any more."""
