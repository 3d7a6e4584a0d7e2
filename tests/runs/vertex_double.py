"""A loopback Vertex AI and Cloud Logging: jobs with task details, a list of jobs, log entries."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ..notify.http_double import Double, Received, Reply

PARENT = "/v1/projects/123/locations/us-central1/pipelineJobs"


def job(name: str, state: str, *failing: tuple[str, str]) -> dict[str, Any]:
    """A PipelineJob in which the named tasks failed inside the exit handler's DAG."""
    tasks: list[dict[str, Any]] = [
        {"taskId": "1", "taskName": name, "state": "RUNNING"},
        {
            "taskId": "2",
            "parentTaskId": "1",
            "taskName": "exit-handler-1",
            "state": "FAILED" if failing else "SUCCEEDED",
            "error": {"code": 9, "message": "The DAG failed because some tasks failed."},
        },
        {
            "taskId": "3",
            "parentTaskId": "2",
            "taskName": "evaluate",
            "state": "SUCCEEDED",
            "outputs": {
                "metrics": {
                    "artifacts": [{"uri": "gs://b/m", "schemaTitle": "system.Metrics", "metadata": {"auc": 0.9}}]
                }
            },
        },
        {"taskId": "9", "parentTaskId": "1", "taskName": "notify", "state": "RUNNING"},
    ]
    for index, (task, error) in enumerate(failing):
        detail = {"containerDetail": {"mainJob": f"projects/123/locations/us-central1/customJobs/77{index}"}}
        tasks.append(
            {
                "taskId": f"4{index}",
                "parentTaskId": "2",
                "taskName": task,
                "state": "FAILED",
                "error": {"code": 3, "message": error},
                "executorDetail": detail,
            }
        )
    return {
        "name": f"projects/123/locations/us-central1/pipelineJobs/{name}",
        "displayName": name,
        "state": state,
        "createTime": "2026-11-21T07:00:00Z",
        "startTime": "2026-11-21T07:00:05Z",
        "scheduleName": "projects/123/locations/us-central1/schedules/nightly",
        "pipelineSpec": {"pipelineInfo": {"name": "train"}},
        "runtimeConfig": {"parameterValues": {"label": "Class"}},
        "jobDetail": {"taskDetails": tasks},
    }


class VertexDouble(Double):
    """The API; `jobs` are the newest first, `logs` the lines by custom job id."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.jobs: list[dict[str, Any]] = []
        self.logs: dict[str, list[str]] = {}

    def _answer(self, received: Received) -> Reply:
        parts = urlsplit(received.path)
        if parts.path == "/v2/entries:list":
            asked = json.loads(received.body)["filter"]
            lines = next((lines for job_id, lines in self.logs.items() if f'job_id="{job_id}"' in asked), [])
            entries = [{"jsonPayload": {"message": line}} for line in reversed(lines)]
            return Reply(200, json.dumps({"entries": entries}).encode())
        if parts.path == PARENT:
            asked = parse_qs(parts.query)["filter"][0]
            found = [one for one in self.jobs if f'"{one["pipelineSpec"]["pipelineInfo"]["name"]}"' in asked]
            return Reply(200, json.dumps({"pipelineJobs": found}).encode())
        for one in self.jobs:
            if parts.path == f"/v1/{one['name']}":
                return Reply(200, json.dumps(one).encode())
        error = {"error": {"code": 404, "message": "not found", "status": "NOT_FOUND"}}
        return Reply(404, json.dumps(error).encode())
