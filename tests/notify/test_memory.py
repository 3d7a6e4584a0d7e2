"""Sent once, told in one thread, and knowing how the last run ended: what is remembered between tries and runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from kfx.notify import Policy, announce
from kfx.notify.memory import open_memory, recall

from ..conftest import require_module
from .http_double import Double, Received, Reply
from .slack_double import TOKEN, SlackDouble

CONSOLE = {"kind": "console", "when": ["completed", "error", "aborted"]}


def status(state: str, run: str = "wf-7xk2p") -> dict[str, Any]:
    """A final status of an OSS run."""
    return {"state": state, "pipelineJobResourceName": run}


def statuses(*args: Any, **kwargs: Any) -> list[str]:
    """What became of each notification."""
    return [one.status for one in announce(*args, **kwargs).deliveries]


def test_a_retried_exit_task_sends_nothing_twice(tmp_path: Path) -> None:
    """Once per run, state and notification; unnamed ones are told apart by their place."""
    both = [CONSOLE, CONSOLE, {**CONSOLE, "name": "ops"}]
    assert statuses(status("FAILED"), both, state_dir=str(tmp_path)) == ["sent"] * 3
    again = announce(status("FAILED"), both, state_dir=str(tmp_path)).deliveries
    assert [one.status for one in again] == ["suppressed"] * 3
    assert again[0].reason.startswith("Already sent at 20")
    assert statuses(status("SUCCEEDED"), both, state_dir=str(tmp_path)) == ["sent"] * 3
    assert statuses(status("FAILED", "wf-9zzt4"), both, state_dir=str(tmp_path)) == ["sent"] * 3


def test_the_messages_own_folder_remembers_a_retry(tmp_path: Path) -> None:
    """Without a state_dir the mark is beside the message, which a mounted bucket keeps."""
    path = str(tmp_path / "notify" / "message")
    assert statuses(status("FAILED"), [CONSOLE], message_path=path) == ["sent"]
    assert statuses(status("FAILED"), [CONSOLE], message_path=path) == ["suppressed"]
    assert statuses(status("FAILED"), [CONSOLE]) == ["sent"]


def test_what_failed_is_tried_again_by_the_retry(tmp_path: Path, quick: Policy) -> None:
    """Only a sent notification is remembered."""
    with Double(lambda _: Reply(400)) as double:
        hook = {"kind": "webhook", "when": ["error"], "params": {"url": double.url}}
        assert statuses(status("FAILED"), [hook, CONSOLE], state_dir=str(tmp_path), policy=quick) == ["error", "sent"]
        double.answer = lambda _: Reply(200)
        given = {"state_dir": str(tmp_path), "policy": quick}
        assert statuses(status("FAILED"), [hook, CONSOLE], **given) == ["sent", "suppressed"]
        assert statuses(status("FAILED"), [hook, CONSOLE], **given) == ["suppressed", "suppressed"]


def test_a_memory_that_fails_silences_nothing(tmp_path: Path) -> None:
    """A path that cannot be read or written costs the memory, not the message, and the report says so."""
    (tmp_path / "file").write_text("")
    for _ in range(2):
        [told] = announce(status("FAILED"), [CONSOLE], state_dir=str(tmp_path / "file")).deliveries
        assert told.status == "sent"
        assert "A retry of this task would send it again" in told.reason
    [told] = announce(status("FAILED"), [CONSOLE], state_dir="nosuchstore://x").deliveries
    assert told.status == "sent"
    assert "A retry of this task would send it again: There is no driver for nosuchstore://" in told.reason
    both = {**CONSOLE, "when": ["error", "recovered"]}
    assert (
        "The pipeline's last run is not known" in announce(status("FAILED"), [both], state_dir="nosuchstore://x").report
    )


def test_a_mark_that_is_no_json_counts_as_none(tmp_path: Path) -> None:
    """Half a file, as a crash of another tool might leave, does not silence a message."""
    memory = open_memory(str(tmp_path))
    memory.write("sent/a.json", {"time": "x"})
    assert memory.read("sent/a.json") == {"time": "x"}
    next(tmp_path.rglob("a.json")).write_text("{")
    assert recall(memory, "sent/a.json") == ({}, "")
    assert memory.read("sent/b.json") is None


def test_local_runs_of_one_name_are_not_taken_for_each_other(tmp_path: Path) -> None:
    """kfp.local gives every run the same resource name, so without a run's name nothing is remembered."""
    local = {"state": "FAILED", "pipeline_job_resource_name": "local-pipeline-exit-handler-1"}
    for _ in range(2):
        assert statuses(local, [CONSOLE], state_dir=str(tmp_path)) == ["sent"]
    for expected in ("sent", "suppressed"):
        assert statuses(local, [CONSOLE], state_dir=str(tmp_path), pipeline="p-1") == [expected]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    """Cloud Storage on loopback."""
    objects: dict[str, bytes] = {}

    def answer(received: Received) -> Reply:
        parts = urlsplit(received.path)
        if parts.path.startswith("/upload/"):
            objects[parse_qs(parts.query)["name"][0]] = received.body
            return Reply(200, b'{"kind": "storage#object"}')
        found = objects.get(unquote(parts.path.rpartition("/o/")[2]))
        return Reply(200, found) if found is not None else Reply(404, b'{"error": {"code": 404, "message": "none"}}')

    with Double(answer) as double:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", double.url)
        yield double


def test_a_bucket_remembers(bucket: Double) -> None:
    """gs:// works over Cloud Storage's REST API, in a folder of kfx's own under the given one."""
    for expected in ("sent", "suppressed"):
        assert statuses(status("FAILED"), [CONSOLE], state_dir="gs://b/root") == [expected]
    assert any("name=root%2Fkfx-notify%2Fsent%2F" in one.path for one in bucket.received)


def test_any_fsspec_store_remembers() -> None:
    """Other URLs go through fsspec where its driver is installed."""
    require_module("fsspec")
    for expected in ("sent", "suppressed"):
        assert statuses(status("FAILED", "wf-mem01"), [CONSOLE], state_dir="memory://kfx-test") == [expected]


@pytest.fixture
def bot(slack: SlackDouble, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A Slack bot that is told of start and end."""
    monkeypatch.setenv("TEST_TOKEN", TOKEN)
    return {
        "kind": "slack",
        "when": ["running", "completed", "error"],
        "params": {"channel": "#ml", "base_url": slack.url + "/api"},
        "secret_params": {"token": "env:TEST_TOKEN"},
    }


@pytest.mark.parametrize("state", ["FAILED", "SUCCEEDED"])
def test_a_slack_bot_keeps_one_thread_a_run_and_updates_its_start_message(
    state: str, slack: SlackDouble, bot: dict[str, Any], tmp_path: Path, quick: Policy
) -> None:
    """Start: a message. End: that message says how it ended, and the news stands in its thread."""
    given: dict[str, Any] = {"run_id": "0b5c", "state_dir": str(tmp_path), "policy": quick}
    assert statuses({"state": "RUNNING"}, [bot], phase="started", pipeline="nightly", **given) == ["sent"]
    assert statuses(status(state), [bot], pipeline="nightly", **given) == ["sent"]
    start, update, reply = slack.messages
    assert (start["method"], update["method"], reply["method"]) == (
        "chat.postMessage",
        "chat.update",
        "chat.postMessage",
    )
    assert "nightly started" in start["text"]
    assert update["ts"] == reply["thread_ts"] == "1700000000.000001"
    assert update["channel"] == "C0123"
    assert ("failed" if state == "FAILED" else "succeeded") in update["text"]
    assert reply["reply_broadcast"] is (state == "FAILED")


def test_a_start_message_that_is_gone_leaves_the_news_in_the_channel(
    slack: SlackDouble, bot: dict[str, Any], tmp_path: Path, quick: Policy
) -> None:
    """Slack refuses the update: the message is posted outside the thread, and the report says why."""
    given: dict[str, Any] = {"run_id": "0b5c", "state_dir": str(tmp_path), "policy": quick}
    announce({"state": "RUNNING"}, [bot], phase="started", **given)
    slack.script.append(Reply(200, b'{"ok": false, "error": "message_not_found"}'))
    [told] = announce(status("FAILED"), [bot], **given).deliveries
    assert told.status == "sent"
    assert "message_not_found" in told.reason
    assert "thread_ts" not in slack.messages[-1]


def test_recovered_and_still_failing_follow_the_pipelines_runs(tmp_path: Path) -> None:
    """The last run that succeeded or failed decides; a retry of the exit task changes nothing."""
    rules = [{"kind": "console", "name": rule, "when": [rule]} for rule in ("recovered", "still_failing")]

    def told(state: str, run: str) -> list[str]:
        done = announce(status(state, f"train-{run}"), rules, state_dir=str(tmp_path), look_up_s=0)
        return [one.name for one in done.deliveries if one.status == "sent"]

    history = [
        ("FAILED", "a1111"),
        ("FAILED", "b1111"),
        ("CANCELLED", "c1111"),
        ("SUCCEEDED", "d1111"),
        ("SUCCEEDED", "e1111"),
    ]
    assert [told(*run) for run in history] == [[], ["still_failing"], [], ["recovered"], []]
    assert told("FAILED", "f1111") == []
    [mark] = (tmp_path / "kfx-notify" / "pipelines").glob("*.json")
    assert json.loads(mark.read_text())["before"] == "succeeded"
    announce(status("FAILED", "train-f1111"), rules, state_dir=str(tmp_path), look_up_s=0)
    assert json.loads(mark.read_text())["before"] == "succeeded"


def test_a_rule_on_the_past_says_when_the_past_is_unknown() -> None:
    """Without a memory or a readable run before, recovered is suppressed with that reason."""
    [told] = announce(status("SUCCEEDED"), [{"kind": "console", "when": ["recovered"]}], look_up_s=0).deliveries
    assert told.reason == "The run succeeded (the run before: not known); this one is for recovered."
