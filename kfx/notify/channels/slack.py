"""Slack: a bot token and a channel, or an incoming webhook. Block Kit within Slack's limits, mrkdwn escaped.

Limits: https://docs.slack.dev/reference/block-kit/blocks (50 blocks; header 150, section 3000, field 2000, ten fields
and ten context elements) and https://docs.slack.dev/reference/methods/chat.postMessage (text 4000 advised).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from kfx.errors import PermanentError, TransientError, UsageError
from kfx.notify.channel import About, Channel
from kfx.notify.message import FailedTask, Message
from kfx.notify.request import Answer, Request, refuse, retry_after
from kfx.notify.slack_api import SlackRequest
from kfx.notify.text import cut
from kfx.secret import Secret

HEADER_LIMIT, SECTION_LIMIT, FIELD_LIMIT, TEXT_LIMIT = 150, 3000, 2000, 4000
TOTAL_LIMIT = 12_000
"""Characters over all blocks; Slack answers msg_blocks_too_long a little above 13,200."""

TASKS_SHOWN = 15
TASK_FLOOR = 250
"""Characters below which a task's section would say nothing."""

URL_LIMIT = 1000
"""A longer link is left out; Slack would refuse the whole message for a broken one."""

_EMOJI = {"succeeded": ":tada:", "failed": ":x:", "cancelled": ":octagonal_sign:", "running": ":hourglass:"}
_TRANSIENT = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


@dataclass(frozen=True, repr=False)
class Slack(Channel):
    """Posts to a Slack channel."""

    kind = "slack"
    needs = (("webhook",), ("token", "channel"))
    threaded = True

    webhook: Annotated[Secret | None, About("An incoming webhook's URL.", env="SLACK_WEBHOOK")] = None
    token: Annotated[Secret | None, About("A bot token with the scope chat:write.", env="SLACK_BOT_TOKEN")] = None
    channel: Annotated[str, About("Channel id or name, for a bot token.", env="SLACK_CHANNEL")] = ""
    username: Annotated[str, About("Shown as the sender (scope chat:write.customize); empty for the app's name.")] = ""
    icon_emoji: Annotated[str, About("The sender's picture, such as :robot_face:; empty for the app's.")] = ""
    base_url: Annotated[str, About("The Web API, for GovSlack or a proxy.", env="SLACK_API_URL")] = (
        "https://slack.com/api/"
    )

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> None:
        """Refuses an emoji without its colons, which Slack would drop without a word."""
        emoji = given.get("icon_emoji", "")
        if isinstance(emoji, str) and emoji and not re.fullmatch(r":[^:\s]+:", emoji):
            raise UsageError(f"slack's icon_emoji is {emoji!r}; write it between colons, such as :robot_face:.")

    def render(self, message: Message) -> Request:
        """Builds the call: blocks for people, text for notifications and screen readers."""
        payload: dict[str, Any] = {"text": _fallback(message), "blocks": blocks(message), "unfurl_links": False}
        payload |= {"username": self.username} if self.username else {}
        payload |= {"icon_emoji": self.icon_emoji} if self.icon_emoji else {}
        if not (self.token and (self.channel or not self.webhook)):
            return SlackRequest(payload, webhook=self.webhook)
        update = None
        if "ts" in message.remembered:
            known = {name: message.remembered[name] for name in ("channel", "ts")}
            update = {**known, "text": payload["text"], "blocks": payload["blocks"]}
            payload |= {"thread_ts": known["ts"], "reply_broadcast": message.outcome.state != "succeeded"}
        base_url = self.base_url.rstrip("/") + "/"
        return SlackRequest({"channel": self.channel, **payload}, token=self.token, base_url=base_url, update=update)

    def remember(self, answer: Answer) -> dict[str, Any]:
        """Keeps where the message stands, for the thread of the run; a webhook's answer does not say."""
        document = answer.json()
        known = document if isinstance(document, dict) else {}
        return {name: known[name] for name in ("channel", "ts")} if {"channel", "ts"} <= set(known) else {}

    def judge(self, answer: Answer) -> None:
        """Reads Slack's answer; the Web API reports its errors as HTTP 200 with `ok: false`."""
        document = answer.json()
        if not isinstance(document, dict):
            return super().judge(answer)
        if document.get("ok") is True and answer.status == 200:
            return None
        error = str(document.get("error") or "an answer without an error code")
        if error in _TRANSIENT:
            raise TransientError(f"slack answered {error}.", retry_after_s=retry_after(answer))
        detail = "; ".join(str(line) for line in (document.get("response_metadata") or {}).get("messages", []))
        what = f"slack answered {error}." + (f" {detail}" if detail else "")
        if answer.status != 200:
            refuse(answer, what)
        raise PermanentError(what)


def blocks(message: Message) -> list[dict[str, Any]]:
    """Lays a message out in Block Kit, never over Slack's limits."""
    above, below = _above(message), _below(message)
    room = TOTAL_LIMIT - sum(len(str(block)) for block in above + below)
    shown = message.failed[: max(1, min(TASKS_SHOWN, room // TASK_FLOOR))]
    share = min(SECTION_LIMIT, room // max(1, len(shown)))
    tasks = [_section(_task(task, share)) for task in shown]
    left = len(message.failed) - len(shown)
    more = [_section(f"and {left} more failed tasks")] if left else []
    return [*above, *tasks, *more, *below]


def _above(message: Message) -> list[dict[str, Any]]:
    made = [_header(message)]
    if message.text:
        made.append(_section(_escaped(message.text, SECTION_LIMIT)))
    fields = [f"*{label}*\n{_escaped(value, 300)}" for label, value in message.facts.items() if value]
    if fields:
        made.append({"type": "section", "fields": [_mrkdwn(text) for text in fields[:10]]})
    if message.outcome.error_message and not any(task.error for task in message.failed):
        made.append(_section(_code(message.outcome.error_message, 1000)))
    return made


def _below(message: Message) -> list[dict[str, Any]]:
    made = []
    if message.metrics:
        lines = "\n".join(f"{name} = {value}" for name, value in message.metrics.items())
        made.append(_section("*Metrics*\n" + _code(lines, 1000)))
    links = [_link(link.text, link.url) for link in message.links if len(link.url) <= URL_LIMIT]
    if links:
        made.append(_section("   ".join(links[:2])))
    notes = [_mrkdwn(_escaped(note, 200)) for note in message.notes[:5]]
    return made + ([{"type": "context", "elements": notes}] if notes else [])


def _header(message: Message) -> dict[str, Any]:
    emoji = _EMOJI["running"] if message.phase == "started" else _EMOJI.get(message.outcome.state, ":grey_question:")
    text = cut(f"{emoji} {message.title}", HEADER_LIMIT)
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": True}}


def _fallback(message: Message) -> str:
    text = f"[{message.severity}] {message.title}" + (f": {message.text}" if message.text else "")
    return _escaped(text + (f"\n{message.reason}" if message.reason else ""), TEXT_LIMIT // 2)


def _task(task: FailedTask, limit: int) -> str:
    heading = f"*Task {_escaped(task.name.replace('`', chr(39)), 200)} failed*"
    logs = f"   {_link('Logs', task.log_url)}" if task.log_url else ""
    room = limit - len(heading) - len(logs) - 10
    error = _code(task.error or "The platform gives no reason.", room // 2 if task.log else room)
    log = "\n" + _code(task.log, room // 2) if task.log else ""
    return f"{heading}{logs}\n{error}{log}"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _escaped(text: str, limit: int) -> str:
    """Escapes the three characters Slack reads as control (&, <, >), counting the escaped length."""
    shortened = cut(text, limit, cost=lambda character: len(_ESCAPES.get(character, character)))
    return "".join(_ESCAPES.get(character, character) for character in shortened)


def _code(text: str, limit: int) -> str:
    """Puts a text into a code block it cannot break out of."""
    return "```" + _escaped(text.replace("```", "'''"), max(40, limit - 6)) + "```"


def _link(text: str, url: str) -> str:
    if not url.startswith(("https://", "http://")):
        return f"{text}: `{_escaped(url, 500)}`"
    return f"<{_escaped(url, 5 * URL_LIMIT).replace('|', '%7C')}|{text}>"
