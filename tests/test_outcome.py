"""How a run ended, read from every platform's final status."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kfp.dsl import PipelineTaskFinalStatus

from kfx.outcome import Outcome, state_of

from .statuses import STATUSES

every_status = pytest.mark.parametrize(("status", "state"), STATUSES.values(), ids=STATUSES)


@every_status
def test_every_platforms_status_is_read_as_mapping_json_and_object(status: dict[str, Any], state: str) -> None:
    """The same state comes out of a dict, its JSON text, its bytes, and the object KFP makes of it."""
    error = status.get("error") or {}
    given = PipelineTaskFinalStatus(
        state=status.get("state", ""),
        pipeline_job_resource_name=status.get("pipelineJobResourceName") or status.get("pipeline_job_resource_name"),
        pipeline_task_name=status.get("pipelineTaskName") or status.get("pipeline_task_name"),
        error_code=error.get("code"),
        error_message=error.get("message"),
    )
    text = json.dumps(status)
    read = [Outcome.read(shape) for shape in (status, text, text.encode(), given)]
    assert {outcome.state for outcome in read} == {state}
    assert len(set(read)) == 1


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (None, "unknown"),
        ("", "unknown"),
        ({}, "unknown"),
        ("[]", "unknown"),
        ("Succeeded", "succeeded"),
        ("Error", "failed"),
        ({"phase": "Failed", "message": "child failed"}, "failed"),
        ({"state": "PIPELINE_STATE_CANCELLED", "name": "projects/p/locations/l/pipelineJobs/j"}, "cancelled"),
        ({"state": 3}, "unknown"),
    ],
)
def test_an_odd_status_is_still_an_outcome(status: object, state: str) -> None:
    """Absent, empty, bare-word and API shapes are read; what is not known is unknown."""
    assert Outcome.read(status).state == state


@pytest.mark.parametrize("word", ["RUNNING", "running", "PENDING", "PAUSED", "SKIPPED", "NEW", "UNSPECIFIED", ""])
def test_no_word_but_a_known_success_is_one(word: str) -> None:
    """A state that is not known to be a success is running or unknown."""
    assert state_of(word) in ("running", "unknown")
    assert not Outcome.read({"state": word}).ended


def test_the_error_is_read_whole() -> None:
    """Code and message come out of the nested error; a float code becomes an int."""
    outcome = Outcome.read({"state": "FAILED", "error": {"code": 9.0, "message": " because "}})
    assert (outcome.error_code, outcome.error_message) == (9, "because")
    assert Outcome.read({"state": "FAILED", "error": "just text"}).error_message == "just text"
    assert Outcome.read({"state": "FAILED", "error": {"code": "nine"}}).error_code is None
    assert Outcome.read({"state": "FAILED", "error": {"code": float("inf")}}).error_code is None


def test_a_vertex_resource_name_gives_project_region_job_and_page() -> None:
    """The parts of the path are read by name, and the console link carries the project."""
    outcome = Outcome.read({"pipelineJobResourceName": "projects/p-1/locations/europe-west4/pipelineJobs/train-2"})
    assert (outcome.project, outcome.location, outcome.job_id) == ("p-1", "europe-west4", "train-2")
    assert outcome.url == (
        "https://console.cloud.google.com/vertex-ai/locations/europe-west4/pipelines/runs/train-2?project=p-1"
    )


@pytest.mark.parametrize(
    "name", ["sklearn-train-7xk2p", "", "projects/p", "a/b/c/d/e/f", "projects/p/locations/l/runs/x"]
)
def test_another_resource_name_is_the_runs_name(name: str) -> None:
    """A name that is no Vertex path is kept whole, without project, region or link."""
    outcome = Outcome.read({"state": "FAILED", "pipelineJobResourceName": name})
    assert (outcome.project, outcome.location, outcome.url, outcome.job_id) == ("", "", "", name)
