"""Where tables come from: one file a source, found by its file.

The scheme of a URI names the module in this package that opens it: `gs://bucket/x.csv` is opened by `gs.py`, `bq://...`
by `bq.py`, `bq-query:SELECT ...` by `bq_query.py`, `sklearn:wine` by `sklearn.py`, and a path without a scheme by
`file.py`. To add a source, add a module with a function `open_uri(uri) -> Source`; nothing else changes.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from kfx.errors import KfxError, UsageError
from kfx.stats.options import OnBadRows

if TYPE_CHECKING:
    import pyarrow as pa

_SCHEME = re.compile(r"([a-z][a-z0-9-]+):")


@dataclass(frozen=True)
class TextReading:
    """How files of text are read; other sources have nothing to choose."""

    delimiter: str = ""
    """What stands between two cells of CSV or TSV; empty for what the file's name says."""

    on_bad_rows: OnBadRows = "error"
    """What to do with a row that cannot be read."""


class Source(Protocol):
    """A table that is read as a stream of Arrow record batches, as often as wanted."""

    @property
    def uri(self) -> str:
        """What the user gave."""

    def schema(self) -> pa.Schema:
        """Returns the table's columns. Text files are read as far as needed to know that the types hold throughout.

        Raises:
            UsageError: The table cannot be read; the message names the file, and the row where it is known.
        """

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the table's rows, all of them, with the types of `schema()`.

        Args:
            columns: Only these columns, in this order; None for all.

        Raises:
            UsageError: A column does not exist, or the table cannot be read.
        """


class WidenedError(KfxError):
    """A value does not fit the type its column was read with so far, and the column has been given a wider one.

    What was read before it must be thrown away and read again.
    """


@runtime_checkable
class Unsettled(Protocol):
    """A source of text, whose types are certain only once all of it was read.

    A reader that can start over saves reading everything twice: it takes `first_reading`, and starts over when that
    raises. Any other reader uses `batches`, which makes sure of the types first.
    """

    def schema(self) -> pa.Schema:
        """Returns the table's columns, at no further cost once a first reading came to its end."""

    def first_reading(self) -> Iterator[pa.RecordBatch]:
        """Yields all rows.

        Raises:
            WidenedError: A column's type did not hold; call again.
        """


@runtime_checkable
class Text(Protocol):
    """A source whose files are text."""

    def read_as(self, reading: TextReading) -> Source:
        """Returns the same files, read in another way.

        Raises:
            UsageError: The files have nothing of that kind to choose.
        """


def schemes() -> list[str]:
    """Returns the schemes kfx reads, in alphabetical order: the public modules of this package."""
    return sorted(
        module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )


def open_source(uri: str, reading: TextReading = TextReading()) -> Source:
    """Opens a table.

    Args:
        uri: A local path or glob (CSV, TSV, JSON lines or Parquet, plain, gzip or zstd), `gs://...` likewise,
            `bq://project.dataset.table`, `bq-query:SELECT ...`, or `sklearn:NAME`.
        reading: How to read it, if it is text.

    Raises:
        UsageError: The scheme is unknown, nothing readable is there, or a delimiter is given for what has none.
        MissingExtraError: The source needs a package that is not installed.
    """
    if not uri:
        raise UsageError("The source is empty. Give a path, gs://..., bq://project.dataset.table or sklearn:NAME.")
    match = _SCHEME.match(uri)
    scheme = match.group(1) if match else "file"
    if scheme not in schemes():
        if "://" in uri:
            known = ", ".join(schemes())
            raise UsageError(f"{uri!r} has a scheme kfx does not read. It reads: {known}, and plain paths.")
        scheme = "file"
    source: Source = importlib.import_module(f"{__name__}.{scheme.replace('-', '_')}").open_uri(uri)
    if isinstance(source, Text):
        return source.read_as(reading)
    if reading.delimiter:
        raise UsageError(f"{uri!r} has no delimiter, and {reading.delimiter!r} was given for one. Leave it out.")
    return source
