"""Keeps a local run's record while it runs: `run.json` in the run's folder, always whole, always current."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kfx.runs import local
from kfx.runs.run import Run, Task, TaskState

FILE_NAME = "run.json"


class Recorder:
    """The one writer of a run's record. Safe to use from several threads."""

    def __init__(
        self,
        spec: Mapping[str, Any],
        arguments: Mapping[str, Any],
        folder: Path,
        on_change: Callable[[Run], None] | None = None,
    ) -> None:
        """Makes the run's folder and its first record, every task pending.

        Args:
            spec: The compiled pipeline as JSON data.
            arguments: The pipeline parameters the user gave.
            folder: The run's folder, its own; its name is the run's id.
            on_change: Called with the run after each change, from whichever thread made it.
        """
        self.folder = folder
        self.run_id = folder.name
        self.file = folder / FILE_NAME
        self.error = ""
        self._lock = threading.RLock()
        self._on_change = on_change
        folder.mkdir(parents=True, exist_ok=True)
        self._run = Run(
            id=self.run_id,
            pipeline=spec["pipelineInfo"]["name"],
            tasks=tuple(Task(name, "pending") for name in task_names(spec)),
            started_at=time.time(),
            parameters={**_defaults(spec), **arguments},
            url=str(folder),
        )
        self._save()

    @property
    def run(self) -> Run:
        """The run as it stands."""
        return self._run

    @property
    def started(self) -> bool:
        """Whether any task has been started."""
        return any(task.state != "pending" for task in self._run.tasks)

    @property
    def failed(self) -> bool:
        """Whether a task failed, was cancelled, or the run stopped between tasks."""
        return bool(self.error) or any(task.state in ("failed", "cancelled") for task in self._run.tasks)

    def start(self, folder: Path, log: Path) -> str:
        """Marks the task of an output folder as running and returns its name.

        An iteration of a loop (`for-loop-3-iteration-0/say`) is a task of its own, put before its pending template.
        """
        name = folder.relative_to(self.folder).as_posix()
        with self._lock:
            if name not in {task.name for task in self._run.tasks}:
                self._insert(Task(name))
            self._change(name, state="running", started_at=time.time(), ended_at=None, log=str(log), error="")
        return name

    def end(self, name: str, state: TaskState, error: str = "") -> None:
        """Marks a task as ended."""
        self._change(name, state=state, ended_at=time.time(), error=error)

    def succeed(self, name: str, executor_input: Mapping[str, Any]) -> None:
        """Marks a task as succeeded and takes in its outputs.

        Args:
            name: The task.
            executor_input: Its ExecutorInput, which names the outputs, their types and the executor's output file.
        """
        outputs = executor_input["outputs"]
        written = _read_json(Path(outputs["outputFile"]))
        artifacts: dict[str, str] = {}
        metrics: dict[str, float | int | str] = {}
        for key, declared in sorted(outputs.get("artifacts", {}).items()):
            first = declared["artifacts"][0]
            actual = written.get("artifacts", {}).get(key, {}).get("artifacts", [first])[0]
            artifacts[key] = actual.get("uri", first["uri"])
            metadata = actual.get("metadata") or {}
            is_metrics = first.get("type", {}).get("schemaTitle") == "system.Metrics"
            if is_metrics:
                metrics.update(metadata)
            if metadata or is_metrics:
                _write_payload(Path(artifacts[key]), metadata)
        self._change(
            name,
            state="succeeded",
            ended_at=time.time(),
            artifacts=artifacts,
            metrics=metrics,
            parameters=written.get("parameterValues", {}),
        )

    def fail(self, error: str) -> None:
        """Notes that the run stopped between tasks."""
        self.error = error

    def close(self) -> None:
        """Marks the tasks that never started as skipped; templates of loops that ran are dropped."""
        with self._lock:
            ran = {task.name.rpartition("/")[2] for task in self._run.tasks if "/" in task.name}
            tasks = (
                dataclasses.replace(task, state="skipped") if task.state == "pending" else task
                for task in self._run.tasks
                if not (task.state == "pending" and task.name in ran)
            )
            self._run = dataclasses.replace(self._run, tasks=tuple(tasks))
            self._save()

    def _insert(self, task: Task) -> None:
        template = task.name.rpartition("/")[2]
        tasks = list(self._run.tasks)
        at = next((number for number, other in enumerate(tasks) if other.name == template), len(tasks))
        tasks.insert(at, task)
        self._run = dataclasses.replace(self._run, tasks=tuple(tasks))

    def _change(self, name: str, **changes: Any) -> None:
        with self._lock:
            tasks = (dataclasses.replace(task, **changes) if task.name == name else task for task in self._run.tasks)
            self._run = dataclasses.replace(self._run, tasks=tuple(tasks))
            self._save()

    def _save(self) -> None:
        local.save(self._run, self.file)
        if self._on_change:
            self._on_change(self._run)


def task_names(spec: Mapping[str, Any]) -> list[str]:
    """Lists a compiled pipeline's tasks in an order they may run in, as kfp.local names their folders.

    kfp.local names a task's folder after its component (`comp-NAME`), which kfp's compiler makes unique per task.
    """
    names: list[str] = []

    def walk(dag: Mapping[str, Any]) -> None:
        for task in _sorted(dag["tasks"]):
            label = task["componentRef"]["name"]
            component = spec["components"][label]
            if "dag" in component:
                walk(component["dag"])
            else:
                names.append(label.removeprefix("comp-"))

    walk(spec["root"]["dag"])
    return list(dict.fromkeys(names))


def _sorted(tasks: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Topological order by `dependentTasks`; ties keep the document's order."""
    done: list[str] = []
    waiting = list(tasks)
    while waiting:
        ready = next(name for name in waiting if set(tasks[name].get("dependentTasks", ())) <= set(done))
        waiting.remove(ready)
        done.append(ready)
    return [tasks[name] for name in done]


def _defaults(spec: Mapping[str, Any]) -> dict[str, Any]:
    parameters = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    return {name: given["defaultValue"] for name, given in parameters.items() if "defaultValue" in given}


def _write_payload(path: Path, metadata: Mapping[str, Any]) -> None:
    """Gives an artifact that is metadata only, as metrics are, a file of that metadata for its path to lead to."""
    if path.is_absolute() and not path.exists():
        path.write_text(json.dumps(metadata, indent=1), encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
