"""Any service Apprise knows (SMS by Twilio, Discord, Telegram, Opsgenie and a hundred more), by its URL.

The URL holds the service's keys, so it is a secret. URLs: https://github.com/caronc/apprise/wiki.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import re
from dataclasses import dataclass
from typing import Annotated

from kfx.errors import MissingExtraError, PermanentError, TransientError, UsageError
from kfx.notify.channel import About, Channel
from kfx.notify.formats import plain
from kfx.notify.message import Message
from kfx.notify.request import RETRIED, Answer, Request
from kfx.secret import Secret

_TOLD = frozenset({"WARNING", "ERROR", "CRITICAL"})
_STATUS = re.compile(r"error=(\d{3})")  # how Apprise's services log an HTTP status
_SEVERITIES = {"succeeded": "success", "failed": "failure"}


@dataclass(frozen=True, repr=False)
class AppriseRequest(Request):
    """One notification through Apprise, which formats and cuts it for the service."""

    url: Secret
    title: str
    body: str
    severity: str

    def preview(self) -> bytes:
        """Returns title, body and type as JSON; Apprise makes the service's own request of them."""
        return json.dumps({"title": self.title, "message": self.body, "type": self.severity}).encode()

    def load(self) -> None:
        """Imports apprise and its hundred services, which takes longer than a try may; `send` tells what fails."""
        with contextlib.suppress(ImportError):
            importlib.import_module("apprise").Apprise().add("json://localhost")

    def send(self, timeout_s: float) -> Answer:
        """Sends once.

        Raises:
            MissingExtraError: apprise is not installed.
            UsageError: The URL is not one Apprise can read.
            TransientError: Apprise failed; the text is what it logged.
        """
        try:
            apprise = importlib.import_module("apprise")
        except ImportError:
            raise MissingExtraError("apprise notifications", "apprise") from None
        sender = apprise.Apprise()
        with apprise.LogCapture(level=logging.WARNING) as heard:
            if not sender.add(self.url.reveal()):
                raise UsageError(f"apprise cannot read its url. {heard.getvalue()}".strip())
        for server in sender:
            server.socket_connect_timeout = server.socket_read_timeout = timeout_s
        told = sender.notify(
            title=self.title, body=self.body, notify_type=self.severity, body_format="text", timeout=timeout_s
        )
        if not told:
            lines = [entry.message for result in told.results for entry in result.logs() if entry.level in _TOLD]
            reason = " ".join(lines) or "it gives no reason"
            refused = any(400 <= int(code) < 500 and int(code) not in RETRIED for code in _STATUS.findall(reason))
            raise (PermanentError if refused else TransientError)(f"apprise did not deliver: {reason}")
        return Answer(status=0)


@dataclass(frozen=True, repr=False)
class Apprise(Channel):
    """Sends through Apprise."""

    kind = "apprise"
    needs = (("url",),)

    url: Annotated[Secret | None, About("An Apprise URL.", env="APPRISE_URL")] = None

    def render(self, message: Message) -> Request:
        """Words the message as plain text under its title."""
        state = "info" if message.phase == "started" else _SEVERITIES.get(message.outcome.state, "warning")
        return AppriseRequest(self.url or Secret(""), message.title, plain(message), state)

    def judge(self, answer: Answer) -> None:
        """Accepts: a failure was raised by the sending itself."""
