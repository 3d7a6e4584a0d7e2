"""Conditions: evaluated for every outcome, in a sandbox, and never a way to lose a message."""

from __future__ import annotations

from typing import Any

import pytest

from kfx.errors import UsageError
from kfx.notify import Notification, announce, condition
from kfx.notify.condition import Verdict, evaluate
from kfx.runs.run import Run, Task

from .situations import situation

RUN: dict[str, Any] = {"state": "failed", "results": {"drift": 0.2}, "status": {"results": {"drift": 0.2}}}


def verdict(template: str, **limits: float) -> Verdict:
    """The verdict of one condition on RUN."""
    return evaluate([(template, {"name": "n"})], RUN, **limits)[0]


@pytest.mark.parametrize(
    ("template", "send"),
    [
        ('{{ run["status"]["results"]["drift"] > 0.1 }}', True),
        ('{{ run["status"]["results"]["drift"] > 0.3 }}', False),
        ("{{ run.state == 'failed' and notification.name == 'n' }}", True),
        ("{% if run.results.drift < 0.3 %}no{% endif %}", False),
        (" OFF ", False),
        ("0", False),
        ("maybe", True),
        ("{{ '' }}", True),
        ("{{ none }}", True),
    ],
)
def test_only_a_word_for_no_suppresses(template: str, send: bool) -> None:
    """MLRun's example and words: 0, no, n, f, false and off say no, everything else says yes."""
    assert verdict(template) == Verdict(send)


@pytest.mark.parametrize("template", ["{{ run.results.absent > 1 }}", "{{ 1 / 0 }}", "{{ run.results.drift > 'a' }}"])
def test_what_cannot_be_evaluated_is_sent_with_the_reason(template: str) -> None:
    """A missing metric or a type error never silences a message."""
    said = verdict(template)
    assert said.send
    assert said.error.startswith("The condition cannot be evaluated: ")


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ run.__init__.__globals__ }}",
        "{{ run.update({'state': 'x'}) }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_the_sandbox_holds(template: str) -> None:
    """Python's internals, the run itself and the file system are out of reach."""
    assert "cannot be evaluated" in verdict(template).error


def test_time_and_memory_are_bounded_and_cost_the_others_nothing() -> None:
    """An endless and a huge condition are stopped; those after them are still evaluated."""
    greedy = ["{{ 'x' * 10 ** 10 }}", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"]
    templates = ["{{ run.results.drift > 1 }}", *greedy, "{{ 9 ** (9 ** 9) }}", "no", "yes"]
    said = evaluate([(template, {}) for template in templates], RUN, limit_s=1.0)
    assert [one.send for one in said] == [False, True, True, True, False, True]
    assert [bool(one.error) for one in said] == [False, True, True, True, False, False]


@pytest.mark.parametrize("template", ["{{ run.", "{% if %}", "{{ a b }}", "{% for x in %}"])
def test_a_syntax_error_is_refused_where_it_is_written(template: str) -> None:
    """The pipeline does not compile with a condition that cannot be read."""
    with pytest.raises(UsageError, match="is not a Jinja2 template"):
        Notification(kind="console", condition=template)
    with pytest.raises(UsageError):
        condition.check(template)


def test_the_child_sees_no_secret() -> None:
    """What is in secret_params is not there to be rendered."""
    seen = Notification(secret_params={"token": "env:TEST_TOKEN"}, params={"channel": "#ml"}).seen()
    said = evaluate([("{{ 'no' if 'secret_params' not in notification else 'yes' }}", seen)], RUN)
    assert said == [Verdict(send=False)]


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "CANCELLED", "RUNNING"])
@pytest.mark.parametrize("says", ["yes", "no"])
def test_a_condition_counts_for_every_outcome(state: str, says: str) -> None:
    """Failures too are subject to the condition."""
    ends = ["completed", "error", "aborted"]
    template = f"{{{{ '{says}' if run.state == '{situation(state).outcome.state}' else 'unexpected' }}}}"
    [told] = announce({"state": state}, [{"kind": "console", "when": ends, "condition": template}]).deliveries
    assert told.status == ("sent" if says == "yes" else "suppressed")


def test_the_reason_of_a_broken_condition_is_in_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    """Who gets the message learns that its condition needs mending."""
    announce({"state": "FAILED"}, [{"kind": "console", "when": ["error"], "condition": "{{ run.results.nope > 1 }}"}])
    assert "Note: The condition cannot be evaluated" in capsys.readouterr().out


def test_a_condition_on_the_runs_metrics_parameters_and_tasks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """State, results, parameters, error, failing tasks and duration are all there."""
    from kfx.runs import local

    tasks = (Task("evaluate", "succeeded", metrics={"accuracy": 0.8}), Task("push", "failed", error="denied"))
    local.save(Run("r", "p", tasks, started_at=1.0, parameters={"team": "ml"}), tmp_path / "run.json")
    monkeypatch.setenv(local.RUN_FILE_VARIABLE, str(tmp_path / "run.json"))
    template = (
        "{{ run.results.accuracy < 0.9 and run.parameters.team == 'ml' and run.failed_tasks[0].name == 'push' "
        "and 'denied' in run.error and run.duration_s > 100 and run.state == 'failed' }}"
    )
    notifications = [
        {"kind": "console", "name": name, "when": ["error"], "condition": wanted}
        for name, wanted in {"a": template, "b": template.replace("ml", "ops")}.items()
    ]
    told = announce({"state": "FAILED"}, notifications).deliveries
    assert [one.status for one in told] == ["sent", "suppressed"]
    assert told[1].reason == "Its condition says no."
