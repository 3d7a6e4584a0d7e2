"""From notifications as given to parcels ready to send: each is read, judged by its rules, opened and rendered.

Whatever is wrong with one of them becomes that one's result and touches no other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kfx.errors import KfxError
from kfx.notify.channel import Channel, channel_class
from kfx.notify.deliver import REASON_LIMIT, Delivery, Parcel
from kfx.notify.memory import Memory, recall
from kfx.notify.message import Message, addressed, digest
from kfx.notify.notification import Notification
from kfx.notify.request import Answer
from kfx.notify.rules import Decision, decide
from kfx.notify.situation import Situation
from kfx.notify.text import moment, one_line
from kfx.secret import Redactor, Secret


@dataclass(frozen=True)
class Prepared:
    """A notification on its way: an early result, or what is needed to render it."""

    kind: str
    name: str

    index: int
    """Its place in the list, which tells unnamed ones apart."""

    result: Delivery | None = None
    notification: Notification | None = None
    channel: Channel | None = None
    secrets: tuple[Secret, ...] = ()
    note: str = ""

    @property
    def identity(self) -> str:
        """What tells it from the others of its list, the same in every try of the exit task."""
        return f"{self.kind}/{self.name or self.index}"


def prepare(
    items: Sequence[Notification | Mapping[str, Any]], situation: Situation, decrypt_fn: str = ""
) -> list[Prepared]:
    """Validates, applies the rules and looks the secrets up.

    Args:
        items: The notifications, as objects or dicts.
        situation: What is known of the run.
        decrypt_fn: As `kfx.secret.resolve`.
    """
    read = [_read(item, index, situation) for index, item in enumerate(items)]
    valid = [one.notification for one in read if one.notification is not None]
    decisions = iter(_with_silent_kinds(valid, decide(valid, situation)))
    return [
        one if one.notification is None else _opened(one, one.notification, next(decisions), situation, decrypt_fn)
        for one in read
    ]


def parcel(
    one: Prepared, happened: Message, situation: Situation, redactor: Redactor, memory: Memory | None
) -> Parcel | Delivery:
    """Renders a prepared notification.

    Args:
        one: A notification with a channel.
        happened: What happened, in no notification's words.
        situation: What is known of the run.
        redactor: Knows every secret that was looked up.
        memory: Where to remember what was sent; None to remember nothing.

    Returns:
        The parcel, or the delivery that failed because the message could not be rendered.
    """
    assert one.channel is not None  # noqa: S101 - the caller sorted the others out
    thread = f"threads/{digest(situation.key, one.identity)}.json"
    remembered, _ = recall(memory if one.channel.threaded else None, thread)
    message = own(one, happened, redactor, remembered)
    try:
        request = one.channel.render(message)
    except Exception as error:  # noqa: BLE001 - a channel's own fault must not take the others down
        text = str(error) if isinstance(error, KfxError) else f"{type(error).__name__}: {error}"
        return _error(one, redactor.redact(one_line(text)), time.time())
    if memory is None or not situation.key:
        return Parcel(one.kind, one.name, request, one.channel.judge)
    marks = _Marks(memory, f"sent/{message.id}.json", thread, one.channel)
    return Parcel(one.kind, one.name, request, one.channel.judge, marks.before, marks.after)


def own(one: Prepared, happened: Message, redactor: Redactor, remembered: Mapping[str, Any]) -> Message:
    """Returns the message of a prepared notification."""
    notification = one.notification or Notification(kind="console")
    return addressed(
        happened,
        redactor,
        name=notification.name,
        text=notification.message,
        severity=notification.severity,
        identity=one.identity,
        note=one.note,
        remembered=remembered,
    )


@dataclass(frozen=True)
class _Marks:
    """Remembers a sent notification, so that a retried exit task does not send it again."""

    memory: Memory
    key: str
    thread: str
    channel: Channel

    def before(self) -> str:
        found, _ = recall(self.memory, self.key)  # a memory that cannot be read must not silence a message
        return f"Already sent at {found.get('time', 'an earlier try')}." if found else ""

    def after(self, answer: Answer) -> str:
        try:
            self.memory.write(self.key, {"time": moment(time.time()), "kind": self.channel.kind})
            if known := self.channel.remember(answer):
                self.memory.write(self.thread, known)
        except KfxError as error:
            return f"A retry of this task would send it again: {error}"
        return ""


def _read(item: Notification | Mapping[str, Any], index: int, situation: Situation) -> Prepared:
    kind, name = _identity(item)
    one = Prepared(kind, name, index)
    try:
        notification = item if isinstance(item, Notification) else Notification.from_dict(item)
    except KfxError as error:
        return replace(one, result=_error(one, Redactor().redact(one_line(str(error))), situation.now))
    return replace(one, notification=notification)


def _opened(
    one: Prepared, notification: Notification, decision: Decision, situation: Situation, decrypt_fn: str
) -> Prepared:
    if not decision.send:
        reason = decision.reason[:REASON_LIMIT]
        return replace(one, result=Delivery(one.kind, one.name, "suppressed", reason, moment(situation.now)))
    try:
        channel, secrets = notification.open(decrypt_fn)
    except KfxError as error:
        return replace(one, result=_error(one, Redactor().redact(one_line(str(error))), situation.now))
    return replace(one, channel=channel, secrets=tuple(secrets), note=decision.note)


def _error(one: Prepared, reason: str, now: float) -> Delivery:
    return Delivery(one.kind, one.name, "error", reason[:REASON_LIMIT], moment(now))


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


def _identity(item: Notification | Mapping[str, Any]) -> tuple[str, str]:
    if isinstance(item, Notification):
        return item.kind, item.name
    known = item if isinstance(item, Mapping) else {}
    safe = Redactor()
    return safe.redact(str(known.get("kind", "slack"))), safe.redact(str(known.get("name", "")))
