"""Sends requests: all at once, each tried a bounded number of times, none able to stop another.

A try has a time-out, whatever the peer does meanwhile. A transient failure is tried again after an exponential back-off
with full jitter, or after what the service asked for in `Retry-After`; a permanent one is not. Everything together ends
within a budget.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kfx.errors import KfxError, TransientError
from kfx.notify.request import Answer, Request
from kfx.notify.text import moment, one_line

REASON_LIMIT = 255
"""Characters of a delivery's reason; MLRun's limit."""

_GRACE_S = 0.5
"""Seconds a send that ended with the budget has to report how it ended."""

Status = Literal["sent", "suppressed", "error"]


@dataclass(frozen=True)
class Policy:
    """How hard to try. The defaults keep an exit task within about a minute."""

    tries: int = 5
    """The most tries for one request."""

    timeout_s: float = 10.0
    """Seconds one try may take in all, from the connection to the end of the answer."""

    budget_s: float = 60.0
    """Seconds everything together may take."""

    backoff_s: float = 0.5
    """Seconds the first wait lasts at most; each further one doubles it."""

    backoff_limit_s: float = 15.0
    """Seconds no wait of our own choosing exceeds."""


@dataclass(frozen=True)
class Parcel:
    """A request and how to read the answer to it."""

    kind: str
    name: str
    request: Request
    judge: Callable[[Answer], None]

    before: Callable[[], str] = str
    """Called before the first try; a reason it returns suppresses the parcel, such as that it was sent already."""

    after: Callable[[Answer], str] = lambda _: ""
    """Called as soon as the parcel was taken; what it returns is added to the report."""


@dataclass
class _Progress:
    """How far a parcel has come; read when the budget ends before its send does."""

    tries: int = 0


@dataclass(frozen=True)
class Delivery:
    """What became of one notification."""

    kind: str
    name: str
    status: Status

    reason: str = ""
    """Why it was suppressed or failed, at most 255 characters; empty when it was sent without a remark."""

    time: str = ""
    """ISO 8601, UTC."""

    tries: int = 0

    seconds: float = field(default=0.0, compare=False)
    """How long it took, waits included."""


def deliver(
    parcels: Sequence[Parcel],
    policy: Policy | None = None,
    redact: Callable[[str], str] = one_line,
) -> list[Delivery]:
    """Sends every parcel and returns what became of each, in the order given.

    Args:
        parcels: The requests to send.
        policy: Tries, time-outs and budget.
        redact: Takes secrets out of a failure's text.
    """
    policy = policy or Policy()
    started = time.monotonic()
    deadline = started + policy.budget_s
    results: list[Delivery | None] = [None] * len(parcels)
    progress = [_Progress() for _ in parcels]

    def work(index: int) -> None:
        results[index] = _send(parcels[index], policy, deadline, redact, progress[index])

    # Daemon threads, not an executor: a peer that never finishes its answer must not keep the process alive.
    for parcel in parcels:
        parcel.request.load()
    here = [index for index, parcel in enumerate(parcels) if parcel.request.here]
    away = [index for index in range(len(parcels)) if index not in here]
    threads = [threading.Thread(target=work, args=(index,), daemon=True) for index in away]
    for thread in threads:
        thread.start()
    for index in here:
        work(index)
    for thread in threads:
        thread.join(max(0.0, deadline + _GRACE_S - time.monotonic()))
    late = f"No end within the {policy.budget_s:g} s that all deliveries together may take."
    now, seconds = moment(time.time()), time.monotonic() - started
    return [
        result or Delivery(parcel.kind, parcel.name, "error", late, now, reached.tries, seconds)
        for parcel, result, reached in zip(parcels, list(results), progress, strict=True)
    ]


def _send(
    parcel: Parcel, policy: Policy, deadline: float, redact: Callable[[str], str], progress: _Progress
) -> Delivery:
    """Delivers one parcel, whatever its channel does."""
    started = time.monotonic()
    try:
        if already := parcel.before():
            status: Status = "suppressed"
            reason = already
        else:
            status, reason = _tried(parcel, policy, deadline, progress)
    except Exception as error:  # noqa: BLE001 - a channel's own fault must not take the others down
        status, reason = "error", f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - started
    # Redact before cutting: a cut token would no longer be recognised.
    shown = redact(one_line(reason))[:REASON_LIMIT]
    return Delivery(parcel.kind, parcel.name, status, shown, moment(time.time()), progress.tries, seconds)


def _tried(parcel: Parcel, policy: Policy, deadline: float, progress: _Progress) -> tuple[Status, str]:
    """Tries a parcel until it is taken, refused for good, or out of tries or time."""
    for tried in range(1, policy.tries + 1):
        progress.tries = tried
        left = deadline - time.monotonic()
        try:
            answer = _within(min(policy.timeout_s, max(left, 0.1)), parcel.request)
            parcel.judge(answer)
        except TransientError as error:
            wait = _wait(error, tried, policy)
            last = tried == policy.tries
            if not last and time.monotonic() + wait < deadline:
                time.sleep(wait)
                continue
            asked = f" It asked to wait {wait:.0f} s." if error.retry_after_s else ""
            over = f"{asked} The {policy.budget_s:g} s that all deliveries together may take are over."
            return "error", str(error) if last else f"{error}{over}"
        except KfxError as error:
            return "error", str(error)
        return "sent", " ".join(filter(None, (answer.remark, parcel.after(answer))))
    return "error", "The policy allows no try."


def _within(timeout_s: float, request: Request) -> Answer:
    """Sends once and waits no longer than the time-out, which a socket's own does not promise.

    A socket's time-out starts anew with every byte, so a peer that drips its answer would hold the try for ever. The
    thread left behind ends by the request's own deadline, or with the process.
    """
    if request.here:
        return request.send(timeout_s)
    ended: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            ended.put(request.send(timeout_s))
        except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
            ended.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        outcome = ended.get(timeout=timeout_s)
    except queue.Empty:
        raise TransientError("No answer in time.") from None
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _wait(error: TransientError, tried: int, policy: Policy) -> float:
    """Returns the seconds to wait: what the service asked for, else full jitter over a doubling ceiling."""
    if error.retry_after_s is not None:
        return error.retry_after_s
    ceiling = min(policy.backoff_limit_s, policy.backoff_s * 2 ** (tried - 1))
    return random.uniform(0, ceiling)  # noqa: S311  (spreads retries; nothing is kept secret by it)
