"""The `kfx` program as a shell sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PIPELINES = Path(__file__).parent.parent / "launch" / "pipelines.py"


def kfx(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs the program in a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "kfx.cli.main", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **env},
        check=False,
    )


def test_help_loads_nothing_heavy() -> None:
    """Help, every command's help and completion import no kfp, Google, TensorFlow, pandas or pyarrow module."""
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from kfx.cli.main import kfx_\n"
        "import click\n"
        "names = kfx_.list_commands(click.Context(kfx_))\n"
        "for arguments in (['--help'], *([name, '--help'] for name in names)):\n"
        "    done = CliRunner().invoke(kfx_, arguments)\n"
        "    assert done.exit_code == 0, (arguments, done.output)\n"
        "heavy = 'kfp google.auth google.api_core google.protobuf tensorflow pandas pyarrow numpy sklearn rich'\n"
        "print([name for name in heavy.split() if hasattr(sys.modules.get(name), '__file__')], len(names))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded, _, count = done.stdout.strip().rpartition(" ")
    assert loaded == "[]"
    assert int(count) >= 6


def test_completion_knows_the_commands(tmp_path: Path) -> None:
    """Shell completion lists the commands."""
    done = kfx(cwd=tmp_path, _KFX_COMPLETE="bash_complete", COMP_WORDS="kfx ", COMP_CWORD="1")
    words = {line.partition(",")[2] for line in done.stdout.splitlines()}
    assert {"run", "compile", "submit", "list", "stats"} <= words


def test_completion_knows_the_pipelines(tmp_path: Path) -> None:
    """After `kfx run` it lists kfx's pipelines, and asks the shell for files where none fits."""
    done = kfx(cwd=tmp_path, _KFX_COMPLETE="bash_complete", COMP_WORDS="kfx run skl", COMP_CWORD="2")
    assert done.stdout.split() == ["plain,sklearn_train"]
    done = kfx(cwd=tmp_path, _KFX_COMPLETE="bash_complete", COMP_WORDS="kfx run mine", COMP_CWORD="2")
    assert done.stdout.split() == ["file,mine"]


def test_list_describes_pipelines_and_components(tmp_path: Path) -> None:
    """`kfx list` names every pipeline and component with its first docstring line."""
    done = kfx("list", "--output", "json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert {"sklearn_train", "bq_sklearn_train"} <= set(found["pipelines"])
    assert {"statistics_gen", "notify_slack", "notify_email", "train_sklearn"} <= set(found["components"])
    assert all(text.endswith(".") for names in found.values() for text in names.values())


def test_run_prints_one_json_object_last(tmp_path: Path) -> None:
    """`--output json` leaves nothing but the result on stdout, with state, metrics and output paths that exist."""
    done = kfx("run", f"{PIPELINES}:chain", "-p", "text=hello", "--output", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["state"] == "succeeded"
    assert result["metrics"] == {"length": 5}
    assert all(Path(path).exists() for path in result["outputs"].values())
    assert [task["state"] for task in result["tasks"]] == ["succeeded"] * 3
    assert "✔ say" in done.stderr


def test_a_failed_run_exits_1_and_shows_the_tasks_own_error(tmp_path: Path) -> None:
    """The task, its error and its log are told; kfp's wall of text is not."""
    done = kfx("run", f"{PIPELINES}:chain", "-p", "text=bad", cwd=tmp_path)
    assert done.returncode == 1
    assert "say: ValueError: the text is bad" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    log = next(line.partition("say log")[2].strip() for line in done.stdout.splitlines() if line.startswith("say log"))
    assert "saying bad" in (tmp_path / log).read_text()


def test_wrong_input_exits_2_and_leaves_nothing(tmp_path: Path) -> None:
    """An unknown pipeline, parameter or type is one sentence, code 2, and no run folder."""
    for arguments, said in (
        (["run", "sklearn_trian"], "Did you mean 'sklearn_train'?"),
        (["run", f"{PIPELINES}:chain", "-p", "txt=x"], "Did you mean 'text'?"),
        (["run", f"{PIPELINES}:slow", "-p", "seconds=soon"], "takes an integer, not 'soon'"),
        (["compile", f"{PIPELINES}:chain", "-o", "p.txt"], "must end in .yaml"),
        (["compile", "nowhere.py", "-o", "p.yaml"], "There is no file nowhere.py"),
        (["run", "../beans.csv"], "../beans.csv is no pipeline file"),
    ):
        done = kfx(*arguments, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_stops_the_children(tmp_path: Path) -> None:
    """SIGINT ends the sleeping task, the exit task tells of it, the run says cancelled and exits 1."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kfx.cli.main", "run", f"{PIPELINES}:slow", "--logs", "--output", "json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any("sleeping" in line for line in process.stderr)
    process.send_signal(2)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Stopping: exit tasks still run." in stderr
    assert "ended CANCELLED" in stderr
    result = json.loads(stdout)
    assert result["state"] == "cancelled"
    assert result["tasks"][0] | {"duration_s": 0, "log": ""} == {
        "name": "sleep",
        "state": "cancelled",
        "duration_s": 0,
        "error": "",
        "log": "",
    }


def test_compile_writes_a_pipeline_that_runs_again(tmp_path: Path) -> None:
    """A compiled file is a PIPELINE too: compile, then run the YAML."""
    assert kfx("compile", f"{PIPELINES}:branch", "-o", "out/p.yaml", cwd=tmp_path).returncode == 0
    done = kfx("run", "out/p.yaml", "--output", "json", cwd=tmp_path)
    assert json.loads(done.stdout)["state"] == "succeeded"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["p.yaml"]
