"""Decides whether a notification goes out, and says why it does not."""

from __future__ import annotations

from dataclasses import dataclass

from kfx.notify.message import Situation
from kfx.notify.notification import Notification


@dataclass(frozen=True)
class Decision:
    """Whether to send, and what to say about it."""

    send: bool

    reason: str = ""
    """Why it is not sent; empty when it is."""

    note: str = ""
    """A sentence to add to the message, such as a condition that could not be evaluated."""


def decide(notification: Notification, situation: Situation) -> Decision:
    """Applies a notification's `when` (or `on_failure_only`) and its condition to what happened.

    A run whose outcome is unknown counts as every end that was asked for: whoever waits for its end is told, in words
    that do not call it a success.
    """
    wanted = notification.rules()
    if not _asked_for(wanted, situation):
        happened = "started" if situation.phase == "started" else situation.outcome.state
        return Decision(send=False, reason=f"The run {happened}; this one is for {', '.join(sorted(wanted))}.")
    return Decision(send=True)


def _asked_for(wanted: frozenset[str], situation: Situation) -> bool:
    if situation.phase == "started":
        return "started" in wanted
    state, previous = situation.outcome.state, situation.previous
    if state in ("running", "unknown"):
        return bool(wanted - {"started"})
    if state in wanted:
        return True
    if state == "succeeded":
        return "recovered" in wanted and previous in ("failed", None)
    return "still_failing" in wanted and state == "failed" and previous in ("failed", None)
