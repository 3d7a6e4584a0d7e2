"""BigQuery tables and queries as sources, through Google's clients, on bqemulator.

What bqemulator cannot do is tested elsewhere: BIGNUMERIC columns and partition decorators in test_rest.py, refusals in
test_refusals.py, against doubles. It always estimates 0 bytes, so the byte limit is tested there, too.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.cloud.bigquery import SchemaField as Field

from kfx.errors import UsageError
from kfx.stats.sources import open_source

MakeTable = Callable[..., str]

TYPES = [
    Field("i", "INT64"), Field("f", "FLOAT64"), Field("b", "BOOL"), Field("s", "STRING"), Field("y", "BYTES"),
    Field("n", "NUMERIC"), Field("d", "DATE"), Field("ts", "TIMESTAMP"), Field("dt", "DATETIME"), Field("t", "TIME"),
    Field("j", "JSON"), Field("many", "INT64", "REPEATED"),
    Field("one", "RECORD", fields=[Field("a", "INT64"), Field("b", "STRING")]),
    Field("nested", "RECORD", "REPEATED", fields=[Field("a", "INT64"), Field("b", "STRING", "REPEATED")]),
]  # fmt: skip
ROW = """SELECT 1, 1.5, TRUE, 'é', b'yz', NUMERIC '1.25', DATE '2026-01-02', TIMESTAMP '2026-01-02 03:04:05.678901+00',
    DATETIME '2026-01-02 03:04:05', TIME '03:04:05', JSON '{"a":1}', [1, 2], STRUCT(1 AS a, 'q' AS b),
    [STRUCT(1 AS a, ['u', 'v'] AS b)]"""
NULLS = f"SELECT {', '.join(['NULL'] * 11)}, [], NULL, []"
EXPECTED = {
    "i": 1, "f": 1.5, "b": True, "s": "é", "y": b"yz", "n": Decimal("1.25"), "d": dt.date(2026, 1, 2),
    "ts": dt.datetime(2026, 1, 2, 3, 4, 5, 678901, dt.timezone.utc),
    "dt": dt.datetime(2026, 1, 2, 3, 4, 5), "t": dt.time(3, 4, 5), "j": '{"a":1}', "many": [1, 2],
    "one": {"a": 1, "b": "q"}, "nested": [{"a": 1, "b": ["u", "v"]}],
}  # fmt: skip


@pytest.fixture(params=["storage", "rest"])
def over(request: pytest.FixtureRequest, bigquery: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Reads over the Storage Read API, and over REST."""
    if request.param == "rest":
        monkeypatch.delenv("BIGQUERY_STORAGE_EMULATOR_HOST")
    return str(request.param)


def rows(uri: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    source = open_source(uri)
    return pa.Table.from_batches(source.batches(columns)).to_pylist()


def test_every_type(over: str, bigquery: Any) -> None:
    """Each BigQuery type arrives as its Arrow type with its value, null where it is null, over both APIs."""
    from google.cloud import bigquery as api

    bigquery.create_table(api.Table(f"proj.data.types_{over}", schema=TYPES))
    bigquery.query(f"INSERT INTO data.types_{over} {ROW} UNION ALL {NULLS}").result()
    source = open_source(f"bq://proj.data.types_{over}")
    batches = list(source.batches())
    assert all(batch.schema.equals(source.schema()) for batch in batches)
    assert [str(kind) for kind in source.schema().types] == [
        "int64", "double", "bool", "string", "binary", "decimal128(38, 9)", "date32[day]", "timestamp[us, tz=UTC]",
        "timestamp[us]", "time64[us]", "string", "list<item: int64>", "struct<a: int64, b: string>",
        "list<item: struct<a: int64, b: list<item: string>>>",
    ]  # fmt: skip
    full, empty = sorted(pa.Table.from_batches(batches).to_pylist(), key=lambda row: row["i"] is None)
    assert full == EXPECTED
    assert {name: value for name, value in empty.items() if value} == {}


def test_several_streams_lose_no_row(make_table: MakeTable) -> None:
    """Rows of all streams arrive once each, and the order is the same each time."""
    uri = make_table([Field("i", "INT64")], "SELECT i FROM UNNEST(GENERATE_ARRAY(0, 99999)) AS i")
    first = pa.Table.from_batches(open_source(uri).batches())["i"].to_pylist()
    assert sorted(first) == list(range(100_000))
    assert pa.Table.from_batches(open_source(uri).batches())["i"].to_pylist() == first


def test_a_reader_that_stops_early_leaves_no_thread(make_table: MakeTable) -> None:
    """Closing the batches after the first ends the streams' threads."""
    import threading

    uri = make_table([Field("i", "INT64")], "SELECT i FROM UNNEST(GENERATE_ARRAY(0, 999999)) AS i")
    before = threading.active_count()
    batches: Iterator[Any] = open_source(uri).batches()
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() <= before


def test_columns_and_a_condition_are_pushed_down(make_table: MakeTable) -> None:
    """Columns come in the order asked for, and `?where=` is SQL that BigQuery applies, percent signs and all."""
    uri = make_table(
        [Field("i", "INT64"), Field("s", "STRING")], "SELECT i, CONCAT('v', i) FROM UNNEST([1, 2, 3]) AS i"
    )
    assert rows(uri, ["s", "i"])[0].keys() == {"s", "i"}
    assert open_source(uri).schema().names == ["i", "s"]
    assert list(open_source(uri).batches(["s", "i"]))[0].schema.names == ["s", "i"]  # noqa: RUF015
    assert rows(f"{uri}?where=s LIKE 'v%' AND i >= 3") == [{"i": 3, "s": "v3"}]


def test_a_condition_over_rest_is_refused(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """REST has no row filter: that is said instead of all rows given."""
    uri = make_table([Field("i", "INT64")], "SELECT 1")
    monkeypatch.delenv("BIGQUERY_STORAGE_EMULATOR_HOST")
    with pytest.raises(UsageError, match="needs the Storage Read API"):
        rows(f"{uri}?where=i = 1")


def test_without_the_storage_package_rows_come_over_rest(
    make_table: MakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """google-cloud-bigquery-storage makes reading faster and is not needed."""
    uri = make_table([Field("i", "INT64")], "SELECT i FROM UNNEST([1, 2, 3]) AS i")
    monkeypatch.setitem(sys.modules, "google.cloud.bigquery_storage_v1", None)
    assert sorted(row["i"] for row in rows(uri)) == [1, 2, 3]


@pytest.mark.usefixtures("over")
def test_an_empty_table(bigquery: Any) -> None:
    """A table without rows has its columns and no batch with rows."""
    from google.cloud import bigquery as api

    bigquery.create_table(api.Table("proj.data.empty", schema=[Field("i", "INT64")]), exists_ok=True)
    source = open_source("bq://proj.data.empty")
    assert source.schema().names == ["i"]
    assert sum(batch.num_rows for batch in source.batches()) == 0


def test_an_empty_table_where_rows_are_needed(make_table: MakeTable, tmp_path: Path) -> None:
    """A split of nothing is refused with what is missing."""
    from kfx.split import split_table

    uri = make_table([Field("i", "INT64")])
    with pytest.raises(UsageError, match="cannot be split: it has no rows"):
        split_table(uri, [str(tmp_path / name) for name in "abc"])


def test_views_are_sent_to_a_query(bigquery: Any) -> None:
    """A view cannot be read as a table; the message has the way out, and that way works."""
    bigquery.query("CREATE TABLE data.under AS SELECT 7 AS i").result()
    bigquery.query("CREATE VIEW data.seen AS SELECT i FROM data.under").result()
    with pytest.raises(UsageError, match=r"is a view.*bq-query: and a SELECT from `proj\.data\.seen`"):
        open_source("bq://proj.data.seen")
    assert rows("bq-query:SELECT * FROM `proj.data.seen`") == [{"i": 7}]


def test_a_query_tells_its_bytes_and_runs_once(
    make_table: MakeTable, bigquery: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """The estimate is told first; schema costs no run; reading twice runs one query."""
    uri = make_table([Field("i", "INT64")], "SELECT i FROM UNNEST([3, 1, 2]) AS i")
    table = uri.removeprefix("bq://")

    def ran() -> int:
        return sum(not job.dry_run for job in bigquery.list_jobs() if job.job_type == "query")

    before = ran()
    source = open_source(f"bq-query:SELECT i, i * 2 AS twice FROM `{table}` ORDER BY i")  # noqa: S608
    assert "reads 0B (limit 100GiB)" in capfd.readouterr().err
    assert [str(kind) for kind in source.schema().types] == ["int64", "int64"]
    assert ran() == before
    for _ in range(2):
        read = pa.Table.from_batches(source.batches()).to_pylist()
        assert read == [{"i": i, "twice": 2 * i} for i in (1, 2, 3)]
    assert pa.Table.from_batches(source.batches(["twice"])).to_pylist()[0] == {"twice": 2}
    assert ran() == before + 1


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("bq-query:", "has no SQL"),
        ("bq-query:max_bytes=lots;SELECT 1", "max_bytes is 'lots'"),
        ("bq-query:SELEC 1", "BigQuery refused the query 'SELEC 1'"),
        ("bq-query:DROP TABLE data.nothing", "takes one SELECT|refused|does not exist"),
        ("bq-query:SELECT * FROM data.nothing", "does not exist|refused"),
        ("bq://proj.data.nothing", r"The table of 'bq://proj\.data\.nothing' does not exist"),
        ("bq://proj.data.nothing", "List the dataset's tables: bq ls proj:data$"),
        ("bq://proj.nothing.t", r"The dataset 'nothing' of .* does not exist .*bq ls --project_id=proj$"),
        (
            "bq://elsewhere.data.t",
            r"The project 'elsewhere' of .* does not exist, has no dataset.*gcloud projects list$",
        ),
    ],
)
def test_what_is_not_there_is_said(bigquery: Any, uri: str, says: str) -> None:
    """A wrong query or name is an error of the user with what to do."""
    with pytest.raises(UsageError, match=says):
        open_source(uri)


def test_columns_that_do_not_exist(make_table: MakeTable) -> None:
    """An unknown column is named before anything is read."""
    uri = make_table([Field("i", "INT64")], "SELECT 1")
    for source in (open_source(uri), open_source(f"bq-query:SELECT * FROM `{uri.removeprefix('bq://')}`")):  # noqa: S608
        with pytest.raises(UsageError, match="no column 'z'"):
            list(source.batches(["z"]))
