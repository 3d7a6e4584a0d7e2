"""Sends to Slack through slack_sdk: the Web API with a bot token, or an incoming webhook.

slack_sdk's own retry handlers are off, because `deliver` retries, and its logger is replaced by one that stays silent:
at debug level it would print the webhook's URL, which is the secret.
"""

from __future__ import annotations

import importlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kfx.errors import TransientError
from kfx.notify.http import guarded, tls_context
from kfx.notify.request import Answer, Request
from kfx.secret import Secret

_SILENT = logging.Logger("kfx.notify.slack", level=logging.CRITICAL)
_SILENT.addHandler(logging.NullHandler())


@dataclass(frozen=True, repr=False)
class SlackRequest(Request):
    """One call of Slack."""

    payload: Mapping[str, Any]

    webhook: Secret | None = None
    """An incoming webhook's URL; the Web API is called when it is None."""

    token: Secret | None = None

    method: str = "chat.postMessage"
    """The Web API's method."""

    base_url: str = "https://slack.com/api/"

    update: Mapping[str, Any] | None = None
    """A `chat.update` to make first: the run's start message, told how the run ended. Refused, the message is posted
    outside its thread, where somebody sees it."""

    def preview(self) -> bytes:
        """Returns the JSON body as slack_sdk serialises it; that of an update first, on a line of its own."""
        bodies = [self.update, self.payload] if self.update else [self.payload]
        return b"\n".join(json.dumps(body).encode() for body in bodies)

    def load(self) -> None:
        """Imports slack_sdk and the system's certificate authorities."""
        importlib.import_module("slack_sdk.webhook" if self.webhook else "slack_sdk")
        tls_context(verify=True)

    def send(self, timeout_s: float) -> Answer:
        """Calls Slack once; an `ok: false` answer is returned like any other."""
        if self.webhook is not None:
            return guarded(lambda: self._post_to_webhook(timeout_s))
        remark, payload, deadline = "", dict(self.payload), time.monotonic() + timeout_s
        if self.update:
            updated = guarded(lambda: self._call_api("chat.update", self.update or {}, timeout_s))
            if not (updated.json() or {}).get("ok"):
                payload.pop("thread_ts", None)
                remark = f"The start message was not updated: {updated.text(100)}"
        left = deadline - time.monotonic()
        if left <= 0:
            raise TransientError("Slack did not answer in time.")
        answer = guarded(lambda: self._call_api(self.method, payload, left))
        return replace(answer, remark=remark)

    def _post_to_webhook(self, timeout_s: float) -> Answer:
        from slack_sdk.webhook import WebhookClient  # a console message should not pay for Slack

        assert self.webhook is not None  # noqa: S101
        client = WebhookClient(
            self.webhook.reveal(),
            timeout=timeout_s,  # type: ignore[arg-type]  # goes to socket.settimeout, which takes fractions
            ssl=tls_context(verify=True),
            retry_handlers=[],
            logger=_SILENT,
        )
        response = client.send_dict(dict(self.payload))
        return Answer(response.status_code, (response.body or "").encode(), _lower(response.headers))

    def _call_api(self, method: str, payload: Mapping[str, Any], timeout_s: float) -> Answer:
        from slack_sdk import WebClient
        from slack_sdk.errors import SlackApiError

        client = WebClient(
            token=self.token.reveal() if self.token else None,
            base_url=self.base_url,
            timeout=timeout_s,  # type: ignore[arg-type]
            ssl=tls_context(verify=True),
            retry_handlers=[],
            logger=_SILENT,
        )
        try:
            response = client.api_call(method, json=dict(payload))
        except SlackApiError as error:
            response = error.response
        status = response.status_code or 0
        return Answer(status, json.dumps(response.data).encode(), _lower(response.headers))


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
