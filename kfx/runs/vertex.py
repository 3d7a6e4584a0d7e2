"""A run on Vertex AI Pipelines, read from the PipelineJob its API returns.

The wire format is `google.cloud.aiplatform.v1.PipelineJob` as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kfx.runs.run import Run, Task, TaskState

STATES: dict[str, TaskState] = {
    "PIPELINE_STATE_QUEUED": "pending",
    "PIPELINE_STATE_PENDING": "pending",
    "PIPELINE_STATE_RUNNING": "running",
    "PIPELINE_STATE_SUCCEEDED": "succeeded",
    "PIPELINE_STATE_FAILED": "failed",
    "PIPELINE_STATE_CANCELLING": "running",
    "PIPELINE_STATE_CANCELLED": "cancelled",
    "PIPELINE_STATE_PAUSED": "unknown",
}
"""`PipelineState` -> kfx's word."""

ENDED = {
    "PIPELINE_STATE_SUCCEEDED",
    "PIPELINE_STATE_FAILED",
    "PIPELINE_STATE_CANCELLED",
    "PIPELINE_STATE_PAUSED",
}
"""States a job does not leave by itself."""

_TASK_STATES: dict[str, TaskState] = {
    "PENDING": "pending",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "CANCEL_PENDING": "running",
    "CANCELLING": "running",
    "CANCELLED": "cancelled",
    "FAILED": "failed",
    "SKIPPED": "skipped",
    "NOT_TRIGGERED": "skipped",
}


def read(job: Mapping[str, Any]) -> Run:
    """Returns a PipelineJob as a run.

    Tasks are in the order the API lists them; the root task, which Vertex adds and names after the run, is left out.

    Args:
        job: `PipelineJob` as JSON.
    """
    details = job.get("jobDetail", {}).get("taskDetails", [])
    runtime = job.get("runtimeConfig", {})
    job_id = str(job.get("name", "")).rpartition("/")[2]
    return Run(
        id=job_id,
        pipeline=str(job.get("pipelineSpec", {}).get("pipelineInfo", {}).get("name") or job.get("displayName", "")),
        tasks=tuple(_task(detail) for detail in details if detail.get("taskName") != job_id),
        started_at=_seconds(job.get("startTime") or job.get("createTime")),
        parameters=dict(runtime.get("parameterValues", {})),
        url=console_url(str(job.get("name", ""))),
    )


def error(job: Mapping[str, Any]) -> str:
    """Returns a job's own error message, empty without one."""
    return str((job.get("error") or {}).get("message", ""))


def console_url(name: str, project: str = "") -> str:
    """Returns the console's page of a run.

    Args:
        name: `projects/P/locations/L/pipelineJobs/J`.
        project: Project id, where the name has only its number.
    """
    parts = name.split("/")
    if len(parts) != 6:
        return ""
    return (
        f"https://console.cloud.google.com/vertex-ai/locations/{parts[3]}/pipelines/runs/{parts[5]}"
        f"?project={project or parts[1]}"
    )


def _task(detail: Mapping[str, Any]) -> Task:
    outputs = detail.get("outputs") or {}
    artifacts = {name: found for name, item in outputs.items() for found in (item.get("artifacts") or [])[:1]}
    metrics = [item.get("metadata") or {} for item in artifacts.values() if _is_metrics(item)]
    return Task(
        name=str(detail.get("taskName", "")),
        state=_TASK_STATES.get(str(detail.get("state", "")), "unknown"),
        error=error(detail),
        started_at=_seconds(detail.get("startTime") or detail.get("createTime")),
        ended_at=_seconds(detail.get("endTime")),
        log=str((detail.get("executorDetail") or {}).get("containerDetail", {}).get("mainJob", "")),
        metrics={key: value for one in metrics for key, value in one.items() if isinstance(value, (int, float, str))},
        artifacts={name: str(item.get("uri", "")) for name, item in artifacts.items()},
    )


def _is_metrics(artifact: Mapping[str, Any]) -> bool:
    return artifact.get("schemaTitle") == "system.Metrics"


def _seconds(timestamp: Any) -> float | None:
    """Parses a protobuf JSON timestamp (RFC 3339, up to nanoseconds); None without one."""
    if not timestamp:
        return None
    whole, _, rest = str(timestamp).removesuffix("Z").partition(".")
    fraction = float(f"0.{rest}") if rest.isdigit() else 0.0
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + fraction
