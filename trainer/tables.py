"""Reads a table whole: CSV or Parquet shards (local or gs://) or a BigQuery table, as a pandas DataFrame.

CSV fields stay text here. What a column is cannot be told from one shard (a column may be empty, or look like numbers,
in some), so `trainer.columns` decides once all shards are together.
"""

from __future__ import annotations

import glob
import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from trainer.errors import TableError, UsageError

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("csv", "parquet", "bigquery")

_File = tuple[str, Callable[[], bytes]]  # its name, and what reads it

_PARQUET_MAGIC = b"PAR1"  # first four bytes, https://parquet.apache.org/docs/file-format/
_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, section 2.3.1


def read_table(uri: str, data_format: str = "") -> pd.DataFrame:
    """Reads a table.

    Args:
        uri: A path, glob or folder; `gs://bucket/path` with globs; `bq://project.dataset.table`.
        data_format: `csv`, `parquet` or `bigquery`; empty to tell from the URI and the first bytes.

    Returns:
        The rows in the order of the sorted file names. Columns of CSV files hold text and None.

    Raises:
        UsageError: The format is not one of the three, or does not fit the URI.
        TableError: Nothing is there, or it cannot be read.
    """
    check_format(data_format)
    is_bigquery = uri.startswith("bq://")
    if is_bigquery != (data_format == "bigquery") and data_format:
        raise UsageError(f"The data format is {data_format!r}, which does not fit the table {uri!r}.")
    return _read_bigquery(uri) if is_bigquery else _read_files(uri, data_format)


def check_format(data_format: str) -> None:
    """Refuses a format the trainer does not read.

    Raises:
        UsageError: It is neither empty nor one of `FORMATS`.
    """
    if data_format == "jsonl":
        raise UsageError(
            "The data format jsonl is for Vertex datasets of images, text or video; this trainer reads tables. "
            "Use a tabular dataset (csv or bigquery)."
        )
    if data_format and data_format not in FORMATS:
        raise UsageError(f"The data format {data_format!r} is unknown. The trainer reads: {', '.join(FORMATS)}.")


def _read_files(uri: str, data_format: str) -> pd.DataFrame:
    import pandas as pd

    files = _gcs_files(uri) if uri.startswith("gs://") else _local_files(uri)
    shards = [_read_shard(name, read(), data_format) for name, read in files]
    for (name, _), shard in zip(files, shards, strict=True):
        if list(shard.columns) != list(shards[0].columns):
            raise TableError(f"{name} has other columns than {files[0][0]}: every shard needs the same header.")
    return pd.concat(shards, ignore_index=True) if len(shards) > 1 else shards[0]


def _read_shard(name: str, content: bytes, data_format: str) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    if content.startswith(_GZIP_MAGIC):
        content = gzip.decompress(content)
    try:
        if (data_format or _sniff(content)) == "parquet":
            return pd.read_parquet(io.BytesIO(content))
        # Only the empty field is missing here: "NA" and "None" may be a country or a size.
        return pd.read_csv(io.BytesIO(content), dtype=str, na_values=[""], keep_default_na=False)
    except (ValueError, pa.ArrowException) as error:  # pandas' ParserError and EmptyDataError are ValueErrors
        raise TableError(f"{name} cannot be read: {error}") from error


def _sniff(content: bytes) -> str:
    return "parquet" if content.startswith(_PARQUET_MAGIC) else "csv"


def _local_files(uri: str) -> list[_File]:
    path = Path(uri)
    if path.is_dir():
        found = [str(p) for p in sorted(path.rglob("*")) if p.is_file() and not p.name.startswith((".", "_"))]
    else:
        found = [uri] if path.is_file() else sorted(name for name in glob.glob(uri) if Path(name).is_file())  # noqa: PTH207 - absolute
    if not found:
        raise TableError(f"No file matches {uri!r}.")
    return [(name, Path(name).read_bytes) for name in found]


def _gcs_files(uri: str) -> list[_File]:
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud import storage  # type: ignore[attr-defined]

    bucket, _, pattern = uri.removeprefix("gs://").partition("/")
    prefix = pattern[: min((pattern.find(sign) for sign in "*?[" if sign in pattern), default=len(pattern))]
    try:
        client = storage.Client(project=os.environ.get("CLOUD_ML_PROJECT_ID"))
        blobs = [blob for blob in client.list_blobs(bucket, prefix=prefix) if _matches(blob.name, pattern)]
    except (GoogleAPICallError, GoogleAuthError) as error:
        raise TableError(f"{uri} cannot be read: {error}") from error
    if not blobs:
        raise TableError(f"No object matches {uri!r}.")
    return [(f"gs://{bucket}/{blob.name}", blob.download_as_bytes) for blob in blobs]


def _matches(name: str, pattern: str) -> bool:
    """Tells whether an object's name is the pattern, fits its wildcards (which stop at `/`), or lies in that folder."""
    path, wanted = PurePosixPath(name), PurePosixPath(pattern)
    if len(path.parts) == len(wanted.parts) and path.match(pattern):
        return not name.endswith("/")
    is_data = not path.name.startswith((".", "_")) and not name.endswith("/")
    return is_data and wanted in path.parents


def _read_bigquery(uri: str) -> pd.DataFrame:
    table = uri.removeprefix("bq://")
    parts = table.split(".")
    if len(parts) != 3 or not all(parts):
        raise UsageError(f"{uri!r} is no BigQuery table: it must be bq://project.dataset.table.")
    try:
        from google.cloud import bigquery
    except ImportError as error:
        raise UsageError("BigQuery tables need google-cloud-bigquery: pip install google-cloud-bigquery") from error
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import GoogleAuthError

    try:
        # Vertex gives the job's own project; the dataset's may be another one where the job must not bill.
        project = os.environ.get("CLOUD_ML_PROJECT_ID") or parts[0]
        emulated = "BIGQUERY_EMULATOR_HOST" in os.environ  # no login there, and no Storage Read API
        login = AnonymousCredentials() if emulated else None  # type: ignore[no-untyped-call]
        client = bigquery.Client(project=project, credentials=login)
        rows = client.list_rows(client.get_table(table)).to_arrow(create_bqstorage_client=not emulated)
        frame: pd.DataFrame = rows.to_pandas()
    except (GoogleAPICallError, GoogleAuthError) as error:
        raise TableError(f"{uri} cannot be read: {error}") from error
    return frame
