"""Which rows of a BigQuery table are described: a partition, a condition, a moment, a sample."""

# ruff: noqa: S608 - SQL is what this file makes: names are quoted, and what a user wrote is SQL by its meaning

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kfx.errors import UsageError
from kfx.stats.engines._bigquery_features import quoted, renamed
from kfx.stats.options import StatsOptions

_BLOCK_BYTES = 1 << 30  # BigQuery keeps a table of up to about 1 GB in one block
_LEAST_BLOCKS = 20  # with fewer, a share of the blocks is no share of the rows

_PARTITION_FORMATS = {"HOUR": "%Y%m%d%H", "DAY": "%Y%m%d", "MONTH": "%Y%m", "YEAR": "%Y"}


@dataclass(frozen=True)
class Rows:
    """Rows of one stored table."""

    table: str
    """The table's quoted name."""

    condition: str = ""
    """SQL the rows fulfil; empty for all."""

    changes: bool = True
    """Whether the table can change, so that a moment must be named for two queries to see the same rows."""

    as_of: dt.datetime | None = None
    """The moment whose rows are meant; None for now."""

    @classmethod
    def of(cls, uri: str, table: Any, reference: Any, row_filter: str = "") -> Rows:
        """Returns the rows of a table.

        Args:
            uri: The table in messages.
            table: The google.cloud.bigquery.Table.
            reference: Its TableReference, which may name a partition (`table$20260101`).
            row_filter: SQL condition; empty for all rows.

        Raises:
            UsageError: The partition does not fit the table.
        """
        name, _, partition = reference.table_id.partition("$")
        # A comment at the condition's end must not swallow the bracket.
        conditions = [f"({row_filter}\n)"] if row_filter else []
        if partition:
            conditions.insert(0, partition_condition(uri, table, partition))
        return cls(
            ".".join(map(quoted, (reference.project, reference.dataset_id, name))),
            " AND ".join(conditions),
            changes=table.table_type == "TABLE",  # external tables have no past
        )

    def at(self, moment: dt.datetime) -> Rows:
        """Returns the rows as they were at a moment; the same rows where there is no way back."""
        return replace(self, as_of=moment) if self.changes else self

    def select(self, columns: Sequence[str]) -> str:
        """Returns the SELECT of some columns, renamed; only those are billed."""
        chosen = ", ".join(f"{quoted(name)} AS {renamed(name)}" for name in columns) or "1 AS one"
        moment = f" FOR SYSTEM_TIME AS OF TIMESTAMP '{self.as_of.isoformat(' ')}'" if self.as_of is not None else ""
        where = f" WHERE {self.condition}" if self.condition else ""
        return f"SELECT {chosen} FROM {self.table}{moment}{where}"

    def sample(self, columns: Sequence[str], rate: float, *, blocks: bool) -> str:
        """Returns the SELECT of a random share of the rows.

        Args:
            columns: The columns wanted.
            rate: The share, above 0 and at most 1.
            blocks: Choose blocks of the table, of which only those chosen are read and billed, instead of rows.
        """
        system = f" TABLESAMPLE SYSTEM ({rate * 100:.15g} PERCENT)" if blocks else ""
        conditions = [self.condition] if self.condition else []
        if not blocks:
            conditions.append(f"RAND() < {rate!r}")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"SELECT {', '.join(map(quoted, columns)) or '1 AS one'} FROM {self.table}{system}{where}"


def samples_blocks(options: StatsOptions, table: Any | None) -> bool:
    """Says whether a sample is of blocks or of rows.

    Args:
        options: `sample_by` decides, unless it is `auto`.
        table: The google.cloud.bigquery.Table; None for a query, of which only rows can be sampled.

    Raises:
        UsageError: Blocks are asked for where there are none.
    """
    if options.sample_by == "blocks" and table is None:
        raise UsageError("A query has no blocks to sample. Write sample_by=rows, or TABLESAMPLE into the query itself.")
    if options.sample_by != "auto":
        return options.sample_by == "blocks"
    return table is not None and (table.num_bytes or 0) >= _LEAST_BLOCKS * _BLOCK_BYTES


def partition_condition(uri: str, table: Any, partition: str) -> str:
    """Returns the condition on the rows of a partition: GoogleSQL knows no `$` behind a table's name.

    Args:
        uri: The table in messages.
        table: The google.cloud.bigquery.Table.
        partition: What stands behind the `$`: `20260101`, `2026010113`, `202601`, `2026`, the start of an integer
            range, `__NULL__` or `__UNPARTITIONED__`.

    Raises:
        UsageError: The table has no such partitions.
    """
    by_time, by_range = table.time_partitioning, table.range_partitioning
    if by_time is None and by_range is None:
        raise UsageError(f"{uri} names the partition {partition!r} of a table that has no partitions.")
    field = by_range.field if by_range is not None else by_time.field
    if partition == "__UNPARTITIONED__" and field is None:
        return "_PARTITIONTIME IS NULL"
    column = "_PARTITIONTIME" if field is None else quoted(field)
    if partition == "__NULL__":
        return f"{column} IS NULL"
    try:
        if by_range is not None:
            start, interval = int(partition), int(by_range.range_.interval)
            return f"{column} >= {start} AND {column} < {start + interval}"
        first, end = _span(by_time.type_, partition)
    except ValueError as error:
        kind = "integer range" if by_range is not None else f"{by_time.type_} (as {_PARTITION_FORMATS[by_time.type_]})"
        raise UsageError(f"{uri}: {partition!r} is no partition of a table partitioned by {kind}.") from error
    low, high = (_literal(moment, table, field) for moment in (first, end))
    return f"{column} >= {low} AND {column} < {high}"


def _span(kind: str, partition: str) -> tuple[dt.datetime, dt.datetime]:
    """Returns when a partition begins and when the next one does."""
    first = dt.datetime.strptime(partition, _PARTITION_FORMATS[kind])
    if kind == "HOUR":
        return first, first + dt.timedelta(hours=1)
    if kind == "DAY":
        return first, first + dt.timedelta(days=1)
    if kind == "MONTH":
        return first, (first + dt.timedelta(days=31)).replace(day=1)
    return first, first.replace(year=first.year + 1)


def _literal(moment: dt.datetime, table: Any, field: str | None) -> str:
    kind = next((column.field_type.upper() for column in table.schema if column.name == field), "TIMESTAMP")
    if kind == "DATE":
        return f"DATE '{moment:%Y-%m-%d}'"
    zone = "+00:00" if kind == "TIMESTAMP" else ""
    return f"{kind} '{moment:%Y-%m-%d %H:%M:%S}{zone}'"
