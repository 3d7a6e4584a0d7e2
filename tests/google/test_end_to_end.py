"""The real table in BigQuery and in a bucket: statistics and training by kfx, through Google's clients."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kfx.stats.generate import generate
from kfx.stats.sources import open_source


@pytest.fixture
def beans(bigquery: Any, dry_bean: Path) -> str:
    """`bq://proj.data.beans`, loaded by a load job."""
    from google.cloud import bigquery as api

    config = api.LoadJobConfig(source_format="CSV", autodetect=True, write_disposition="WRITE_TRUNCATE")
    with dry_bean.open("rb") as file:
        bigquery.load_table_from_file(file, "proj.data.beans", job_config=config).result()
    return "bq://proj.data.beans"


def _kfx(cwd: Path, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "kfx.cli.main", *arguments, "--output", "json"],
        capture_output=True, text=True, cwd=cwd, env={**os.environ, "PYTHONWARNINGS": "ignore"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_statistics_of_a_table_are_those_of_its_file(beans: str, dry_bean: Path) -> None:
    """Every figure of the table in BigQuery is that of the CSV it was loaded from."""

    def features(uri: str) -> dict[str, Any]:
        (dataset,) = generate(uri).datasets
        assert dataset.num_examples == 13611
        return {feature.path.step[0]: feature for feature in dataset.features}

    table, file = features(beans), features(str(dry_bean))
    assert table.keys() == file.keys()
    for name, expected in file.items():
        found = table[name]
        assert found.type == expected.type, name
        assert found.num_stats.mean == pytest.approx(expected.num_stats.mean, rel=1e-9), name
        assert (found.num_stats.min, found.num_stats.max) == (expected.num_stats.min, expected.num_stats.max), name
        assert found.string_stats.top_values == expected.string_stats.top_values, name


@pytest.mark.parametrize("source", ["bq://proj.data.beans", "bq-query:SELECT Area, Class FROM `proj.data.beans`"])
def test_kfx_stats(beans: str, tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`kfx stats` on a table and on a query writes the statistics of all rows."""
    if source.startswith("bq-query:"):
        # bqemulator serves results over REST only; from BigQuery, large ones come over the Storage Read API.
        monkeypatch.delenv("BIGQUERY_STORAGE_EMULATOR_HOST")
    result = _kfx(tmp_path, "stats", source, "-o", "out")
    assert result["metrics"]["num_examples"] == 13611
    assert (tmp_path / "out" / "report.html").is_file()


def test_sklearn_train_from_a_table(beans: str, tmp_path: Path) -> None:
    """The pipeline reads the table from BigQuery, trains on it and judges the model."""
    pytest.importorskip("sklearn")
    result = _kfx(tmp_path, "run", "sklearn_train", "-p", f"source={beans}", "-p", "label=Class")
    assert result["state"] == "succeeded"
    assert result["metrics"]["accuracy"] >= 0.90


def test_sklearn_train_from_a_bucket(bucket: Any, dry_bean: Path, tmp_path: Path) -> None:
    """The same from two objects of a bucket, found by a glob."""
    pytest.importorskip("sklearn")
    header, *lines = dry_bean.read_bytes().splitlines(keepends=True)
    for number, part in enumerate((lines[:7000], lines[7000:])):
        bucket.blob(f"beans/{number}.csv").upload_from_string(header + b"".join(part))
    uri = f"gs://{bucket.name}/beans/*.csv"
    assert sum(batch.num_rows for batch in open_source(uri).batches()) == 13611
    result = _kfx(tmp_path, "run", "sklearn_train", "-p", f"source={uri}", "-p", "label=Class")
    assert result["state"] == "succeeded"
    assert result["metrics"]["accuracy"] >= 0.90
