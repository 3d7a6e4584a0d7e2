"""A notification's condition: a Jinja2 template that renders to a word for no when the message is not wanted.

MLRun's rule, with two faults mended: it holds for every outcome, not only for successes, and a template that is wrong
is refused where it is written. A condition that cannot be evaluated when the run ends never silences a message.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kfx.errors import UsageError
from kfx.notify.text import cut, one_line

NO = frozenset({"0", "no", "n", "f", "false", "off"})
"""What a condition renders to, in any letter case, when the message is not wanted; MLRun's words."""

LIMIT_S = 2.0
"""Seconds one condition may take."""

START_S = 20.0
"""Seconds the child process may take to start."""

MEMORY_BYTES = 512 * 1024 * 1024
"""Address space of the child process, the interpreter's own included."""

_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "HOME", "LANG")


@dataclass(frozen=True)
class Verdict:
    """What a condition said."""

    send: bool

    error: str = ""
    """Why it could not be evaluated; empty when it was."""


def check(condition: str) -> None:
    """Checks a condition's syntax.

    Raises:
        UsageError: It is not a Jinja2 template.
    """
    from jinja2 import TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    try:
        ImmutableSandboxedEnvironment().parse(condition)
    except TemplateSyntaxError as error:
        raise UsageError(
            f"The condition {cut(one_line(condition), 100)!r} is not a Jinja2 template: {error.message}. "
            "Write it as '{{ run.results.accuracy < 0.9 }}'."
        ) from error


def evaluate(
    conditions: Sequence[tuple[str, Mapping[str, Any]]], run: Mapping[str, Any], *, limit_s: float = LIMIT_S
) -> list[Verdict]:
    """Evaluates conditions in a child process, each within its own time.

    Args:
        conditions: Each condition with the `notification` it sees.
        run: What it sees as `run`.
        limit_s: Seconds each may take.

    Returns:
        One verdict for each; `send` is true where the condition could not be evaluated.
    """
    verdicts: list[Verdict] = []
    while len(verdicts) < len(conditions):
        # A child that was stopped took one condition with it; the rest get a new child.
        verdicts += _evaluate_some(conditions[len(verdicts) :], run, limit_s)
    return verdicts


def _evaluate_some(
    conditions: Sequence[tuple[str, Mapping[str, Any]]], run: Mapping[str, Any], limit_s: float
) -> list[Verdict]:
    """Evaluates up to and including the first condition that stops the child."""
    items = [{"condition": condition, "notification": dict(seen)} for condition, seen in conditions]
    cpu_s = int(START_S + limit_s * len(items)) + 1
    work = json.dumps({"run": run, "items": items, "memory_bytes": MEMORY_BYTES, "cpu_s": cpu_s}, default=str)
    child = subprocess.Popen(
        [sys.executable, "-c", "from kfx.notify.sandbox import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
    )
    answers: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_pump, args=(child, work, answers), daemon=True).start()
    try:
        if _next(answers, START_S) is None:
            return [Verdict(send=True, error="The condition's process did not start.")] * len(conditions)
        return _verdicts(answers, len(conditions), limit_s)
    finally:
        child.kill()
        child.wait()


def _verdicts(answers: queue.Queue[str | None], count: int, limit_s: float) -> list[Verdict]:
    verdicts: list[Verdict] = []
    while len(verdicts) < count:
        answer = _next(answers, limit_s)
        if answer is None:
            stopped = f"The condition took more than {limit_s:g} s or {MEMORY_BYTES >> 20} MiB and was stopped."
            return [*verdicts, Verdict(send=True, error=stopped)]
        if "error" in answer:
            verdicts.append(Verdict(send=True, error=f"The condition cannot be evaluated: {answer['error']}"))
        else:
            verdicts.append(Verdict(send=answer["text"].strip().lower() not in NO))
    return verdicts


def _next(answers: queue.Queue[str | None], limit_s: float) -> dict[str, Any] | None:
    """Returns the child's next answer; None when it does not come in time or the child is gone."""
    try:
        line = answers.get(timeout=limit_s)
    except queue.Empty:
        return None
    return json.loads(line) if line else None


def _pump(child: subprocess.Popen[str], work: str, answers: queue.Queue[str | None]) -> None:
    """Feeds the child and passes its lines on, None at its end."""
    assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018 - both are pipes
    try:
        child.stdin.write(work)
        child.stdin.close()
    except BrokenPipeError:
        pass  # it died before reading everything; its end says so
    for line in child.stdout:
        answers.put(line)
    child.stdout.close()
    answers.put(None)
