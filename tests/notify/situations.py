"""Runs that ended, for tests: as a platform would tell them, and as an adversary would."""

from __future__ import annotations

from kfx.notify.message import Message, addressed, compose
from kfx.notify.situation import Phase, Situation
from kfx.outcome import Outcome
from kfx.runs.run import Run, Task
from kfx.secret import Redactor

NOW = 1_730_000_000.0
HOSTILE = "<b>@org/team &\x1b[31m`*_|<!channel> </script>\x00\ud83d```\u202e \N{PARTY POPPER}"


def failed_run(error: str = "ValueError: no column 'Class'", tasks: int = 1, log: str = "") -> Run:
    """A run in which `tasks` tasks failed after one that did not."""
    failed = [Task(f"train-{index}", "failed", error=error, log_tail=log) for index in range(1, tasks + 1)]
    return Run(
        id="run-1",
        pipeline="sklearn-train",
        tasks=(Task("split", "succeeded", metrics={"rows": 100}), *failed),
        started_at=NOW - 200,
        parameters={"label": "Class"},
        url="https://kfp.example.com/#/runs/details/run-1",
    )


def situation(state: str = "FAILED", run: Run | None = None, phase: Phase = "ended") -> Situation:
    """A Vertex run that ended (or started)."""
    status = {"state": state, "pipelineJobResourceName": "projects/p/locations/l/pipelineJobs/j-1"}
    if state == "FAILED":
        status |= {"error": {"code": 9, "message": "The DAG failed."}}  # type: ignore[dict-item]
    return Situation(Outcome.read(status), phase=phase, run=run, now=NOW)


def message(state: str = "FAILED", run: Run | None = None, text: str = "", phase: Phase = "ended") -> Message:
    """The message about it."""
    happened = compose(situation(state, run, phase), Redactor())
    return addressed(happened, Redactor(), name="ops", text=text, severity="error")


def hostile_message(times: int = 400) -> Message:
    """A message whose every foreign text is hostile and far too long."""
    long = f"{HOSTILE} " * times
    run = Run(
        id=HOSTILE,
        pipeline=HOSTILE,
        tasks=tuple(
            Task(
                f"{index}{HOSTILE}",
                "failed",
                error=long,
                log_tail=f"{long}\nlast line",
                metrics={f"{index}{HOSTILE}": long},
            )
            for index in range(60)
        ),
        started_at=NOW - 200,
        url="https://example.com/" + "x" * 5000,
    )
    outcome = Outcome.read({"state": "FAILED", "error": {"message": long}, "pipelineJobResourceName": HOSTILE})
    notes = (long,) * 20
    happened = compose(Situation(outcome, run=run, now=NOW, notes=notes), Redactor())
    return addressed(happened, Redactor(), name=long, text=long)
