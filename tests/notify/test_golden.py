"""The whole message for each platform and outcome, as people read it: golden files.

After a wanted change: KFX_UPDATE_GOLDEN=1 python -m pytest tests/notify/test_golden.py, then read the difference.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from kfx.notify import formats
from kfx.notify.channels.slack import blocks
from kfx.notify.message import addressed, compose
from kfx.notify.situation import Situation
from kfx.outcome import Outcome
from kfx.runs import local
from kfx.runs.find import find
from kfx.runs.run import Run, Task
from kfx.secret import Redactor

from ..runs.cluster_double import WORKFLOW, ClusterDouble, workflow
from ..runs.vertex_double import VertexDouble, job

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 21, 7, 5, tzinfo=timezone.utc).timestamp()
RESOURCE = "projects/123/locations/us-central1/pipelineJobs/train-2"
DAG_FAILED = "The DAG failed because some tasks failed. The failed tasks are: [exit-handler-1]."

CASES: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    f"{platform}-{word.lower()}": (platform, word, failing)
    for platform, words in {
        "vertex": ["SUCCEEDED", "FAILED", "CANCELLED"],
        "kfp": ["COMPLETE", "FAILED", "CANCELED", "RUNNING", "MYSTERY"],
        "local": ["SUCCEEDED", "FAILED"],
    }.items()
    for word in words
    for failing in [[("train", "ValueError: no column 'Class'"), ("push", "denied")] if word == "FAILED" else []]
}


@contextmanager
def on(platform: str, failing: list[tuple[str, str]], patch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """A platform that has the run."""
    for name in (local.RUN_FILE_VARIABLE, "KFX_KUBERNETES_API", "KFX_KFP_API"):
        patch.delenv(name, raising=False)
    if platform == "vertex":
        with VertexDouble() as double:
            double.jobs = [job("train-2", "PIPELINE_STATE_RUNNING", *failing)]
            double.logs = {"770": ["Epoch 1", "Traceback (most recent call last):", failing[0][1]]} if failing else {}
            patch.setenv("KFX_API_ENDPOINT", double.url)
            patch.setenv("KFX_LOGGING_ENDPOINT", double.url)
            yield
    elif platform == "kfp":
        with ClusterDouble() as double:
            double.workflow = workflow(*((task, "Error (exit code 1)") for task, _ in failing))
            double.logs = {
                f"{WORKFLOW}-system-container-impl-3{index}": error for index, (_, error) in enumerate(failing)
            }
            for name, value in {"KUBERNETES_API": double.url, "KFP_API": double.url, "NAMESPACE": "ml"}.items():
                patch.setenv(f"KFX_{name}", value)
            patch.setenv("KFX_KFP_UI", "https://kfp.example.com")
            yield
    else:
        tasks = [Task("evaluate", "succeeded", metrics={"accuracy": 0.91234567})]
        tasks += [Task(task, "failed", error=error) for task, error in failing]
        local.save(Run("p-1", "sklearn-train", tuple(tasks), NOW - 65.4, url="kfx-runs/p-1"), folder / "run.json")
        patch.setenv(local.RUN_FILE_VARIABLE, str(folder / "run.json"))
        yield


def status(platform: str, word: str) -> dict[str, Any]:
    """The final status as the platform sends it."""
    if platform == "local":
        error: dict[str, Any] = {"code": 1.0, "message": "Task exit-handler-1 failed."} if word == "FAILED" else {}
        return {"state": word, "pipeline_job_resource_name": "local-pipeline-exit-handler-1", "error": error}
    if platform == "kfp":
        return {"state": word, "pipelineJobResourceName": WORKFLOW, "pipelineTaskName": "exit-handler-1", "error": {}}
    error = {"code": 9, "message": DAG_FAILED} if word == "FAILED" else {}
    return {"state": word, "pipelineJobResourceName": RESOURCE, "pipelineTaskName": "train", "error": error}


@pytest.mark.parametrize("case", CASES)
def test_the_message_is_the_golden_one(case: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Plain text, Markdown and Slack blocks of the message that the platform's own data gives."""
    platform, word, failing = CASES[case]
    outcome = Outcome.read(status(platform, word))
    with on(platform, failing, monkeypatch, tmp_path):
        found = find(outcome)
    happened = compose(Situation(outcome, run=found.run, now=NOW, notes=found.notes), Redactor())
    message = addressed(happened, Redactor(), text="Ask #ml for help.")
    slack = json.dumps(blocks(message), indent=1, ensure_ascii=False)
    made = f"{formats.plain(message)}\n=== Markdown\n{formats.markdown(message)}\n=== Slack\n{slack}\n"
    path = GOLDEN / f"{case}.txt"
    if os.environ.get("KFX_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")
    assert ("succeeded" in message.title) == (word in ("SUCCEEDED", "COMPLETE"))
