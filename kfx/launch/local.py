"""Runs a compiled pipeline on this machine: kfp.local's orchestrator, our launcher for its tasks.

This is the one adapter between kfp.local and kfx's launchers. kfp.local offers no hook for any of three things, so
three of its module attributes are replaced while a run lasts:

- the task handler: kfp's prints everything to one stream, tells nobody which task failed or why, and leaves its
  children running on Ctrl-C;
- the run's name, so that the run's folder is known before the first task starts;
- the placeholder resolution, which runs right before the handler and sees the task's ExecutorInput; a container
  component's command need not carry it.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import json
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfx.errors import KfxError, UsageError
from kfx.launch.diagnose import explain, plain
from kfx.launch.record import Recorder
from kfx.launch.spec import Launcher, TaskSpec
from kfx.runs.local import RUN_FILE_VARIABLE

_AFTER_ALL = "ALL_UPSTREAM_TASKS_COMPLETED"


@dataclass(frozen=True)
class LocalRun:
    """What a local run needs."""

    spec: Mapping[str, Any]
    """The compiled pipeline: kfp's PipelineSpec as JSON data."""

    arguments: Mapping[str, Any]
    """Values of the pipeline's parameters; defaults fill the rest."""

    recorder: Recorder
    """Keeps each task's state in the run's folder."""

    launcher: Launcher
    """Starts the tasks; cancel it to stop the run."""

    on_line: Callable[[str, str], None] | None = None
    """Called with a task's name and a line of its output."""

    def execute(self) -> None:
        """Runs the pipeline to its end; what happened is in the recorder.

        Raises:
            UsageError: A task cannot run on this machine, or kfp refuses the arguments.
            KeyboardInterrupt: The launcher was cancelled from a signal handler.
        """
        from kfp import components, local

        for label, executor in self.spec["deploymentSpec"]["executors"].items():
            if container := executor.get("container"):
                command = [*container.get("command", ()), *container.get("args", ())]
                self.launcher.check(label.removeprefix("exec-"), container["image"], command)
        folder = self.recorder.folder
        with (folder / "orchestrator.log").open("w", encoding="utf-8") as log, self._adapted(), _quiet(log):
            local.init(
                runner=local.SubprocessRunner(use_venv=False),
                pipeline_root=str(folder.parent),
                workspace_root=str(folder / "workspace"),
            )
            try:
                components.load_component_from_text(json.dumps(self.spec))(**self.arguments)
            except (TypeError, ValueError) as error:
                if not self.recorder.started:
                    raise UsageError(f"kfp refuses to start the pipeline: {error}") from error
                self.recorder.fail(f"kfp.local stopped the run: {plain(str(error))}")
            except RuntimeError as error:
                # kfp.local's way to say that a task failed; the recorder knows which, and why.
                if not (self.recorder.failed or self.launcher.cancelled):
                    self.recorder.fail(f"kfp.local stopped the run: {plain(str(error))}")

    @functools.cached_property
    def exit_tasks(self) -> frozenset[str]:
        """Names of the exit tasks. After `cancel` they run all the same, as on Vertex AI, and get CANCELLED."""
        dags = [component.get("dag", {}) for component in (self.spec["root"], *self.spec["components"].values())]
        tasks = [task for dag in dags for task in dag.get("tasks", {}).values()]
        waiting = [task for task in tasks if task.get("triggerPolicy", {}).get("strategy") == _AFTER_ALL]
        return frozenset(
            task["componentRef"]["name"].removeprefix("comp-")
            for task in waiting
            # `.ignore_upstream_failure()` gives other tasks the same policy.
            if any(name.startswith("exit-handler-") for name in task.get("dependentTasks", []))
        )

    @contextlib.contextmanager
    def _adapted(self) -> Iterator[None]:
        from kfp.local import executor_input_utils, placeholder_utils, subprocess_task_handler

        replace_placeholders = placeholder_utils.replace_placeholders
        prepared = threading.local()

        def noting(*, executor_input_dict: dict[str, Any], **rest: Any) -> Any:
            if self.launcher.cancelled:
                _tell_cancelled(executor_input_dict)
            prepared.input = executor_input_dict
            return replace_placeholders(executor_input_dict=executor_input_dict, **rest)

        def handler(*, image: str, full_command: list[str], env_vars: dict[str, str] | None, **_: Any) -> _TaskHandler:
            return _TaskHandler(self, image, full_command, env_vars or {}, prepared.input)

        with (
            _replaced(executor_input_utils, "get_local_pipeline_resource_name", lambda _: self.recorder.run_id),
            _replaced(placeholder_utils, "replace_placeholders", noting),
            _replaced(subprocess_task_handler, "SubprocessTaskHandler", handler),
        ):
            yield


class _TaskHandler:
    """Runs one task; kfp.local's `ITaskHandler` interface."""

    def __init__(
        self, run: LocalRun, image: str, command: list[str], env: dict[str, str], executor_input: dict[str, Any]
    ) -> None:
        self._run = run
        self._image = image
        self._command = command
        self._env = env
        self._input = executor_input

    def run(self) -> Any:
        """Returns kfp.local's SUCCESS or FAILURE and leaves the details with the recorder."""
        from kfp.local import status

        folder = Path(self._input["outputs"]["outputFile"]).parent
        at_exit = folder.name in self._run.exit_tasks
        if self._run.launcher.cancelled and not at_exit:
            return status.Status.FAILURE
        recorder, on_line = self._run.recorder, self._run.on_line
        name = recorder.start(folder, folder / "log.txt")
        # Unbuffered, a task's lines are shown as they come and stand in the log in the order they were written.
        env = {"PYTHONUNBUFFERED": "1", **self._env, RUN_FILE_VARIABLE: str(recorder.file)}
        task = TaskSpec(name, self._image, self._command, folder, recorder.folder, env, at_exit)
        try:
            code = self._run.launcher.run(task, (lambda line: on_line(name, line)) if on_line else None)
        except InterruptedError:
            recorder.end(name, "cancelled")
            return status.Status.FAILURE
        except KfxError as error:
            recorder.end(name, "failed", str(error))
            return status.Status.FAILURE
        if code:
            recorder.end(name, "failed", explain(code, task.log))
            return status.Status.FAILURE
        recorder.succeed(name, self._input)
        return status.Status.SUCCESS


def _tell_cancelled(executor_input: dict[str, Any]) -> None:
    """Puts CANCELLED into the final statuses of a task's input: kfp.local knows no more than that tasks failed."""
    for value in executor_input.get("inputs", {}).get("parameterValues", {}).values():
        if isinstance(value, dict) and {"state", "pipeline_job_resource_name", "pipeline_task_name"} <= set(value):
            # 1 is CANCELLED in google.rpc.Code.
            value.update(state="CANCELLED", error={"code": 1, "message": "The run was cancelled on this machine."})


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    kept = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


@contextlib.contextmanager
def _quiet(log: Any) -> Iterator[None]:
    """Sends what kfp.local prints and warns to a file; the caller shows the tasks itself.

    kfp.local indents `print` while a task runs and, after a `dsl.ParallelFor`, leaves it indented.
    """
    original_print = builtins.print
    try:
        with contextlib.redirect_stdout(log), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        builtins.print = original_print
