"""A run on this machine: `run.json` in the run's folder, written by kfx's local runner, read by the exit task.

The runner gives every task the path in `KFX_RUN_FILE`; kfp.local itself tells an exit task only
"Task exit-handler-1 failed.".
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from kfx.runs import logs
from kfx.runs.run import Run, Task

RUN_FILE_VARIABLE = "KFX_RUN_FILE"

_TAIL_BYTES = 65_536


def save(run: Run, path: Path) -> None:
    """Writes a run beside its file and renames it, so that a reader never sees half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(dataclasses.asdict(run), indent=1, default=str), encoding="utf-8")
    beside.replace(path)


def load(path: Path) -> Run:
    """Reads a run that `save` wrote.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not a run.
    """
    document = json.loads(path.read_text(encoding="utf-8"))
    try:
        tasks = tuple(Task(**task) for task in document.pop("tasks"))
        return Run(tasks=tasks, **document)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a kfx run file: {error}") from error


def with_log_tails(run: Run) -> Run:
    """Adds the last lines of their logs to the tasks that failed; a log that cannot be read adds nothing."""
    tasks = [
        dataclasses.replace(task, log_tail=_tail(Path(task.log))) if task.state == "failed" and task.log else task
        for task in run.tasks
    ]
    return dataclasses.replace(run, tasks=tuple(tasks))


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            return logs.end(file.read().decode("utf-8", "replace"))
    except OSError:
        return ""


def current() -> Run | None:
    """Returns the local run this process is a task of, or None when it is not one.

    Raises:
        OSError: `KFX_RUN_FILE` is set and its file cannot be read.
        ValueError: The file is not a run.
    """
    path = os.environ.get(RUN_FILE_VARIABLE)
    return load(Path(path)) if path else None
