"""What would be sent, without sending it: for a person who writes a notification and wants to see it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from kfx.errors import KfxError, UsageError
from kfx.notify.http import HttpRequest
from kfx.notify.message import Message, compose
from kfx.notify.notification import Notification
from kfx.notify.prepare import Prepared, own
from kfx.notify.request import Request
from kfx.notify.rules import Decision, decide
from kfx.notify.situation import Situation
from kfx.notify.smtp import MailRequest
from kfx.outcome import Outcome
from kfx.runs.run import Run, Task
from kfx.secret import MASK, Redactor, Secret, is_telling, resolve

SAMPLES = ("succeeded", "failed", "cancelled", "unknown", "started")

_RESOURCE = "projects/my-project/locations/europe-west4/pipelineJobs/sklearn-train-20260101120000"
_WORDS = {"succeeded": "SUCCEEDED", "failed": "FAILED", "cancelled": "CANCELLED", "unknown": "", "started": "RUNNING"}


@dataclass(frozen=True)
class Preview:
    """What one notification would do."""

    label: str
    """The notification's kind and name."""

    heading: str
    """Where it would go, secrets masked, and whether its rules let it."""

    content: bytes
    """The exact bytes of the message, but for secrets, which are masked; empty when it cannot be rendered."""


def sample(name: str) -> Situation:
    """Returns a made-up end of a run.

    Args:
        name: One of SAMPLES.

    Raises:
        UsageError: There is no such sample.
    """
    if name not in SAMPLES:
        raise UsageError(f"There is no sample {name!r}. Samples: {', '.join(SAMPLES)}.")
    error = {"code": 9, "message": "The DAG failed because some tasks failed. The failed tasks are: [train-sklearn]."}
    status = {"state": _WORDS[name], "pipelineJobResourceName": _RESOURCE, "error": error if name == "failed" else {}}
    split = Task("train-test-split", "succeeded")
    failed = Task("train-sklearn", "failed", "UsageError: The table has no column 'Clas'. Did you mean 'Class'?")
    judged = Task("evaluate", "succeeded", metrics={"accuracy": 0.9213, "rows": 1361})
    now = time.time()
    tasks = {"failed": (split, failed), "succeeded": (split, judged)}.get(name, (split,))
    run = Run("sklearn-train-20260101120000", "sklearn-train", tasks, started_at=now - 272)
    return Situation(Outcome.read(status), "started" if name == "started" else "ended", run, now=now)


def preview(notifications: Sequence[Notification], situation: Situation) -> list[Preview]:
    """Renders notifications without sending them.

    A secret that cannot be looked up here is stood in for: a preview needs none. One that cannot be rendered says why
    in its heading and keeps none of the others from being shown.
    """
    decisions = decide(notifications, situation)
    happened = compose(situation, Redactor())
    pairs = zip(notifications, decisions, strict=True)
    return [_previewed(one, index, decision, happened) for index, (one, decision) in enumerate(pairs)]


def _previewed(notification: Notification, index: int, decision: Decision, happened: Message) -> Preview:
    try:
        return _rendered(notification, index, decision, happened)
    except KfxError as error:
        reason = decision.reason or Redactor().redact(str(error))
        return Preview(notification.label, f"{notification.label}: (would not be sent: {reason})", b"")


def _rendered(notification: Notification, index: int, decision: Decision, happened: Message) -> Preview:
    channel, secrets = notification.open(look_up=_stand_in)
    redactor = Redactor(secrets)
    prepared = Prepared(notification.kind, notification.name, index, None, notification, channel)
    request = channel.render(own(prepared, happened, redactor, {}))
    verdict = "would be sent" if decision.send else f"would not be sent: {decision.reason}"
    heading = redactor.redact(f"{notification.label}: {_where(request)}({verdict})")
    content = redactor.redact(request.preview().decode("utf-8", "replace")).encode()
    return Preview(notification.label, heading, content)


def _stand_in(reference: str, decrypt_fn: str) -> Secret:
    try:
        return resolve(reference, decrypt_fn)
    except KfxError:
        # Nothing of the reference: its words, such as the project's name, would be masked all over the message.
        return Secret("https://not-looked-up.invalid/", source=reference)


def _where(request: Request) -> str:
    if isinstance(request, HttpRequest):
        headers = "".join(f"\n  {name}: {_shown(name, value)}" for name, value in request.headers.items())
        return f"{request.method} {request.url}{headers}\n"
    if isinstance(request, MailRequest):
        return f"SMTP {request.host}:{request.port} ({request.security}) to {', '.join(request.recipients)} "
    return ""


def _shown(name: str, value: str) -> str:
    return MASK if is_telling(name) else value
