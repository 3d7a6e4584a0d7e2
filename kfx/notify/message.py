"""What is said, before any service's format: one `Message` per notification, made from what is known of the run.

Every text that came from elsewhere is cleaned and redacted here, so that no channel has to think of it.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from kfx.notify.situation import Phase, Situation, run_data, seconds, title
from kfx.notify.text import clean, cut, duration, number, one_line, tail
from kfx.outcome import Outcome
from kfx.secret import Redactor

Severity = Literal["info", "debug", "verbose", "warning", "error"]

BLOCK_LIMIT = 4000
"""Characters of an error, a log or a user's message; a channel cuts further to its service's limit."""

RAW_SHARE = 4
"""How much more of a foreign text is looked at than shown: a user's error may hold megabytes, half of it colours."""

LINE_LIMIT = 500
"""Characters of a name, a fact, a metric's value or a note."""

METRICS_LIMIT = 50
"""Metrics a message carries; a run may log thousands."""


@dataclass(frozen=True)
class FailedTask:
    """A task that failed, with its own reason."""

    name: str

    error: str
    """The task's own error; empty when the platform does not say."""

    log: str = ""
    """The last lines of its log, redacted."""

    log_url: str = ""
    """Where its log is; empty when there is no page for it."""


@dataclass(frozen=True)
class Link:
    """A place to look."""

    text: str
    url: str


@dataclass(frozen=True)
class Message:
    """A notification in no service's format."""

    title: str
    """One line: what ended how."""

    severity: Severity
    outcome: Outcome

    phase: Phase = "ended"

    id: str = ""
    """The same for every try at sending this notification about this state of this run."""

    series: str = ""
    """The same for every run of the pipeline."""

    remembered: Mapping[str, Any] = field(default_factory=dict)
    """What the channel remembered when it told of this run before, such as a Slack message's time stamp."""

    name: str = ""
    """The notification's name."""

    text: str = ""
    """The notification's own message."""

    facts: Mapping[str, str] = field(default_factory=dict)
    """Label -> value, in the order to show them."""

    failed: tuple[FailedTask, ...] = ()
    metrics: Mapping[str, str] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    notes: tuple[str, ...] = ()

    time: float = 0.0
    """Seconds since the epoch (UTC) at which the exit task looked."""

    run: Mapping[str, object] = field(default_factory=dict)
    """The run as data, for templates and machine-readable bodies."""

    @property
    def reason(self) -> str:
        """The shortest answer to "why": the first failed task's error, else the platform's message."""
        first = next((f"{task.name}: {task.error}" for task in self.failed if task.error), "")
        return first or self.outcome.error_message


def compose(situation: Situation, redactor: Redactor) -> Message:
    """Says what happened, once for all notifications of a run; `addressed` makes it one notification's.

    Args:
        situation: What is known of the run.
        redactor: Hides the secrets the step has looked up, and what looks like one.
    """
    safe = _Safe(redactor)
    outcome = situation.outcome
    shown = Outcome(
        state=outcome.state,
        said=safe.line(outcome.said),
        error_code=outcome.error_code,
        error_message=safe.block(outcome.error_message),
        resource_name=safe.line(outcome.resource_name),
        task_name=safe.line(outcome.task_name),
    )
    return Message(
        title=safe.line(title(situation)),
        severity="info",
        outcome=shown,
        phase=situation.phase,
        id=digest(situation.key or situation.name, situation.phase, outcome.state),
        series=digest(situation.series),
        facts={label: safe.line(value) for label, value in _facts(situation).items() if value},
        failed=_failed(situation, safe),
        metrics=_metrics(situation, safe),
        links=_links(situation, safe),
        notes=tuple(safe.line(note) for note in situation.notes),
        time=situation.now,
        run=safe.data(run_data(situation)),
    )


def addressed(
    message: Message,
    redactor: Redactor,
    *,
    name: str = "",
    text: str = "",
    severity: Severity = "info",
    identity: str = "",
    note: str = "",
    remembered: Mapping[str, Any] | None = None,
) -> Message:
    """Makes a message one notification's own.

    Args:
        message: What happened.
        redactor: As `compose`.
        name: The notification's name.
        text: The notification's own message.
        severity: The notification's severity.
        identity: What tells this notification from the others of its list.
        note: What its receivers should know, such as a condition that could not be evaluated.
        remembered: What its channel remembered of an earlier message about the run.
    """
    safe = _Safe(redactor)
    return replace(
        message,
        id=digest(message.id, identity or name),
        name=safe.line(name),
        text=safe.block(text),
        severity=severity,
        notes=(*message.notes, safe.line(note)) if note else message.notes,
        remembered=remembered or {},
    )


def _facts(situation: Situation) -> dict[str, str]:
    outcome, took = situation.outcome, seconds(situation)
    code = f" (code {outcome.error_code})" if outcome.error_code is not None and outcome.state == "failed" else ""
    state: str = "running" if situation.phase == "started" else outcome.state
    if situation.phase == "ended" and outcome.state == "running":
        state = "unknown"  # the exit task runs because the run has ended, whatever the platform says
    return {
        "Pipeline": situation.name,
        # A placeholder's id is a number; the platform's own is what its pages show.
        "Run": (situation.run.id if situation.run else "") or situation.run_id or outcome.job_id,
        "Outcome": f"{state}{code}",
        "Duration": duration(took) if took is not None else "",
        "Project": outcome.project,
        "Region": outcome.location,
        "Submitted by": situation.run.submitted_by if situation.run else "",
    }


def _failed(situation: Situation, safe: _Safe) -> tuple[FailedTask, ...]:
    tasks = situation.run.failed_tasks if situation.run else ()
    return tuple(
        FailedTask(
            name=safe.line(task.name),
            error=safe.block(task.error),
            log=_news(tail(safe.whole(_last(task.log_tail)), BLOCK_LIMIT), safe.block(task.error)),
            log_url=task.log if _is_page(task.log) else "",
        )
        for task in tasks
    )


def _news(log: str, error: str) -> str:
    """Drops a log that only repeats the error."""
    known = " ".join(error.split())
    return log if any(" ".join(line.split()) not in known for line in log.splitlines()) else ""


def _metrics(situation: Situation, safe: _Safe) -> dict[str, str]:
    metrics = situation.run.metrics if situation.run and situation.phase == "ended" else {}
    shown = itertools.islice(metrics.items(), METRICS_LIMIT)
    return {safe.line(name): safe.line(number(value)) for name, value in shown}


def _links(situation: Situation, safe: _Safe) -> tuple[Link, ...]:
    page = situation.outcome.url or (situation.run.url if situation.run else "")
    if not page:
        return ()
    return (Link("Run page" if _is_page(page) else "Run folder", safe.redactor.redact(page)),)


def _is_page(address: str) -> bool:
    return address.startswith(("https://", "http://"))


def digest(*parts: str) -> str:
    """Returns a short name for some texts, fit for a file name or a service's key."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _first(text: str, limit: int) -> str:
    """Keeps what can matter of an endless text, ending between two words so that no token is left in half."""
    raw = limit * RAW_SHARE
    return text if len(text) <= raw else text[:raw].rpartition(" ")[0]


def _last(text: str) -> str:
    """As `_first`, for a log, whose end matters."""
    raw = BLOCK_LIMIT * RAW_SHARE
    return text if len(text) <= raw else text[-raw:].partition("\n")[2]


@dataclass(frozen=True)
class _Safe:
    """Cleans first, so that no colour code splits a token; redacts; cuts last, so that no token is cut in two."""

    redactor: Redactor

    blocks: dict[str, str] = field(default_factory=dict)
    """What is done already: an error stands in the message and in its data."""

    def line(self, text: str) -> str:
        return cut(self.redactor.redact(one_line(_first(text, LINE_LIMIT))), LINE_LIMIT)

    def block(self, text: str) -> str:
        if text not in self.blocks:
            self.blocks[text] = cut(self.whole(_first(text, BLOCK_LIMIT)), BLOCK_LIMIT)
        return self.blocks[text]

    def whole(self, text: str) -> str:
        return self.redactor.redact(clean(text))

    def data(self, value: dict[str, object]) -> dict[str, object]:
        return {self.line(key): self._any(inner) for key, inner in value.items()}

    def _any(self, value: object) -> object:
        if isinstance(value, str):
            return self.block(value)
        if isinstance(value, dict):
            return self.data(value)
        return [self._any(inner) for inner in value] if isinstance(value, (list, tuple)) else value
