"""Finds the run an exit task belongs to, on whatever platform it runs, within a budget of time."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kfx.errors import KfxError
from kfx.outcome import Outcome, State
from kfx.runs import local
from kfx.runs.run import Run

_Reader = Callable[[Outcome, str, bool, "list[Found]"], None]


@dataclass(frozen=True)
class Found:
    """What could be read."""

    run: Run | None = None

    previous: State | None = None
    """How the run before this one of the same pipeline ended; None when it is not known."""

    notes: tuple[str, ...] = ()
    """What is unknown and why, one sentence each."""


def find(outcome: Outcome, *, run_id: str = "", want_previous: bool = False, budget_s: float = 10.0) -> Found:
    """Reads the run from its platform; what cannot be read in time becomes a note.

    Where the truth is: `run.json` of a local run; the PipelineJob on Vertex AI; the Argo Workflow and the KFP API in an
    open-source KFP cluster.

    Args:
        outcome: The final status.
        run_id: KFP's run id, where the caller knows it.
        want_previous: Whether to look for the run before.
        budget_s: Seconds the look-up may take; 0 looks nothing up but a local run.
    """
    if os.environ.get(local.RUN_FILE_VARIABLE):
        return _local(want_previous)
    if budget_s <= 0:
        return Found()
    # What is found on the way is put into `steps`, so that a look-up cut short still gives its first part.
    steps: list[Found] = [Found()]
    reader = _vertex if outcome.project else _cluster
    thread = threading.Thread(target=_guarded, args=(reader, outcome, run_id, want_previous, steps), daemon=True)
    thread.start()
    thread.join(budget_s)
    if thread.is_alive():
        return _with_note(steps[-1], f"The look-up of the run was cut short after {budget_s:g} s.")
    return steps[-1]


def _guarded(reader: _Reader, outcome: Outcome, run_id: str, want_previous: bool, steps: list[Found]) -> None:
    try:
        reader(outcome, run_id, want_previous, steps)
    except Exception as error:  # noqa: BLE001 - whatever a platform answers, the message must go out
        reason = str(error) if isinstance(error, KfxError) else f"{type(error).__name__}: {error}"
        steps.append(_with_note(steps[-1], f"The failing tasks are unknown, as the run cannot be read: {reason}"))


def _local(want_previous: bool) -> Found:
    try:
        run = local.current()
    except (OSError, ValueError) as error:
        return Found(notes=(f"The failing tasks are unknown, as the run's file cannot be read: {error}",))
    if run is None:
        return Found()
    before = local_previous(run, Path(os.environ[local.RUN_FILE_VARIABLE])) if want_previous else None
    return Found(local.with_log_tails(run), before)


def local_previous(run: Run, file: Path) -> State | None:
    """Returns how the newest older run of the same pipeline beside this one ended."""
    older: list[tuple[float, State]] = []
    for path in file.parent.parent.glob(f"*/{file.name}"):
        if path == file:
            continue
        try:
            other = local.load(path)
        except (OSError, ValueError, json.JSONDecodeError):
            continue  # half-written by another run, or nothing of ours
        began = other.started_at or 0.0
        if other.pipeline == run.pipeline and began < (time.time() if run.started_at is None else run.started_at):
            older.append((began, "failed" if other.failed_tasks else "succeeded"))
    return max(older, default=(0, None), key=lambda pair: pair[0])[1]


def _vertex(outcome: Outcome, _run_id: str, want_previous: bool, steps: list[Found]) -> None:
    from kfx.runs import vertex_api

    run = vertex_api.fetch(outcome)
    steps.append(Found(run))
    if want_previous:
        steps.append(dataclasses.replace(steps[-1], previous=vertex_api.previous(run, outcome)))
    if run.failed_tasks:
        run, why = vertex_api.with_log_tails(run, outcome)
        steps.append(dataclasses.replace(steps[-1], run=run))
        if why:
            steps.append(_with_note(steps[-1], f"The tasks' logs cannot be read: {why}"))


def _cluster(outcome: Outcome, run_id: str, _want_previous: bool, steps: list[Found]) -> None:
    from kfx.runs import argo, cluster, kfp

    if not outcome.resource_name or not (cluster.address() or kfp.address()):
        return  # a laptop, or a platform that gives no name: there is nowhere to look
    workflow, why = None, ""
    if cluster.address():
        try:
            workflow, why = argo.with_log_tails(argo.fetch(outcome.resource_name))
        except KfxError as error:
            why = str(error)
        steps.append(_with_note(Found(workflow), f"The Argo Workflow or its logs cannot be read: {why}" if why else ""))
    known = run_id or (workflow.id if workflow and workflow.id != outcome.resource_name else "")
    if known and kfp.address():
        steps.append(dataclasses.replace(steps[-1], run=kfp.joined(workflow, kfp.fetch(known))))


def _with_note(found: Found, note: str) -> Found:
    return dataclasses.replace(found, notes=(*found.notes, note)) if note else found
