"""A loopback Slack that enforces what Slack enforces, for the Web API and for incoming webhooks.

The error codes are those of https://docs.slack.dev/reference/methods/chat.postMessage and
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks; the limits those of the Block Kit reference.
"""

from __future__ import annotations

import json
from typing import Any

from .http_double import Double, Received, Reply

TOKEN = "xoxb-1111111111-canarycanary"
WEBHOOK_PATH = "/services/T000/B000/canarycanarycanary"


class SlackDouble(Double):
    """Slack with one channel, one token and one webhook."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(self._answer, **kwargs)
        self.messages: list[dict[str, Any]] = []

    def _answer(self, received: Received) -> Reply:
        if received.path.startswith("/api/"):
            return self._web_api(received)
        return self._webhook(received)

    def _web_api(self, received: Received) -> Reply:
        def say(**document: Any) -> Reply:
            return Reply(200, json.dumps(document).encode(), {"Content-Type": "application/json"})

        authorization = received.headers.get("authorization", "")
        if not authorization:
            return say(ok=False, error="not_authed")
        if authorization != f"Bearer {TOKEN}":
            return say(ok=False, error="invalid_auth")
        if not received.headers["content-type"].startswith("application/json"):
            return say(ok=False, error="invalid_post_type")
        document = json.loads(received.body)
        if document.get("channel") not in ("#ml", "C0123"):
            return say(ok=False, error="channel_not_found")
        if refused := broken_rule(document):
            code, detail = refused
            return say(ok=False, error=code, response_metadata={"messages": [f"[ERROR] {detail}"]})
        if received.path not in ("/api/chat.postMessage", "/api/chat.update"):
            return say(ok=False, error="unknown_method")
        self.messages.append({"method": received.path.rpartition("/")[2], **document})
        return say(ok=True, channel="C0123", ts=f"1700000000.{len(self.messages):06d}", message={})

    def _webhook(self, received: Received) -> Reply:
        def say(status: int, text: str) -> Reply:
            return Reply(status, text.encode(), {"Content-Type": "text/html"})

        if received.path != WEBHOOK_PATH:
            return say(404, "no_service")
        try:
            document = json.loads(received.body)
        except ValueError:
            return say(400, "invalid_payload")
        if refused := broken_rule(document):
            return say(400, refused[0])
        self.messages.append({"method": "webhook", **document})
        return say(200, "ok")


def broken_rule(document: dict[str, Any]) -> tuple[str, str] | None:
    """Names the first of Slack's rules that a message breaks, with Slack's error code."""
    blocks, text = document.get("blocks") or [], document.get("text") or ""
    if not blocks and not text.strip():
        return "no_text", "no text"
    if len(text) > 40_000:
        return "msg_too_long", "text over 40000"
    if len(blocks) > 50:
        return "invalid_blocks", "no more than 50 items allowed [json-pointer:/blocks]"
    if len(json.dumps(blocks, ensure_ascii=False)) > 16_000:
        return "msg_blocks_too_long", "blocks too long"
    for index, block in enumerate(blocks):
        if detail := _broken_block(block):
            return "invalid_blocks", f"{detail} [json-pointer:/blocks/{index}]"
    return None


def _broken_block(block: dict[str, Any]) -> str | None:
    kind = block.get("type")
    if kind == "header":
        return _broken_text(block.get("text"), 150, ("plain_text",))
    if kind == "section":
        fields = block.get("fields", [])
        if not fields and "text" not in block:
            return "missing required field: text"
        if len(fields) > 10:
            return "no more than 10 items allowed"
        broken = [_broken_text(field, 2000) for field in fields]
        broken += [_broken_text(block["text"], 3000)] if "text" in block else []
        return next((detail for detail in broken if detail), None)
    if kind == "context":
        elements = block.get("elements", [])
        if not 1 <= len(elements) <= 10:
            return "must have 1 to 10 elements"
        return next((detail for detail in (_broken_text(element, 2000) for element in elements) if detail), None)
    return None if kind == "divider" else f"unsupported type: {kind}"


def _broken_text(text: Any, limit: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> str | None:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        return f"must be one of {kinds}"
    if not text.get("text"):
        return "must be more than 0 characters"
    if text["type"] == "plain_text" and "verbatim" in text:
        return "invalid additional property: verbatim"
    return f"must be less than {limit + 1} characters" if len(text["text"]) > limit else None
