"""Shows a run's tasks while it runs: a live table in a terminal, one line a change elsewhere. All on stderr."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import RenderableType

    from kfx.runs.run import Run, Task

_MARKS = {
    "pending": ("·", "dim"),
    "running": ("▸", "cyan"),
    "succeeded": ("✔", "green"),
    "failed": ("✘", "bold red"),
    "cancelled": ("■", "yellow"),
    "skipped": ("○", "dim"),
    "unknown": ("?", "yellow"),
}
_REFRESHES_PER_S = 8


def duration(seconds: float) -> str:
    """Formats seconds for a person: 0.4 s, 12.3 s, 2 min 05 s, 1 h 02 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


class RunDisplay:
    """Follows one run. Use as a context manager; call `update` and `line` from any thread."""

    def __init__(self, *, logs: bool = False) -> None:
        """Prepares the display.

        Args:
            logs: Print the tasks' output as it comes, each line after its task's name.
        """
        self._console = Console(stderr=True)
        self._logs = logs
        self._run: Run | None = None
        self._said: dict[str, str] = {}
        self._last: dict[str, str] = {}
        self._live = Live(
            get_renderable=self._render,
            console=self._console,
            refresh_per_second=_REFRESHES_PER_S,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> RunDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._last.clear()
        if self._console.is_terminal:
            self._live.stop()

    def update(self, run: Run) -> None:
        """Takes in the run's new state."""
        self._run = run
        if not self._console.is_terminal:
            self._say(run)

    def line(self, task: str, text: str) -> None:
        """Takes in a line of a task's output."""
        self._last[task] = text
        if self._logs:
            self._console.print(Text.assemble((f"{task} │ ", "dim"), Text.from_ansi(text)))

    def _say(self, run: Run) -> None:
        for task in run.tasks:
            if task.state not in ("pending", self._said.get(task.name)):
                self._said[task.name] = task.state
                self._console.print(_line(task), soft_wrap=True)

    def _render(self) -> RenderableType:
        if self._run is None:
            return Text()
        table = Table.grid(padding=(0, 2))
        for task in self._run.tasks:
            mark, style = _MARKS[task.state]
            first = Spinner("dots", style="cyan") if task.state == "running" else Text(mark, style)
            last = self._last.get(task.name, "").strip() if task.state == "running" else ""
            table.add_row(first, Text(task.name, style), Text(_took(task), "dim"), Text(last[:60], "dim"))
        return table


def _line(task: Task) -> Text:
    mark, style = _MARKS[task.state]
    line = Text.assemble((f"{mark} ", style), task.name)
    if task.ended_at:
        line.append(f"  {_took(task)}", "dim")
    if task.error:
        line.append(f"\n  {task.error}".replace("\n", "\n  "), "red")
    return line


def _took(task: Task) -> str:
    if task.started_at is None:
        return ""
    return duration((task.ended_at or time.time()) - task.started_at)
