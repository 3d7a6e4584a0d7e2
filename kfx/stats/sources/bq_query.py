"""Results of a BigQuery query: `bq-query:SELECT ...`.

What else must be said stands before the SQL, each word ended by a semicolon:

    bq-query:SELECT * FROM `p.d.events` WHERE day = '2026-01-01'
    bq-query:project=my-project;location=EU;max_bytes=2TiB;SELECT ...

`project` is billed (default: GOOGLE_CLOUD_PROJECT, then the credentials' project). `location` is found from the tables.
A dry run tells how much the query reads before it runs; above `max_bytes` (default: KFX_BIGQUERY_MAX_BYTES, else
100 GiB) it is refused, and BigQuery is told the same limit. The query runs once, when rows are first wanted; its result
is read as a table is.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kfx.errors import TransientError, UsageError
from kfx.stats.sources._bigquery import connect, has_storage_api, refusals, retry
from kfx.stats.sources._bigquery_types import arrow_schema, as_schema, check_readable
from kfx.stats.sources._columns import check_columns, pick, unique_names
from kfx.stats.sources.bq import BigQueryTable

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BYTES = "KFX_BIGQUERY_MAX_BYTES"
_DEFAULT_MAX_BYTES = "100GiB"
_SMALL_ROWS = 10_000  # a read session takes a second to open and a role of its own; a page of rows takes neither

_SETTING = re.compile(r"\s*(project|location|max_bytes)\s*=\s*([^;]*?)\s*;")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTP]i)?B?$")
_UNITS = ("", "Ki", "Mi", "Gi", "Ti", "Pi")
_ORDER_BY = re.compile(r"\bORDER\s+BY\b", re.IGNORECASE)


def open_uri(uri: str) -> QueryResult:
    """Asks BigQuery what the query would read and give, and says so on stderr; nothing runs yet.

    Raises:
        UsageError: The SQL is wrong or no SELECT, or it would read more than the limit.
        PermanentError: No permission, or no valid credentials.
        MissingExtraError: google-cloud-bigquery is not installed.
    """
    settings, sql = _parse(uri)
    limit = byte_limit(settings.get("max_bytes", ""))
    client = connect(settings.get("project", ""), settings.get("location") or None)
    from google.cloud import bigquery

    what = _short(sql)
    with refusals(what, client.project):
        config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
        planned = client.query(sql, job_config=config, retry=retry())
    if planned.statement_type not in {None, "SELECT"}:
        raise UsageError(f"{what} is a {planned.statement_type} statement; a bq-query: source takes one SELECT.")
    size = planned.total_bytes_processed or 0
    if size > limit:
        raise UsageError(
            f"{what} would read {readable(size)}, more than the limit of {readable(limit)}. Select fewer columns or "
            f"partitions, or raise the limit: bq-query:max_bytes={readable(size)};SELECT ... (or {MAX_BYTES})."
        )
    print(f"BigQuery: {what} reads {readable(size)} (limit {readable(limit)}).", file=sys.stderr)
    check_readable(what, planned.schema or [])
    schema = arrow_schema(what, planned.schema or [])
    names = unique_names(schema.names)
    if names != schema.names:
        raise UsageError(f"{what} gives two columns of one name. Name them apart: SELECT a.x AS ax, b.x AS bx.")
    return QueryResult(uri, sql, client, schema, limit, size)


@dataclass(frozen=True)
class QueryResult:
    """The rows of a query, which runs once however often they are read."""

    uri: str
    """What the user gave."""

    sql: str
    """The query."""

    client: Any = field(repr=False)
    """A google.cloud.bigquery.Client of the project that is billed."""

    columns: pa.Schema = field(repr=False)
    """What the dry run said the columns are."""

    max_bytes: int
    """Bytes the query may be billed for; BigQuery fails one that would take more, at no cost."""

    estimated_bytes: int = 0
    """Bytes the dry run said it reads."""

    _jobs: list[Any] = field(default_factory=list, repr=False)

    def schema(self) -> pa.Schema:
        """Returns the result's columns; the query has not run for it."""
        return self.columns

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the result's rows, in order where the query has an ORDER BY; see `Source.batches`.

        Raises:
            TransientError: Fewer rows came than the result has.
        """
        check_columns(self.uri, self.columns.names, columns)
        with refusals(self.what, self.client.project):
            result = self.job().result(retry=retry())
            # The result is a temporary table of BigQuery's, kept for a day.
            stored = None
            if result.total_rows > _SMALL_ROWS and has_storage_api():
                stored = self.client.get_table(self._jobs[0].destination, retry=retry())
        if stored is None:
            yield from self._pages(result, pick(self.columns, columns))
            return
        ordered = bool(_ORDER_BY.search(self.sql))
        table = BigQueryTable(self.uri, self.client, stored, self._jobs[0].destination, ordered=ordered)
        yield from table.batches(columns)

    @property
    def what(self) -> str:
        """The query in messages."""
        return _short(self.sql)

    def job(self) -> Any:
        """Returns the google.cloud.bigquery.QueryJob, started when it is first asked for; errors are Google's own."""
        if not self._jobs:
            from google.cloud import bigquery

            config = bigquery.QueryJobConfig(maximum_bytes_billed=self.max_bytes)
            self._jobs.append(self.client.query(self.sql, job_config=config, retry=retry()))
        return self._jobs[0]

    def _pages(self, result: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        rows = 0
        with refusals(self.what, self.client.project):
            for batch in result.to_arrow_iterable():
                rows += batch.num_rows
                yield as_schema(batch, schema)
        if rows != result.total_rows:
            raise TransientError(f"{rows:,} of the {result.total_rows:,} rows of {self.what} came. Try again.")


def _parse(uri: str) -> tuple[dict[str, str], str]:
    """Returns the settings before the SQL, and the SQL."""
    rest = uri.removeprefix("bq-query:")
    settings: dict[str, str] = {}
    while match := _SETTING.match(rest):
        settings[match[1]] = match[2]
        rest = rest[match.end() :]
    if not rest.strip():
        raise UsageError(f"{uri!r} has no SQL after bq-query: and its settings. Write one SELECT there.")
    return settings, rest.strip()


def byte_limit(text: str = "", name: str = "max_bytes") -> int:
    """Returns how many bytes queries may be billed for: what the text says, else KFX_BIGQUERY_MAX_BYTES, else 100 GiB.

    Args:
        text: Such as 500GiB or 2TiB; empty for the default.
        name: What the text was given as, for messages.

    Raises:
        UsageError: It is no size.
    """
    if not text:
        text, name = os.environ.get(MAX_BYTES) or _DEFAULT_MAX_BYTES, MAX_BYTES
    match = _SIZE.match(text)
    if not match:
        raise UsageError(f"{name} is {text!r}; write a size such as 500GiB or 2TiB.")
    return int(float(match[1]) * 1024 ** _UNITS.index(match[2] or ""))


def readable(size: int) -> str:
    """Returns a size that reads well and is accepted as max_bytes, rounded up."""
    power = min(max(size.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    hundredths = -(-size * 100 // 1024**power)
    return f"{hundredths / 100:g}{_UNITS[power]}B"


def _short(sql: str) -> str:
    line = " ".join(sql.split())
    return f"the query {line[:80] + ' ...' if len(line) > 80 else line!r}"
