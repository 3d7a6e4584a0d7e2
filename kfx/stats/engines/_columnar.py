"""Any source as one that is cheap to read by column."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from kfx.errors import UsageError
from kfx.stats.engines._budget import OVERHEAD
from kfx.stats.engines._spill import spilling, temporary_folder
from kfx.stats.sources import Unsettled, WidenedError
from kfx.stats.sources._columns import check_columns, pick
from kfx.stats.sources._memory import MemoryTable
from kfx.stats.sources._parquet import ParquetFiles
from kfx.stats.sources._storage import LocalFiles

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from kfx.stats.engines import Progress
    from kfx.stats.options import StatsOptions
    from kfx.stats.sources import Source

_SHARE_IN_MEMORY = 0.5  # of what the limit leaves; the rest is for computing
_ROW_GROUP = 1 << 18


@runtime_checkable
class ColumnarTable(Protocol):
    """A source of which a few columns cost a fraction of all."""

    @property
    def uri(self) -> str:
        """What the user gave."""

    @property
    def num_rows(self) -> int:
        """Rows of the table, known without reading them."""

    @property
    def held_bytes(self) -> int:
        """Memory the table itself takes."""

    def schema(self) -> pa.Schema:
        """Returns the table's columns."""

    def batches(self, columns: Sequence[str] | None = None, *, encoded: bool = False) -> Iterator[pa.RecordBatch]:
        """Yields the rows of some columns; with `encoded`, strings may come as dictionaries."""


@contextmanager
def columnar(source: Source, options: StatsOptions, progress: Progress) -> Iterator[ColumnarTable]:
    """Gives the source itself if it is columnar, else its rows read into columns.

    Args:
        source: The table.
        options: The memory limit decides whether the columns stay in memory or go to a temporary file.
        progress: Told how many rows were read.
    """
    if isinstance(source, ColumnarTable):
        yield source
        return
    if not isinstance(source, Unsettled):
        check_columns(source.uri, source.schema().names, needed(options))
    folder = temporary_folder()
    try:
        yield _read(source, options, folder, progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def needed(options: StatsOptions) -> tuple[str, ...] | None:
    """Returns the columns that must be read, in no order; None for all."""
    if options.feature_allowlist is None:
        return None
    weight = [options.weight_feature] if options.weight_feature is not None else []
    sliced = [column for by in options.slice_features for column in by.columns]
    return tuple(dict.fromkeys([*options.feature_allowlist, *weight, *sliced]))


def in_order(names: Sequence[str], wanted: Sequence[str] | None) -> list[str] | None:
    """Returns the wanted columns in the table's order; None for all.

    Args:
        names: The table's columns.
        wanted: Some of them, or None.
    """
    return None if wanted is None else [name for name in names if name in wanted]


def _read(source: Source, options: StatsOptions, folder: Path, progress: Progress) -> ColumnarTable:
    """Reads all rows, from the start again whenever text turns out to have wider types."""
    while True:
        columns = _Columns(source, options, folder)
        if isinstance(source, Unsettled):
            reading = source.first_reading()
        else:
            reading = source.batches(in_order(source.schema().names, needed(options)))
        try:
            for batch in reading:
                columns.add(batch)
                progress("rows", columns.rows, 0)
            return columns.table(source.schema())
        except WidenedError:
            columns.discard()
        except BaseException:
            columns.discard()
            raise


def _unstorable(uri: str, schema: pa.Schema) -> UsageError:
    """Returns the error for columns that a Parquet file cannot hold, such as one of structs without a field."""
    refused = ", ".join(f"{column.name!r} ({column.type})" for column in schema if not _is_storable(column))
    return UsageError(
        f"{uri} is larger than its share of the memory, and no temporary Parquet file can hold its column {refused}. "
        "Raise the memory limit (--memory-limit), or leave the column out: name the columns wanted in "
        "feature_allowlist (--feature)."
    )


def _is_storable(column: pa.Field) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.ParquetWriter(pa.BufferOutputStream(), pa.schema([column])).close()
    except pa.ArrowNotImplementedError:
        return False
    return True


class _Columns:
    """Rows kept by column: in memory, or in a Parquet file once they are too many."""

    def __init__(self, source: Source, options: StatsOptions, folder: Path) -> None:
        self._uri = source.uri
        self._wanted = needed(options)
        self._limit = int(max(options.memory_limit - OVERHEAD, 0) * _SHARE_IN_MEMORY)
        self._path = folder / "table.parquet"
        self._batches: list[pa.RecordBatch] = []
        self._bytes = 0
        self._waiting_rows = 0
        self._writer: Any = None
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        if self._wanted is not None:
            check_columns(self._uri, batch.schema.names, self._wanted)
            batch = batch.select(in_order(batch.schema.names, self._wanted))
        self.rows += batch.num_rows
        self._batches.append(batch)
        self._bytes += batch.nbytes
        self._waiting_rows += batch.num_rows
        full = self._waiting_rows >= _ROW_GROUP if self._writer is not None else self._bytes > self._limit
        if full:
            self._to_file()

    def _to_file(self) -> None:
        import pyarrow as pa

        table = pa.Table.from_batches(self._batches)
        with spilling():
            if self._writer is None:
                self._writer = self._new_writer(table.schema)
            self._writer.write_table(table, row_group_size=_ROW_GROUP)
        self._batches, self._bytes, self._waiting_rows = [], 0, 0

    def _new_writer(self, schema: pa.Schema) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        strings = [f.name for f in schema if pa.types.is_string(f.type)]
        try:
            return pq.ParquetWriter(
                self._path, schema, compression="lz4", use_dictionary=strings, write_statistics=False
            )
        except pa.ArrowNotImplementedError as error:
            raise _unstorable(self._uri, schema) from error

    def discard(self) -> None:
        import pyarrow as pa

        if self._writer is not None:
            # What is thrown away need not be complete.
            with suppress(OSError, pa.ArrowException):
                self._writer.close()
            self._path.unlink()

    def table(self, schema: pa.Schema) -> ColumnarTable:
        import pyarrow as pa

        if self._writer is None:
            check_columns(self._uri, schema.names, self._wanted)
            wanted = pick(schema, in_order(schema.names, self._wanted))
            return MemoryTable(self._uri, pa.Table.from_batches(self._batches, schema=wanted))
        if self._batches:
            self._to_file()
        with spilling():
            self._writer.close()
        return ParquetFiles(self._uri, LocalFiles(), (str(self._path),))
