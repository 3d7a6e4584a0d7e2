"""Slack, against a double that enforces Slack's rules."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from kfx.errors import PermanentError, TransientError
from kfx.notify import Notification, Policy, announce
from kfx.notify.channels.slack import Slack
from kfx.notify.request import Answer
from kfx.secret import Secret

from ..statuses import STATUSES
from .http_double import Reply
from .situations import failed_run, hostile_message, message
from .slack_double import TOKEN, WEBHOOK_PATH, SlackDouble, broken_rule

END = ["completed", "error", "aborted"]


def bot(slack: SlackDouble, **params: Any) -> dict[str, Any]:
    """A notification with a bot token."""
    given = {"channel": "#ml", "base_url": f"{slack.url}/api", **params}
    return {"kind": "slack", "when": END, "params": given, "secret_params": {"token": "env:TEST_TOKEN"}}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, slack: SlackDouble) -> None:
    """The token and the webhook as the step would find them."""
    monkeypatch.setenv("TEST_TOKEN", TOKEN)
    monkeypatch.setenv("TEST_HOOK", slack.url + WEBHOOK_PATH)


HOOK = {"kind": "slack", "when": END, "secret_params": {"webhook": "env:TEST_HOOK"}}


@pytest.mark.parametrize("way", ["bot", "webhook"])
@pytest.mark.parametrize(("status", "state"), STATUSES.values(), ids=STATUSES)
def test_every_status_is_told_in_slack(
    status: dict[str, Any], state: str, way: str, slack: SlackDouble, quick: Policy
) -> None:
    """Whatever ended how, Slack takes the message, and its header tells the outcome."""
    told = announce(status, [bot(slack) if way == "bot" else HOOK], policy=quick)
    assert [one.status for one in told.deliveries] == ["sent"], told.deliveries
    [posted] = slack.messages
    header = posted["blocks"][0]["text"]["text"]
    words = {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled"}
    assert words.get(state, "unknown outcome") in header
    assert (":tada:" in header) == (state == "succeeded")


def test_the_preview_is_what_is_sent(slack: SlackDouble, quick: Policy) -> None:
    """A request's preview is the exact body on the wire, for a bot and for a webhook."""
    made = message(run=failed_run())
    for channel in (
        Slack(token=Secret(TOKEN), channel="#ml", base_url=slack.url + "/api"),
        Slack(webhook=Secret(slack.url + WEBHOOK_PATH)),
    ):
        request = channel.render(made)
        channel.judge(request.send(5))
        assert slack.received[-1].body == request.preview()


def test_a_hostile_message_keeps_every_limit_and_pings_nobody(slack: SlackDouble) -> None:
    """Sixty failed tasks with endless errors fit; markup of foreign text stays text."""
    channel = Slack(token=Secret(TOKEN), channel="#ml", base_url=slack.url + "/api")
    made = hostile_message()
    channel.judge(channel.render(made).send(5))
    [posted] = slack.messages
    assert posted["blocks"][0]["text"]["type"] == "plain_text"  # never parsed for mentions
    shown = posted["text"] + json.dumps(posted["blocks"][1:])
    assert "<!channel>" not in shown
    assert "&lt;!channel&gt;" in shown
    assert "more failed tasks" in shown
    sections = [block["text"]["text"] for block in posted["blocks"] if "text" in block]
    fenced = [text for text in sections if text.startswith("*Task")]
    assert fenced
    assert all(text.count("```") == 4 for text in fenced)


@pytest.mark.parametrize("tasks", [0, 1, 2, 11, 14, 40])
@pytest.mark.parametrize("size", [0, 10, 2990, 3000, 40_000])
def test_any_number_of_tasks_with_any_error_fits(tasks: int, size: int) -> None:
    """Slack's rules hold at and around every limit."""
    run = failed_run(error="&" * size, tasks=tasks, log="<" * size)
    made = replace(message(run=run, text=">" * size), notes=("&" * size or "n",) * 12)
    payload = json.loads(Slack(webhook=Secret("http://x")).render(made).preview())
    assert broken_rule(payload) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"channel": "#nowhere"}, "channel_not_found"),
        ({"base_url": "/wrong"}, "HTTP 404"),
    ],
)
def test_slacks_refusal_is_reported(
    change: dict[str, str], reason: str, slack: SlackDouble, quick: Policy, capsys: pytest.CaptureFixture[str]
) -> None:
    """`ok: false` with HTTP 200 is a failure with Slack's code, tried once."""
    if "base_url" in change:
        change = {"base_url": slack.url + change["base_url"]}
    [told] = announce({"state": "FAILED"}, [bot(slack, **change)], policy=quick).deliveries
    assert (told.status, told.tries) == ("error", 1)
    assert reason in told.reason or "no_service" in told.reason


def test_a_bad_token_is_reported_and_not_shown(
    slack: SlackDouble, quick: Policy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """invalid_auth reaches the report and the log; the token reaches neither."""
    monkeypatch.setenv("TEST_TOKEN", "canary-wrong-token")
    told = announce({"state": "FAILED"}, [bot(slack)], policy=quick)
    printed = capsys.readouterr()
    assert "invalid_auth" in told.deliveries[0].reason
    assert "invalid_auth" in printed.out
    assert "canary" not in told.report + printed.out + printed.err + repr(told)


def test_a_429_is_tried_again_after_what_slack_asked_for(slack: SlackDouble) -> None:
    """Retry-After sets the wait, for the Web API and for webhooks."""
    for notification in (bot(slack), HOOK):
        slack.script.append(Reply(429, b'{"ok": false, "error": "ratelimited"}', {"Retry-After": "0"}))
        [told] = announce({"state": "FAILED"}, [notification], policy=Policy(backoff_s=30, budget_s=10)).deliveries
        assert (told.status, told.tries) == ("sent", 2)


def test_a_wait_beyond_the_budget_is_reported(slack: SlackDouble, quick: Policy) -> None:
    """Slack asking for ten minutes ends the tries at once and says so."""
    slack.script.append(Reply(429, b"", {"Retry-After": "600"}))
    [told] = announce({"state": "FAILED"}, [bot(slack)], policy=quick).deliveries
    assert (told.status, told.tries) == ("error", 1)
    assert "600 s" in told.reason


@pytest.mark.parametrize(
    ("status", "document", "error"),
    [
        (200, {"ok": False, "error": "not_in_channel"}, PermanentError),
        (200, {"ok": False, "error": "internal_error"}, TransientError),
        (200, {"ok": False}, PermanentError),
        (503, {"ok": False, "error": "anything"}, TransientError),
        (400, {"ok": False, "error": "anything"}, PermanentError),
    ],
)
def test_slacks_answers_are_told_apart(status: int, document: dict[str, Any], error: type[Exception]) -> None:
    """What may pass is tried again, the rest is not."""
    with pytest.raises(error):
        Slack(webhook=Secret("http://x")).judge(Answer(status, json.dumps(document).encode()))


def test_sender_name_and_picture_are_sent(slack: SlackDouble, quick: Policy) -> None:
    """username and icon_emoji reach Slack."""
    announce({"state": "FAILED"}, [bot(slack, username="kfx", icon_emoji=":robot_face:")], policy=quick)
    assert (slack.messages[0]["username"], slack.messages[0]["icon_emoji"]) == ("kfx", ":robot_face:")


def test_a_failed_runs_page_and_tasks_are_shown(slack: SlackDouble) -> None:
    """A failed run's message has the run page as a link and the tasks' names."""
    made = message(run=failed_run(tasks=2))
    shown = json.dumps(json.loads(Slack(webhook=Secret("http://x")).render(made).preview())["blocks"])
    assert "<https://console.cloud.google.com/vertex-ai/locations/l/pipelines/runs/j-1?project=p|Run page>" in shown
    assert "*Task train-2 failed*" in shown
    assert Notification.from_dict(HOOK).label == "slack"
