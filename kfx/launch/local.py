"""Runs a compiled pipeline on this machine: kfp.local's orchestrator, our launcher for its tasks.

This is the one adapter between kfp.local and kfx's launchers. kfp.local offers no hook for either of two things, so
two of its module attributes are replaced while a run lasts:

- the task handler: kfp's prints everything to one stream, tells nobody which task failed or why, and leaves its
  children running on Ctrl-C;
- the run's name, so that the run's folder is known before the first task starts.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfx.errors import UsageError
from kfx.launch.diagnose import explain
from kfx.launch.record import Recorder
from kfx.launch.subprocess import SubprocessLauncher
from kfx.runs.local import RUN_FILE_VARIABLE

_EXECUTOR_MODULE = "kfp.dsl.executor_main"


@dataclass(frozen=True)
class LocalRun:
    """What a local run needs."""

    spec: Mapping[str, Any]
    """The compiled pipeline: kfp's PipelineSpec as JSON data."""

    arguments: Mapping[str, Any]
    """Values of the pipeline's parameters; defaults fill the rest."""

    recorder: Recorder
    """Keeps each task's state in the run's folder."""

    launcher: SubprocessLauncher
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

        _refuse_containers(self.spec)
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
                self.recorder.fail(f"kfp.local stopped the run: {error}")
            except RuntimeError as error:
                # kfp.local's way to say that a task failed; the recorder knows which, and why.
                if not self.recorder.failed:
                    self.recorder.fail(f"kfp.local stopped the run: {error}")

    @contextlib.contextmanager
    def _adapted(self) -> Iterator[None]:
        from kfp.local import executor_input_utils, subprocess_task_handler

        name, handler = "get_local_pipeline_resource_name", "SubprocessTaskHandler"
        kept = getattr(executor_input_utils, name), getattr(subprocess_task_handler, handler)
        setattr(executor_input_utils, name, lambda _pipeline: self.recorder.run_id)
        setattr(subprocess_task_handler, handler, self._handler)
        try:
            yield
        finally:
            setattr(executor_input_utils, name, kept[0])
            setattr(subprocess_task_handler, handler, kept[1])

    def _handler(self, *, full_command: Sequence[str], env_vars: Mapping[str, str] | None, **_: Any) -> _TaskHandler:
        return _TaskHandler(self, list(full_command), dict(env_vars or {}))


class _TaskHandler:
    """Runs one task; kfp.local's `ITaskHandler` interface."""

    def __init__(self, run: LocalRun, command: list[str], env: dict[str, str]) -> None:
        self._run = run
        self._command = command
        self._env = env
        self._input: dict[str, Any] = json.loads(command[command.index("--executor_input") + 1])

    def run(self) -> Any:
        """Returns kfp.local's SUCCESS or FAILURE and leaves the details with the recorder."""
        from kfp.local import status
        from kfp.local.subprocess_task_handler import environment, replace_python_executable

        if self._run.launcher.cancelled:
            return status.Status.FAILURE
        folder = Path(self._input["outputs"]["outputFile"]).parent
        recorder, log = self._run.recorder, folder / "log.txt"
        name = recorder.start(folder, log)
        on_line = self._run.on_line
        env = {**os.environ, **self._env, RUN_FILE_VARIABLE: str(recorder.file)}
        # A task that installs packages gets a venv of its own; kfx must not change the user's.
        installs = any("pip install" in part for part in self._command[:3])
        try:
            with environment(use_venv=installs, has_pip_install=installs) as python:
                code = self._run.launcher.run(
                    replace_python_executable(self._command, python or sys.executable),
                    env=env,
                    log=log,
                    on_line=(lambda line: on_line(name, line)) if on_line else None,
                )
        except InterruptedError:
            recorder.end(name, "cancelled")
            return status.Status.FAILURE
        if code:
            recorder.end(name, "failed", explain(code, log))
            return status.Status.FAILURE
        recorder.succeed(name, self._input)
        return status.Status.SUCCESS


def _refuse_containers(spec: Mapping[str, Any]) -> None:
    for label, executor in spec.get("deploymentSpec", {}).get("executors", {}).items():
        command = executor.get("container", {}).get("command", [_EXECUTOR_MODULE])
        if not any(_EXECUTOR_MODULE in part for part in command):
            image = executor["container"].get("image", "")
            raise UsageError(
                f"Task {label.removeprefix('exec-')!r} runs the container image {image!r}, which a process on this "
                "machine cannot. Run the pipeline on Vertex AI or Kubeflow Pipelines: kfx submit."
            )


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
