"""What the engine tfdv does around Beam, without Beam: parts of a table, counts, reasons, results."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from kfx.errors import PermanentError, UsageError
from kfx.stats.beam import BeamOptions
from kfx.stats.engines import _beam_files
from kfx.stats.engines._beam_graph import Counted, Result, read_result
from kfx.stats.engines._beam_read import LostRowsError, Part, all_schemas, in_order, read_part, schema_of
from kfx.stats.engines._beam_remote import reason, run_remotely
from kfx.stats.engines.tfdv import check_counts
from kfx.stats.options import StatsOptions
from kfx.stats.sources import open_source
from kfx.stats.sources._parts import parts, settled


def together(uri: str) -> list[list[dict[str, Any]]]:
    """The rows of each file, as workers read them: every file alone, with what fits all."""
    numbered = [Part(number, part) for number, part in enumerate(parts(open_source(uri))[0])]
    schemas = in_order(all_schemas(schema_of(part) for part in reversed(numbered)))
    read = [settled(part.source, schemas) for part in numbered]
    assert all(part.schema().equals(read[0].schema()) for part in read)
    return [pa.Table.from_batches(part.batches(), schema=part.schema()).to_pylist() for part in read]


def write(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return str(folder / "*")


def test_text_files_are_read_with_types_that_fit_all(tmp_path: Path) -> None:
    """`007` is text where another file has a word: not the number 7 that its own file would make of it."""
    uri = write(tmp_path, {"0.csv": "a,b\n007,1\n", "1.csv": "b,a\n2.5,x\n", "2.csv": "a,b\n,3\n"})
    assert together(uri) == [[{"a": "007", "b": 1.0}], [{"a": "x", "b": 2.5}], [{"a": None, "b": 3.0}]]
    assert pa.Table.from_batches(open_source(uri).batches()).to_pylist() == [
        row for rows in together(uri) for row in rows
    ]


def test_json_files_have_the_keys_of_all(tmp_path: Path) -> None:
    """A key that a file lacks is missing in it."""
    uri = write(tmp_path, {"0.jsonl": '{"a": 1}\n', "1.jsonl": '{"a": 2.5, "b": ["x"]}\n'})
    assert together(uri) == [[{"a": 1.0, "b": None}], [{"a": 2.5, "b": ["x"]}]]


def test_parquet_files_have_the_first_ones_types(tmp_path: Path) -> None:
    """As where they are read by one program."""
    pq.write_table(pa.table({"a": pa.array([1, 2], pa.int64()), "b": ["x", "y"]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"b": ["z"], "a": pa.array([3], pa.int32())}), tmp_path / "1.parquet")
    assert together(f"{tmp_path}/*") == [[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], [{"a": 3, "b": "z"}]]
    pq.write_table(pa.table({"a": ["no number"], "b": ["z"]}), tmp_path / "2.parquet")
    with pytest.raises(UsageError, match=r"2\.parquet has other column types than the first file"):
        together(f"{tmp_path}/*")


def test_parquet_columns_of_nulls_have_the_type_another_file_knows(tmp_path: Path) -> None:
    """The first file is no exception."""
    pq.write_table(pa.table({"a": [None]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "1.parquet")
    assert together(f"{tmp_path}/*") == [[{"a": None}], [{"a": "x"}]]


def test_other_columns_are_refused(tmp_path: Path) -> None:
    """Text and Parquet alike; the column is named."""
    with pytest.raises(UsageError, match="differ in 'c'"):
        together(write(tmp_path, {"0.csv": "a\n1\n", "1.csv": "a,c\n1,2\n"}))


def test_what_is_not_files_cannot_be_shared_out() -> None:
    """The way out is told."""
    with pytest.raises(UsageError, match="Write it to Parquet files in a bucket first"):
        parts(open_source("sklearn:wine"))


def test_workers_of_another_kfx_are_refused(tmp_path: Path) -> None:
    """Their figures could mean other things."""
    part = Part(0, parts(open_source(write(tmp_path, {"0.csv": "a\n1\n"})))[0][0])
    with pytest.raises(PermanentError, match=r"started by kfx 0\.0\.0, and its workers have kfx"):
        next(read_part(part, schema_of(part), StatsOptions(), "0.0.0"))


@pytest.mark.parametrize(
    ("described", "counted", "stored"),
    [(9, Counted(10, 10), 10), (9, Counted(9, 9), 10), (10, Counted(10, 9), None), (11, Counted(11, 11), 10)],
)
def test_a_lost_or_doubled_row_is_an_error(described: int, counted: Counted, stored: int | None) -> None:
    """Whoever lost it: the workers, Beam on the way, or TFDV."""
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    statistics.datasets.add(num_examples=described)
    with pytest.raises(LostRowsError, match="The statistics are not kept"):
        check_counts("t", Result(statistics, counted), stored)
    statistics.datasets[0].num_examples = 10
    check_counts("t", Result(statistics, Counted(10, 10)), 10)


def test_a_jobs_failure_is_cut_down_to_its_cause() -> None:
    """kfx's own errors come in a traceback's text; what else a runner says is passed on whole."""
    text = (
        "Dataflow pipeline failed. State: FAILED, Error:\nTraceback ...\n"
        "kfx.errors.UsageError: t.csv: row 7. [while running 'Read']\n"
    )
    assert reason(text) == "t.csv: row 7."
    assert reason("State: FAILED, Error:\nNo quota.") == "State: FAILED, Error:\nNo quota."
    assert reason("State: FAILED, Error:\nNone") == "Its log says why."


def test_dataflow_cannot_read_this_machine(tmp_path: Path) -> None:
    """Refused before a job is made, with both ways out."""
    beam = BeamOptions(
        "dataflow",
        project="my-project",
        region="europe-west4",
        temp_location="gs://bucket/t",
        sdk_container_image="r/k:1",
    )
    source = open_source(write(tmp_path, {"0.csv": "a\n1\n"}))
    with pytest.raises(UsageError, match="Copy it to a bucket"):
        run_remotely(source, SimpleNamespace(options=StatsOptions()), beam)  # type: ignore[arg-type]


def test_results_go_through_a_folder(tmp_path: Path) -> None:
    """What workers write is read back, a missing result is an error, and the folder goes."""
    folder = tmp_path / "job"
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    statistics.datasets.add(num_examples=3)
    with _beam_files.removed(str(folder)):
        with pytest.raises(PermanentError, match="wrote no statistics"):
            read_result(f"{folder}/result")
        _beam_files.write(f"{folder}/result/statistics", [statistics.SerializeToString()])
        _beam_files.write(f"{folder}/result/rows", [json.dumps([4, 3]).encode()])
        result = read_result(f"{folder}/result")
        assert (result.statistics, result.counted) == (statistics, Counted(4, 3))
    assert not folder.exists()
