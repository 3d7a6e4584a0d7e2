"""What the engine bigquery describes: rows stored in BigQuery, of a table, a query's result or a sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kfx.errors import TransientError, UsageError
from kfx.stats.engines._bigquery_features import quoted
from kfx.stats.engines._bigquery_jobs import Jobs, Statement
from kfx.stats.engines._bigquery_rows import Rows, samples_blocks
from kfx.stats.sources._bigquery import refusals
from kfx.stats.sources.bq import BigQueryTable
from kfx.stats.sources.bq_query import QueryResult, byte_limit, readable

if TYPE_CHECKING:
    from kfx.stats.options import StatsOptions
    from kfx.stats.sources import Source


@dataclass(frozen=True)
class Described:
    """Rows, their columns, and who asks for them."""

    uri: str
    """What the user gave."""

    jobs: Jobs
    """Runs the queries."""

    rows: Rows
    """The rows."""

    fields: Sequence[Any]
    """The google.cloud.bigquery.SchemaField of each column."""

    table: Any | None
    """The google.cloud.bigquery.Table; None for the result of a query."""

    check_count: Callable[[int], None]
    """Raises TransientError when a number of rows is too small."""

    note: tuple[tuple[str, float | str], ...] = ()
    """Custom statistics of every feature: how the rows were sampled."""

    def sample(self, columns: Sequence[str], options: StatsOptions) -> Described:
        """Stores a random share of the rows, so that all queries see the same, and returns it.

        Args:
            columns: The columns that are needed.
            options: Say how much to sample, and how.
        """
        rate = options.sample_rate
        if rate is None or rate == 1:
            return self
        blocks = samples_blocks(options, self.table)
        statement = Statement(self.rows.sample(columns, rate, blocks=blocks))
        (size,) = self.jobs.announce([statement])
        job = self.jobs.start(statement, size)
        self.jobs.finish(job, size)
        told = f"{100 * rate:g} % of the {'table blocks (TABLESAMPLE SYSTEM)' if blocks else 'rows'}, by chance"
        return replace(
            self, rows=_stored(job.destination), table=None, note=(("sample", told),), check_count=lambda _rows: None
        )


def described(source: Source, options: StatsOptions) -> Described:
    """Returns what a source has in BigQuery; a query is run for it.

    Raises:
        UsageError: The source is not in BigQuery, or its query would read more than the limit.
    """
    if isinstance(source, BigQueryTable):
        limit = byte_limit() if options.maximum_bytes_billed is None else options.maximum_bytes_billed
        rows = Rows.of(source.uri, source.table, source.reference, source.row_filter)
        jobs = Jobs(source.client, repr(source.uri), limit)
        return Described(source.uri, jobs, rows, source.table.schema, source.table, source.check_count)
    if isinstance(source, QueryResult):
        return _result(source, options)
    raise UsageError(
        f"The engine bigquery describes what is in BigQuery, and {source.uri!r} is not. Load it into a table (bq load) "
        "and give bq://project.dataset.table, or take another engine."
    )


def _result(source: QueryResult, options: StatsOptions) -> Described:
    limit = source.max_bytes if options.maximum_bytes_billed is None else options.maximum_bytes_billed
    if source.estimated_bytes > limit:
        raise UsageError(
            f"{source.what} would read {readable(source.estimated_bytes)}, more than the limit of {readable(limit)}. "
            "Select fewer columns or partitions, or raise the limit: --maximum-bytes-billed."
        )
    jobs = Jobs(source.client, source.what, limit)
    with refusals(source.what, source.client.project):
        job = replace(source, max_bytes=limit).job()
    result = jobs.finish(job)

    def check_count(rows: int) -> None:
        if rows != result.total_rows:
            raise TransientError(f"{rows:,} of the {result.total_rows:,} rows of {source.what} were read. Try again.")

    return Described(source.uri, jobs, _stored(job.destination), result.schema, None, check_count)


def _stored(reference: Any) -> Rows:
    """Returns the rows of a query's result (a google.cloud.bigquery.TableReference), which does not change."""
    name = ".".join(map(quoted, (reference.project, reference.dataset_id, reference.table_id)))
    return Rows(name, changes=False)
