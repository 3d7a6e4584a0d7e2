"""A loopback Kubernetes API with one Argo Workflow and its pods' logs, and a KFP API."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from ..notify.http_double import Double, Received, Reply

WORKFLOW, RUN_ID = "sklearn-train-7xk2p", "0b5c7e1a-2222-4444-8888-aaaaaaaaaaaa"


def node(identity: str, shown: str, kind: str, phase: str, boundary: str = "", **more: Any) -> dict[str, Any]:
    """A node of a Workflow's status."""
    made = {"id": f"{WORKFLOW}-{identity}", "displayName": shown, "type": kind, "phase": phase, **more}
    return {**made, "boundaryID": f"{WORKFLOW}-{boundary}"} if boundary else made


def workflow(*failing: tuple[str, str]) -> dict[str, Any]:
    """A KFP v2 Workflow, as argocompiler lays it out, in which the named tasks failed with these messages."""
    nodes = [
        node("0", WORKFLOW, "DAG", "Running"),
        node("1", "root", "DAG", "Running", "0"),
        node("2", "root-driver", "Pod", "Succeeded", "0", templateName="system-dag-driver"),
        node("10", "split-driver", "Pod", "Succeeded", "1", templateName="system-container-driver"),
        node("11", "split", "DAG", "Succeeded", "1"),
        node(
            "12",
            "executor",
            "Pod",
            "Succeeded",
            "11",
            templateName="system-container-impl",
            startedAt="2026-11-21T07:00:10Z",
            finishedAt="2026-11-21T07:00:20Z",
        ),
        node("90", "exit-hook-root-notify", "DAG", "Running", "0"),
        node("91", "executor", "Pod", "Running", "90", templateName="system-container-impl"),
    ]
    for index, (task, message) in enumerate(failing):
        nodes.append(node(f"2{index}", task, "DAG", "Failed", "1"))
        nodes.append(
            node(
                f"3{index}",
                "executor",
                "Pod",
                "Failed",
                f"2{index}",
                message=message,
                templateName="system-container-impl",
                startedAt="2026-11-21T07:01:00Z",
            )
        )
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": WORKFLOW,
            "labels": {"pipeline/runid": RUN_ID},
            "annotations": {"pipelines.kubeflow.org/run_name": "nightly train"},
        },
        "status": {"phase": "Running", "startedAt": "2026-11-21T07:00:00Z", "nodes": {one["id"]: one for one in nodes}},
    }


RUN = {
    "run_id": RUN_ID,
    "display_name": "nightly train",
    "state": "RUNNING",
    "created_at": "2026-11-21T06:59:59.123Z",
    "recurring_run_id": "rr-1",
    "runtime_config": {"parameters": {"label": "Class"}},
    "run_details": {
        "task_details": [
            {"display_name": "exit-handler-1", "state": "FAILED", "child_tasks": [{"task_id": "2"}]},
            {"display_name": "split", "state": "SUCCEEDED"},
            {"display_name": "train", "state": "FAILED", "error": {}},
        ]
    },
}


class ClusterDouble(Double):
    """Kubernetes under `/apis` and `/api`, the KFP API under `/apis/v2beta1`."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.workflow: dict[str, Any] | None = workflow()
        self.logs: dict[str, str] = {}
        self.run: dict[str, Any] | None = RUN

    def _answer(self, received: Received) -> Reply:
        path = urlsplit(received.path).path
        documents = {
            f"/apis/argoproj.io/v1alpha1/namespaces/ml/workflows/{WORKFLOW}": self.workflow,
            f"/apis/v2beta1/runs/{RUN_ID}": self.run,
        }
        if document := documents.get(path):
            return Reply(200, json.dumps(document).encode())
        if path.startswith("/api/v1/namespaces/ml/pods/") and path.endswith("/log"):
            pod = path.split("/")[6]
            return Reply(200, self.logs[pod].encode()) if pod in self.logs else Reply(404, b"{}")
        return Reply(403, b'{"kind": "Status", "code": 403}')
