"""Every shape of a final status that the platforms send (kfp sources, Vertex's SDK tests, kfp.local)."""

from __future__ import annotations

from typing import Any

STATUSES: dict[str, tuple[Any, str]] = {
    "vertex succeeded": (
        {
            "state": "SUCCEEDED",
            "pipelineJobResourceName": "projects/123/locations/us-central1/pipelineJobs/my-pipeline-20240501",
            "pipelineTaskName": "my-pipeline",
        },
        "succeeded",
    ),
    "vertex failed": (
        {
            "state": "FAILED",
            "error": {
                "code": 9,
                "message": "The DAG failed because some tasks failed. The failed tasks are: [print-op, fail-op].",
            },
            "pipelineJobResourceName": "projects/123/locations/us-central1/pipelineJobs/my-pipeline-20240501",
            "pipelineTaskName": "my-pipeline",
        },
        "failed",
    ),
    "vertex cancelled": (
        {
            "state": "CANCELLED",
            "error": {},
            "pipelineJobResourceName": "projects/123/locations/us-central1/pipelineJobs/my-pipeline-20240501",
            "pipelineTaskName": "exit-handler-1",
        },
        "cancelled",
    ),
    "oss complete": (
        {
            "state": "COMPLETE",
            "error": {},
            "pipelineJobResourceName": "sklearn-train-7xk2p",
            "pipelineTaskName": "exit-handler-1",
        },
        "succeeded",
    ),
    "oss cached": (
        {"state": "CACHED", "pipelineJobResourceName": "sklearn-train-7xk2p", "pipelineTaskName": "exit-handler-1"},
        "succeeded",
    ),
    "oss failed": (
        {
            "state": "FAILED",
            "error": {},
            "pipelineJobResourceName": "sklearn-train-7xk2p",
            "pipelineTaskName": "exit-handler-1",
        },
        "failed",
    ),
    "oss canceled": ({"state": "CANCELED", "pipelineJobResourceName": "wf", "pipelineTaskName": "x"}, "cancelled"),
    "oss running": (
        {"state": "RUNNING", "error": {}, "pipelineJobResourceName": "wf", "pipelineTaskName": "exit-handler-1"},
        "running",
    ),
    "local succeeded": (
        {
            "state": "SUCCEEDED",
            "pipeline_job_resource_name": "local-pipeline-exit-handler-1",
            "pipeline_task_name": "exit-handler-1",
            "error": {},
        },
        "succeeded",
    ),
    "local failed": (
        {
            "state": "FAILED",
            "pipeline_job_resource_name": "local-pipeline-exit-handler-1",
            "pipeline_task_name": "exit-handler-1",
            "error": {"code": 1.0, "message": "Task exit-handler-1 failed."},
        },
        "failed",
    ),
    "null error": (
        {"state": "FAILED", "error": None, "pipelineJobResourceName": "wf", "pipelineTaskName": "x"},
        "failed",
    ),
    "unknown word": ({"state": "PERPLEXED", "pipelineJobResourceName": "wf", "pipelineTaskName": "x"}, "unknown"),
    "no state": ({"pipelineJobResourceName": "wf", "pipelineTaskName": "x"}, "unknown"),
}
"""Every final status of the three platforms -> the state kfx must read in it."""
