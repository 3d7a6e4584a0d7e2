"""`kfx run`: a pipeline on this machine, each task as a process or as a container."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kfx.cli._completion import pipelines
from kfx.errors import UsageError

if TYPE_CHECKING:
    from kfx.launch.record import Recorder
    from kfx.launch.spec import Launcher


@click.command("run")
@click.argument("pipeline", shell_complete=pipelines)
@click.option(
    "-p", "--parameter", "texts", metavar="NAME=VALUE", multiple=True, help="A pipeline parameter; repeat it."
)
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("kfx-runs"),
    show_default=True,
    help="Folder that the run's own folder is made in.",
)
@click.option(
    "--on",
    type=click.Choice(["process", "docker"]),
    default="process",
    show_default=True,
    help="Each task as a process in this Python, or as a container of its image.",
)
@click.option("--volume", "volumes", metavar="HOST:CONTAINER[:ro]", multiple=True, help="Docker: one more mount.")
@click.option("--env", "env", metavar="NAME[=VALUE]", multiple=True, help="Docker: a variable, from here or as given.")
@click.option("--network", help="Docker: the containers' network, such as host.")
@click.option("--logs", is_flag=True, help="Show the tasks' output as it comes.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def run(
    pipeline: str,
    texts: tuple[str, ...],
    root: Path,
    on: str,
    volumes: tuple[str, ...],
    env: tuple[str, ...],
    network: str | None,
    logs: bool,
    output: str,
) -> None:
    """Run PIPELINE on this machine.

    PIPELINE is a name from `kfx list`, module:function, a .py file (file.py:function) or a compiled .yaml file. Values
    are read as JSON where the parameter is not text: -p seed=7 -p hyperparameters='{"max_depth": 8}'.

    Exits with 0 when the run succeeded, 1 when it failed or was stopped with Ctrl-C (exit tasks still run; a second
    Ctrl-C stops them too), 2 when an input is wrong; then nothing ran.
    """
    from kfx.cli.pipeline import beginning

    # The first sign of life comes before kfp is imported (a second and more).
    if line := beginning(pipeline):
        click.echo(line, err=True)
    from kfx.cli._display import RunDisplay
    from kfx.cli.parameters import check, parse
    from kfx.cli.pipeline import resolve
    from kfx.images.pin import with_local_slim
    from kfx.launch.docker import DockerLauncher
    from kfx.launch.local import LocalRun
    from kfx.launch.record import Recorder
    from kfx.notify.lint import check_spec

    launcher = _launcher(on, volumes, env, network)
    compiled = resolve(pipeline)
    if isinstance(launcher, DockerLauncher):
        compiled = compiled.changed(with_local_slim(compiled.spec, launcher.has))
    arguments = check(parse(texts, compiled.spec), compiled.spec)
    check_spec(compiled.spec, arguments)
    folder = _new_folder(root.resolve(), compiled.name)
    click.echo(f"Running {compiled.name} in {_short(folder)}", err=True)
    display = RunDisplay(logs=logs)
    recorder = Recorder(compiled.spec, arguments, folder, display.update)
    with _stopping(launcher), display:
        try:
            LocalRun(compiled.spec, arguments, recorder, launcher, display.line).execute()
        finally:
            recorder.close()
    result = _result(recorder, launcher)
    if output == "json":
        click.echo(json.dumps(result, indent=2))
    else:
        _print(recorder, result)
    sys.exit(0 if result["state"] == "succeeded" else 1)


def _launcher(on: str, volumes: tuple[str, ...], env: tuple[str, ...], network: str | None) -> Launcher:
    """The launcher that --on names, set by the flags that go with it."""
    from kfx.launch.docker import DockerLauncher, DockerSettings, parse_volume
    from kfx.launch.subprocess import SubprocessLauncher

    if on == "docker":
        variables = dict(_variable(text) for text in env)
        return DockerLauncher(DockerSettings(tuple(map(parse_volume, volumes)), variables, network))
    for flag, given in (("--volume", volumes), ("--env", env), ("--network", network)):
        if given:
            raise UsageError(f"{flag} goes with --on docker.")
    return SubprocessLauncher()


def _variable(text: str) -> tuple[str, str]:
    """Reads NAME=VALUE, or NAME for a variable of this process."""
    name, equals, value = text.partition("=")
    if not equals and name not in os.environ:
        raise UsageError(f"--env {name}: there is no such variable here. Set it, or write --env {name}=VALUE.")
    return name, value if equals else os.environ[name]


@contextlib.contextmanager
def _stopping(launcher: Launcher) -> Iterator[None]:
    """Makes Ctrl-C (and SIGTERM) stop the tasks and let the exit tasks tell of it; a second one ends all at once."""

    def stop(number: int, _frame: Any) -> None:
        if launcher.cancelled:
            launcher.kill()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        launcher.cancel()
        # Not click.echo: a handler may interrupt the very write to standard error it would repeat.
        os.write(2, b"\nStopping: exit tasks still run. Once more stops them too.\n")

    kept = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _new_folder(root: Path, name: str) -> Path:
    """Makes a folder that no other run has, named after the pipeline and the time."""
    root.mkdir(parents=True, exist_ok=True)
    base = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in itertools.count(1):
        folder = root / (base if number == 1 else f"{base}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            break
    return folder


def _result(recorder: Recorder, launcher: Launcher) -> dict[str, Any]:
    """The run as one JSON object."""
    run = recorder.run
    failed = [f"{task.name}: {task.error}" for task in run.failed_tasks]
    return {
        "state": "cancelled" if launcher.cancelled else "failed" if recorder.failed else "succeeded",
        "run": run.id,
        "pipeline": run.pipeline,
        "folder": str(recorder.folder),
        "duration_s": round(time.time() - (run.started_at or 0), 3),
        "error": "\n".join([*failed, *filter(None, [recorder.error])]),
        "metrics": run.metrics,
        "outputs": {f"{task.name}.{name}": path for task in run.tasks for name, path in task.artifacts.items()},
        "tasks": [
            {
                "name": task.name,
                "state": task.state,
                "duration_s": round((task.ended_at or 0) - task.started_at, 3) if task.started_at else None,
                "error": task.error,
                "log": task.log,
            }
            for task in run.tasks
        ],
    }


def _print(recorder: Recorder, result: dict[str, Any]) -> None:
    """The run's end for a person: the message (else the error), where the logs and the outputs are."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.padding import Padding

    console = Console(highlight=False)
    outputs = {name: Path(path) for name, path in result["outputs"].items()}
    messages = [path for name, path in outputs.items() if name.endswith(".message") and path.is_file()]
    for path in messages:
        console.print(Padding(Markdown(path.read_text(encoding="utf-8")), (1, 2)))
    if result["error"] and not messages:
        console.print(f"{result['error']}\n", style="red", markup=False, soft_wrap=True)
    logs = {f"{task.name} log": Path(task.log) for task in recorder.run.failed_tasks}
    width = max(map(len, (outputs | logs)), default=0)
    for name, path in (outputs | logs).items():
        inside = f"  ({' '.join(sorted(file.name for file in path.iterdir()))})" if path.is_dir() else ""
        console.print(f"{name:<{width}}  {_short(path)}{inside}", markup=False, soft_wrap=True)
    console.print(
        f"\n{recorder.run.pipeline} {result['state']}: {_short(recorder.folder)}",
        style="bold",
        markup=False,
        soft_wrap=True,
    )


def _short(path: Path) -> str:
    """A path as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
