"""A notification as the user writes it: MLRun's fields, defaults and refusals, and no secret by value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kfx.errors import UsageError
from kfx.notify import Notification, load, read_all

SLACK: dict[str, Any] = {"kind": "slack", "secret_params": {"webhook": "env:HOOK"}}
MAIL: dict[str, Any] = {
    "server_host": "smtp.example.com",
    "sender_address": "ml@example.com",
    "email_addresses": ["a@example.com"],
}


def test_the_defaults_are_mlruns() -> None:
    """kind slack, severity info, when completed, everything else empty."""
    made = Notification(secret_params={"webhook": "env:HOOK"})
    assert (made.kind, made.name, made.message, made.severity) == ("slack", "", "", "info")
    assert (list(made.when), made.condition, dict(made.params)) == (["completed"], "", {})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "carrier_pigeon"}, "no notification kind 'carrier_pigeon'"),
        ({"severity": "fatal"}, "severity is 'fatal'"),
        ({"when": "completed"}, "when must be a list"),
        ({"when": []}, "when must be a list"),
        ({"when": ["done"]}, "when holds 'done'"),
        ({"message": 3}, "message must be a text"),
        ({"condition": ["x"]}, "condition must be a text"),
        ({"params": "webhook"}, "params must be a mapping"),
        ({"secret_params": {"webhook": "env:" + "A" * 1_000_000}}, "900 KiB"),
        ({"secret_params": {"secret": "S", "webhook": "env:HOOK"}}, "must have no other key"),
        ({"secret_params": {"hook": "env:HOOK"}}, "no parameter 'hook'"),
        ({"secret_params": {"token": "env:T"}, "params": {"chanel": "x"}}, "no parameter 'chanel'"),
        ({"params": {}, "secret_params": {}}, "Both params and secret_params are empty; slack needs webhook"),
        ({"params": {"icon_emoji": "robot"}}, "icon_emoji is 'robot'"),
        ({"secrets": {}}, "no field 'secrets'"),
    ],
)
def test_a_wrong_notification_is_refused_with_the_way_out(fields: dict[str, Any], words: str) -> None:
    """Each of MLRun's checks names the field and what it may be."""
    with pytest.raises(UsageError, match=words):
        Notification.from_dict({**SLACK, **fields})


def test_a_channel_from_the_environment_needs_no_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """SLACK_WEBHOOK in the environment is enough, as in MLRun."""
    with pytest.raises(UsageError, match="Both params and secret_params are empty; slack needs webhook"):
        Notification()
    monkeypatch.setenv("SLACK_WEBHOOK", "http://127.0.0.1:9/x")
    channel, secrets = Notification().open()
    assert channel.kind == "slack"
    assert [secret.source for secret in secrets] == ["env:SLACK_WEBHOOK"]


def test_console_needs_nothing() -> None:
    """A kind without needed parameters is made from its name alone."""
    assert Notification(kind="console").open()[0].kind == "console"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"use_tls": "yes"}, "use_tls must be bool"),
        ({"start_tls": 1}, "start_tls must be bool"),
        ({"validate_certs": "true"}, "validate_certs must be bool"),
        ({"use_tls": True, "start_tls": True}, "exclude each other"),
        ({"server_port": "smtp"}, "server_port must be int"),
        ({"server_port": 25.5}, "server_port must be int"),
        ({"sender_address": "nobody"}, "sender_address holds 'nobody'"),
        ({"email_addresses": ["a@example.com", "b at example.com"]}, "email_addresses holds 'b at example.com'"),
        ({"email_addresses": [3]}, "email_addresses must be list"),
        ({"security": "ssl"}, "security is 'ssl'"),
    ],
)
def test_mails_parameters_are_checked_by_name(params: dict[str, Any], words: str) -> None:
    """A flag is a real boolean, an address an address, and the error names the parameter."""
    with pytest.raises(UsageError, match=words):
        Notification(kind="mail", params={**MAIL, **params})


def test_what_the_steps_environment_may_supply_is_missed_in_the_step() -> None:
    """An address list that KFX_SMTP_DEFAULT_RECIPIENTS may fill is no error when written, but is when it is sent."""
    made = Notification(kind="mail", params={**MAIL, "email_addresses": []})
    with pytest.raises(UsageError, match=r"mail needs server_host \+ sender_address \+ email_addresses or"):
        made.open()


def test_a_password_needs_a_username() -> None:
    """A password alone is refused; a user name alone, and neither, are fine."""
    with pytest.raises(UsageError, match="a password and no username"):
        Notification(kind="mail", params=MAIL, secret_params={"password": "env:P"})
    Notification(kind="mail", params={**MAIL, "username": "u"})
    Notification(kind="mail", params=MAIL)
    Notification(kind="mail", params=MAIL, secret_params={"password": "env:P", "username": "env:U"})


def test_kfps_numbers_are_read() -> None:
    """KFP hands an int over as a float; a list of addresses may be one text with commas."""
    channel, _ = Notification(
        kind="mail", params={**MAIL, "server_port": 2525.0, "email_addresses": "a@b.example, c@d.example"}
    ).open()
    assert vars(channel)["server_port"] == 2525
    assert vars(channel)["email_addresses"] == ["a@b.example", "c@d.example"]


@pytest.mark.parametrize(
    "fields",
    [
        {"secret_params": {"webhook": "https://hooks.slack.com/services/T00000000/B00000000/canarycanarycanary"}},
        {"secret_params": {"token": "canary-plain-words"}, "params": {"channel": "#ml"}},
        {"params": {"token": "xoxb-123456789-canarycanary", "channel": "#ml"}},
        {"params": {"webhook": "http://127.0.0.1/canarycanary"}},
        {"secret_params": {"webhook": "env:HOOK"}, "message": "use xoxb-123456789-canarycanary"},
        {"kind": "webhook", "params": {"url": "https://h.example/x", "headers": {"X-Api-Key": "canary"}}},
        {"kind": "webhook", "params": {"url": "https://h.example/x", "headers": {"authorization": "canary"}}},
        {
            "kind": "webhook",
            "params": {"url": "https://h.example/x", "override_body": {"a": [{"userPassword": "canary"}]}},
        },
        {"kind": "webhook", "params": {"url": "https://h.example/x?a=b&access_token=canary"}},
    ],
)
def test_a_secret_by_value_is_refused_and_not_repeated(fields: dict[str, Any]) -> None:
    """A literal where a reference belongs is refused when the pipeline is written, unless asked for."""
    with pytest.raises(UsageError) as caught:
        Notification(**fields)
    assert "canary" not in str(caught.value)
    assert "env:NAME" in str(caught.value)
    Notification(**fields, allow_literal_secrets=True)


def test_what_only_looks_like_a_named_secret_is_fine() -> None:
    """References, templates, empty values, numbers and other names stand in params."""
    body = {"token": "{{ run.id }}", "max_tokens": 9, "secret": "", "tags": ["a"], "password": None}
    params = {"url": "https://h.example/x?tab=1&token={{ x }}", "headers": {"X-Token": "env:T"}, "override_body": body}
    assert Notification(kind="webhook", params=params).params == params


def test_names_are_unique_in_a_list() -> None:
    """Two notifications of one name are refused; unnamed ones are not names."""
    console = {"kind": "console"}
    assert len(read_all([console, console])) == 2
    with pytest.raises(UsageError, match="'ops' is given more than once"):
        read_all([{**console, "name": "ops"}, Notification(kind="console", name="ops")])


def test_one_written_by_mlrun_is_read() -> None:
    """A stored MLRun notification, delivery result included, is a notification."""
    stored = {**SLACK, "when": ["error"], "status": "pending", "sent_time": None, "reason": None, "condition": ""}
    assert Notification.from_dict(stored).rules() == {"failed"}


def test_a_dict_round_trip_keeps_everything() -> None:
    """to_dict gives JSON-able data that from_dict reads back as the same notification."""
    made = Notification("slack", "n", "m", "error", ["error"], "{{ 1 }}", {"channel": "C"}, {"token": "env:T"})
    again = Notification.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again == made
    assert Notification(kind="console").to_dict() == {"kind": "console"}


def test_params_win_over_secret_params_and_dicts_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLRun's union: what is in both comes from params."""
    monkeypatch.setenv("CHANNEL", "#from-secret")
    monkeypatch.setenv("TOKEN", "value-of-token")
    channel, _ = Notification(
        params={"channel": "#from-params"}, secret_params={"channel": "env:CHANNEL", "token": "env:TOKEN"}
    ).open()
    assert vars(channel)["channel"] == "#from-params"


def test_mlruns_one_secret_holds_all_parameters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`{"secret": NAME}` is a JSON object of parameters in the environment, or wherever a reference points."""
    document = json.dumps({"token": "canary-token", "channel": "#ml"})
    monkeypatch.setenv("SLACK_SECRET1", document)
    (tmp_path / "all.json").write_text(document)
    for name in ("SLACK_SECRET1", f"file:{tmp_path}/all.json"):
        channel, secrets = Notification(secret_params={"secret": name}).open()
        assert vars(channel)["channel"] == "#ml"
        assert "canary-token" in [secret.reveal() for secret in secrets]
        assert "canary" not in repr(channel)
    monkeypatch.setenv("SLACK_SECRET1", "canary-not-json")
    with pytest.raises(UsageError, match="does not hold a JSON object") as caught:
        Notification(secret_params={"secret": "SLACK_SECRET1"}).open()
    assert "canary" not in str(caught.value)


def test_a_file_of_many_is_read(tmp_path: Path) -> None:
    """A YAML list, bare or under `notifications`, gives the notifications; anything else is refused."""
    path = tmp_path / "n.yaml"
    path.write_text("notifications:\n- kind: console\n- kind: slack\n  secret_params: {webhook: env:HOOK}\n")
    assert [one.kind for one in load(path)] == ["console", "slack"]
    path.write_text("- kind: console\n")
    assert len(load(path)) == 1
    for text, words in {"kind: console": "must hold a list", "a: [": "not YAML"}.items():
        path.write_text(text)
        with pytest.raises(UsageError, match=words):
            load(path)
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "absent.yaml")
