"""Microsoft Teams: an Adaptive Card to a Workflows webhook (Office connectors were retired in 2026).

Foreign text goes into text runs, which Teams shows as they are; only text blocks read Markdown. Limits: about 28 KB for
a message, https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any

from kfx.errors import PermanentError, TransientError
from kfx.notify.channel import About, Channel
from kfx.notify.formats import symbol
from kfx.notify.http import HttpRequest
from kfx.notify.message import FailedTask, Message
from kfx.notify.request import Answer, Request
from kfx.notify.text import cut
from kfx.secret import Secret

SIZE_LIMIT = 24_000
"""Bytes of a card; Teams refuses a message above 28 KB."""

_COLOURS = {"succeeded": "Good", "failed": "Attention", "cancelled": "Warning"}
_ENDPOINT_ERROR = re.compile(r"returned HTTP error (\d+)")


@dataclass(frozen=True, repr=False)
class Teams(Channel):
    """Posts a card to a Teams channel or chat."""

    kind = "teams"
    needs = (("webhook",),)

    webhook: Annotated[Secret | None, About("The Workflows webhook's URL.", env="TEAMS_WEBHOOK")] = None

    def render(self, message: Message) -> Request:
        """Builds the card; the tasks' errors are shortened until it fits."""
        url = self.webhook.reveal() if self.webhook else ""
        for share in (2000, 1000, 500, 200, 50):
            body = json.dumps(_envelope(card(message, share))).encode()
            if len(body) <= SIZE_LIMIT:
                break
        return HttpRequest("POST", url, body, {"Content-Type": "application/json"})

    def judge(self, answer: Answer) -> None:
        """Reads the answer; a connector may say 200 and put Teams' own refusal into the text."""
        if inner := _ENDPOINT_ERROR.search(answer.text()):
            later = inner[1] == "429" or inner[1].startswith("5")
            raise (TransientError if later else PermanentError)(f"teams answered: {answer.text(200)}")
        super().judge(answer)


def card(message: Message, share: int) -> dict[str, Any]:
    """Lays a message out as an Adaptive Card 1.4.

    Args:
        message: The message.
        share: Characters for each longer text.
    """
    tasks = 2 + share // 200  # fewer tasks where each gets less room
    left = len(message.failed) - tasks
    body = [
        _runs(
            _run(f"{symbol(message)} {cut(message.title, 300)}", size="Large", weight="Bolder", color=_colour(message))
        ),
        *([_runs(_run(cut(message.text, share)))] if message.text else []),
        *(
            _runs(_run(f"{label}: ", weight="Bolder"), _run(cut(value, 200)))
            for label, value in message.facts.items()
            if value
        ),
    ]
    if message.outcome.error_message and not any(task.error for task in message.failed):
        body.append(_code(cut(message.outcome.error_message, share)))
    for task in message.failed[:tasks]:
        body += _task(task, share)
    body += [_runs(_run(f"and {left} more failed tasks"))] if left > 0 else []
    if message.metrics:
        body.append(_code(cut("\n".join(f"{name} = {value}" for name, value in message.metrics.items()), share)))
    body += [_runs(_run(cut(note, 300), isSubtle=True)) for note in message.notes[:5]]
    links = [link for link in message.links if link.url.startswith("http") and len(link.url) <= 2000]
    actions = [{"type": "Action.OpenUrl", "title": link.text, "url": link.url} for link in links]
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": cut(message.title, 300),
        "body": body,
        **({"actions": actions} if actions else {}),
    }


def _envelope(content: dict[str, Any]) -> dict[str, Any]:
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _task(task: FailedTask, share: int) -> list[dict[str, Any]]:
    made = [
        _runs(_run(f"Task {cut(task.name, 200)} failed", weight="Bolder", color="Attention")),
        _code(cut(task.error or "The platform gives no reason.", share)),
    ]
    return [*made, _code(cut(task.log, share))] if task.log else made


def _colour(message: Message) -> str:
    return "Accent" if message.phase == "started" else _COLOURS.get(message.outcome.state, "Warning")


def _code(text: str) -> dict[str, Any]:
    return _runs(_run(text, fontType="Monospace"))


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}


def _runs(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)}
