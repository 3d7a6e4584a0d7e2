"""A secret by value, or a wrong notification, is found in the compiled pipeline."""

from pathlib import Path
from typing import Any

import docstring_parser
import pytest
import yaml
from kfp import compiler, dsl

import kfx.components
from kfx.components import notify, notify_email, notify_slack, notify_webhook
from kfx.errors import UsageError
from kfx.notify import lint
from kfx.notify.lint import check_spec
from kfx.submit.exit_task import mount_secret

from ..conftest import require_module

TOKEN = "xoxb-123456789012-canarycanary"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def work(key: str):
    """Does nothing."""


def compiled(tmp_path: Path, exit_task: Any, key: str = "plain", default: str = "x") -> list[dict[str, Any]]:
    """The YAML documents of a pipeline."""

    @dsl.pipeline(name="p")
    def pipeline(setting: str = default):
        with dsl.ExitHandler(exit_task()):
            work(key=key)

    compiler.Compiler().compile(pipeline, str(tmp_path / "p.yaml"))
    return list(yaml.safe_load_all((tmp_path / "p.yaml").read_text()))


def test_a_clean_pipeline_passes(tmp_path: Path) -> None:
    """References and ordinary values are no secrets."""
    check_spec(compiled(tmp_path, lambda: notify_slack(channel="#ml", token="env:SLACK_BOT_TOKEN"))[0])


@pytest.mark.parametrize(
    ("exit_task", "key", "where"),
    [
        (lambda: notify_slack(channel="#ml", token=TOKEN), "plain", "notify-slack.token"),
        (lambda: notify(), TOKEN, "work.key"),
        (
            lambda: notify(notifications=[{"kind": "slack", "secret_params": {"token": TOKEN}}]),
            "plain",
            "notify.notifications",
        ),
        (
            lambda: notify(notifications=[{"kind": "slak"}]),
            "plain",
            "notify.notifications: There is no notification kind",
        ),
        (lambda: notify(notifications=[{"kind": "console", "condition": "{{"}]), "plain", "is not a Jinja2 template"),
    ],
)
def test_a_secret_or_a_wrong_notification_is_found(exit_task: Any, key: str, where: str, tmp_path: Path) -> None:
    """The error names the task and the parameter, at any depth of the graph, and not the secret."""
    with pytest.raises(UsageError, match=where) as caught:
        check_spec(compiled(tmp_path, exit_task, key)[0])
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("literal", ["hunter2", "xoxb"])
def test_a_word_where_a_reference_belongs_is_found(literal: str, tmp_path: Path) -> None:
    """A password that looks like nothing is refused where a component takes a reference, unless it is encrypted."""
    with pytest.raises(UsageError, match=r"notify-email\.password: A secret is given by reference") as caught:
        check_spec(compiled(tmp_path, lambda: notify_email(recipients=["a@example.com"], password=literal))[0])
    assert literal not in str(caught.value)
    encrypted = {"recipients": ["a@example.com"], "password": literal, "decrypt_fn": "acme.vault.decrypt"}
    check_spec(compiled(tmp_path, lambda: notify_email(**encrypted))[0])


def test_every_parameter_that_takes_a_reference_is_checked() -> None:
    """The names the check knows are those the components' own descriptions call references."""
    described = {
        given.arg_name
        for name in kfx.components.__all__
        for given in docstring_parser.parse(getattr(kfx.components, name).python_func.__doc__).params
        if (given.description or "").startswith("Reference to")
    }
    assert described == lint._SECRET_PARAMETERS


def test_defaults_and_the_runs_own_parameters_are_checked(tmp_path: Path) -> None:
    """A parameter's value counts in place of its default."""
    with pytest.raises(UsageError, match=r"parameter\.setting"):
        check_spec(compiled(tmp_path, notify, default=TOKEN)[0])
    check_spec(compiled(tmp_path, notify, default=TOKEN)[0], {"setting": "fine"})
    with pytest.raises(UsageError, match=r"parameter\.setting"):
        check_spec(compiled(tmp_path, notify)[0], {"setting": TOKEN})


def test_a_secret_in_a_tasks_environment_is_found() -> None:
    """Set by `task.set_env_variable`, it stands in the YAML like any other constant."""
    container = {
        "image": "i",
        "command": [],
        "env": [{"name": "LEVEL", "value": "info"}, {"name": "T", "value": TOKEN}],
    }
    with pytest.raises(UsageError, match=r"train\.env\.T"):
        check_spec({"root": {}, "deploymentSpec": {"executors": {"exec-train": {"container": container}}}})


def test_a_kubernetes_secret_is_mounted_on_the_exit_task(tmp_path: Path) -> None:
    """kfp-kubernetes' settings name the secret, its key and the variable; no value is anywhere."""
    require_module("kfp.kubernetes")

    def exit_task() -> Any:
        return mount_secret(notify_slack(channel="#ml", token="env:SLACK_TOKEN"), "slack", {"token": "SLACK_TOKEN"})

    platform = compiled(tmp_path, exit_task)[1]
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-notify-slack"]
    [mounted] = settings["secretAsEnv"]
    assert (mounted["secretName"], mounted["keyToEnv"]) == ("slack", [{"envVar": "SLACK_TOKEN", "secretKey": "token"}])
    with pytest.raises(UsageError, match="needs the keys"):
        mount_secret(None, "slack", {})


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (lambda: notify_slack(channel="#ml", token=TOKEN), "notify-slack.token"),
        (lambda: notify_email(recipients=["a@example.com"], password="hunter2"), "notify-email.password"),
        (lambda: notify(notifications=[{"kind": "slack", "secret_params": {"token": TOKEN}}]), "notify.notifications"),
        (lambda: notify(notifications=[{"kind": "console", "condition": "{{"}]), "is not a Jinja2 template"),
        (
            lambda: notify_webhook(url="https://example.com", headers={"X-Api-Key": "9f8e7d6c5b4a39281706"}),
            r"notify-webhook\.headers\.X-Api-Key is named like a secret",
        ),
    ],
)
def test_any_compiler_meets_the_refusal(call: Any, where: str) -> None:
    """`kfp dsl compile` runs the pipeline function too: the component refuses when it is called there."""
    with pytest.raises(UsageError, match=where):

        @dsl.pipeline(name="p")
        def pipeline():
            with dsl.ExitHandler(call()):
                work(key="plain")


def test_what_only_the_run_knows_is_passed_over() -> None:
    """Pipeline parameters, and texts made of them, are no literals."""

    @dsl.pipeline(name="p")
    def pipeline(project: str, token: str, recipients: list):
        told = notify_slack(channel="#ml", token=token, webhook=f"gsm:projects/{project}/secrets/slack")
        with dsl.ExitHandler(told):
            work(key="plain")

    assert pipeline.name == "p"
