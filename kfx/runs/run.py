"""What kfx knows of one pipeline run, whatever platform ran it.

A reader in this package (`local.py`, later `vertex.py`, `kfp.py`, `argo.py`) fills it; `kfx.notify` and the CLI
read it. States are kfx's words: pending, running, succeeded, failed, cancelled, skipped, unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

TaskState = Literal["pending", "running", "succeeded", "failed", "cancelled", "skipped", "unknown"]


@dataclass(frozen=True)
class Task:
    """One task of a run."""

    name: str
    """The task's name in the compiled pipeline, such as `train-sklearn`."""

    state: TaskState = "unknown"

    error: str = ""
    """The task's own error in one or a few lines; empty unless it failed and the platform says why."""

    started_at: float | None = None
    """Seconds since the epoch (UTC)."""

    ended_at: float | None = None
    """Seconds since the epoch (UTC)."""

    log: str = ""
    """Path or URL of the task's log; empty where there is none."""

    log_tail: str = ""
    """The last lines of the task's log, as they were written; empty unless the task failed and its log was read."""

    metrics: dict[str, float | int | str] = field(default_factory=dict)
    """Metadata of the task's `system.Metrics` outputs."""

    artifacts: dict[str, str] = field(default_factory=dict)
    """Output artifact name -> URI or path."""

    parameters: dict[str, Any] = field(default_factory=dict)
    """Output parameter name -> value."""


@dataclass(frozen=True)
class Run:
    """One pipeline run."""

    id: str
    """The platform's name of the run: a Vertex job id, a KFP run id, a local run's folder name."""

    pipeline: str
    """The pipeline's name."""

    tasks: tuple[Task, ...] = ()

    started_at: float | None = None
    """Seconds since the epoch (UTC)."""

    parameters: dict[str, Any] = field(default_factory=dict)
    """The run's input parameters."""

    url: str = ""
    """The run's page, or its folder."""

    submitted_by: str = ""
    """Who or what started the run; empty where the platform does not say."""

    @property
    def failed_tasks(self) -> tuple[Task, ...]:
        """The tasks that failed, in the order the platform lists them."""
        return tuple(task for task in self.tasks if task.state == "failed")

    @property
    def metrics(self) -> dict[str, float | int | str]:
        """All tasks' metrics in one dict: the last task's first, and its value for a name that several tasks use."""
        merged: dict[str, float | int | str] = {}
        for task in reversed(self.tasks):
            merged = {**merged, **{name: value for name, value in task.metrics.items() if name not in merged}}
        return merged
