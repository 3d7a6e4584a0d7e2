"""A Vertex PipelineJob as a run."""

from __future__ import annotations

from typing import Any

import pytest

from kfx.runs.vertex import console_url, error, read

JOB: dict[str, Any] = {
    "name": "projects/123/locations/europe-west4/pipelineJobs/beans-1",
    "displayName": "Beans",
    "state": "PIPELINE_STATE_FAILED",
    "createTime": "2026-11-21T08:00:00Z",
    "startTime": "2026-11-21T08:00:01.500000001Z",
    "error": {"code": 9, "message": "The DAG failed because some tasks failed. The failed tasks are: [train]."},
    "pipelineSpec": {"pipelineInfo": {"name": "bq-sklearn-train"}},
    "runtimeConfig": {"parameterValues": {"label": "Class"}},
    "jobDetail": {
        "taskDetails": [
            {"taskId": "1", "taskName": "beans-1", "state": "FAILED"},
            {
                "taskId": "2",
                "taskName": "evaluate",
                "state": "SUCCEEDED",
                "createTime": "2026-11-21T08:00:02Z",
                "endTime": "2026-11-21T08:01:02.25Z",
                "outputs": {
                    "metrics": {
                        "artifacts": [
                            {"uri": "gs://b/m", "schemaTitle": "system.Metrics", "metadata": {"accuracy": 0.9}}
                        ]
                    },
                    "empty": {},
                },
            },
            {"taskId": "3", "taskName": "train", "state": "FAILED", "error": {"message": "exit code 1"}},
            {"taskId": "4", "taskName": "later", "state": "NOT_TRIGGERED"},
            {"taskId": "5", "taskName": "odd", "state": "SOMETHING_NEW"},
        ]
    },
}


def test_a_job_is_read_as_a_run() -> None:
    """Id, pipeline, times, parameters, tasks without the root, errors, metrics, artifacts and the console's page."""
    run = read(JOB)
    assert (run.id, run.pipeline) == ("beans-1", "bq-sklearn-train")
    assert run.started_at == 1795248001.5
    assert run.parameters == {"label": "Class"}
    assert run.url.endswith("/locations/europe-west4/pipelines/runs/beans-1?project=123")
    assert [(task.name, task.state) for task in run.tasks] == [
        ("evaluate", "succeeded"),
        ("train", "failed"),
        ("later", "skipped"),
        ("odd", "unknown"),
    ]
    evaluate, train = run.tasks[:2]
    assert evaluate.started_at is not None
    assert evaluate.ended_at is not None
    assert evaluate.ended_at - evaluate.started_at == 60.25
    assert (evaluate.metrics, evaluate.artifacts) == ({"accuracy": 0.9}, {"metrics": "gs://b/m"})
    assert run.metrics == {"accuracy": 0.9}
    assert [task.error for task in run.failed_tasks] == [train.error] == ["exit code 1"]
    assert error(JOB).startswith("The DAG failed")


def test_a_job_just_created_has_little() -> None:
    """No details, no error, no times: still a run."""
    run = read({"name": JOB["name"], "state": "PIPELINE_STATE_PENDING"})
    assert (run.id, run.tasks, run.started_at) == ("beans-1", (), None)
    assert error({"error": None}) == ""


@pytest.mark.parametrize("name", ["", "beans-1", "projects/123"])
def test_a_name_that_is_no_path_has_no_page(name: str) -> None:
    """No link is better than a wrong one."""
    assert console_url(name) == ""
