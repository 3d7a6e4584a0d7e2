"""BigQuery tables: `bq://project.dataset.table`, rows read over the table API as Arrow.

With google-cloud-bigquery-storage installed rows come over the faster Storage Read API. `BIGQUERY_EMULATOR_HOST` names
another server, which is asked without credentials.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kfx.errors import MissingExtraError, UsageError
from kfx.stats.sources import Source

if TYPE_CHECKING:
    import pyarrow as pa

# A project may carry a domain ("example.com:project"); datasets and tables are word characters, tables also dashes.
_TABLE = re.compile(r"bq://(?P<project>[^./]+(?:\.[^./:]+:[^./]+)?)[./](?P<dataset>\w+)[./](?P<table>[\w$-]+)$")


def open_uri(uri: str) -> Source:
    """Opens a table after asking BigQuery that it exists.

    Raises:
        UsageError: The URI is not `bq://project.dataset.table`, or the table cannot be read.
        MissingExtraError: google-cloud-bigquery is not installed.
    """
    match = _TABLE.match(uri)
    if not match:
        raise UsageError(f"{uri!r} does not name a table. Write bq://project.dataset.table.")
    try:
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError
        from google.cloud import bigquery
    except ImportError as error:
        raise MissingExtraError("bq:// sources", "gcp") from error
    try:
        client = bigquery.Client(project=match["project"], credentials=_credentials())
        table = client.get_table(f"{match['project']}.{match['dataset']}.{match['table']}")
    except (GoogleAPICallError, GoogleAuthError) as error:
        raise UsageError(f"{uri!r} cannot be read: {error}") from error
    return BigQueryTable(uri, client, table)


def _credentials() -> Any:
    if not os.environ.get("BIGQUERY_EMULATOR_HOST"):
        return None  # Application Default Credentials
    from google.auth.credentials import AnonymousCredentials

    return AnonymousCredentials()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class BigQueryTable:
    """A table that is read row by row, without a query and so without query cost."""

    uri: str
    """What the user gave."""

    client: Any = field(repr=False)
    """A google.cloud.bigquery.Client."""

    table: Any = field(repr=False)
    """The google.cloud.bigquery.Table, with its schema."""

    def schema(self) -> pa.Schema:
        """Returns the table's columns as Arrow types."""
        return self._rows(None, max_results=0).to_arrow(create_bqstorage_client=False).schema

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the table's rows page by page; see `Source.batches`."""
        for batch in self._rows(columns).to_arrow_iterable(bqstorage_client=self._storage_client()):
            yield batch if columns is None else batch.select(list(columns))

    def _rows(self, columns: Sequence[str] | None, max_results: int | None = None) -> Any:
        by_name = {column.name: column for column in self.table.schema}
        if columns is not None and (unknown := [name for name in columns if name not in by_name]):
            raise UsageError(f"{self.uri} has no column {unknown[0]!r}. It has: {', '.join(by_name)}.")
        chosen = None if columns is None else [by_name[name] for name in columns]
        return self.client.list_rows(self.table, selected_fields=chosen, max_results=max_results)

    def _storage_client(self) -> Any:
        if os.environ.get("BIGQUERY_EMULATOR_HOST"):
            return None
        if importlib.util.find_spec("google.cloud.bigquery_storage") is None:
            return None  # rows then come over the REST API, slower
        return importlib.import_module("google.cloud.bigquery_storage").BigQueryReadClient()
