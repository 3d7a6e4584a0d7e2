"""PagerDuty, Events API v2: an incident on failure, resolved by the pipeline's next success.

Wire format and limits: https://developer.pagerduty.com/docs/send-alert-event (summary 1024 characters, event 512 KB).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from kfx.errors import UsageError
from kfx.notify.channel import About, Channel
from kfx.notify.http import HttpRequest
from kfx.notify.message import Message
from kfx.notify.request import Request
from kfx.notify.text import cut, moment
from kfx.secret import Secret

SUMMARY_LIMIT = 1024
TASKS_SHOWN = 20


@dataclass(frozen=True, repr=False)
class PagerDuty(Channel):
    """Triggers an incident when a run does not succeed, and resolves it when one does."""

    kind = "pagerduty"
    needs = (("routing_key",),)

    routing_key: Annotated[
        Secret | None, About("Integration key of an Events API v2 service.", env="PAGERDUTY_ROUTING_KEY")
    ] = None
    dedup_key: Annotated[str, About("Names the incident; empty for one incident a pipeline.")] = ""
    severity: Annotated[str, About("critical, error, warning or info; empty for error, or the notification's own.")] = (
        ""
    )
    server: Annotated[str, About("https://events.eu.pagerduty.com in the EU region.")] = "https://events.pagerduty.com"

    @classmethod
    def check(cls, given: Any) -> None:
        """Checks the severity."""
        severity = given.get("severity", "")
        if isinstance(severity, str) and severity not in ("", "critical", "error", "warning", "info"):
            raise UsageError(f"pagerduty's severity is {severity!r}; it must be critical, error, warning or info.")

    def render(self, message: Message) -> Request:
        """Builds the event.

        Raises:
            UsageError: The message is about a run's start, for which PagerDuty has no event.
        """
        if message.phase == "started":
            raise UsageError("pagerduty has no event for a start; leave running out of its `when`.")
        event: dict[str, Any] = {
            "routing_key": self.routing_key.reveal() if self.routing_key else "",
            "event_action": "resolve" if message.outcome.state == "succeeded" else "trigger",
            "dedup_key": self.dedup_key[:255] or f"kfx-{message.series}",
            "client": "kfx",
            "payload": self._payload(message),
            "links": [{"href": link.url, "text": link.text} for link in message.links if link.url.startswith("http")],
        }
        url = f"{self.server.rstrip('/')}/v2/enqueue"
        return HttpRequest("POST", url, json.dumps(event).encode(), {"Content-Type": "application/json"})

    def _payload(self, message: Message) -> dict[str, Any]:
        own = message.severity if message.severity in ("warning", "error") else ""
        usual = "error" if message.outcome.state == "failed" else "warning"
        errors = {task.name: cut(task.error, 2000) for task in message.failed[:TASKS_SHOWN]}
        return {
            "summary": cut(f"{message.title}: {message.reason}" if message.reason else message.title, SUMMARY_LIMIT),
            "source": message.outcome.resource_name or message.facts.get("Pipeline") or "kfx",
            "severity": self.severity or own or usual,
            "timestamp": moment(message.time),
            "component": message.failed[0].name if message.failed else "",
            "group": message.facts.get("Pipeline", ""),
            "class": message.outcome.state,
            "custom_details": {
                **message.facts,
                **({"Message": message.text} if message.text else {}),
                **({"Failed tasks": errors} if errors else {}),
                **({"Metrics": dict(message.metrics)} if message.metrics else {}),
                **({"Notes": list(message.notes)} if message.notes else {}),
            },
        }
