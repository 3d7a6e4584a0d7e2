"""Asks Vertex AI for a run: the job with its tasks' own errors, the end of the failing tasks' logs, the run before.

`kfx.runs.vertex` reads what is asked for here. Permissions: aiplatform.pipelineJobs.get and .list, which a pipeline's
service account has (roles/aiplatform.user), and logging.logEntries.list for the logs (roles/logging.viewer).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from kfx.errors import KfxError
from kfx.gcp import Api
from kfx.outcome import Outcome, State, state_of
from kfx.runs import logs, vertex
from kfx.runs.run import Run, Task

ENDPOINT_VARIABLE = "KFX_API_ENDPOINT"
"""Another address of Vertex AI's API, such as a Private Service Connect endpoint (`kfx submit --api-endpoint`)."""

LOGGING_ENDPOINT_VARIABLE = "KFX_LOGGING_ENDPOINT"

LOGS_READ = 3
"""Failing tasks whose logs are read; one request each."""


def fetch(outcome: Outcome) -> Run:
    """Returns the run that a final status on Vertex speaks of; its failed tasks are the leaves, not the DAGs above.

    Args:
        outcome: An outcome whose resource name is a Vertex path.

    Raises:
        KfxError: The job cannot be read.
    """
    job = _api(outcome.location).get(f"/v1/{outcome.resource_name}")
    run = vertex.read(_leaves(job))
    return dataclasses.replace(
        run, submitted_by=submitter(job), tasks=tuple(_task(task, outcome) for task in run.tasks)
    )


def with_log_tails(run: Run, outcome: Outcome) -> tuple[Run, str]:
    """Adds the end of the failing tasks' logs.

    Returns:
        The run, and why a log could not be read; empty when all could.
    """
    read: dict[str, str] = {}
    why = ""
    try:
        for task in [task for task in run.failed_tasks if task.log][:LOGS_READ]:
            read[task.log] = _log_tail(task, outcome.project)
    except KfxError as error:
        why = str(error)
    tasks = tuple(dataclasses.replace(task, log_tail=read.get(task.log, "")) for task in run.tasks)
    return dataclasses.replace(run, tasks=tasks), why


def previous(run: Run, outcome: Outcome) -> State | None:
    """Returns how the last run of the same pipeline that succeeded or failed before this one ended.

    Raises:
        KfxError: The jobs cannot be listed.
    """
    page = _api(outcome.location).get(
        f"/v1/{outcome.resource_name.rpartition('/pipelineJobs/')[0]}/pipelineJobs",
        filter=f'pipeline_name="{run.pipeline}"',
        orderBy="create_time desc",
        pageSize=50,
        readMask="name,state,createTime",
    )
    jobs = page.get("pipelineJobs", [])
    names = [str(job.get("name", "")).rpartition("/")[2] for job in jobs]
    before = jobs[names.index(run.id) + 1 :] if run.id in names else [job for job in jobs if job.get("name")]
    ended = (state_of(str(job.get("state", ""))) for job in before)
    return next((state for state in ended if state in ("succeeded", "failed")), None)


def submitter(job: Mapping[str, Any]) -> str:
    """Returns who or what started a job, as far as the job says: its schedule, else the label `submitted-by`."""
    schedule = str(job.get("scheduleName", "")).rpartition("/")[2]
    return f"schedule {schedule}" if schedule else str((job.get("labels") or {}).get("submitted-by", ""))


def _leaves(job: Mapping[str, Any]) -> dict[str, Any]:
    """Drops the tasks that are parents of others: a DAG's error only says that one of its tasks failed."""
    detail = job.get("jobDetail") or {}
    tasks = detail.get("taskDetails") or []
    parents = {str(task.get("parentTaskId")) for task in tasks}
    kept = [task for task in tasks if str(task.get("taskId")) not in parents]
    return {**job, "jobDetail": {**detail, "taskDetails": kept}}


def _task(task: Task, outcome: Outcome) -> Task:
    """Puts the page of the task's log in the place of the custom job's name."""
    job_id = task.log.rpartition("/")[2]
    if not job_id:
        return task
    query = quote(f'resource.labels.job_id="{job_id}"', safe="")
    page = f"https://console.cloud.google.com/logs/query;query={query}?project={quote(outcome.project, safe='')}"
    return dataclasses.replace(task, log=page)


def _log_tail(task: Task, project: str) -> str:
    """Reads a custom job's last log lines (REST: logging.v2 `entries.list`)."""
    job_id = task.log.partition("job_id%3D%22")[2].partition("%22")[0]
    api = Api(os.environ.get(LOGGING_ENDPOINT_VARIABLE) or "https://logging.googleapis.com")
    body = {
        "resourceNames": [f"projects/{project}"],
        "filter": f'resource.type="ml_job" resource.labels.job_id="{job_id}"',
        "orderBy": "timestamp desc",
        "pageSize": logs.READ_LINES,
    }
    entries = api.post_again("/v2/entries:list", body).get("entries", [])
    lines = [entry.get("textPayload") or (entry.get("jsonPayload") or {}).get("message", "") for entry in entries]
    return logs.end("\n".join(str(line).rstrip() for line in reversed(lines) if line))


def _api(region: str) -> Api:
    return Api(os.environ.get(ENDPOINT_VARIABLE) or f"https://{region}-aiplatform.googleapis.com", pause_s=0.5)
