"""A run on open-source KFP, read from the KFP API (v2beta1): its name, parameters, start and page.

The API leaves every task's error empty (kubeflow/pipelines #14007), so the cause comes from `kfx.runs.argo`; this fills
in what a Workflow does not say, and names the failed tasks where the Workflow cannot be read.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kfx.runs import cluster
from kfx.runs.run import Run, Task, TaskState

API_VARIABLE = "KFX_KFP_API"
"""The KFP API's address; `http://ml-pipeline.NAMESPACE:8888` in a cluster without it."""

TOKEN_VARIABLE = "KFX_KFP_TOKEN_FILE"  # noqa: S105 - a variable's name
"""File with a token for a KFP API that asks for one; the one KFP mounts into pods is used without it."""

UI_VARIABLE = "KFX_KFP_UI"
"""The KFP UI's address, for links to runs."""

_MOUNTED_TOKEN = "/var/run/secrets/kubeflow/pipelines/token"  # noqa: S105 - a path

_STATES: dict[str, TaskState] = {
    "PENDING": "pending",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "SKIPPED": "skipped",
    "FAILED": "failed",
    "CANCELED": "cancelled",
    "CANCELING": "cancelled",
}


def address() -> str:
    """Returns the KFP API's address, empty outside a cluster."""
    given = os.environ.get(API_VARIABLE, "").rstrip("/")
    return given or (f"http://ml-pipeline.{cluster.namespace()}:8888" if cluster.address() else "")


def fetch(run_id: str) -> Run:
    """Returns a run.

    Raises:
        KfxError: The run cannot be read.
    """
    url = f"{address()}/apis/v2beta1/runs/{quote(run_id, safe='')}"
    return read(cluster.parsed(cluster.fetch(url, _headers()), url))


def read(document: Mapping[str, Any]) -> Run:
    """Returns a v2beta1 Run as a run. The DAGs among its tasks, which have child tasks, are left out.

    Args:
        document: The Run as JSON.
    """
    run_id = str(document.get("run_id", ""))
    details = (document.get("run_details") or {}).get("task_details") or []
    recurring = str(document.get("recurring_run_id") or "")
    return Run(
        id=run_id,
        pipeline=str(document.get("display_name", "")),
        tasks=tuple(_task(detail) for detail in details if not detail.get("child_tasks")),
        started_at=_seconds(document.get("created_at")),
        parameters=dict((document.get("runtime_config") or {}).get("parameters") or {}),
        url=page(run_id),
        submitted_by=f"recurring run {recurring}" if recurring else "",
    )


def page(run_id: str) -> str:
    """Returns the run's page in the KFP UI; empty where the UI's address is not known."""
    ui = os.environ.get(UI_VARIABLE, "").rstrip("/")
    return f"{ui}/#/runs/details/{quote(run_id, safe='')}" if ui and run_id else ""


def joined(workflow: Run | None, api: Run | None) -> Run | None:
    """Joins what the Workflow and the API say: tasks from the Workflow, the rest from the API."""
    if workflow is None or api is None:
        return workflow or api
    return dataclasses.replace(api, tasks=workflow.tasks, submitted_by=api.submitted_by or workflow.submitted_by)


def _task(detail: Mapping[str, Any]) -> Task:
    error = (detail.get("error") or {}).get("message", "")
    return Task(
        name=str(detail.get("display_name", "")).removesuffix("-driver"),
        state=_STATES.get(str(detail.get("state", "")), "unknown"),
        error=str(error),
        started_at=_seconds(detail.get("start_time")),
        ended_at=_seconds(detail.get("end_time")),
    )


def _headers() -> dict[str, str]:
    """Adds the token of the pod, which only the address in the cluster or one named by the user gets to see."""
    try:
        token = Path(os.environ.get(TOKEN_VARIABLE) or _MOUNTED_TOKEN).read_text(encoding="utf-8").strip()
    except OSError:
        return {}  # a KFP without multi-user mode asks for none
    return {"Authorization": f"Bearer {token}"}


def _seconds(timestamp: object) -> float | None:
    """Reads a protobuf JSON time stamp (RFC 3339, UTC); the fraction is dropped."""
    text = str(timestamp or "").partition(".")[0].removesuffix("Z")
    try:
        return datetime.fromisoformat(f"{text}+00:00").timestamp() if text else None
    except ValueError:
        return None
