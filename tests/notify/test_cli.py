"""`kfx notify` as a shell sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kfx.notify import kinds

from .http_double import Double, Reply
from .slack_double import TOKEN, SlackDouble

CONFIG = """
notifications:
- {kind: console, when: [error]}
- kind: slack
  name: team
  when: [completed]
  condition: "{{ run.results.accuracy < 0.5 }}"
  params: {channel: "#ml"}
  secret_params: {token: env:TEST_TOKEN}
- {kind: webhook, when: [error], secret_params: {url: env:NOT_SET_HERE}}
"""


def kfx(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs `kfx notify`."""
    return subprocess.run(
        [sys.executable, "-m", "kfx.cli.main", "notify", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **env},
        check=False,
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A file of three notifications."""
    path = tmp_path / "n.yaml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize("sample", ["succeeded", "failed", "cancelled", "unknown", "started"])
def test_preview_prints_every_message_and_no_secret(sample: str, config: Path, tmp_path: Path) -> None:
    """The bodies go to standard output, where they would go and whether to standard error; secrets need not exist."""
    done = kfx("preview", "--config", str(config), "--status", f"sample:{sample}", cwd=tmp_path, TEST_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    bodies = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert bodies[0]["channel"] == "#ml"
    assert bodies[1]["state"] == {"started": "running"}.get(sample, sample)
    # A condition on a metric that is not there cannot be evaluated, and that silences nobody.
    assert ("slack team: (would not be sent" in done.stderr) == (sample != "unknown")
    assert ("console: (would be sent)" in done.stderr) == (sample in ("failed", "unknown"))
    assert "canary" not in done.stdout + done.stderr


def test_preview_shows_what_it_can_and_says_why_it_cannot_show_the_rest(tmp_path: Path) -> None:
    """PagerDuty has no event for a start; by its rules it would not go out, and the others are shown all the same."""
    pager = "{kind: pagerduty, when: [%s], secret_params: {routing_key: env:NOT_SET_HERE}}"
    entries = [pager % "error", pager % "running", "{kind: console, when: [running]}"]
    (tmp_path / "n.yaml").write_text("".join(f"- {entry}\n" for entry in entries))
    done = kfx("preview", "--config", "n.yaml", "--status", "sample:started", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "pagerduty: (would not be sent: The run started; this one is for failed.)" in done.stderr
    assert "pagerduty: (would not be sent: pagerduty has no event for a start" in done.stderr
    assert "sklearn-train started" in done.stdout


def test_a_preview_masks_no_word_of_a_reference_that_cannot_be_read(tmp_path: Path) -> None:
    """The project's name stands in the reference and in the message, and is no secret."""
    reference = "file:/my-project/sklearn-train/secrets"
    config = [
        {"kind": "webhook", "when": ["error"], "secret_params": {"url": reference, "headers": {"X-A": reference}}}
    ]
    (tmp_path / "n.json").write_text(json.dumps(config))
    done = kfx("preview", "--config", "n.json", "--status", "sample:failed", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "sklearn-train failed in project my-project" in done.stdout
    assert "not-looked-up" not in done.stdout + done.stderr


def test_a_preview_masks_values_named_like_secrets(tmp_path: Path) -> None:
    """Allowed by value, they are shown neither as header nor in the URL or body."""
    params = {
        "url": "https://h.example/x?api_key=canary-query",
        "headers": {"X-Api-Key": "canary-header"},
        "override_body": {"auth": {"password": "canary-body"}},
    }
    config = [{"kind": "webhook", "when": ["error"], "params": params, "allow_literal_secrets": True}]
    (tmp_path / "n.json").write_text(json.dumps(config))
    done = kfx("preview", "--config", "n.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "X-Api-Key: ***" in done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_preview_takes_a_status_file_and_one_kind(config: Path, tmp_path: Path) -> None:
    """--kind leaves the others out; a file with a final status is read in any spelling."""
    (tmp_path / "s.json").write_text('{"state": "COMPLETE", "pipelineJobResourceName": "wf-1"}')
    done = kfx("preview", "--config", str(config), "--status", "s.json", "--kind", "console", cwd=tmp_path)
    assert done.stdout.startswith("✔ [info] wf-1 succeeded")
    missing = kfx("preview", "--config", str(config), "--status", "absent.json", cwd=tmp_path)
    assert missing.returncode == 2
    assert "Try sample:failed" in missing.stderr


def test_a_test_is_marked_and_ignores_the_rules(slack: SlackDouble, tmp_path: Path) -> None:
    """Every notification goes out once, saying that it is a test; a failure is exit code 1."""
    arguments = ["test", "--kind", "slack", "--param", "channel=#ml", "--secret", "token=env:TEST_TOKEN"]
    env = {"TEST_TOKEN": TOKEN, "SLACK_API_URL": slack.url + "/api"}
    done = kfx(*arguments, cwd=tmp_path, **env)
    assert (done.returncode, done.stdout) == (0, "slack sent\n"), done.stderr
    posted = json.dumps(slack.messages[0])
    assert "This is a test of a notification" in posted
    assert "TEST of kfx notify" in slack.messages[0]["text"]
    assert "succeeded" not in posted
    refused = kfx(*arguments, cwd=tmp_path, **{**env, "TEST_TOKEN": "canary-wrong"})
    assert refused.returncode == 1
    assert "invalid_auth" in refused.stdout
    assert "canary" not in refused.stdout + refused.stderr


def test_a_test_of_pagerduty_is_an_incident_of_its_own_resolved_at_once(tmp_path: Path) -> None:
    """A trigger marked as a test can be seen, and its resolve touches no incident of a pipeline."""
    with Double(lambda _: Reply(202, b'{"status": "success"}')) as double:
        arguments = ["test", "--kind", "pagerduty", "--param", f"server={double.url}", "--param", "dedup_key=mine"]
        done = kfx(*arguments, "--secret", "routing_key=env:TEST_KEY", cwd=tmp_path, TEST_KEY="canary-key-1")
    assert (done.returncode, done.stdout) == (0, "pagerduty sent\n" * 2), done.stderr
    events = [json.loads(one.body) for one in double.received]
    assert [one["event_action"] for one in events] == ["trigger", "resolve"]
    assert {one["dedup_key"] for one in events} == {"kfx-notify-test"}
    assert "TEST of kfx notify" in events[0]["payload"]["summary"]
    assert "This is a test" in events[0]["payload"]["custom_details"]["Message"]


def test_send_tells_from_a_ci_job_once(slack: SlackDouble, tmp_path: Path) -> None:
    """A word is status enough; the same send with a state folder is not repeated; the report is JSON when asked."""
    arguments = ["send", "--kind", "slack", "--param", "channel=#ml", "--secret", "token=env:TEST_TOKEN"]
    arguments += ["--status", "failed", "--run-name", "build 7", "--message", "See the log.", "--state-dir", "state"]
    env = {"TEST_TOKEN": TOKEN, "SLACK_API_URL": slack.url + "/api"}
    for expected in ("sent", "suppressed"):
        done = kfx(*arguments, "--output", "json", cwd=tmp_path, **env)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["deliveries"][0]["status"] == expected
    [posted] = slack.messages
    assert "build 7 failed" in posted["text"]
    assert "See the log." in posted["text"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["send", "--kind", "console"], "Missing option '--status'"),
        (["send", "--status", "failed"], "--config FILE, or --kind KIND"),
        (["send", "--status", "failed", "--kind", "slak"], "no notification kind 'slak'"),
        (["send", "--status", "failed", "--kind", "console", "--param", "x"], "no NAME=VALUE"),
        (["test", "--config", "absent.yaml"], "cannot be read"),
        (["preview", "--kind", "console", "--status", "sample:great"], "no sample 'great'"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], words: str, tmp_path: Path) -> None:
    """One sentence that says the way out, no traceback."""
    done = kfx(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_kinds_lists_all_of_them_from_the_code(tmp_path: Path) -> None:
    """Every kind with its parameters, as text and as JSON."""
    listed = json.loads(kfx("kinds", "--output", "json", cwd=tmp_path).stdout)
    assert [one["kind"] for one in listed] == list(kinds())
    slack = next(one for one in listed if one["kind"] == "slack")
    assert slack["needs"] == "webhook or token + channel"
    assert {"name": "token", "secret": True}.items() <= slack["parameters"][1].items()
    assert "SLACK_BOT_TOKEN" in kfx("kinds", cwd=tmp_path).stdout
