"""What an exit task does: reads how the run ended, finds the cause, tells everyone, and reports what it did."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from kfx.errors import KfxError, PermanentError, UsageError
from kfx.notify.channel import channel_class
from kfx.notify.deliver import REASON_LIMIT, Delivery, Parcel, Policy, deliver
from kfx.notify.formats import escape_markdown, markdown
from kfx.notify.message import Phase, Situation, compose
from kfx.notify.notification import Notification
from kfx.notify.rules import Decision, decide
from kfx.notify.text import cut, moment, one_line
from kfx.outcome import Outcome
from kfx.runs import local
from kfx.runs.run import Run
from kfx.secret import Redactor, Secret

OnError = Literal["warn", "fail"]


@dataclass(frozen=True)
class Announcement:
    """What was said and to whom."""

    deliveries: tuple[Delivery, ...]
    """One for each notification, in the order given."""

    report: str
    """The message and the deliveries as Markdown."""

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
    report_path: str | None = None,
    policy: Policy | None = None,
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
        report_path: Where to write the report.
        policy: Tries, time-outs and budget of the deliveries.

    Raises:
        UsageError: on_delivery_error is neither word.
        PermanentError: A delivery failed and on_delivery_error is `fail`. Every other one was still tried.
    """
    if on_delivery_error not in ("warn", "fail"):
        raise UsageError(f"on_delivery_error is {on_delivery_error!r}; it must be warn or fail.")
    run, notes = _cause()
    situation = Situation(
        outcome=Outcome.read(status),
        phase=phase,
        run=run,
        pipeline=pipeline,
        run_id=run_id,
        now=time.time(),
        notes=notes,
    )
    prepared = _prepare(notifications, situation, decrypt_fn)
    redactor = Redactor(secret for one in prepared for secret in one.secrets)
    deliveries = _deliver(prepared, situation, redactor, policy)
    report = _report(situation, redactor, deliveries)
    if report_path:
        Path(report_path).parent.mkdir(parents=True, exist_ok=True)
        Path(report_path).write_text(report, encoding="utf-8")
    for line in map(_line, deliveries):
        print(line)
    announcement = Announcement(tuple(deliveries), report)
    if announcement.failures and on_delivery_error == "fail":
        raise PermanentError(
            f"{len(announcement.failures)} of {len(deliveries)} notifications were not delivered: "
            + "; ".join(_line(one) for one in announcement.failures)
        )
    return announcement


def _cause() -> tuple[Run | None, tuple[str, ...]]:
    """Reads the run from its platform; what cannot be read becomes a note in the message."""
    try:
        run = local.current()
        return (local.with_log_tails(run) if run else None), ()
    except (OSError, ValueError) as error:
        return None, (f"The failing tasks are unknown: the run's file cannot be read ({one_line(str(error))}).",)


@dataclass(frozen=True)
class _Prepared:
    """A notification on its way: either an early result, or what is needed to render it."""

    kind: str
    name: str
    result: Delivery | None = None
    notification: Notification | None = None
    channel: Any = None
    secrets: tuple[Secret, ...] = ()
    note: str = ""


def _prepare(
    items: Sequence[Notification | Mapping[str, Any]], situation: Situation, decrypt_fn: str
) -> list[_Prepared]:
    """Validates, applies the rules and looks the secrets up; each failure is its own notification's alone."""
    prepared = [_read(item, situation) for item in items]
    valid = [one.notification for one in prepared if one.notification is not None]
    decisions = iter(_with_silent_kinds(valid, decide(valid, situation)))
    return [
        one if one.notification is None else _opened(one, one.notification, next(decisions), situation, decrypt_fn)
        for one in prepared
    ]


def _with_silent_kinds(valid: Sequence[Notification], decisions: Sequence[Decision]) -> list[Decision]:
    """Silences kinds that have nobody to talk to here, or that another kind makes superfluous."""
    classes = [channel_class(one.kind) for one in valid]
    silent = [made.inactive() for made in classes]
    sending = {
        made.kind for made, why, decision in zip(classes, silent, decisions, strict=True) if decision.send and not why
    }
    silent = [
        f"{made.yields_to} shows it." if made.yields_to in sending else why
        for made, why in zip(classes, silent, strict=True)
    ]
    return [
        Decision(send=False, reason=why) if why and decision.send else decision
        for why, decision in zip(silent, decisions, strict=True)
    ]


def _read(item: Notification | Mapping[str, Any], situation: Situation) -> _Prepared:
    kind, name = _identity(item)
    try:
        notification = item if isinstance(item, Notification) else Notification.from_dict(item)
    except KfxError as error:
        return _failed(kind, name, error, situation)
    return _Prepared(kind, name, notification=notification)


def _opened(
    one: _Prepared, notification: Notification, decision: Decision, situation: Situation, decrypt_fn: str
) -> _Prepared:
    if not decision.send:
        result = Delivery(one.kind, one.name, "suppressed", decision.reason[:REASON_LIMIT], moment(situation.now))
        return replace(one, result=result)
    try:
        channel, secrets = notification.open(decrypt_fn)
    except KfxError as error:
        return _failed(one.kind, one.name, error, situation)
    return replace(one, channel=channel, secrets=tuple(secrets), note=decision.note)


def _failed(kind: str, name: str, error: KfxError, situation: Situation) -> _Prepared:
    reason = Redactor().redact(one_line(str(error)))[:REASON_LIMIT]
    return _Prepared(kind, name, Delivery(kind, name, "error", reason, moment(situation.now)))


def _identity(item: Notification | Mapping[str, Any]) -> tuple[str, str]:
    if isinstance(item, Notification):
        return item.kind, item.name
    known = item if isinstance(item, Mapping) else {}
    safe = Redactor()
    return safe.redact(str(known.get("kind", "slack"))), safe.redact(str(known.get("name", "")))


def _deliver(
    prepared: Sequence[_Prepared], situation: Situation, redactor: Redactor, policy: Policy | None
) -> list[Delivery]:
    """Renders and sends what is to be sent, and puts the results in the notifications' order."""
    results = [one.result for one in prepared]
    parcels: dict[int, Parcel] = {}
    for index, one in enumerate(prepared):
        if one.result is None and one.notification is not None:
            try:
                parcels[index] = _parcel(one, one.notification, situation, redactor)
            except Exception as error:  # noqa: BLE001  (a channel's own fault must not take the others down)
                reason = redactor.redact(one_line(f"{type(error).__name__}: {error}"))[:REASON_LIMIT]
                results[index] = Delivery(one.kind, one.name, "error", reason, moment(time.time()))
    sent = deliver(list(parcels.values()), policy, lambda text: redactor.redact(one_line(text)))
    for index, delivery in zip(parcels, sent, strict=True):
        results[index] = delivery
    return [result for result in results if result is not None]


def _parcel(one: _Prepared, notification: Notification, situation: Situation, redactor: Redactor) -> Parcel:
    heard = replace(situation, notes=(*situation.notes, one.note)) if one.note else situation
    message = compose(
        heard, redactor, name=notification.name, text=notification.message, severity=notification.severity
    )
    return Parcel(one.kind, one.name, one.channel.render(message), one.channel.judge)


def _report(situation: Situation, redactor: Redactor, deliveries: Sequence[Delivery]) -> str:
    """Returns the message and what became of it as Markdown, for the run's page."""
    lines = [markdown(compose(situation, redactor)), "### Notifications", ""]
    lines += ["| Kind | Name | Status | Tries | Reason |", "|---|---|---|---|---|"]
    for one in deliveries:
        cells = (one.kind, one.name, one.status, str(one.tries), one.reason)
        lines.append("| " + " | ".join(escape_markdown(one_line(cell)) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _line(one: Delivery) -> str:
    tries = f" after {one.tries} tries" if one.tries > 1 else ""
    reason = f": {cut(one.reason, REASON_LIMIT)}" if one.reason else ""
    return f"kfx notify: {one.kind}{' ' + one.name if one.name else ''} {one.status}{tries}{reason}"
