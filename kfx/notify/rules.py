"""Decides whether a notification goes out, and says why when it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kfx.notify import condition
from kfx.notify.notification import Notification
from kfx.notify.situation import Situation, run_data


@dataclass(frozen=True)
class Decision:
    """Whether to send, and what to say about it."""

    send: bool

    reason: str = ""
    """Why it is not sent; empty when it is."""

    note: str = ""
    """A sentence to add to the message: why a condition could not be evaluated."""


def decide(notifications: Sequence[Notification], situation: Situation) -> list[Decision]:
    """Applies each notification's `when` (or `on_failure_only`), then its condition.

    A run whose outcome is unknown counts as every end that was asked for: whoever waits for its end is told, in words
    that do not call it a success. `recovered` and `still_failing` need to know how this run and the one before ended,
    so they wait for no unknown outcome.
    """
    decisions = [_by_state(one, situation) for one in notifications]
    asking = [index for index, one in enumerate(notifications) if decisions[index].send and one.condition.strip()]
    if asking:
        seen = [(notifications[index].condition, notifications[index].seen()) for index in asking]
        for index, verdict in zip(asking, condition.evaluate(seen, run_data(situation)), strict=True):
            reason = "" if verdict.send else "Its condition says no."
            decisions[index] = Decision(verdict.send, reason, verdict.error)
    return decisions


def _by_state(notification: Notification, situation: Situation) -> Decision:
    wanted = notification.rules()
    state, previous = situation.outcome.state, situation.previous
    if situation.phase == "started":
        send = "started" in wanted
    elif state in ("running", "unknown"):
        send = bool(wanted - {"started", "recovered", "still_failing"})
    else:
        send = (
            state in wanted
            or ("recovered" in wanted and (state, previous) == ("succeeded", "failed"))
            or ("still_failing" in wanted and (state, previous) == ("failed", "failed"))
        )
    if send:
        return Decision(send=True)
    known = "ended with an unknown outcome" if state in ("running", "unknown") else state
    happened = "started" if situation.phase == "started" else known
    before = ""
    if wanted & {"recovered", "still_failing"} and situation.phase == "ended":
        before = f" (the run before: {previous or 'not known'})"
    return Decision(send=False, reason=f"The run {happened}{before}; this one is for {', '.join(sorted(wanted))}.")
