"""Teams, PagerDuty, git, Apprise, Jupyter and a team's own kind: what each does beyond the shared contract."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kfx.errors import PermanentError, TransientError, UsageError
from kfx.notify import Answer, Notification, Policy, announce, kinds
from kfx.notify.channels.git import Git
from kfx.notify.channels.pagerduty import PagerDuty
from kfx.notify.channels.teams import Teams
from kfx.notify.message import compose
from kfx.notify.situation import Situation
from kfx.outcome import Outcome
from kfx.runs.run import Run
from kfx.secret import Redactor, Secret

from ..conftest import require_module
from .http_double import Double, Reply
from .situations import failed_run, message

END = ["completed", "error", "aborted"]


def body(request: Any) -> Any:
    """A request's body as data."""
    return json.loads(request.preview())


def test_teams_gets_an_adaptive_card_whose_foreign_text_is_not_markup() -> None:
    """One attachment of the card type; errors are text runs; the run page is an action."""
    posted = body(Teams(webhook=Secret("http://x")).render(message(run=failed_run("**bold** [x](http://y)"))))
    [attachment] = posted["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert "**bold** [x](http://y)" in json.dumps(card)
    assert card["actions"][0]["url"].startswith("https://console.cloud.google.com/vertex-ai/")


@pytest.mark.parametrize(("code", "error"), [("429", TransientError), ("503", TransientError), ("400", PermanentError)])
def test_teams_refusal_inside_a_200_is_a_refusal(code: str, error: type[Exception]) -> None:
    """Connectors answer 200 with Teams' own error in the text."""
    text = f"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {code}"
    with pytest.raises(error, match=code):
        Teams(webhook=Secret("http://x")).judge(Answer(200, text.encode()))
    Teams(webhook=Secret("http://x")).judge(Answer(200, b"1"))


@pytest.mark.parametrize(
    ("state", "action", "severity"),
    [
        ("SUCCEEDED", "resolve", "warning"),
        ("FAILED", "trigger", "error"),
        ("CANCELLED", "trigger", "warning"),
        ("RUNNING", "trigger", "warning"),
    ],
)
def test_pagerduty_triggers_and_resolves_one_incident_of_the_pipeline(state: str, action: str, severity: str) -> None:
    """Another run of the same pipeline has the same key, so its success resolves the failure."""

    def event(run_state: str, job: str) -> Any:
        name = f"projects/p/locations/l/pipelineJobs/{job}"
        outcome = Outcome.read({"state": run_state, "pipelineJobResourceName": name})
        return body(PagerDuty(routing_key=Secret("k")).render(compose(Situation(outcome), Redactor())))

    made = event(state, "train-20240501120000")
    assert (made["event_action"], made["payload"]["severity"]) == (action, severity)
    assert made["dedup_key"] == event("SUCCEEDED", "train-20240502130000")["dedup_key"]
    assert made["dedup_key"] != event("SUCCEEDED", "other-20240502130000")["dedup_key"]


def test_pagerduty_tells_the_cause() -> None:
    """Summary, component and details name the failing task and its error; a start has no event."""
    payload = body(PagerDuty(routing_key=Secret("k"), severity="critical").render(message(run=failed_run())))["payload"]
    assert payload["summary"] == "sklearn-train failed in project p: train-1: ValueError: no column 'Class'"
    assert (payload["component"], payload["severity"]) == ("train-1", "critical")
    assert payload["custom_details"]["Failed tasks"] == {"train-1": "ValueError: no column 'Class'"}
    with pytest.raises(UsageError, match="no event for a start"):
        PagerDuty(routing_key=Secret("k")).render(message(phase="started"))
    with pytest.raises(UsageError, match="severity is 'fatal'"):
        Notification(kind="pagerduty", params={"severity": "fatal"}, secret_params={"routing_key": "env:K"})


@pytest.fixture
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """No CI variable of the machine that runs the tests."""
    gitlab = ("CI_PROJECT_ID", "CI_ISSUE_IID", "CI_MERGE_REQUEST_IID")
    for name in (*gitlab, "GITHUB_EVENT_PATH", "GITHUB_REPOSITORY", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("params", "url"),
    [
        ({"repo": "o/r", "issue": "5"}, "https://api.github.com/repos/o/r/issues/5/comments"),
        (
            {"repo": "o/r", "issue": "5", "server": "ghe.example.com/api/v3"},
            "https://ghe.example.com/api/v3/repos/o/r/issues/5/comments",
        ),
        ({"repo": "g/r", "issue": "5", "gitlab": True}, "https://gitlab.com/api/v4/projects/g%2Fr/issues/5/notes"),
        (
            {"repo": "g/r", "issue": "5", "merge_request": "6", "server": "gitlab.example.com"},
            "https://gitlab.example.com/api/v4/projects/g%2Fr/merge_requests/6/notes",
        ),
    ],
)
def test_git_addresses_github_and_gitlab_public_or_own(params: dict[str, Any], url: str, no_ci: None) -> None:
    """MLRun's addresses; a merge request wins over an issue."""
    request = Git(token=Secret("t"), **params).render(message())
    assert vars(request)["url"] == url


def test_git_takes_its_values_from_ci(no_ci: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """GitHub Actions and GitLab CI say repository, number and token."""
    (tmp_path / "event.json").write_text('{"pull_request": {"number": 12}}')
    for name, value in {
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_TOKEN": "t",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
    }.items():
        monkeypatch.setenv(name, value)
    request = Notification(kind="git").open()[0].render(message())
    assert vars(request)["url"] == "https://api.github.com/repos/o/r/issues/12/comments"
    (tmp_path / "event.json").write_text('{"ref": "main"}')
    with pytest.raises(UsageError, match="about no issue"):
        Notification(kind="git").open()[0].render(message())
    monkeypatch.setenv("CI_PROJECT_ID", "42")
    monkeypatch.setenv("CI_MERGE_REQUEST_IID", "7")
    monkeypatch.delenv("GITHUB_REPOSITORY")
    request = Notification(kind="git").open()[0].render(message())
    assert vars(request)["url"] == "https://gitlab.com/api/v4/projects/42/merge_requests/7/notes"


@pytest.mark.parametrize(
    ("env", "params", "url"),
    [
        ({}, {}, "https://code.example.com/api/v4/projects/42/merge_requests/7/notes"),
        ({}, {"gitlab": False}, "https://code.example.com/repos/42/issues/7/comments"),
        ({"GITHUB_ACTIONS": "true"}, {}, "https://code.example.com/repos/42/issues/7/comments"),
        ({"GITHUB_REPOSITORY": "o/r"}, {}, "https://code.example.com/repos/o/r/issues/7/comments"),
    ],
)
def test_gitlabs_ci_means_gitlab_on_a_server_of_ones_own(
    env: dict[str, str], params: dict[str, Any], url: str, no_ci: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI_PROJECT_ID tells that a server is a GitLab, unless the parameters or GitHub's values say otherwise."""
    for name, value in {"CI_PROJECT_ID": "42", "CI_MERGE_REQUEST_IID": "7", "GIT_TOKEN": "t", **env}.items():
        monkeypatch.setenv(name, value)
    made = Notification(kind="git", params={"server": "code.example.com", **params}).open()[0]
    assert vars(made.render(message()))["url"] == url


def test_git_without_a_number_is_refused(no_ci: None) -> None:
    """MLRun's refusal: neither issue nor merge_request."""
    with pytest.raises(UsageError, match="git needs issue or merge_request"):
        Notification(kind="git", params={"repo": "o/r"}, secret_params={"token": "env:T"})


def apprise_to(url: str) -> list[dict[str, Any]]:
    """A notification through Apprise."""
    return [{"kind": "apprise", "when": END, "secret_params": {"url": "env:TEST_APPRISE"}}]


@pytest.mark.parametrize(("state", "kind"), [("SUCCEEDED", "success"), ("FAILED", "failure"), ("RUNNING", "warning")])
def test_apprise_sends_by_url(state: str, kind: str, monkeypatch: pytest.MonkeyPatch, quick: Policy) -> None:
    """A service Apprise knows gets title, text and type."""
    require_module("apprise")
    with Double() as double:
        monkeypatch.setenv("TEST_APPRISE", f"json://localhost:{double.port}/canarypath")
        [told] = announce(
            {"state": state, "pipelineJobResourceName": "wf"}, apprise_to(double.url), policy=quick
        ).deliveries
        assert told.status == "sent", told
        posted = json.loads(double.received[0].body)
    assert posted["type"] == kind
    assert posted["title"].startswith("wf ")
    assert "Pipeline:     wf" in posted["message"]


@pytest.mark.parametrize(("status", "tries"), [(401, 1), (500, 3)])
def test_apprise_failures_carry_the_reason_and_no_secret(
    status: int, tries: int, monkeypatch: pytest.MonkeyPatch, quick: Policy, capsys: pytest.CaptureFixture[str]
) -> None:
    """What Apprise logged is the reason; the URL's keys are masked; a refusal is not tried again."""
    require_module("apprise")
    with Double(lambda _: Reply(status, b"no canarypath")) as double:
        monkeypatch.setenv("TEST_APPRISE", f"json://user:canarypass@localhost:{double.port}/canarypath")
        told = announce({"state": "FAILED"}, apprise_to(double.url), policy=quick)
    printed = capsys.readouterr()
    assert (told.deliveries[0].status, told.deliveries[0].tries) == ("error", tries)
    assert str(status) in told.deliveries[0].reason
    assert "canary" not in told.report + printed.out + printed.err


def test_apprise_refuses_a_url_it_cannot_read(monkeypatch: pytest.MonkeyPatch, quick: Policy) -> None:
    """One try, no secret in the reason."""
    require_module("apprise")
    monkeypatch.setenv("TEST_APPRISE", "nothing://canarypass@x")
    [told] = announce({"state": "FAILED"}, apprise_to(""), policy=quick).deliveries
    assert (told.status, told.tries) == ("error", 1)
    assert "cannot read its url" in told.reason
    assert "canary" not in told.reason


def test_apprise_time_outs_are_bounded(monkeypatch: pytest.MonkeyPatch, quick: Policy) -> None:
    """A service that never answers is given up in time."""
    require_module("apprise")
    with Double(lambda _: Reply(how="hang")) as double:
        monkeypatch.setenv("TEST_APPRISE", f"json://localhost:{double.port}/")
        [told] = announce({"state": "FAILED"}, apprise_to(""), policy=quick).deliveries
    assert (told.status, told.tries) == ("error", 3)


def test_ipython_is_silent_outside_a_notebook_and_console_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a notebook the ipython kind is suppressed and console is not."""
    told = announce({"state": "FAILED"}, [{"kind": kind, "when": END} for kind in ("ipython", "console")]).deliveries
    assert [one.status for one in told] == ["suppressed", "sent"]
    assert told[0].reason == "This is no Jupyter notebook."


def test_a_notebook_shows_the_message_as_html_and_console_yields(tmp_path: Path) -> None:
    """In a real kernel the message is displayed once, as HTML, in the cell's output."""
    for module in ("nbclient", "nbformat", "ipykernel"):
        require_module(module)
    import nbformat
    from nbclient import NotebookClient

    code = (
        "from kfx.notify import announce\n"
        "told = announce({'state': 'FAILED', 'error': {'message': '<b>x</b>'}},"
        " [{'kind': kind, 'when': ['error']} for kind in ('console', 'ipython')])\n"
        "print([one.status for one in told.deliveries], told.deliveries[0].reason)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    [shown] = [output["data"]["text/html"] for output in outputs if output["output_type"] == "display_data"]
    assert "pipeline failed" in shown
    assert "&lt;b&gt;x&lt;/b&gt;" in shown
    printed = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    assert "['suppressed', 'sent'] ipython shows it." in printed


OWN_KIND = '''
from dataclasses import dataclass
from typing import Annotated
from kfx.notify import About, Channel, Message, Request, TextRequest


@dataclass(frozen=True, repr=False)
class Pigeon(Channel):
    """Sends a pigeon."""

    kind = "pigeon"
    needs = (("loft",),)
    loft: Annotated[str, About("Where it flies.", env="PIGEON_LOFT")] = ""

    def render(self, message: Message) -> Request:
        return TextRequest(f"to {self.loft}: {message.title}\\n")

    def judge(self, answer) -> None:
        pass
'''


def test_a_teams_own_kind_is_one_file_and_an_entry_point(tmp_path: Path) -> None:
    """An installed package's entry point is a kind like any other: listed, checked, sent."""
    (tmp_path / "pigeons.py").write_text(OWN_KIND)
    info = tmp_path / "pigeons-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeons\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[kfx.notify.channels]\npigeon = pigeons:Pigeon\n")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from kfx.notify import announce, kinds, Notification\n"
        "assert 'pigeon' in kinds()\n"
        "announce({'state': 'FAILED'}, [{'kind': 'pigeon', 'when': ['error'], 'params': {'loft': 'roof'}}])\n"
        "Notification(kind='pigeon', params={'lof': 'x'})"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "to roof: pipeline failed" in done.stdout
    assert "UsageError: pigeon has no parameter 'lof'. Its parameters: loft." in done.stderr
    assert "pigeon" not in kinds()


def test_a_run_without_a_name_is_still_told() -> None:
    """Nothing known at all gives a message, not an error."""
    made = compose(Situation(Outcome.read(None), run=Run("", "")), Redactor())
    assert made.title == "pipeline ended with an unknown outcome (the platform gave no state)"
