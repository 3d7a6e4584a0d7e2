"""Queries of one computation: estimated before they run, and together never billed for more than a limit."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kfx.errors import KfxError, UsageError
from kfx.stats.sources._bigquery import refusals, retry
from kfx.stats.sources.bq_query import MAX_BYTES, readable

_LEAST_BILLED = 10 << 20  # a query that reads anything is billed for at least 10 MB of each table
_MIB = 1 << 20


@dataclass(frozen=True)
class Statement:
    """A query and its parameters."""

    sql: str
    """GoogleSQL."""

    parameters: tuple[Any, ...] = ()
    """google.cloud.bigquery query parameters the SQL refers to by name."""


class Jobs:
    """Runs queries, counting what they are billed for."""

    def __init__(self, client: Any, what: str, limit: int) -> None:
        """Starts with nothing spent.

        Args:
            client: A google.cloud.bigquery.Client.
            what: The table or query in messages.
            limit: Bytes all queries together may be billed for.
        """
        self.client, self.what = client, what
        self._limit = limit
        self._spent = 0
        self._planned = 0

    def announce(self, statements: Sequence[Statement]) -> list[int]:
        """Asks BigQuery what queries would read, and tells it on stderr, before any of them runs.

        Returns:
            Bytes each will be billed for, which are kept for it until it has run.

        Raises:
            UsageError: Together they would read more than the limit leaves.
        """
        read = [self._estimate(statement) for statement in statements]
        sizes = [_billed(size) for size in read]
        wanted = self._spent + self._planned + sum(sizes)
        if wanted > self._limit:
            raise UsageError(
                f"Statistics of {self.what} would be billed for {readable(wanted)}, more than the limit of "
                f"{readable(self._limit)}. Take fewer columns, a partition or a sample, or raise the limit: "
                f"--maximum-bytes-billed {readable(wanted)} (maximum_bytes_billed of the component, or {MAX_BYTES})."
            )
        print(f"BigQuery: statistics of {self.what} read {readable(sum(read))} (limit {readable(self._limit)}).",
              file=sys.stderr)  # fmt: skip
        self._planned += sum(sizes)
        return sizes

    def run(self, statements: Sequence[Statement], sizes: Sequence[int]) -> Iterator[list[Any]]:
        """Runs queries side by side, and yields the rows of each in turn.

        Args:
            statements: The queries.
            sizes: What `announce` said of each, or of one that reads the same columns.
        """
        started: list[Any] = []
        try:
            for statement, size in zip(statements, sizes, strict=True):
                started.append(self.start(statement, size))
            for job, size in zip(started, sizes, strict=True):
                rows = self.finish(job, size)
                with refusals(self.what, self.client.project):
                    found = list(rows)
                yield found
        except BaseException:
            self._cancel(job for job in started if job.state != "DONE")
            raise

    def finish(self, job: Any, size: int = 0) -> Any:
        """Waits for a google.cloud.bigquery.QueryJob, enters what it was billed for, and returns its RowIterator.

        Args:
            job: The job, which may have been started by somebody else.
            size: What was kept for it.
        """
        with refusals(self.what, self.client.project):
            rows = job.result(retry=retry())
        self._planned -= size
        self._spent += job.total_bytes_billed or 0
        return rows

    def start(self, statement: Statement, size: int) -> Any:
        """Starts a query and returns its google.cloud.bigquery.QueryJob.

        Args:
            statement: The query.
            size: What `announce` said of it.
        """
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(
            query_parameters=statement.parameters,
            # What is kept for the queries still to come is theirs.
            maximum_bytes_billed=self._limit - self._spent - self._planned + size,
        )
        with refusals(self.what, self.client.project):
            return self.client.query(statement.sql, job_config=config, retry=retry())

    def _cancel(self, jobs: Iterable[Any]) -> None:
        """Ends queries nobody waits for any more, which would be billed."""
        for job in jobs:
            # Why the others failed is what must be told.
            with contextlib.suppress(KfxError), refusals(self.what, self.client.project):
                job.cancel(retry=retry())

    def _estimate(self, statement: Statement) -> int:
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False, query_parameters=statement.parameters)
        with refusals(self.what, self.client.project):
            planned = self.client.query(statement.sql, job_config=config, retry=retry())
        return planned.total_bytes_processed or 0


def _billed(size: int) -> int:
    """Returns the bytes BigQuery bills for a query that reads so many (https://cloud.google.com/bigquery/pricing)."""
    return max(-(-size // _MIB) * _MIB, _LEAST_BILLED) if size else 0
