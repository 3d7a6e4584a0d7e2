"""BigQuery tables: `bq://project.dataset.table`, optionally one partition of it or the rows that match a condition.

    bq://p.d.events                          all rows
    bq://p.d.events$20260101                 one partition
    bq://p.d.events?where=price > 10         the rows BigQuery finds to match; all that follows `?where=` is SQL

Rows come as Arrow over the Storage Read API, several streams at once and only the columns wanted, or over REST where
google-cloud-bigquery-storage is not installed. No query runs. BigQuery gives no order of rows. `BIGQUERY_EMULATOR_HOST`
(REST) and `BIGQUERY_STORAGE_EMULATOR_HOST` (gRPC) name other servers, which are asked without credentials.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kfx.errors import TransientError, UsageError
from kfx.stats.sources._bigquery import connect, find_table, refusals, retry
from kfx.stats.sources._bigquery_read import Reading, read
from kfx.stats.sources._bigquery_types import arrow_schema, as_schema, check_readable
from kfx.stats.sources._columns import check_columns, pick

if TYPE_CHECKING:
    import pyarrow as pa

# A project may carry a domain ("example.com:project"); datasets and tables are word characters, tables also dashes.
_TABLE = re.compile(
    r"bq://(?P<project>[^./?]+(?:\.[^./:?]+:[^./?]+)?)[./](?P<dataset>\w+)[./](?P<table>[\w$-]+)"
    r"(?:\?where=(?P<where>.+))?$",
    re.DOTALL,
)


def open_uri(uri: str) -> BigQueryTable:
    """Opens a table after asking BigQuery that it exists.

    Raises:
        UsageError: The URI is not `bq://project.dataset.table`, or there is no such table, or it is a view.
        PermanentError: No permission, or no valid credentials.
        MissingExtraError: google-cloud-bigquery is not installed.
    """
    match = _TABLE.match(uri)
    if not match:
        raise UsageError(f"{uri!r} does not name a table. Write bq://project.dataset.table.")
    client = connect(otherwise=match["project"])
    name = ".".join((match["project"], match["dataset"], match["table"]))
    from google.cloud.bigquery import TableReference

    reference = TableReference.from_string(name)
    table = find_table(uri, client, reference)
    if table.table_type in {"VIEW", "MATERIALIZED_VIEW"}:
        raise UsageError(f"{uri!r} is a view, which only a query reads. Write bq-query: and a SELECT from `{name}`.")
    # The answer need not repeat a partition decorator, so what is read is what was asked for.
    return BigQueryTable(uri, client, table, reference, match["where"] or "")


@dataclass(frozen=True)
class BigQueryTable:
    """A table that is read without a query and so without query cost."""

    uri: str
    """What the user gave."""

    client: Any = field(repr=False)
    """A google.cloud.bigquery.Client."""

    table: Any = field(repr=False)
    """The google.cloud.bigquery.Table, with its schema."""

    reference: Any = field(repr=False)
    """The google.cloud.bigquery.TableReference to read, partition decorator included."""

    row_filter: str = ""
    """SQL condition on the rows; empty for all."""

    ordered: bool = False
    """Whether the rows come in the order they are stored in."""

    def schema(self) -> pa.Schema:
        """Returns the table's columns as Arrow types; no row is read."""
        return arrow_schema(self.uri, self.table.schema)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the table's rows; see `Source.batches`.

        Raises:
            UsageError: A wanted column does not exist, or is an INTERVAL.
            TransientError: Fewer rows came than the table has.
        """
        known = [column.name for column in self.table.schema]
        check_columns(self.uri, known, columns)
        wanted = list(known if columns is None else columns)
        only = [column for column in self.table.schema if column.name in wanted]
        check_readable(self.uri, only)
        schema = pick(arrow_schema(self.uri, only), wanted)
        rows = 0
        reading = Reading(repr(self.uri), only, wanted, self.row_filter, self.ordered)
        for batch in read(self.client, self.reference, reading):
            rows += batch.num_rows
            yield as_schema(batch, schema)
        self.check_count(rows)

    @property
    def counted_rows(self) -> int | None:
        """Rows that must come at least, where BigQuery knows: not for a condition, a partition, an external table."""
        if self.row_filter or "$" in self.reference.table_id or self.table.table_type == "EXTERNAL":
            return None
        rows: int | None = self.table.num_rows
        return rows

    def check_count(self, rows: int) -> None:
        """Raises TransientError when rows are missing: never statistics of half a table.

        Args:
            rows: How many were read.
        """
        expected = self.counted_rows
        # More may come: rows in the streaming buffer are read but not counted yet.
        if expected is None or rows >= expected:
            return
        with refusals(repr(self.uri), self.client.project):
            now = self.client.get_table(self.reference, retry=retry())
        if now.modified == self.table.modified:  # else rows were deleted while others were read
            raise TransientError(f"{rows:,} of the {expected:,} rows of {self.uri!r} were read. Try again.")
