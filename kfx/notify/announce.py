"""What an exit task does: reads how the run ended, finds the cause, tells everyone, and reports what it did."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kfx.errors import KfxError, PermanentError, UsageError
from kfx.notify import report
from kfx.notify.deliver import Delivery, Parcel, Policy, deliver
from kfx.notify.memory import Memory, open_memory, recall
from kfx.notify.message import Message, compose, digest
from kfx.notify.notification import WHEN, Notification
from kfx.notify.prepare import parcel, prepare
from kfx.notify.situation import Phase, Situation
from kfx.notify.text import moment, one_line
from kfx.outcome import Outcome
from kfx.runs.find import find
from kfx.secret import Redactor

_NEED_PREVIOUS = frozenset({"recovered", "still_failing"})


@dataclass(frozen=True)
class Announcement:
    """What was said and to whom."""

    message: Message
    """The message in no notification's own words."""

    deliveries: tuple[Delivery, ...]
    """One for each notification, in the order given."""

    @property
    def report(self) -> str:
        """The message and the deliveries as Markdown."""
        return report.page(self.message, self.deliveries)

    @property
    def failures(self) -> tuple[Delivery, ...]:
        """The deliveries that did not succeed."""
        return tuple(one for one in self.deliveries if one.status == "error")


def announce(
    status: object,
    notifications: Sequence[Notification | Mapping[str, Any]],
    *,
    pipeline: str = "",
    run_id: str = "",
    phase: Phase = "ended",
    on_delivery_error: str = "warn",
    decrypt_fn: str = "",
    message_path: str = "",
    report_path: str = "",
    prometheus_path: str = "",
    state_dir: str = "",
    look_up_s: float = 10.0,
    policy: Policy | None = None,
    quiet: bool = False,
) -> Announcement:
    """Tells everyone how a run ended.

    Args:
        status: The final status in any shape `Outcome.read` takes.
        notifications: Whom to tell; dicts as pipeline parameters carry them, or `Notification`s. One that is wrong
            is reported and does not keep the others from going out.
        pipeline: The run's name, when the caller knows a better one than the status does.
        run_id: The run's id, likewise.
        phase: `ended`, or `started` for a message at a run's beginning.
        on_delivery_error: `warn` prints and reports a failed delivery, `fail` also raises at the end.
        decrypt_fn: Dotted path of a function applied to every secret that is looked up.
        message_path: Where to write the message and what became of it, as Markdown.
        report_path: Where to write the delivery report, as JSON.
        prometheus_path: Where to write counters in Prometheus' text format.
        state_dir: Where to remember what was sent and how the pipeline's last run ended: a folder or URL shared by its
            runs. Empty for the folder of `message_path`, which outlives a retry where it is a mounted bucket.
        look_up_s: Seconds the look-up of the failing tasks may take; 0 for none.
        policy: Tries, time-outs and budget of the deliveries.
        quiet: Print nothing about the deliveries.

    Raises:
        UsageError: on_delivery_error is neither word.
        PermanentError: A delivery failed and on_delivery_error is `fail`. Every other one was still tried.
    """
    if on_delivery_error not in ("warn", "fail"):
        raise UsageError(f"on_delivery_error is {on_delivery_error!r}; it must be warn or fail.")
    where = state_dir or (str(Path(message_path).parent) if message_path else "")
    memory = open_memory(where) if where else None
    wanted = any(word in _NEED_PREVIOUS for item in notifications for word in _when(item))
    situation = _situation(Outcome.read(status), pipeline, run_id, phase, look_up_s, want_previous=wanted)
    if state_dir and memory is not None:
        situation = _with_previous(situation, memory, wanted=wanted)
    message, deliveries = _tell(situation, notifications, decrypt_fn, memory, policy)
    announcement = Announcement(message, tuple(deliveries))
    for line in () if quiet else map(report.line, deliveries):
        print(line)
    _write(announcement, message_path, report_path, prometheus_path)
    if announcement.failures and on_delivery_error == "fail":
        raise PermanentError(
            f"{len(announcement.failures)} of {len(deliveries)} notifications were not delivered: "
            + "; ".join(report.line(one) for one in announcement.failures)
        )
    return announcement


def _situation(
    outcome: Outcome, pipeline: str, run_id: str, phase: Phase, look_up_s: float, *, want_previous: bool
) -> Situation:
    """Finds the cause. A run whose outcome is unknown but one of whose tasks failed has failed."""
    found = find(outcome, run_id=run_id, want_previous=want_previous, budget_s=look_up_s)
    if outcome.state in ("running", "unknown") and found.run and found.run.failed_tasks:
        outcome = replace(outcome, state="failed")
    return Situation(
        outcome=outcome,
        phase=phase,
        run=found.run,
        pipeline=pipeline,
        run_id=run_id,
        now=time.time(),
        notes=tuple(one_line(note) for note in found.notes),
        previous=found.previous,
    )


def _when(item: Notification | Mapping[str, Any]) -> list[str]:
    words = item.when if isinstance(item, Notification) else item.get("when") if isinstance(item, Mapping) else None
    return [WHEN[word] for word in words or [] if isinstance(word, str) and word in WHEN]


def _with_previous(situation: Situation, memory: Memory, *, wanted: bool) -> Situation:
    """Reads how the pipeline's last run ended, and remembers this one's end for the next.

    A retried exit task finds its own run's end there, and takes the one before it. A memory that fails is told where a
    notification wanted it.
    """
    state = situation.outcome.state
    if situation.phase == "started" or not situation.key or state not in ("succeeded", "failed"):
        return situation
    key = f"pipelines/{digest(situation.series)}.json"
    last, why = recall(memory, key)
    before = last.get("before") if last.get("run") == situation.key else last.get("state")
    try:
        memory.write(key, {"run": situation.key, "state": state, "before": before, "time": moment(situation.now)})
    except KfxError as error:
        why = str(error)
    notes = (*situation.notes, f"The pipeline's last run is not known: {why}") if why and wanted else situation.notes
    known = before if before in ("succeeded", "failed") else None
    return replace(situation, previous=situation.previous or known, notes=notes)


def _tell(
    situation: Situation,
    notifications: Sequence[Notification | Mapping[str, Any]],
    decrypt_fn: str,
    memory: Memory | None,
    policy: Policy | None,
) -> tuple[Message, list[Delivery]]:
    """Prepares, renders and delivers; the results stand in the notifications' order."""
    prepared = prepare(notifications, situation, decrypt_fn)
    redactor = Redactor(secret for one in prepared for secret in one.secrets)
    happened = compose(situation, redactor)
    made = [one.result or parcel(one, happened, situation, redactor, memory) for one in prepared]
    parcels = [one for one in made if isinstance(one, Parcel)]
    sent = iter(deliver(parcels, policy, lambda text: redactor.redact(one_line(text))))
    deliveries = [next(sent) if isinstance(one, Parcel) else one for one in made]
    return happened, deliveries


def _write(announcement: Announcement, message_path: str, report_path: str, prometheus_path: str) -> None:
    if message_path:
        report.write(message_path, announcement.report)
    if report_path:
        report.write_json(report_path, report.document(announcement.message, announcement.deliveries))
    if prometheus_path:
        report.write(prometheus_path, report.prometheus(announcement.deliveries))
