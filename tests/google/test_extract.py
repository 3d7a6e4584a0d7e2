"""A table extracted to Parquet files in a bucket: sharded, counted, and removed when something fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from kfx.errors import KfxError, PermanentError, TransientError, UsageError
from kfx.stats.extract import extract_parquet, extracted
from kfx.stats.sources import open_source
from tests.google.extracting import Extracting
from tests.google.refusing import Refusing
from tests.loopback import serving

ROWS = pa.table({"i": list(range(10)), "many": [[i, i] for i in range(10)], "one": [{"a": i} for i in range(10)]})
TABLE = "bq://proj.data.wide"


@pytest.fixture
def job(bigquery: Any, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Extracting]:
    """The table on the emulator, and extract jobs that write to the bucket."""
    select = "SELECT i, [i, i] AS many, STRUCT(i AS a) AS one FROM UNNEST(GENERATE_ARRAY(0, 9)) AS i"
    bigquery.query(f"CREATE OR REPLACE TABLE data.wide AS {select}").result()
    with serving(Extracting(os.environ["BIGQUERY_EMULATOR_HOST"], ROWS, bucket)) as double:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.url)
        yield double


def _objects(bucket: Any) -> list[str]:
    return [blob.name for blob in bucket.client.list_blobs(bucket.name)]


def test_a_table_becomes_shards(job: Extracting, bucket: Any) -> None:
    """The job is asked for Parquet, by a wildcard, where the table is; the shards are one source with all rows."""
    folder = f"gs://{bucket.name}/out"
    shards = extract_parquet(TABLE, folder)
    assert shards.rows == 10
    assert shards.uris == tuple(f"{folder}/part-{number:012}.parquet" for number in range(3))
    asked = job.jobs[0]["configuration"]["extract"]
    assert asked["destinationUris"] == [f"{folder}/part-*.parquet"]
    assert asked["destinationFormat"] == "PARQUET"
    assert asked["sourceTable"] == {"projectId": "proj", "datasetId": "data", "tableId": "wide"}
    assert pa.Table.from_batches(open_source(f"{folder}/").batches()).to_pylist() == ROWS.to_pylist()


def test_a_temporary_extract_is_removed(job: Extracting, bucket: Any) -> None:
    """After the `with` block nothing is left, however it ended, and what else is in the folder stays."""
    bucket.blob("tmp/kept").upload_from_string("x")
    with extracted(TABLE, f"gs://{bucket.name}/tmp") as shards:
        assert len(shards.uris) == 3
        assert len(_objects(bucket)) == 4
    with pytest.raises(RuntimeError), extracted(TABLE, f"gs://{bucket.name}/tmp"):
        raise RuntimeError
    assert _objects(bucket) == ["tmp/kept"]


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ({"error": "Operation cannot be performed on a nested schema."}, UsageError, "nested schema"),
        ({"lost_rows": 1}, TransientError, "9 of the 10 rows of 'bq://proj.data.wide' were extracted"),
    ],
)
def test_a_failed_extract_leaves_nothing(
    job: Extracting, bucket: Any, fault: dict[str, Any], kind: type[KfxError], says: str
) -> None:
    """A job that fails half-way, or files that hold too few rows: the error is told and the files are gone."""
    for name, value in fault.items():
        setattr(job, name, value)
    with pytest.raises(kind, match=says):
        extract_parquet(TABLE, f"gs://{bucket.name}/out")
    assert len(job.jobs) == 1
    assert _objects(bucket) == []


def test_a_folder_with_files_is_refused_and_kept(job: Extracting, bucket: Any) -> None:
    """Files that are there already would count as rows of the table; they are neither mixed with it nor removed."""
    bucket.blob("out/part-000000000009.parquet").upload_from_string("old")
    with pytest.raises(UsageError, match="is not empty"):
        extract_parquet(TABLE, f"gs://{bucket.name}/out")
    assert _objects(bucket) == ["out/part-000000000009.parquet"]
    assert job.jobs == []


@pytest.mark.parametrize(
    ("uri", "folder", "says"),
    [
        (TABLE, "/tmp/out", "extracted to a gs:// folder"),
        (f"{TABLE}?where=i > 1", "gs://b/out", "has a row filter"),
        ("bq://proj.data.nothing", "gs://b/out", "does not exist"),
        (TABLE, "gs://no-such-bucket/out", "no bucket 'no-such-bucket'"),
    ],
)
def test_what_cannot_be_extracted(job: Extracting, uri: str, folder: str, says: str) -> None:
    """Wrong names are refused before a job starts."""
    with pytest.raises((UsageError, PermanentError), match=says):
        extract_parquet(uri, folder)
    assert job.jobs == []


def test_the_emulator_takes_the_job_as_it_is(
    bigquery: Any, job: Extracting, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bqemulator itself parses the request: it fails for want of its own folder of buckets, not for the request."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", job.emulator)
    with pytest.raises(KfxError, match="BQEMU_GCS_LOCAL_ROOT"):
        extract_parquet(TABLE, f"gs://{bucket.name}/out")


def test_the_job_runs_where_the_table_is(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's own location goes with the job; a bucket elsewhere is refused in BigQuery's words."""
    said = "Cannot read and write in different locations: source: EU, destination: US"
    table = {"tableReference": {"projectId": "p", "datasetId": "d", "tableId": "t"}, "location": "EU", "type": "TABLE"}
    with serving(Refusing()) as double:
        double.answers = [(200, table, ""), (400, said, "invalid")]
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.url)
        with pytest.raises(UsageError, match=said):
            extract_parquet("bq://p.d.t$20260101", f"gs://{bucket.name}/out")
    body = double.requests[-1][2]
    assert body["jobReference"]["location"] == "EU"
    assert body["configuration"]["extract"]["sourceTable"]["tableId"] == "t$20260101"
