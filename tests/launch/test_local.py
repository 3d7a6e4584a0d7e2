"""Pipelines run on this machine by kfp.local's orchestrator through kfx's launcher."""

from __future__ import annotations

import builtins
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from kfx.cli.pipeline import resolve
from kfx.errors import UsageError
from kfx.launch.local import LocalRun
from kfx.launch.record import Recorder, task_names
from kfx.launch.subprocess import SubprocessLauncher
from kfx.runs.local import load

PIPELINES = Path(__file__).with_name("pipelines.py")


def _run(name: str, folder: Path, **arguments: Any) -> Recorder:
    spec = resolve(f"{PIPELINES}:{name}").spec
    recorder = Recorder(spec, arguments, folder)
    try:
        LocalRun(spec, arguments, recorder, SubprocessLauncher()).execute()
    finally:
        recorder.close()
    return recorder


def _states(recorder: Recorder) -> dict[str, str]:
    return {task.name: task.state for task in recorder.run.tasks}


def test_a_run_that_succeeds_is_recorded_with_its_outputs(tmp_path: Path) -> None:
    """Every task's state, metrics, output parameters and files are in run.json, where a reader finds the same run."""
    recorder = _run("chain", tmp_path / "run")
    assert _states(recorder) == {"say": "succeeded", "say-2": "succeeded", "at-exit": "succeeded"}
    assert not recorder.failed
    assert recorder.run.metrics == {"length": 5}
    assert recorder.run.parameters == {"text": "hello"}
    assert recorder.run.tasks[0].parameters == {"Output": "hello"}
    assert json.loads(Path(recorder.run.tasks[0].artifacts["noted"]).read_text()) == {"length": 5}
    assert load(recorder.file) == recorder.run


def test_a_failing_task_is_named_with_its_own_error_and_the_exit_task_runs(tmp_path: Path) -> None:
    """The first task fails, the second is skipped, the exit task runs and can read which task failed and why."""
    recorder = _run("chain", tmp_path / "run", text="bad")
    assert _states(recorder) == {"say": "failed", "say-2": "skipped", "at-exit": "succeeded"}
    assert [task.error for task in recorder.run.failed_tasks] == ["ValueError: the text is bad"]
    seen = (tmp_path / "run" / "at-exit" / "log.txt").read_text()
    assert "ended FAILED" in seen
    assert "ValueError: the text is bad" in seen


def test_each_iteration_of_a_loop_is_a_task(tmp_path: Path) -> None:
    """ParallelFor's iterations are listed one by one in place of their template, and print is left as it was."""
    before = builtins.print
    recorder = _run("loop", tmp_path / "run", last="bad")
    assert _states(recorder) == {
        "for-loop-2-iteration-0/say": "succeeded",
        "for-loop-2-iteration-1/say": "succeeded",
        "say-2": "failed",
    }
    assert builtins.print is before


def test_a_task_behind_a_false_condition_is_skipped(tmp_path: Path) -> None:
    """A run whose condition is false succeeds, and the task behind it says so."""
    recorder = _run("branch", tmp_path / "run")
    assert _states(recorder) == {"say": "succeeded", "say-2": "skipped"}
    assert not recorder.failed


def test_a_task_that_installs_packages_has_a_python_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs in a virtual environment made from this Python, whatever python3 is on PATH; this one stays as it is."""
    (tmp_path / "bin").mkdir()
    decoy = tmp_path / "bin" / "python3"
    decoy.write_text("#!/bin/sh\nexit 99\n")
    decoy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    recorder = _run("installing", tmp_path / "run")
    (task,) = recorder.run.tasks
    assert task.state == "succeeded", task.error
    assert task.parameters["Output"] not in (sys.prefix, sys.base_prefix)


def test_a_container_task_is_refused_before_anything_runs(tmp_path: Path) -> None:
    """A task that needs a container engine is named, with its image, and no task is started."""
    with pytest.raises(UsageError, match=r"'container' runs the container image 'alpine'"):
        _run("with_container", tmp_path / "run")
    assert _states(Recorder(resolve(f"{PIPELINES}:with_container").spec, {}, tmp_path / "again")) == {
        "container": "pending"
    }


def test_a_cancelled_run_stops_its_tasks_and_tells_the_exit_task(tmp_path: Path) -> None:
    """Cancelling while a task sleeps ends it; the next is not started, the exit task is, and gets CANCELLED."""
    spec = resolve(f"{PIPELINES}:slow").spec
    recorder, launcher = Recorder(spec, {}, tmp_path / "run"), SubprocessLauncher()

    def stop(_task: str, line: str) -> None:
        if line == "sleeping":
            launcher.cancel()

    LocalRun(spec, {}, recorder, launcher, stop).execute()
    recorder.close()
    assert _states(recorder) == {"sleep": "cancelled", "say": "skipped", "at-exit": "succeeded"}
    assert "\nended CANCELLED\n" in (tmp_path / "run" / "at-exit" / "log.txt").read_text()


def test_a_killed_run_runs_nothing_more(tmp_path: Path) -> None:
    """The second Ctrl-C: no exit task either."""
    spec = resolve(f"{PIPELINES}:slow").spec
    recorder, launcher = Recorder(spec, {}, tmp_path / "run"), SubprocessLauncher()
    LocalRun(
        spec, {}, recorder, launcher, lambda _task, line: launcher.kill() if line == "sleeping" else None
    ).execute()
    recorder.close()
    assert _states(recorder) == {"sleep": "cancelled", "say": "skipped", "at-exit": "cancelled"}
    assert (tmp_path / "run" / "at-exit" / "log.txt").read_text() == ""


def test_only_what_waits_for_an_exit_handler_is_an_exit_task(tmp_path: Path) -> None:
    """A task that ignores its upstream's failure is none: it is part of the work."""
    spec = resolve(f"{PIPELINES}:tolerant").spec
    run = LocalRun(spec, {}, Recorder(spec, {}, tmp_path / "run"), SubprocessLauncher())
    assert run.exit_tasks == {"at-exit"}


def test_tasks_are_listed_in_an_order_they_may_run_in() -> None:
    """The static list follows dependencies through the exit handler, whose exit task comes last."""
    assert task_names(resolve(f"{PIPELINES}:chain").spec) == ["say", "say-2", "at-exit"]
