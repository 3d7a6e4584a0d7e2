"""The last accepted run's statistics, and schemas, in a bucket of fake-gcs-server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from kfp import dsl

from kfx.errors import PermanentError, UsageError
from kfx.stats import artifact, place
from kfx.stats.generate import generate
from kfx.stats.schema.compare_task import compare_task
from kfx.stats.schema.files import load_schema, load_statistics, save_schema, statistics_of
from kfx.stats.schema.gate import AnomaliesError
from kfx.stats.schema.infer import infer_schema

GOOD = "colour,size\n" + "red,1\ngreen,2\nblue,3\n" * 400
BAD = "colour,size\n" + "red,1\ngreen,2\nblau,\n" * 400


def statistics(folder: Path, name: str, table: str) -> dsl.Artifact:
    path = folder / f"{name}.csv"
    path.write_text(table)
    artifact.write(generate(str(path)), folder / name, name)
    return dsl.Artifact(uri=str(folder / name), metadata={})


def compared(folder: Path, given: dsl.Artifact, address: str) -> dict[str, Any]:
    made = [
        dsl.Artifact(uri=str(folder / "out" / "anomalies"), metadata={}),
        dsl.HTML(uri=str(folder / "out" / "report"), metadata={}),
    ]
    return compare_task(given, *made, previous_uri=address)


def test_runs_are_compared_with_the_last_accepted_one_in_a_bucket(bucket: Any, tmp_path: Path) -> None:
    """The first run fills the place, a refused one leaves it, and one object is all there is."""
    address = f"gs://{bucket.name}/kfx-statistics/colours"
    good, bad = statistics(tmp_path, "good", GOOD), statistics(tmp_path, "bad", BAD)
    assert compared(tmp_path, good, address) == {}
    kept = place.read(f"{address}/stats.pb")
    assert load_statistics(address) == artifact.load(Path(good.path))
    with pytest.raises(AnomaliesError, match="null rate of size"):
        compared(tmp_path, bad, address)
    assert place.read(f"{address}/stats.pb") == kept
    assert compared(tmp_path, good, address) == {"drift_errors": 0, "drift_warnings": 0}
    assert [blob.name for blob in bucket.list_blobs()] == ["kfx-statistics/colours/stats.pb"]


def test_what_is_no_place_in_a_bucket_is_refused(bucket: Any, tmp_path: Path) -> None:
    """A file's name, a folder of kfx stats, and a folder where a file is wanted; each is told as what it is."""
    good, address = statistics(tmp_path, "good", GOOD), f"gs://{bucket.name}/place"
    with pytest.raises(UsageError, match=r"place/x\.pb' names a file"):
        compared(tmp_path, good, f"{address}/x.pb")
    place.write(f"{address}/stats.tfrecord", b"")
    with pytest.raises(UsageError, match=r"must be a folder of its own.*stats\.tfrecord"):
        compared(tmp_path, good, address)
    place.write(f"{address}/y.pb/stats.pb", artifact.load(Path(good.path)).SerializeToString())
    with pytest.raises(UsageError, match=r"place/y\.pb' is a folder; name the file"):
        load_statistics(f"{address}/y.pb")
    assert sorted(blob.name for blob in bucket.list_blobs()) == ["place/stats.tfrecord", "place/y.pb/stats.pb"]


def test_schemas_and_statistics_are_read_from_a_bucket(bucket: Any, tmp_path: Path) -> None:
    """An address in a bucket serves wherever a path does."""
    made = artifact.load(Path(statistics(tmp_path, "good", GOOD).path))
    schema = infer_schema(made)
    save_schema(schema, f"gs://{bucket.name}/s/schema.pbtxt")
    place.write(f"gs://{bucket.name}/s/schema.pb", schema.SerializeToString())
    for name in ("s", "s/schema.pbtxt", "s/schema.pb"):
        assert load_schema(f"gs://{bucket.name}/{name}") == schema
    place.write(f"gs://{bucket.name}/t/stats.pb", made.SerializeToString())
    assert statistics_of(f"gs://{bucket.name}/t") == made
    bucket.blob("table.csv").upload_from_string(GOOD)
    assert statistics_of(f"gs://{bucket.name}/table.csv").datasets[0].num_examples == 1200


def test_text_statistics_in_a_bucket_are_statistics(bucket: Any, tmp_path: Path) -> None:
    """They are read as such; where a table is wanted, the command that shows them has their address."""
    made = artifact.load(Path(statistics(tmp_path, "good", GOOD).path))
    address = f"gs://{bucket.name}/t/stats.pbtxt"
    place.write(address, text_format.MessageToString(made).encode())
    assert statistics_of(address) == made
    with pytest.raises(UsageError, match=f"holds statistics already. kfx show {address} prints them"):
        generate(f"gs://{bucket.name}/t/")


def test_what_is_not_there_is_an_error_of_the_user(bucket: Any) -> None:
    """With the address that was looked at."""
    with pytest.raises(UsageError, match=f"gs://{bucket.name}/none/schema.pbtxt"):
        load_schema(f"gs://{bucket.name}/none")
    with pytest.raises(UsageError, match=r"none\.pb"):
        statistics_of(f"gs://{bucket.name}/none.pb")
    with pytest.raises((UsageError, PermanentError), match="no-such-bucket"):
        place.write("gs://no-such-bucket/x", b"x")
