"""The component train_test_split: as a function, and as a task of kfp.local."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from kfp import dsl, local

from kfx.components import train_test_split
from kfx.errors import UsageError

SPLITS = ("train", "validation", "test")


def outputs(folder: Path) -> dict[str, dsl.Dataset]:
    return {name: dsl.Dataset(uri=str(folder / name), metadata={}) for name in SPLITS}


def test_each_artifact_is_parquet_and_says_its_rows(tmp_path: Path) -> None:
    """The metadata, shown beside the artifact, counts what the file holds."""
    artifacts = outputs(tmp_path)

    train_test_split.python_func(source="sklearn:iris", **artifacts, stratify="target", seed=3)

    rows = {name: pq.read_metadata(tmp_path / name).num_rows for name in SPLITS}
    assert rows == {"train": 120, "validation": 15, "test": 15}
    assert {name: artifact.metadata["rows"] for name, artifact in artifacts.items()} == rows
    assert artifacts["test"].metadata == {"format": "parquet", "rows": 15, "source": "sklearn:iris", "seed": 3}


def test_fractions_that_do_not_add_up_fail_before_anything_is_read(tmp_path: Path) -> None:
    """The source is not even looked for."""
    with pytest.raises(UsageError, match=r"add up to 1\.2"):
        train_test_split.python_func(source="nowhere.csv", **outputs(tmp_path), test_fraction=0.3)


def test_it_runs_as_a_local_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kfp starts it in a process of its own and finds the three files."""
    monkeypatch.chdir(tmp_path)
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "root"))

    task = train_test_split(source="sklearn:wine", train_fraction=0.5, validation_fraction=0.25, test_fraction=0.25)

    rows = [pq.read_table(task.outputs[name].path).num_rows for name in SPLITS]
    assert rows == [89, 45, 44]
