"""Says in a few words why a task ended badly, from its exit code and its log."""

from __future__ import annotations

import itertools
import re
import signal
from pathlib import Path

_TAIL_BYTES = 64 * 1024
_MOST_LINES = 8
_MOST_LINES_OF_OURS = 16  # a kfx error says what matters, such as a line for every anomaly
_TRACEBACK = "Traceback (most recent call last):"
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def explain(exit_code: int, log: Path) -> str:
    """Returns the task's own error: its exception without the traceback, else its last lines.

    Args:
        exit_code: As `subprocess.Popen.returncode`: negative for a signal.
        log: The task's combined output.
    """
    reason = _signal_reason(exit_code)
    lines = [line for line in _tail(log) if line.strip()]
    error = _exception(lines) or ([] if reason else lines[-3:])
    text = "\n".join(line.rstrip() for line in error)
    return "\n".join(part for part in (reason, text) if part) or f"exit code {exit_code}, nothing in the log"


def plain(text: str) -> str:
    """Returns a text without ANSI colours and cursor movements (ECMA-48 control sequences)."""
    return _ANSI.sub("", text)


def _tail(log: Path) -> list[str]:
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL_BYTES))
        text = file.read().decode("utf-8", errors="replace")
    return plain(text).splitlines()


def _exception(lines: list[str]) -> list[str]:
    """The lines after the last traceback's frames; or a kfx error, which comes without one, its lines indented."""
    starts = [number for number, line in enumerate(lines) if line.strip().endswith(_TRACEBACK)]
    if not starts:
        said = [number for number, line in enumerate(lines) if re.match(r"[A-Z]\w*(Error|Exception): ", line)]
        if not said:
            return []
        first, *rest = lines[said[-1] :]
        own = itertools.takewhile(lambda line: line.startswith(" "), rest)
        return [first, *own][:_MOST_LINES_OF_OURS]
    after = lines[starts[-1] + 1 :]
    frames = next((number for number, line in enumerate(after) if not line.startswith(" ")), len(after))
    return after[frames:][:_MOST_LINES]


def _signal_reason(exit_code: int) -> str:
    # A shell reports its child's signal as 128 + number.
    number = -exit_code if exit_code < 0 else exit_code - 128 if exit_code > 128 else 0
    if number not in {member.value for member in signal.Signals}:
        return ""
    name = signal.Signals(number).name
    return f"killed by {name}" + (" (out of memory is the usual cause)" if number == signal.SIGKILL else "")
