"""What one exit task knows about its run, and how the outcome is worded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from kfx.outcome import Outcome, State
from kfx.runs.run import Run

Phase = Literal["started", "ended"]

_RUN_SUFFIX = re.compile(
    r"-(?:\d{14}|\d{8}-\d{6}|\d{4}(?:-\d\d){5}-\d{6}"  # Vertex; kfx's local runner; kfp.local
    r"|(?=[a-z0-9]*\d)[a-z0-9]{5})$"  # Kubernetes' generateName, as open-source KFP uses it
)


@dataclass(frozen=True)
class Situation:
    """What one exit task knows about its run; the same for all its notifications."""

    outcome: Outcome

    phase: Phase = "ended"

    run: Run | None = None
    """The run read from its platform; None when it could not be."""

    pipeline: str = ""
    """The pipeline's or run's name as the caller gave it; wins over the platform's."""

    run_id: str = ""
    """The run's id as the caller gave it; wins over the platform's."""

    now: float = 0.0
    """Seconds since the epoch (UTC) at which the exit task looked."""

    notes: tuple[str, ...] = ()
    """What is unknown and why, one sentence each."""

    previous: State | None = None
    """How the run before this one of the same pipeline ended; None when nothing can be read."""

    @property
    def name(self) -> str:
        """What to call the run: the given name, the pipeline's, or whatever the platform called it."""
        known = self.pipeline or (self.run.pipeline if self.run else "") or self.outcome.job_id
        return known or self.outcome.task_name or "pipeline"

    @property
    def key(self) -> str:
        """The run's identity: the same for every try of the same exit task; empty where the platform gives none."""
        if self.run_id or self.outcome.project:
            return self.run_id or self.outcome.resource_name
        if self.run:
            return self.run.id
        if self.outcome.resource_name.startswith("local-pipeline-"):
            return self.pipeline  # kfp.local calls every run of a pipeline the same
        return self.outcome.resource_name or self.pipeline

    @property
    def series(self) -> str:
        """The pipeline's identity: the same for all its runs, so without what platforms append to name a run."""
        name = self.run.pipeline if self.run and self.run.pipeline else _RUN_SUFFIX.sub("", self.name)
        return f"{self.outcome.project}/{self.outcome.location}/{name}"


def title(situation: Situation) -> str:
    """Words the outcome. A run that is not known to have succeeded is never said to have."""
    outcome = situation.outcome
    where = f" in project {outcome.project}" if outcome.project else ""
    if situation.phase == "started":
        return f"{situation.name} started{where}"
    verbs: dict[State, str] = {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled"}
    if outcome.state in verbs:
        return f"{situation.name} {verbs[outcome.state]}{where}"
    said = f"the platform says {outcome.said}" if outcome.said else "the platform gave no state"
    return f"{situation.name} ended with an unknown outcome ({said}){where}"


def run_data(situation: Situation) -> dict[str, object]:
    """Returns the run as plain data: what conditions, templates and webhook bodies see as `run`.

    `status.state` and `status.results` are MLRun's names; the rest is kfx's.
    """
    outcome, run = situation.outcome, situation.run
    results = dict(run.metrics) if run else {}
    failed = [{"name": task.name, "error": task.error, "log": task.log} for task in run.failed_tasks] if run else []
    error = outcome.error_message or "; ".join(f"{task['name']}: {task['error']}" for task in failed if task["error"])
    return {
        "name": situation.name,
        "id": situation.run_id or (run.id if run else "") or outcome.job_id,
        "project": outcome.project,
        "location": outcome.location,
        "state": outcome.state if situation.phase == "ended" else "running",
        "error": error,
        "results": results,
        "parameters": dict(run.parameters) if run else {},
        "failed_tasks": failed,
        "duration_s": seconds(situation),
        "url": outcome.url or (run.url if run else ""),
        "status": {"state": outcome.state, "results": results, "error": error},
    }


def seconds(situation: Situation) -> float | None:
    """Returns how long the run took; None where its start is not known or it has not ended."""
    started = situation.run.started_at if situation.run else None
    return max(0.0, situation.now - started) if started and situation.phase == "ended" else None
