"""A BigQuery table as Parquet files in a bucket, written by an extract job: free, and without a row on this machine.

with extracted("bq://p.d.events", "gs://bucket/tmp") as files:
    ...                         # files.uris: part-000000000000.parquet, ...
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kfx.errors import TransientError, UsageError
from kfx.stats.sources._bigquery import refusals, retry
from kfx.stats.sources.bq import BigQueryTable, open_uri
from kfx.stats.sources.gs import bucket_files
from kfx.stats.sources.gs import refusals as bucket_refusals

_TIMEOUT_S = 6 * 3600.0  # BigQuery ends an extract job after six hours itself


@dataclass(frozen=True)
class Shards:
    """The files of one extract."""

    uris: tuple[str, ...]
    """`gs://` URIs in the order of their numbers."""

    rows: int
    """Rows in all of them, by their footers."""


def extract_parquet(uri: str, folder: str) -> Shards:
    """Writes a table into a folder as `part-*.parquet`, in as many files as BigQuery wants (it splits above 1 GB).

    The job runs where the table is, so the bucket must be in the same location or one that BigQuery lets it reach.
    Nested and repeated columns are kept. When anything fails, what was written is removed.

    Args:
        uri: `bq://project.dataset.table`, or one partition of it; not a row filter, which an extract job has not.
        folder: `gs://bucket/folder`, which must hold nothing yet.

    Raises:
        UsageError: The table or bucket does not exist, the folder is not empty, or a column cannot be in Parquet.
        PermanentError: No permission (roles/bigquery.jobUser, roles/storage.objectAdmin), or no valid credentials.
        TransientError: BigQuery does not answer, or the files hold fewer rows than the table.
    """
    if not folder.startswith("gs://"):
        raise UsageError(f"A table is extracted to a gs:// folder, not to {folder!r}.")
    table = open_uri(uri)
    if table.row_filter:
        raise UsageError(f"An extract takes whole tables or partitions; {uri!r} has a row filter.")
    base = folder.rstrip("/")
    files = bucket_files()
    with bucket_refusals(folder):
        if files.find(base):
            raise UsageError(f"The folder {folder!r} is not empty: old files would be taken for rows of {uri!r}.")
    try:
        _run(table, f"{base}/part-*.parquet")
        return _checked(table, files, base)
    except BaseException:
        _remove(files, base)
        raise


@contextlib.contextmanager
def extracted(uri: str, folder: str) -> Iterator[Shards]:
    """Extracts a table for the time of a `with` block, into a folder of its own below `folder`; then removes it.

    Args and errors as in `extract_parquet`.
    """
    base = f"{folder.rstrip('/')}/kfx-{uuid.uuid4().hex}"
    shards = extract_parquet(uri, base)
    try:
        yield shards
    finally:
        _remove(bucket_files(), base)


def _run(table: BigQueryTable, destination: str) -> None:
    from google.cloud import bigquery

    config = bigquery.ExtractJobConfig(  # type: ignore[no-untyped-call]
        destination_format="PARQUET", compression="SNAPPY"
    )
    client = table.client
    with refusals(f"{table.uri!r} as {destination!r}", client.project):
        job = client.extract_table(
            table.reference, destination, location=table.table.location, job_config=config, retry=retry()
        )
        try:
            job.result(timeout=_TIMEOUT_S)
        except BaseException:
            if not job.done():
                job.cancel()  # else it would go on writing
            raise


def _checked(table: BigQueryTable, files: Any, base: str) -> Shards:
    """Counts the rows of the files by their footers."""
    import pyarrow.parquet as pq

    with bucket_refusals(base):
        files.invalidate_cache()
        paths = sorted(files.find(base))
        rows = 0
        for path in paths:
            with files.open(path) as file:
                rows += pq.read_metadata(file).num_rows
    expected = table.counted_rows
    if expected is not None and rows < expected:
        raise TransientError(f"{rows:,} of the {expected:,} rows of {table.uri!r} were extracted. Try again.")
    return Shards(tuple(f"gs://{path}" for path in paths), rows)


def _remove(files: Any, base: str) -> None:
    """Removes the files of an extract; they may already be gone."""
    with bucket_refusals(base):
        files.invalidate_cache()
        if paths := files.find(base):
            files.rm(paths)
