"""The exit task as a function: every notification has its own fate, and the report tells it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kfx.errors import PermanentError, UsageError
from kfx.notify import Policy, announce
from kfx.runs import local
from kfx.runs.run import Run, Task

from .situations import failed_run
from .slack_double import TOKEN, SlackDouble

ENDS = {"completed": "SUCCEEDED", "error": "FAILED", "aborted": "CANCELLED"}


@pytest.mark.parametrize("said", ENDS.values())
@pytest.mark.parametrize(
    ("when", "sent"),
    [
        (["completed"], {"SUCCEEDED"}),
        (["error"], {"FAILED"}),
        (["aborted"], {"CANCELLED"}),
        (["succeeded", "failed"], {"SUCCEEDED", "FAILED"}),
        (["cancelled"], {"CANCELLED"}),
        (["running"], set()),
        (["completed", "error", "aborted"], {"SUCCEEDED", "FAILED", "CANCELLED"}),
    ],
)
def test_when_decides(when: list[str], sent: set[str], said: str) -> None:
    """A notification goes out for exactly the states it names, in MLRun's words or plain ones."""
    [told] = announce({"state": said}, [{"kind": "console", "when": when}]).deliveries
    assert told.status == ("sent" if said in sent else "suppressed")
    assert bool(told.reason) == (told.status == "suppressed")


@pytest.mark.parametrize("said", ["SUCCEEDED", "COMPLETE", "FAILED", "CANCELLED", "RUNNING", "", "WHAT"])
def test_on_failure_only_is_silent_on_success_alone(said: str) -> None:
    """Everything that is not known to be a success is told."""
    [told] = announce({"state": said}, [{"kind": "console", "on_failure_only": True}]).deliveries
    assert told.status == ("suppressed" if said in ("SUCCEEDED", "COMPLETE") else "sent")


@pytest.mark.parametrize("when", [["completed"], ["error"], ["aborted"]])
@pytest.mark.parametrize("said", ["RUNNING", "", "WHAT"])
def test_an_unknown_outcome_is_told_to_whoever_waits_for_an_end(
    said: str, when: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is left waiting because a platform gave no state, and nobody reads of a success."""
    announce({"state": said, "pipelineJobResourceName": "wf"}, [{"kind": "console", "when": when}])
    printed = capsys.readouterr().out
    assert "wf ended with an unknown outcome" in printed
    assert "succeeded" not in printed


@pytest.mark.parametrize("when", [["recovered"], ["still_failing"], ["running", "recovered", "still_failing"]])
@pytest.mark.parametrize("said", ["RUNNING", "", "WHAT"])
def test_an_unknown_outcome_is_neither_a_recovery_nor_another_failure(said: str, when: list[str]) -> None:
    """Whoever asks only how this run compares with the one before is told nothing that nobody knows."""
    [told] = announce({"state": said}, [{"kind": "console", "when": when}], look_up_s=0).deliveries
    assert told.status == "suppressed"
    assert told.reason.startswith("The run ended with an unknown outcome (the run before: not known)")


def test_a_start_goes_to_those_who_asked_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    """In the started phase only `running` counts."""
    consoles = [{"kind": "console", "when": ["running"]}, {"kind": "console", "when": ["completed", "error"]}]
    told = announce(None, consoles, phase="started", pipeline="train").deliveries
    assert [one.status for one in told] == ["sent", "suppressed"]
    assert "train started" in capsys.readouterr().out


def test_a_wrong_notification_keeps_none_of_the_others_from_going(
    slack: SlackDouble, quick: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bad kind, bad parameter, missing secret, literal secret, no mapping: each its own error, the rest is sent."""
    monkeypatch.setenv("TEST_TOKEN", TOKEN)
    good: dict[str, Any] = {
        "kind": "slack",
        "when": ["error"],
        "params": {"channel": "#ml", "base_url": slack.url + "/api"},
        "secret_params": {"token": "env:TEST_TOKEN"},
    }
    missing = {**good, "secret_params": {"token": "env:NOT_THERE"}}
    literal = {**good, "secret_params": {"token": "xoxb-canary-canary-canary"}}
    items: list[Any] = [{"kind": "nope"}, {"kind": "console", "params": {"a": 1}}, missing, literal, "text", good, None]
    told = announce({"state": "FAILED"}, items, policy=quick)
    assert [one.status for one in told.deliveries] == ["error"] * 5 + ["sent"] + ["error"]
    assert "env:NOT_THERE" in told.deliveries[2].reason
    assert "canary" not in told.report
    assert len(slack.messages) == 1


def test_warn_is_green_and_fail_is_red_after_everything_was_tried(slack: SlackDouble, quick: Policy) -> None:
    """on_delivery_error decides about the task only; both write the report; another word is refused first."""
    items = [{"kind": "nope"}, {"kind": "console", "when": ["error"]}]
    assert [one.kind for one in announce({"state": "FAILED"}, items, policy=quick).failures] == ["nope"]
    with pytest.raises(PermanentError, match=r"1 of 2 notifications were not delivered: .*nope"):
        announce({"state": "FAILED"}, items, on_delivery_error="fail", policy=quick)
    with pytest.raises(UsageError, match="warn or fail"):
        announce({"state": "FAILED"}, items, on_delivery_error="ignore")


def test_the_report_holds_the_message_and_every_delivery(tmp_path: Path) -> None:
    """The Markdown names the outcome and lists kind, name, status, tries and reason."""
    path = tmp_path / "deep" / "message"
    items = [{"kind": "console", "name": "a|b", "when": ["error"]}, {"kind": "console", "name": "quiet"}]
    announce({"state": "FAILED", "pipelineJobResourceName": "wf-1"}, items, message_path=str(path))
    report = path.read_text()
    assert "✖ wf\\-1 failed" in report
    assert "| console | a\\|b | sent | 1 |  |" in report
    assert "| console | quiet | suppressed | 0 | The run failed; this one is for succeeded. |" in report


def test_a_local_run_gives_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The failing task's own error, its log's end, metrics and duration come from the run's file."""
    local.save(failed_run(log="Epoch 1\nEpoch 2"), tmp_path / "run.json")
    monkeypatch.setenv(local.RUN_FILE_VARIABLE, str(tmp_path / "run.json"))
    status = {"state": "FAILED", "error": {"code": 1.0, "message": "Task exit-handler-1 failed."}}
    announce(status, [{"kind": "console", "when": ["error"]}])
    printed = capsys.readouterr().out
    assert "sklearn-train failed" in printed
    assert "ValueError: no column 'Class'" in printed
    assert "Epoch 2" in printed
    assert "Task exit-handler-1 failed." not in printed


@pytest.mark.parametrize("content", ["{", "[]", '{"tasks": [{"nope": 1}], "id": "x", "pipeline": "p"}', None])
def test_a_run_that_cannot_be_read_is_a_note_and_the_message_goes(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken or absent run file costs the cause, never the message."""
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv(local.RUN_FILE_VARIABLE, str(path))
    [told] = announce({"state": "FAILED"}, [{"kind": "console", "when": ["error"]}]).deliveries
    assert told.status == "sent"
    assert "Note: The failing tasks are unknown" in capsys.readouterr().out


def test_names_given_by_the_caller_win(capsys: pytest.CaptureFixture[str]) -> None:
    """run_name and run_id placeholders beat the status's names."""
    status = {"state": "COMPLETE", "pipelineJobResourceName": "wf-7xk2p"}
    announce(status, [{"kind": "console"}], pipeline="nightly", run_id="0b5c")
    printed = capsys.readouterr().out
    assert "nightly succeeded" in printed
    assert "Run:          0b5c" in printed


def test_a_log_is_found_where_a_local_task_left_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed task's log file gives the last lines, redacted."""
    log = tmp_path / "train.log"
    log.write_text("first\n" * 3000 + "token xoxb-123456789012-canarycanary\nlast line\n")
    run = Run("r", "p", (Task("train", "failed", error="boom", log=str(log)),))
    local.save(run, tmp_path / "run.json")
    monkeypatch.setenv(local.RUN_FILE_VARIABLE, str(tmp_path / "run.json"))
    announce({"state": "FAILED"}, [{"kind": "console", "when": ["error"]}])
    printed = capsys.readouterr().out
    assert "last line" in printed
    assert "canary" not in printed


def test_importing_kfx_notify_is_light() -> None:
    """No kfp, Google, TensorFlow, pandas, Jinja, YAML or Slack module comes with the package."""
    code = (
        "import sys; before = set(sys.modules); import kfx.notify; new = set(sys.modules) - before\n"
        "heavy = {'kfp', 'google', 'tensorflow', 'pandas', 'numpy', 'pyarrow', 'jinja2', 'yaml', 'slack_sdk'}\n"
        "print(sorted(name for name in new if name.partition('.')[0] in heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
