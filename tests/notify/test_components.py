"""The notification components as KFP runs them: called, executed as a container would, and in a local pipeline."""

from __future__ import annotations

import email
import email.policy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp import local
from kfp.dsl import Artifact, Markdown, PipelineTaskFinalStatus

from kfx import components

from ..statuses import STATUSES
from .http_double import Double, Reply
from .mail_double import MailDouble
from .slack_double import TOKEN, WEBHOOK_PATH, SlackDouble

every_status = pytest.mark.parametrize(("status", "state"), STATUSES.values(), ids=STATUSES)
WORDS = {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled"}
END = ["completed", "error", "aborted"]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, slack: SlackDouble) -> None:
    """The step's environment."""
    monkeypatch.setenv("TEST_TOKEN", TOKEN)
    monkeypatch.setenv("TEST_HOOK", slack.url + WEBHOOK_PATH)
    monkeypatch.setenv("SLACK_API_URL", slack.url + "/api/")


def as_object(status: dict[str, Any]) -> PipelineTaskFinalStatus:
    """What KFP's executor makes of a final status."""
    error = status.get("error") or {}
    return PipelineTaskFinalStatus(
        state=status.get("state"),
        pipeline_job_resource_name=status.get("pipelineJobResourceName") or status.get("pipeline_job_resource_name"),
        pipeline_task_name=status.get("pipelineTaskName") or status.get("pipeline_task_name"),
        error_code=error.get("code"),
        error_message=error.get("message"),
    )


def outputs(folder: Path) -> dict[str, Any]:
    """The output artifacts of a notification component."""
    return {"message": Markdown(uri=str(folder / "message")), "report": Artifact(uri=str(folder / "report"))}


def execute(component: Any, folder: Path, **values: Any) -> subprocess.CompletedProcess[str]:
    """Runs a component's own command with an ExecutorInput, as every platform does."""
    outputs = {
        name: {"artifacts": [{"name": name, "type": {"schemaTitle": kind}, "uri": str(folder / name)}]}
        for name, kind in {"message": "system.Markdown", "report": "system.Artifact"}.items()
    }
    defaults = {
        name: spec.default for name, spec in component.component_spec.inputs.items() if spec.default is not None
    }
    document = {
        "inputs": {"parameterValues": {**defaults, **values}},
        "outputs": {"artifacts": outputs, "outputFile": str(folder / "output.json")},
    }
    container = component.component_spec.implementation.container
    arguments = ["--executor_input", json.dumps(document), "--function_to_execute", component.name.replace("-", "_")]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [*container.command, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=False,
    )


@every_status
def test_notify_slack_tells_every_status(
    status: dict[str, Any], state: str, slack: SlackDouble, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Called with what KFP hands over, it posts the outcome and writes it as Markdown."""
    components.notify_slack.python_func(
        status=as_object(status),
        **outputs(tmp_path),
        channel="#ml",
        token="env:TEST_TOKEN",
        text="Ring the bell.",
    )
    [posted] = slack.messages
    assert WORDS.get(state, "unknown outcome") in posted["blocks"][0]["text"]["text"]
    assert "Ring the bell." in json.dumps(posted["blocks"])
    assert "| slack |  | sent |" in (tmp_path / "message").read_text()
    [delivery] = json.loads((tmp_path / "report").read_text())["deliveries"]
    assert (delivery["kind"], delivery["status"], delivery["tries"]) == ("slack", "sent", 1)
    assert TOKEN not in capsys.readouterr().out + (tmp_path / "message").read_text()


@every_status
def test_notify_email_tells_every_status(status: dict[str, Any], state: str, mail: MailDouble, tmp_path: Path) -> None:
    """The same for mail, to recipients given at run time."""
    components.notify_email.python_func(
        status=as_object(status),
        **outputs(tmp_path),
        recipients=["ann@example.com", "bob@example.com", "cat@example.com", "dan@example.com"],
        smtp_host="localhost",
        smtp_port=mail.port,
        security="none",
        sender="kfx@example.com",
    )
    [envelope] = mail.envelopes
    assert len(envelope.rcpt_tos) == 4
    subject = email.message_from_bytes(envelope.content, policy=email.policy.default)["Subject"]  # type: ignore[arg-type]
    assert WORDS.get(state, "unknown outcome") in subject


@every_status
def test_the_executor_runs_notify_slack_on_every_status(
    status: dict[str, Any], state: str, slack: SlackDouble, tmp_path: Path
) -> None:
    """The component's own command, a null error included, ends well and posts the outcome."""
    done = execute(components.notify_slack, tmp_path, status=status, webhook="env:TEST_HOOK")
    assert done.returncode == 0, done.stderr
    assert WORDS.get(state, "unknown outcome") in slack.messages[0]["blocks"][0]["text"]["text"]
    assert "canary" not in done.stdout + done.stderr + (tmp_path / "message").read_text()


def test_on_failure_only_is_silent_on_success(slack: SlackDouble, tmp_path: Path) -> None:
    """notify_slack and notify_email say nothing about a success, and report why."""
    for status in (STATUSES["vertex succeeded"][0], STATUSES["oss complete"][0]):
        done = execute(components.notify_slack, tmp_path, status=status, webhook="env:TEST_HOOK", on_failure_only=True)
        assert done.returncode == 0, done.stderr
        assert "slack suppressed: The run succeeded" in done.stdout
    assert not slack.messages


def test_a_failed_delivery_is_green_on_warn_and_red_on_fail(slack: SlackDouble, tmp_path: Path) -> None:
    """warn: exit code 0, log and report say what failed. fail: exit code 1 with one sentence, no traceback."""
    given = {"status": STATUSES["vertex failed"][0], "channel": "#nowhere", "token": "env:TEST_TOKEN"}
    warned = execute(components.notify_slack, tmp_path, **given)
    assert warned.returncode == 0, warned.stderr
    assert "slack error: slack answered channel_not_found." in warned.stdout
    assert "channel\\_not\\_found" in (tmp_path / "message").read_text()
    failed = execute(components.notify_slack, tmp_path, **given, on_delivery_error="fail")
    assert failed.returncode == 1
    assert "PermanentError: 1 of 1 notifications were not delivered" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "canary" not in warned.stdout + warned.stderr + failed.stdout + failed.stderr


def test_a_literal_token_is_not_used(slack: SlackDouble, tmp_path: Path) -> None:
    """A token by value is refused by the step as well, and not shown by kfx."""
    components.notify_slack.python_func(
        status=as_object({"state": "FAILED"}), **outputs(tmp_path), channel="#ml", token=TOKEN
    )
    assert not slack.received
    assert "params.token looks like a Slack token" in (tmp_path / "message").read_text().replace("\\", "")


def test_decrypt_fn_is_applied_in_the_step(slack: SlackDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of the image decrypts what the reference holds."""
    (tmp_path / "team_crypto.py").write_text("def undo(text):\n    return text[::-1]\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("TEST_TOKEN", TOKEN[::-1])
    status = STATUSES["vertex failed"][0]
    done = execute(
        components.notify_slack,
        tmp_path,
        status=status,
        channel="#ml",
        token="env:TEST_TOKEN",
        decrypt_fn="team_crypto.undo",
    )
    assert done.returncode == 0, done.stderr
    assert len(slack.messages) == 1


def test_notify_tells_all_in_its_list(slack: SlackDouble, mail: MailDouble, tmp_path: Path) -> None:
    """Slack, mail and console in one task, from a list as a pipeline parameter carries it."""
    notifications = [
        {"kind": "console", "when": END},
        {"kind": "slack", "when": END, "params": {"channel": "#ml"}, "secret_params": {"token": "env:TEST_TOKEN"}},
        {
            "kind": "mail",
            "when": END,
            "params": {
                "server_host": "localhost",
                "server_port": float(mail.port),
                "sender_address": "kfx@example.com",
                "email_addresses": ["ann@example.com"],
                "security": "none",
            },
        },
        {"kind": "console", "name": "only success"},
    ]
    status = STATUSES["vertex failed"][0]
    done = execute(components.notify, tmp_path, status=status, notifications=notifications, run_name="nightly")
    assert done.returncode == 0, done.stderr
    assert "nightly failed in project 123" in done.stdout
    assert (len(slack.messages), len(mail.envelopes)) == (1, 1)
    assert "console only success suppressed" in done.stdout


ONE_CHANNEL: dict[str, dict[str, Any]] = {
    "notify_webhook": {
        "url": "{url}/hook",
        "bearer_token": "env:TEST_TOKEN",
        "override_body": {"s": "{{ run.state }}"},
    },
    "notify_teams": {"webhook": "env:TEST_URL"},
    "notify_pagerduty": {"routing_key": "env:TEST_TOKEN", "server": "{url}"},
    "notify_git": {"repo": "o/r", "issue": "7", "token": "env:TEST_TOKEN", "server": "{url}"},
}


@pytest.mark.parametrize("name", ONE_CHANNEL)
@pytest.mark.parametrize("state", ["vertex failed", "oss complete", "null error"])
def test_every_one_channel_component_tells_and_can_be_silent_on_success(
    name: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Executed as a container would, each sends one request about a failure, and on_failure_only silences a success."""
    with Double(lambda _: Reply(201, b"{}")) as double:
        monkeypatch.setenv("TEST_URL", double.url + "/teams")
        given = {
            key: value.replace("{url}", double.url) if isinstance(value, str) else value
            for key, value in ONE_CHANNEL[name].items()
        }
        component = getattr(components, name)
        done = execute(component, tmp_path, status=STATUSES[state][0], on_failure_only=True, **given)
        assert done.returncode == 0, done.stderr
        assert len(double.received) == (0 if state == "oss complete" else 1), done.stdout
    [delivery] = json.loads((tmp_path / "report").read_text())["deliveries"]
    assert delivery["status"] == ("suppressed" if state == "oss complete" else "sent")
    assert "canary" not in done.stdout + done.stderr


def test_notify_started_tells_those_who_asked(slack: SlackDouble, tmp_path: Path) -> None:
    """An ordinary task without a final status; a notification without running is left out."""
    hook = {"kind": "slack", "secret_params": {"webhook": "env:TEST_HOOK"}}
    notifications = [{**hook, "when": ["running"]}, {**hook, "when": ["error"]}]
    done = execute(components.notify_started, tmp_path, notifications=notifications, run_name="nightly")
    assert done.returncode == 0, done.stderr
    [posted] = slack.messages
    assert "nightly started" in posted["blocks"][0]["text"]["text"]


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[None]:
    """kfp's local runner in this interpreter."""
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path), raise_on_error=True)
    yield
    local.config.LocalExecutionConfig.instance = None


@pytest.mark.parametrize("pipeline", ["one_task", "loop"])
@pytest.mark.parametrize("fail", [False, True])
def test_a_local_pipeline_tells_how_it_ended(
    pipeline: str, fail: bool, slack: SlackDouble, runner: None, tmp_path: Path
) -> None:
    """kfp.local runs the exit task after a success, a failure, and a failure inside a ParallelFor."""
    from . import pipelines

    notification = {"kind": "slack", "when": END, "secret_params": {"webhook": "env:TEST_HOOK"}}
    if fail:
        with pytest.raises(RuntimeError):
            getattr(pipelines, pipeline)(fail=True, notifications=[notification])
    else:
        getattr(pipelines, pipeline)(fail=False, notifications=[notification])
    [posted] = slack.messages
    assert ("failed" if fail else "succeeded") in posted["blocks"][0]["text"]["text"]
    assert list(tmp_path.glob("*/notify/message"))


def test_an_exit_task_is_never_cached_and_runs_whatever_happens() -> None:
    """Compiled with caching off, and with KFP's trigger for exit tasks."""
    from . import pipelines

    task = pipelines.one_task.pipeline_spec.root.dag.tasks["notify"]
    assert not task.caching_options.enable_cache
    assert task.trigger_policy.strategy == task.trigger_policy.ALL_UPSTREAM_TASKS_COMPLETED


def test_the_defaults_of_notify_need_no_settings(tmp_path: Path) -> None:
    """Without a list the console is told, whatever the end."""
    done = execute(components.notify, tmp_path, status=STATUSES["oss failed"][0])
    assert done.returncode == 0, done.stderr
    assert "sklearn-train-7xk2p failed" in done.stdout


def test_compiled_components_hold_references_only() -> None:
    """No secret is part of a component: its secret inputs are references without a default."""
    for name in ("notify", "notify_slack", "notify_email"):
        inputs = getattr(components, name).component_spec.inputs
        assert all(inputs[secret].default == "" for secret in ("token", "webhook", "password") if secret in inputs)


def test_a_look_up_that_fails_in_the_exit_task_costs_the_cause_only(
    slack: SlackDouble, runner: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a local pipeline whose exit task cannot read the run, the message goes and says what is unknown."""
    from . import pipelines

    monkeypatch.setenv("KFX_RUN_FILE", "/no/such/run.json")
    notification = {"kind": "slack", "when": END, "secret_params": {"webhook": "env:TEST_HOOK"}}
    with pytest.raises(RuntimeError):
        pipelines.one_task(fail=True, notifications=[notification])
    shown = json.dumps(slack.messages)
    assert "failed" in slack.messages[0]["blocks"][0]["text"]["text"]
    assert "The failing tasks are unknown, as the run's file cannot be read" in shown
