"""A Vertex run as one JSON object, with the keys of `kfx run --output json`."""

from __future__ import annotations

import dataclasses
from typing import Any

from kfx.runs.vertex import STATES, error, read


def result(job: dict[str, Any], url: str = "") -> dict[str, Any]:
    """Returns what `--output json` prints of a PipelineJob.

    Args:
        job: `PipelineJob` as JSON.
        url: The console's page, where it is known with the project's id.
    """
    run = read(job)
    return {
        "state": STATES.get(job.get("state", ""), "unknown"),
        "run": run.id,
        "pipeline": run.pipeline,
        "name": job.get("name", ""),
        "url": url or run.url,
        "error": "\n".join(filter(None, [error(job), *(f"{task.name}: {task.error}" for task in run.failed_tasks)])),
        "metrics": run.metrics,
        "tasks": [dataclasses.asdict(task) for task in run.tasks],
    }
