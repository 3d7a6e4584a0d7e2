"""What is said: the outcome in true words, the cause, nothing secret, nothing unsafe."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from kfx.notify import formats
from kfx.notify.message import addressed, compose
from kfx.notify.situation import Situation, title
from kfx.outcome import Outcome
from kfx.runs.run import Run, Task
from kfx.secret import Redactor, Secret

from ..statuses import STATUSES
from .situations import HOSTILE, NOW, failed_run, hostile_message, message, situation

WORDS = {
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "was cancelled",
    "running": "unknown outcome",
    "unknown": "unknown outcome",
}


@pytest.mark.parametrize(("status", "state"), STATUSES.values(), ids=STATUSES)
def test_the_title_tells_the_outcome_and_never_a_false_success(status: dict[str, Any], state: str) -> None:
    """Each platform's status gets its word; only a known success is called one, in any of the formats."""
    happened = Situation(Outcome.read(status), now=NOW)
    assert WORDS[state] in title(happened)
    made = compose(happened, Redactor())
    for text in (formats.plain(made), formats.html(made), formats.markdown(made)):
        assert ("succeeded" in text.lower()) == (state == "succeeded")
        assert "complete" not in text.lower() or status.get("state") != "RUNNING"


def test_the_message_names_run_project_duration_and_the_failing_tasks_own_error() -> None:
    """The platform's "the DAG failed" gives way to the tasks' own errors."""
    text = formats.plain(message(run=failed_run(tasks=2, log="line 1\nline 2")))
    assert "[error] sklearn-train failed in project p" in text
    assert "3 min 20 s" in text
    assert "Task train-1 failed:\n  ValueError: no column 'Class'" in text
    assert "Task train-2 failed:" in text
    assert "line 2" in text
    assert "The DAG failed" not in text
    assert "https://console.cloud.google.com/vertex-ai/locations/l/pipelines/runs/j-1?project=p" in text


def test_without_the_run_the_platforms_message_is_told() -> None:
    """When the failing tasks are unknown the final status's own error is shown."""
    assert "The DAG failed." in formats.plain(message())


def test_a_success_shows_the_metrics() -> None:
    """Metrics of all tasks, floats to six digits."""
    run = Run("r", "p", (Task("evaluate", "succeeded", metrics={"accuracy": 0.91234567, "kind": "tree"}),))
    text = formats.plain(message("SUCCEEDED", run))
    assert "accuracy = 0.912346" in text
    assert "kind = tree" in text


def test_a_start_is_told_without_duration_or_metrics() -> None:
    """The start message says started, and nothing of an end."""
    text = formats.plain(message("RUNNING", failed_run(), phase="started"))
    assert "sklearn-train started in project p" in text
    assert "Outcome:      running" in text
    assert "Duration" not in text


def test_the_same_message_has_the_same_id_and_another_state_another() -> None:
    """The id is the run's, state's and notification's, not the moment's."""
    later = compose(replace(situation(), now=NOW + 5), Redactor())
    first, again = message(), addressed(later, Redactor(), name="ops")
    assert first.id == again.id
    assert first.series == message("SUCCEEDED").series
    assert len({first.id, message("SUCCEEDED").id, addressed(later, Redactor(), name="dev").id}) == 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("train-20240501120000", "train-20240502130000"),
        ("train-20240501-120000", "train-20240502-130000"),
        ("train-2026-11-21-07-40-05-634786", "train-2026-11-22-07-40-05-634787"),
        ("sklearn-train-7xk2p", "sklearn-train-9zzt4"),
    ],
)
def test_runs_of_one_pipeline_are_one_series(first: str, second: str) -> None:
    """What Vertex, kfx, kfp.local and Kubernetes append to name a run is no part of the pipeline's name."""
    series = [Situation(Outcome.read({"pipelineJobResourceName": name})).series for name in (first, second)]
    assert series[0] == series[1]
    assert Situation(Outcome.read({"pipelineJobResourceName": "train-model"})).series.endswith("train-model")


def test_secrets_in_errors_are_redacted_even_when_coloured() -> None:
    """A known value and a token are hidden although an escape sequence splits them."""
    run = failed_run(
        error="login with can\x1b[1mary-value and xoxb-1234\x1b[0m567890-abcdefgh failed", log="canary-value"
    )
    redactor = Redactor([Secret("canary-value")])
    made = addressed(compose(situation(run=run), redactor), redactor, text="canary-value")
    for text in (formats.plain(made), formats.html(made), formats.markdown(made), repr(made)):
        assert "canary" not in text
        assert "xoxb" not in text


class _Tags(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_holds_foreign_text_as_text() -> None:
    """No tag comes from a foreign text, and the text is all there."""
    page = _Tags()
    page.feed(formats.html(hostile_message(1)))
    assert page.tags <= {"div", "h2", "h3", "p", "table", "tr", "td", "pre", "a", "em", "code"}
    assert "<!channel>" in page.text
    assert "\x1b" not in page.text
    page.text.encode("utf-8")


def test_markdown_holds_foreign_text_as_text() -> None:
    """Outside code blocks every markup character is escaped, and no code block ends early."""
    text = formats.markdown(hostile_message(1))
    outside = re.sub(r"^(`{3,})$.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"(?<!\\)<(?!https://)", outside)
    assert not re.search(r"(?<!\\)\*", outside)


@pytest.mark.parametrize("limit", [500, 20_000])
def test_long_messages_are_cut(limit: int) -> None:
    """The plain text keeps its limit; HTML and Markdown stay within what a mail server and a UI take."""
    made = hostile_message()
    assert len(formats.plain(made, limit=limit)) <= limit + 1
    assert len(formats.html(made)) < 400_000
    assert "40 more failed tasks" in formats.plain(made, limit=10_000_000)
    assert html.escape(HOSTILE[:3]) in formats.html(made)
