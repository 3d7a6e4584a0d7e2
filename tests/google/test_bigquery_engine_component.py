"""The engine bigquery by one argument: on the command line and in `statistics_gen`, with the artifact of `arrow`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from kfp import dsl, local

from kfx.components import statistics_gen
from kfx.stats import artifact
from tests.google.loading import load
from tests.google.same import assert_same

TABLE = pa.table({"x": [1.5, None, 2.5, 2.5], "s": ["a", "b", None, "a"], "l": [[1], [], [2, 3], [4]]})


def _kfx(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kfx.cli.main", "stats", *arguments],
        capture_output=True, text=True, cwd=cwd, env={**os.environ, "PYTHONWARNINGS": "ignore"}, check=False,
    )  # fmt: skip


def test_kfx_stats_gives_the_same_artifact(bigquery: Any, tmp_path: Path) -> None:
    """`--engine bigquery` writes the files that `--engine arrow` writes, with the same figures."""
    uri = load(bigquery, "by_cli", TABLE)
    for engine in ("bigquery", "arrow"):
        done = _kfx(tmp_path, uri, "-o", engine, "--engine", engine, "--slice", "s")
        assert done.returncode == 0, done.stderr
        assert ("BigQuery: statistics of" in done.stderr) == (engine == "bigquery")
    by_bigquery, by_arrow = (artifact.load(tmp_path / engine) for engine in ("bigquery", "arrow"))
    assert_same(by_bigquery, by_arrow)
    names = {path.name for path in (tmp_path / "bigquery").iterdir()}
    assert names == {artifact.TFRECORD, artifact.BINARY, artifact.REPORT, artifact.METRICS}
    metrics = [json.loads((tmp_path / engine / artifact.METRICS).read_text()) for engine in ("bigquery", "arrow")]
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--maximum-bytes-billed", "lots"], "--maximum-bytes-billed is 'lots'"),
        (["--feature", "z"], "no column 'z'"),
        (["--slice", "l"], "cannot be sliced by 'l'"),
        (["--engine", "arrow", "--maximum-bytes-billed", "1TiB"], "for the engine bigquery"),
    ],
)
def test_wrong_flags_are_refused(bigquery: Any, tmp_path: Path, arguments: list[str], says: str) -> None:
    """A flag that cannot serve ends with exit code 2, and nothing is written."""
    uri = load(bigquery, "by_cli_refused", TABLE)
    done = _kfx(tmp_path, uri, "-o", "out", "--engine", "bigquery", *arguments)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out").exists()


def test_the_component_in_a_pipeline(bigquery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`statistics_gen(engine="bigquery")` runs as a task and says in its artifact what computed it."""
    uri = load(bigquery, "by_component", TABLE)
    monkeypatch.chdir(tmp_path)
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "root"))

    @dsl.pipeline
    def look(source: str) -> None:
        statistics_gen(source=source, engine="bigquery", maximum_bytes_billed="1TiB", features=["x", "s"])

    look(source=uri)
    (binary,) = (tmp_path / "root").rglob(artifact.BINARY)
    (dataset,) = artifact.load(binary.parent).datasets
    assert dataset.num_examples == 4
    assert [feature.path.step[0] for feature in dataset.features] == ["x", "s"]
    (output,) = (tmp_path / "root").rglob("executor_output.json")
    assert json.loads(output.read_text())["artifacts"]["statistics"]["artifacts"][0]["metadata"]["engine"] == "bigquery"
