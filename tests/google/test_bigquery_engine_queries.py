"""What the engine bigquery asks of BigQuery: how many queries, in which order, at what price, and what they read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from kfx.errors import TransientError, UsageError
from kfx.stats.engines import _bigquery_plan, engine
from kfx.stats.generate import generate, silent
from kfx.stats.options import Slice, StatsOptions
from kfx.stats.sources._memory import MemoryTable
from tests.google.loading import load
from tests.google.recording import Recording
from tests.google.same import assert_same
from tests.loopback import Asked, serving

MIB = 1 << 20
WIDE = pa.table({
    **{f"f{i}": [float(row * (i + 1) % 17) for row in range(50)] for i in range(8)},
    **{f"i{i}": [row * (i + 3) % 13 for row in range(50)] for i in range(6)},
    **{f"s{i}": [f"w{row % (i + 2)}" for row in range(50)] for i in range(6)},
})  # fmt: skip

TABLE = WIDE.select(["f0", "f1", "i0", "i1", "s0", "s1"])


@pytest.fixture
def recording(bigquery: Any, bigquery_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    """bqemulator with every request written down; kfx is led there, the fixture `bigquery` goes past it."""
    with serving(Recording(bigquery_server["BIGQUERY_EMULATOR_HOST"])) as double:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.url)
        yield double


def described(uri: str, **options: Any) -> Any:
    return generate(uri, StatsOptions(**options), engine_name="bigquery")


def arrow(table: pa.Table, **options: Any) -> Any:
    return engine("arrow")(MemoryTable("test", table), StatsOptions(**options), silent)


def sql(job: dict[str, Any]) -> str:
    return str(job["query"]["query"])


def test_two_queries_describe_twenty_columns(
    recording: Recording, bigquery: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """Dry runs come first and are told, two queries run, both with a limit, and no row of the table travels."""
    uri = load(bigquery, "wide", WIDE)
    recording.estimate = 30 * MIB
    assert_same(described(uri), arrow(WIDE))
    assert [bool(job.get("dryRun")) for job in recording.jobs] == [True, True, False, False]
    assert "BigQuery: statistics of 'bq://proj.data.wide' read 60MiB (limit 100GiB)." in capfd.readouterr().err
    # What is kept for the other query is not this one's.
    limits = [int(job["query"]["maximumBytesBilled"]) for job in recording.ran]
    assert limits == [(100 << 30) - 30 * MIB, 100 << 30]
    assert not any("/tables/wide/data" in path for _, path in recording.requests)
    assert not any({"extract", "copy"} & job.keys() for job in recording.jobs)


def test_strings_take_one_query(recording: Recording, bigquery: Any) -> None:
    """Columns without numbers are read once, and numbers twice."""
    uri = load(bigquery, "strings", TABLE)
    described(uri, feature_allowlist=("s0", "s1"))
    assert len(recording.ran) == 1
    described(uri, feature_allowlist=("s0", "f0"))
    first, second = map(sql, recording.ran[1:])
    assert "SELECT `f0` AS `of_f0`, `s0` AS `of_s0` FROM `proj`.`data`.`strings`" in first
    assert "SELECT `f0` AS `of_f0` FROM `proj`.`data`.`strings`" in second
    assert "s0" not in second


def test_only_the_columns_asked_for_are_read(recording: Recording, bigquery: Any) -> None:
    """Features, weight and slices name columns; no other is in any query, dry run or not."""
    uri = load(bigquery, "few", TABLE)
    options: dict[str, Any] = {
        "feature_allowlist": ("f1",),
        "weight_feature": "i1",
        "slice_features": (Slice.parse("s1=w1"),),
    }
    assert_same(described(uri, **options), arrow(TABLE, **options))
    for job in recording.jobs:
        read = set(re.search(r"SELECT (.*?) FROM `proj`", sql(job))[1].split(", "))  # type: ignore[index]
        assert read <= {f"`{name}` AS `of_{name}`" for name in ("f1", "i1", "s1")}


@pytest.mark.parametrize("limit", [59 * MIB, 0])
def test_above_the_limit_nothing_runs(recording: Recording, bigquery: Any, limit: int) -> None:
    """The limit is for both queries together; the message has the size and the way out."""
    uri = load(bigquery, "dear", TABLE)
    recording.estimate = 30 * MIB
    with pytest.raises(UsageError, match=r"would be billed for 60MiB, more than.*--maximum-bytes-billed 60MiB"):
        described(uri, maximum_bytes_billed=limit)
    assert recording.ran == []
    described(uri, maximum_bytes_billed=60 * MIB)
    assert [int(job["query"]["maximumBytesBilled"]) for job in recording.ran] == [30 * MIB, 60 * MIB]


def test_the_environments_limit(recording: Recording, bigquery: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """KFX_BIGQUERY_MAX_BYTES is the limit where none is given, as for bq-query: sources."""
    uri = load(bigquery, "limited", TABLE)
    recording.estimate = 30 * MIB
    monkeypatch.setenv("KFX_BIGQUERY_MAX_BYTES", "50MiB")
    with pytest.raises(UsageError, match="more than the limit of 50MiB"):
        described(uri)


def test_a_small_query_is_counted_as_it_is_billed(recording: Recording, bigquery: Any) -> None:
    """BigQuery bills at least 10 MB a query: 19 MB are too little for two."""
    uri = load(bigquery, "small", TABLE)
    recording.estimate = 1
    with pytest.raises(UsageError, match="would be billed for 20MiB, more than the limit of 19MiB"):
        described(uri, maximum_bytes_billed=19 * MIB)


def test_both_queries_see_the_table_of_one_moment(recording: Recording, bigquery: Any) -> None:
    """The second query reads the table as it was when the first one ran."""
    uri = load(bigquery, "moment", TABLE)
    described(uri)
    first, second = map(sql, recording.ran)
    assert "SYSTEM_TIME" not in first
    assert re.search(r"FROM `proj`\.`data`\.`moment` FOR SYSTEM_TIME AS OF TIMESTAMP '20.*\+00:00'", second)


def test_many_columns_take_batches(recording: Recording, bigquery: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch of features has its pair of queries; the figures are the same."""
    monkeypatch.setattr("kfx.stats.engines.bigquery._MOST_FEATURES", 2)
    uri = load(bigquery, "batches", TABLE)
    assert_same(described(uri), arrow(TABLE))
    assert len(recording.ran) == 3 + 2  # the third batch is of strings
    assert all("SYSTEM_TIME" in sql(job) for job in recording.ran[1:])


def test_many_points_take_several_queries(recording: Recording, bigquery: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into one query's parameters goes into the next one's, which is estimated, too."""
    monkeypatch.setattr("kfx.stats.engines.bigquery._MOST_NUMBERS", 60)
    uri = load(bigquery, "points", TABLE)
    assert_same(described(uri), arrow(TABLE))
    assert len(recording.ran) > 2


def test_a_wrong_answer_about_quantiles_costs_time_only(
    recording: Recording, bigquery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """APPROX_QUANTILES only says where to look: without its answer every quantile is still found."""
    uri = load(bigquery, "no_hints", TABLE)
    monkeypatch.setattr(_bigquery_plan, "_hints", lambda _kind, _summary: ())
    assert_same(described(uri), arrow(TABLE))


def test_a_condition_and_a_query(recording: Recording, bigquery: Any) -> None:
    """`?where=` is part of every query; a bq-query: runs once, and its stored result is what is described."""
    uri = load(bigquery, "filtered", TABLE)
    few = TABLE.filter(pa.compute.less(TABLE["f0"], 5))
    assert_same(described(f"{uri}?where=f0 < 5 -- not the others"), arrow(few))
    ran = len(recording.ran)
    found = described("bq-query:SELECT f0, s1, [i0, i1] AS many FROM `proj.data.filtered` WHERE f0 < 5")
    many = pa.array([list(pair) for pair in zip(few["i0"].to_pylist(), few["i1"].to_pylist(), strict=True)])
    assert_same(found, arrow(pa.table({"f0": few["f0"], "s1": few["s1"], "many": many})))
    assert len(recording.ran) == ran + 3
    assert all("`proj`.`_results`.`r" in sql(job) for job in recording.ran[-2:])


def test_rows_are_counted(recording: Recording, bigquery: Any) -> None:
    """Fewer rows than the table has are no statistics of it."""
    uri = load(bigquery, "counted", TABLE)
    recording.rows = 50
    assert described(uri).datasets[0].num_examples == 50
    recording.rows = 51
    with pytest.raises(TransientError, match=r"50 of the 51 rows of 'bq://proj.data.counted' were read"):
        described(uri)


def test_a_failed_query_ends_the_others(recording: Recording, bigquery: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What BigQuery says of a query that fails is told, and queries still running beside it are cancelled."""
    monkeypatch.setattr("kfx.stats.engines.bigquery._MOST_FEATURES", 2)
    uri = load(bigquery, "failing", TABLE)
    recording.failing = "`of_i0`"
    with pytest.raises(UsageError, match="Resources exceeded during query execution"):
        described(uri)
    cancelled = [path for _, path in recording.requests if path.endswith("/cancel")]
    assert len(cancelled) == 1


def test_a_query_keeps_to_the_limit(recording: Recording, bigquery: Any) -> None:
    """The query a source is made of counts, and is refused before it runs."""
    load(bigquery, "queried", TABLE)
    recording.estimate = 30 * MIB
    source = "bq-query:SELECT f0 FROM `proj.data.queried`"
    with pytest.raises(UsageError, match="would read 30MiB, more than the limit of 20MiB"):
        described(source, maximum_bytes_billed=20 * MIB)
    assert recording.ran == []


def test_a_sample_of_rows(recording: Recording, bigquery: Any) -> None:
    """A small table is sampled by rows into a result of its own, which both queries describe; every feature says so."""
    table = pa.table({"x": list(range(4000)), "y": [str(i) for i in range(4000)]})
    uri = load(bigquery, "sampled", table)
    (dataset,) = described(uri, sample_rate=0.25, feature_allowlist=("x",)).datasets
    assert 800 < dataset.num_examples < 1200
    assert dataset.features[0].num_stats.common_stats.num_non_missing == dataset.num_examples
    notes = {note.name: note.str for note in dataset.features[0].custom_stats}
    assert notes["sample"] == "25 % of the rows, by chance"
    stored, *others = map(sql, recording.ran)
    assert stored == "SELECT `x` FROM `proj`.`data`.`sampled` WHERE RAND() < 0.25"
    assert len(others) == 2
    assert all("`proj`.`_results`.`r0`" in other for other in others)


def test_a_sample_of_blocks(recording: Recording, bigquery: Any) -> None:
    """Blocks are sampled by TABLESAMPLE SYSTEM, together with a condition; bqemulator takes them all or none."""
    uri = load(bigquery, "blocks", TABLE)
    (dataset,) = described(f"{uri}?where=f0 >= 0", sample_rate=0.5, sample_by="blocks").datasets
    stored = sql(recording.ran[0])
    assert stored.endswith("FROM `proj`.`data`.`blocks` TABLESAMPLE SYSTEM (50 PERCENT) WHERE (f0 >= 0\n)")
    notes = {note.name: note.str for note in dataset.features[0].custom_stats}
    assert notes["sample"] == "50 % of the table blocks (TABLESAMPLE SYSTEM), by chance"


def test_a_query_has_no_blocks(recording: Recording, bigquery: Any) -> None:
    """A query's rows can be sampled, its blocks cannot."""
    load(bigquery, "unblocked", TABLE)
    source = "bq-query:SELECT f0 FROM `proj.data.unblocked`"
    with pytest.raises(UsageError, match="A query has no blocks"):
        described(source, sample_rate=0.5, sample_by="blocks")
    (dataset,) = described(source, sample_rate=0.5).datasets
    assert 0 < dataset.num_examples < 50


def test_too_many_slices(recording: Recording, bigquery: Any) -> None:
    """Slices are counted before figures are computed for each."""
    uri = load(bigquery, "sliced", pa.table({"id": list(range(1500))}))
    with pytest.raises(UsageError, match=r"more than 1000 slices.*column=value\|value"):
        described(uri, slice_features=(Slice.parse("id"),))
    assert len(recording.ran) == 1
    few = described(uri, slice_features=(Slice.parse("id=7|8"),))
    assert [dataset.name for dataset in few.datasets] == ["All Examples", "id_7", "id_8"]


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf"), None])
def test_weights_that_weigh_nothing(bigquery: Any, weight: float | None) -> None:
    """A missing, negative or infinite weight is refused, as by the engine arrow."""
    uri = load(bigquery, "weights", pa.table({"x": [1, 2, 3], "w": [1.0, weight, 2.0]}))
    with pytest.raises(UsageError, match=r"'w' is missing, negative or not finite in 1 row;"):
        described(uri, weight_feature="w")


def test_a_table_that_changes_meanwhile(bigquery: Any, recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that come between the queries, where there is no way back in time, are told, and not mixed in."""
    uri = load(bigquery, "changing", TABLE)
    answer = recording.answer

    def insert_first(asked: Asked) -> tuple[int, bytes]:
        if b"reals_plan" in asked.body and not inserted:
            inserted.append(True)
            bigquery.query("INSERT INTO data.changing (f0) VALUES (1.5)").result()
        return answer(asked)

    inserted: list[bool] = []
    monkeypatch.setattr(recording, "answer", insert_first)
    monkeypatch.setattr("kfx.stats.engines._bigquery_rows.Rows.at", lambda rows, _moment: rows)
    with pytest.raises(TransientError, match="changed while it was read"):
        described(uri)


@pytest.mark.parametrize("source", ["sklearn:wine", "tests/stats/tables.py"])
def test_what_is_not_in_bigquery(source: str, tmp_path: Any) -> None:
    """Other sources are refused with the way out."""
    (tmp_path / "x.csv").write_text("a\n1\n")
    with pytest.raises(UsageError, match=r"is not\. Load it into a table \(bq load\)"):
        described("sklearn:wine" if source.startswith("sklearn") else str(tmp_path / "x.csv"))
