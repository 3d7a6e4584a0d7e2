"""A run on open-source KFP, read from its Argo Workflow: the only place that says why a step failed.

Wire format: `argoproj.io/v1alpha1` Workflow. KFP v2 compiles a task into a node of the task's name with a pod node
`executor` in it (and a pod `NAME-driver` beside it), so a failed pod's task is the name of its boundary node.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kfx.errors import KfxError
from kfx.runs import cluster, logs
from kfx.runs.run import Run, Task, TaskState

RUN_ID_LABEL = "pipeline/runid"
LOGS_READ = 3
"""Failing tasks whose logs are read; one or two requests each."""

_PHASES: dict[str, TaskState] = {
    "Pending": "pending",
    "Running": "running",
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Error": "failed",
    "Skipped": "skipped",
    "Omitted": "skipped",
}


def fetch(workflow: str) -> Run:
    """Returns the run of a workflow in this pod's namespace.

    Raises:
        KfxError: The Workflow cannot be read.
    """
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{cluster.namespace()}/workflows/{workflow}"
    return read(cluster.get_json(path))


def read(workflow: Mapping[str, Any]) -> Run:
    """Returns a Workflow as a run; its tasks are the pods that did work, under the names of their KFP tasks.

    Args:
        workflow: The Workflow object as JSON.
    """
    metadata, status = workflow.get("metadata") or {}, workflow.get("status") or {}
    nodes: Mapping[str, Mapping[str, Any]] = status.get("nodes") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    name = str(metadata.get("name", ""))
    pods = [node for node in nodes.values() if node.get("type") == "Pod"]
    pods.sort(key=lambda node: (str(node.get("startedAt", "")), str(node.get("id", ""))))
    return Run(
        id=str(labels.get(RUN_ID_LABEL) or name),
        pipeline=str(annotations.get("pipelines.kubeflow.org/run_name") or metadata.get("generateName", "")).rstrip(
            "-"
        ),
        tasks=tuple(_task(name, node, nodes) for node in pods if _counts(node)),
        started_at=_seconds(status.get("startedAt")),
        submitted_by=str(labels.get("workflows.argoproj.io/cron-workflow") or annotations.get("submitted-by", "")),
    )


def with_log_tails(run: Run) -> tuple[Run, str]:
    """Adds the end of the failing tasks' pod logs.

    Returns:
        The run, and why a log could not be read; empty when all could.
    """
    read_: dict[str, str] = {}
    why = ""
    try:
        for task in [task for task in run.failed_tasks if task.log][:LOGS_READ]:
            read_[task.log] = _log_tail(task.log)
    except KfxError as error:
        why = str(error)
    tasks = tuple(
        dataclasses.replace(task, log_tail=read_.get(task.log, "") if task.state == "failed" else "", log="")
        for task in run.tasks
    )
    return dataclasses.replace(run, tasks=tasks), why


def _counts(node: Mapping[str, Any]) -> bool:
    """Whether a pod stands for a task: the executors, and a driver only when it failed."""
    driver = str(node.get("displayName", "")).endswith("driver")
    return not driver or _PHASES.get(str(node.get("phase"))) == "failed"


def _task(workflow: str, node: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> Task:
    shown = str(node.get("displayName", ""))
    executor = shown.partition("(")[0] == "executor"  # a retried one is executor(0), executor(1)
    boundary = nodes.get(str(node.get("boundaryID", "")), {})
    name = str(boundary.get("displayName") or shown) if executor else shown
    state = _PHASES.get(str(node.get("phase")), "unknown")
    return Task(
        name=name.removesuffix("-driver") if not executor else name,
        state=state,
        error=_error(node, shown) if state == "failed" else "",
        started_at=_seconds(node.get("startedAt")),
        ended_at=_seconds(node.get("finishedAt")),
        log=_pod(workflow, node),
    )


def _error(node: Mapping[str, Any], shown: str) -> str:
    message = str(node.get("message") or "") or f"The pod ended in phase {node.get('phase')}."
    return f"The task's driver failed: {message}" if shown.endswith("driver") else message


def _pod(workflow: str, node: Mapping[str, Any]) -> str:
    """Names a node's pod: Argo's POD_NAMES v2 (`WORKFLOW-TEMPLATE-HASH`), the default since 3.4."""
    identity = str(node.get("id", ""))
    template = str(node.get("templateName") or (node.get("templateRef") or {}).get("template") or "")
    return f"{workflow}-{template}-{identity.rpartition('-')[2]}" if template else identity


def _log_tail(pod: str) -> str:
    path = f"/api/v1/namespaces/{cluster.namespace()}/pods/{pod}/log?container=main&tailLines={logs.READ_LINES}"
    return logs.end(cluster.get(path).decode("utf-8", "replace"))


def _seconds(timestamp: object) -> float | None:
    """Reads a Kubernetes time stamp (RFC 3339, UTC)."""
    if not timestamp:
        return None
    try:
        return datetime.fromisoformat(str(timestamp).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
