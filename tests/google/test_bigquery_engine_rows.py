"""Which rows the engine bigquery asks for: partitions, moments and samples, as GoogleSQL.

bqemulator knows no partition decorators; what they turn into is compared with what Google documents
(https://cloud.google.com/bigquery/docs/querying-partitioned-tables) and run on partitioned tables.
"""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from google.cloud import bigquery as api

from kfx.errors import UsageError
from kfx.stats.engines._bigquery_features import quoted
from kfx.stats.engines._bigquery_rows import Rows, partition_condition, samples_blocks
from kfx.stats.generate import generate
from kfx.stats.options import StatsOptions

SCHEMA = [
    api.SchemaField("day", "DATE"), api.SchemaField("at", "TIMESTAMP"), api.SchemaField("local", "DATETIME"),
    api.SchemaField("id", "INTEGER"),
]  # fmt: skip


def partitioned(kind: str = "", field: str | None = None, step: int = 0) -> Any:
    table = api.Table("p.d.t", schema=SCHEMA)
    if kind:
        table.time_partitioning = api.TimePartitioning(type_=kind, field=field)
    if step:
        table.range_partitioning = api.RangePartitioning(api.PartitionRange(0, 1000, step), field=field)
    return table


@pytest.mark.parametrize(
    ("table", "partition", "condition"),
    [
        (partitioned("DAY", "day"), "20260228", "`day` >= DATE '2026-02-28' AND `day` < DATE '2026-03-01'"),
        (partitioned("MONTH", "day"), "202612", "`day` >= DATE '2026-12-01' AND `day` < DATE '2027-01-01'"),
        (partitioned("YEAR", "day"), "2024", "`day` >= DATE '2024-01-01' AND `day` < DATE '2025-01-01'"),
        (partitioned("HOUR", "at"), "2026010123",
         "`at` >= TIMESTAMP '2026-01-01 23:00:00+00:00' AND `at` < TIMESTAMP '2026-01-02 00:00:00+00:00'"),
        (partitioned("DAY", "local"), "20260101",
         "`local` >= DATETIME '2026-01-01 00:00:00' AND `local` < DATETIME '2026-01-02 00:00:00'"),
        (partitioned("DAY"), "20260101",
         "_PARTITIONTIME >= TIMESTAMP '2026-01-01 00:00:00+00:00' AND "
         "_PARTITIONTIME < TIMESTAMP '2026-01-02 00:00:00+00:00'"),
        (partitioned("DAY"), "__UNPARTITIONED__", "_PARTITIONTIME IS NULL"),
        (partitioned("DAY", "day"), "__NULL__", "`day` IS NULL"),
        (partitioned(field="id", step=10), "40", "`id` >= 40 AND `id` < 50"),
        (partitioned(field="id", step=10), "__NULL__", "`id` IS NULL"),
    ],
)  # fmt: skip
def test_partitions_become_conditions(table: Any, partition: str, condition: str) -> None:
    """Each kind of partition is the condition on its column that lets BigQuery read nothing else."""
    assert partition_condition("bq://p.d.t", table, partition) == condition
    reference = api.TableReference.from_string(f"p.d.t${partition}")
    rows = Rows.of("bq://p.d.t", table, reference, "id > 3")
    assert rows.select(["id"]).endswith(f" FROM `p`.`d`.`t` WHERE {condition} AND (id > 3\n)")


@pytest.mark.parametrize(
    ("table", "partition", "says"),
    [
        (partitioned(), "20260101", "'20260101' of a table that has no partitions"),
        (partitioned("DAY", "day"), "2026", "no partition of a table partitioned by DAY"),
        (partitioned("DAY", "day"), "__UNPARTITIONED__", "no partition"),
        (partitioned(field="id", step=10), "x", "partitioned by integer range"),
    ],
)
def test_what_is_no_partition(table: Any, partition: str, says: str) -> None:
    """A decorator that does not fit the table is refused by name."""
    with pytest.raises(UsageError, match=says):
        partition_condition("bq://p.d.t", table, partition)


def test_a_partition_is_described(bigquery: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a table partitioned by day, the statistics are those of the one day."""
    from kfx.stats.sources import bq

    bigquery.query("CREATE TABLE data.daily (x INT64, d DATE) PARTITION BY d").result()
    bigquery.query("INSERT INTO data.daily VALUES (1, DATE '2026-01-01'), (2, DATE '2026-01-02'), (3, NULL)").result()
    opened = bq.open_uri("bq://proj.data.daily")
    for partition, values in (("20260102", (2, 2)), ("__NULL__", (3, 3))):
        # bqemulator finds no table of the decorated name; BigQuery does, and answers with the table itself.
        reference = api.TableReference.from_string(f"proj.data.daily${partition}")
        source = bq.BigQueryTable(f"bq://proj.data.daily${partition}", opened.client, opened.table, reference)
        monkeypatch.setattr("kfx.stats.generate.open_source", lambda *_arguments, source=source: source)
        (dataset,) = generate("bq://proj.data.daily", engine_name="bigquery").datasets
        assert dataset.num_examples == 1
        assert (dataset.features[0].num_stats.min, dataset.features[0].num_stats.max) == values


def test_tables_without_a_past(bigquery: Any) -> None:
    """Only what can change is asked for as of a moment: external tables have no past."""
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc)
    reference = api.TableReference.from_string("p.d.t")
    stored, external = (SimpleNamespace(table_type=kind) for kind in ("TABLE", "EXTERNAL"))
    as_of = " FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-02 03:04:05.000006+00:00'"
    assert Rows.of("", stored, reference).at(moment).select([]).endswith(f" FROM `p`.`d`.`t`{as_of}")
    assert Rows.of("", external, reference).at(moment).select([]) == "SELECT 1 AS one FROM `p`.`d`.`t`"


@pytest.mark.parametrize(
    ("by", "size", "blocks"),
    [("auto", 19 << 30, False), ("auto", 20 << 30, True), ("rows", 1 << 50, False), ("blocks", 1, True)],
)
def test_large_tables_are_sampled_by_blocks(by: Any, size: int, blocks: bool) -> None:
    """A table of few blocks is sampled row by row, unless told otherwise."""
    options = StatsOptions(sample_rate=0.1, sample_by=by)
    assert samples_blocks(options, SimpleNamespace(num_bytes=size)) is blocks


def test_samples_in_sql() -> None:
    """A sample's share is written exactly, for blocks in percent; the condition stays."""
    rows = Rows("`p`.`d`.`t`", "(x > 1\n)")
    assert rows.sample(["a"], 0.005, blocks=True) == (
        "SELECT `a` FROM `p`.`d`.`t` TABLESAMPLE SYSTEM (0.5 PERCENT) WHERE (x > 1\n)"
    )
    assert rows.sample(["a"], 1e-05, blocks=False) == "SELECT `a` FROM `p`.`d`.`t` WHERE (x > 1\n) AND RAND() < 1e-05"


def test_names_cannot_leave_their_quotes() -> None:
    """Backticks and backslashes in a name are escaped as GoogleSQL's lexis says."""
    assert quoted("a`b\\c d") == "`a\\`b\\\\c d`"


def test_options_of_another_engine(tmp_path: Any) -> None:
    """What only this engine does is not silently left undone by another."""
    import pyarrow.parquet as pq

    path = str(tmp_path / "x.parquet")
    pq.write_table(pa.table({"x": [1]}), path)
    for options in (StatsOptions(sample_rate=0.5, sample_by="blocks"), StatsOptions(maximum_bytes_billed=1)):
        with pytest.raises(UsageError, match="are for the engine bigquery, and this is arrow"):
            generate(path, options)
    with pytest.raises(UsageError, match="sample_by is 'cells'"):
        StatsOptions(sample_by="cells")  # type: ignore[arg-type]
