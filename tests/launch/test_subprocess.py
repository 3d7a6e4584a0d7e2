"""The subprocess launcher, on real processes."""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from pathlib import Path

import pytest

from kfx.errors import PermanentError
from kfx.launch.spec import TaskSpec
from kfx.launch.subprocess import SubprocessLauncher


def _task(folder: Path, code: str, **env: str) -> TaskSpec:
    return TaskSpec("say", "python:3.11", [sys.executable, "-u", "-c", code], folder / "say", folder, env)


def test_output_goes_to_the_log_and_to_the_caller_line_by_line(tmp_path: Path) -> None:
    """Standard output and error both land in the log file, and each line reaches the callback."""
    lines: list[str] = []
    code = SubprocessLauncher().run(
        _task(tmp_path, "import os, sys; print('one'); print(os.environ['SECOND'], file=sys.stderr)", SECOND="two"),
        lines.append,
    )
    assert code == 0
    assert lines == ["one", "two"]
    assert (tmp_path / "say" / "log.txt").read_text() == "one\ntwo\n"


def test_the_exit_code_is_the_childs(tmp_path: Path) -> None:
    """A failing child's code comes back, a signal as its negative number."""
    launcher = SubprocessLauncher()
    assert launcher.run(_task(tmp_path, "raise SystemExit(7)")) == 7
    assert launcher.run(_task(tmp_path, "import os; os.kill(os.getpid(), 9)")) == -9


def test_bytes_that_are_not_utf8_do_not_stop_a_task(tmp_path: Path) -> None:
    """Undecodable output is kept readable instead of raising in the reader."""
    assert SubprocessLauncher().run(_task(tmp_path, "import sys; sys.stdout.buffer.write(b'caf\\xe9\\n')")) == 0
    assert (tmp_path / "say" / "log.txt").read_text(encoding="utf-8") == "caf\N{REPLACEMENT CHARACTER}\n"


def test_cancel_ends_the_child_and_what_it_started(tmp_path: Path) -> None:
    """Cancelling reaches the whole process group: a grandchild that ignores SIGTERM is gone too."""
    code = (
        "import subprocess, sys, time\n"
        "deaf = 'import signal, time; signal.signal(15, signal.SIG_IGN); print(0, flush=True); time.sleep(600)'\n"
        "child = subprocess.Popen([sys.executable, '-c', deaf], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    launcher, pids = SubprocessLauncher(), []

    def on_line(line: str) -> None:
        pids.append(int(line))
        threading.Thread(target=launcher.cancel).start()

    with pytest.raises(InterruptedError):
        launcher.run(_task(tmp_path, code), on_line)
    assert len(pids) == 1
    assert _gone(pids[0])


def test_nothing_starts_after_cancel(tmp_path: Path) -> None:
    """A cancelled launcher refuses the next command, so that no later task of the run begins."""
    launcher = SubprocessLauncher()
    launcher.cancel()
    with pytest.raises(InterruptedError):
        launcher.run(_task(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')"))
    assert not (tmp_path / "ran").exists()


def test_an_exit_task_outlives_cancel_and_not_kill(tmp_path: Path) -> None:
    """It starts after cancel and is not signalled by it; kill ends it and starts no other."""
    launcher, lines = SubprocessLauncher(), []
    launcher.cancel()
    telling = dataclasses.replace(_task(tmp_path, "print('told')"), at_exit=True)
    assert launcher.run(telling, lines.append) == 0
    assert lines == ["told"]
    hanging = dataclasses.replace(_task(tmp_path, "import time; print('hangs'); time.sleep(600)"), at_exit=True)

    def on_line(_line: str) -> None:
        launcher.cancel()
        threading.Thread(target=launcher.kill).start()

    with pytest.raises(InterruptedError):
        launcher.run(hanging, on_line)
    with pytest.raises(InterruptedError):
        launcher.run(telling)


def _gone(pid: int) -> bool:
    """Waits for a process to end; a zombie that nobody has reaped yet has."""
    for _ in range(600):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_a_program_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    """A command that cannot be started names the program."""
    with pytest.raises(PermanentError, match="'no-such-program' cannot be started"):
        SubprocessLauncher().run(TaskSpec("say", "", ["no-such-program"], tmp_path / "say", tmp_path))


def test_what_a_task_leaves_running_ends_with_it(tmp_path: Path) -> None:
    """A background process that inherited the output neither holds up the run nor outlives the task."""
    code = (
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True)\n"
    )
    pids: list[str] = []
    assert SubprocessLauncher().run(_task(tmp_path, code), pids.append) == 0
    assert _gone(int(pids[0]))
