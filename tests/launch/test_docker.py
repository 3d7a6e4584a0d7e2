"""Pipelines run in containers, on a real engine."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

import pytest

from kfx.cli.pipeline import resolve
from kfx.errors import PermanentError, UsageError
from kfx.launch.docker import DockerLauncher, DockerSettings, parse_volume
from kfx.launch.local import LocalRun
from kfx.launch.record import Recorder
from kfx.launch.spec import TaskSpec

PIPELINES = Path(__file__).with_name("pipelines.py")


def _spec(name: str, image: str) -> dict[str, Any]:
    spec = resolve(f"{PIPELINES}:{name}").spec
    for executor in spec["deploymentSpec"]["executors"].values():
        executor["container"]["image"] = image
    return spec


def _run(name: str, image: str, folder: Path, launcher: DockerLauncher | None = None, **arguments: Any) -> Recorder:
    spec = _spec(name, image)
    recorder = Recorder(spec, arguments, folder)
    try:
        LocalRun(spec, arguments, recorder, launcher or DockerLauncher()).execute()
    finally:
        recorder.close()
    return recorder


def _states(recorder: Recorder) -> dict[str, str]:
    return {task.name: task.state for task in recorder.run.tasks}


def _leftovers(recorder: Recorder) -> list[Any]:
    import docker

    label = f"kfx.run={recorder.run_id}"
    return list(docker.from_env().containers.list(all=True, filters={"label": label}))


def test_short_tasks_keep_their_output_and_exit_code(executor_image: str, tmp_path: Path) -> None:
    """Tasks that end within a moment leave their log, outputs and metrics; no container stays behind."""
    recorder = _run("chain", executor_image, tmp_path / "run")
    assert _states(recorder) == {"say": "succeeded", "say-2": "succeeded", "at-exit": "succeeded"}
    assert recorder.run.metrics == {"length": 5}
    assert "saying hello" in (tmp_path / "run" / "say" / "log.txt").read_text()
    assert _leftovers(recorder) == []


def test_a_failing_container_is_a_failed_task_with_its_own_error(executor_image: str, tmp_path: Path) -> None:
    """The task's exception is told, and the exit task in its own container reads the run's record."""
    recorder = _run("chain", executor_image, tmp_path / "run", text="bad")
    assert _states(recorder) == {"say": "failed", "say-2": "skipped", "at-exit": "succeeded"}
    assert recorder.run.failed_tasks[0].error == "ValueError: the text is bad"
    assert "ValueError: the text is bad" in (tmp_path / "run" / "at-exit" / "log.txt").read_text()


def test_a_container_component_runs(executor_image: str, tmp_path: Path) -> None:
    """A task without any Python function, as Google's components are, runs from its image and command alone."""
    recorder = _run("with_container", executor_image, tmp_path / "run")
    assert _states(recorder) == {"container": "succeeded"}


def test_a_task_may_be_silent_for_longer_than_the_client_waits(executor_image: str, tmp_path: Path) -> None:
    """podman says nothing, not even that it listens, before the container does."""
    import docker

    task = TaskSpec(
        "say", executor_image, ["sh", "-c", "sleep 3; echo late"], tmp_path / "run" / "say", tmp_path / "run"
    )
    lines: list[str] = []
    client = docker.from_env()
    client.api.timeout = 1
    assert DockerLauncher(client=client).run(task, lines.append) == 0
    assert lines == ["late"]


def test_a_reader_that_podman_keeps_waiting_gets_every_line_once(
    executor_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output is followed without an end, as podman's is when the container ends just then: the rest is asked for."""
    from docker.models.containers import Container

    logs = Container.logs

    def endless(container: Container, **options: Any) -> Any:
        if not options.get("stream"):
            return logs(container, **options)
        return itertools.chain([b"first\nsec"], iter(threading.Event().wait, None))

    monkeypatch.setattr(Container, "logs", endless)
    command = ["sh", "-c", "echo first; echo second; exit 3"]
    task = TaskSpec("say", executor_image, command, tmp_path / "run" / "say", tmp_path / "run")
    lines: list[str] = []
    assert DockerLauncher().run(task, lines.append) == 3
    assert lines == ["first", "second"]


def test_cancelling_stops_the_container_and_tells_the_exit_task(executor_image: str, tmp_path: Path) -> None:
    """A sleeping container is stopped and removed, no other starts but the exit task's, which gets CANCELLED."""
    spec = _spec("slow", executor_image)
    launcher, recorder = DockerLauncher(), Recorder(spec, {}, tmp_path / "run")

    def stop(_task: str, line: str) -> None:
        if line == "sleeping":
            threading.Thread(target=launcher.cancel).start()

    LocalRun(spec, {}, recorder, launcher, stop).execute()
    recorder.close()
    assert _states(recorder) == {"sleep": "cancelled", "say": "skipped", "at-exit": "succeeded"}
    assert "\nended CANCELLED\n" in (tmp_path / "run" / "at-exit" / "log.txt").read_text()
    assert _leftovers(recorder) == []


def test_it_knows_what_is_on_this_machine(executor_image: str) -> None:
    """Without pulling anything."""
    assert DockerLauncher().has(executor_image)
    assert not DockerLauncher().has("localhost/no-such-image:0")


def test_an_image_that_cannot_be_had_is_named(container_engine: str, tmp_path: Path) -> None:
    """A missing image fails the task with its name and the way out, and leaves no container."""
    task = TaskSpec("say", "localhost/no-such-image:0", ["true"], tmp_path / "run" / "say", tmp_path / "run")
    with pytest.raises(PermanentError, match=r"localhost/no-such-image:0.*kfx build"):
        DockerLauncher().run(task)


def test_settings_reach_the_container(executor_image: str, tmp_path: Path) -> None:
    """Mounts and variables are there, and files are written as the calling user."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "table.csv").write_text("a,b\n")
    volume = parse_volume(f"{tmp_path / 'data'}:/data:ro")
    code = (
        "import os, pathlib; print(open('/data/table.csv').read(), os.environ['SECRET']); pathlib.Path('out').touch()"
    )
    (tmp_path / "run").mkdir()
    task = TaskSpec("say", executor_image, ["python3", "-c", code], tmp_path / "run" / "say", tmp_path / "run")
    lines: list[str] = []
    assert DockerLauncher(DockerSettings((volume,), {"SECRET": "from here"})).run(task, lines.append) == 0
    assert lines == ["a,b", " from here"]
    assert (tmp_path / "run" / "out").stat().st_uid == tmp_path.stat().st_uid


@pytest.mark.parametrize("text", ["data", "./nowhere:/data", "./:data"])
def test_a_wrong_volume_is_refused(text: str) -> None:
    """A mount without a container path, or of a path that is not there, names itself."""
    with pytest.raises(UsageError, match="--volume"):
        parse_volume(text)


def test_no_engine_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing answers, the error names the address and what to start."""
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    with pytest.raises(UsageError, match=r"No container engine answers at unix:///nonexistent/docker.sock"):
        DockerLauncher()
