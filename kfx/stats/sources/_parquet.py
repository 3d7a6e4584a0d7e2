"""Parquet files as one source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.sources._columns import check_columns, unique_names

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.fs as pafs


@dataclass(frozen=True)
class ParquetFiles:
    """One or more Parquet files with the columns of the first."""

    uri: str
    """What the user gave."""

    file_system: pafs.FileSystem
    """Where the files are."""

    paths: tuple[str, ...]
    """The files, in the order their rows are read."""

    batch_rows: int = 65_536
    """Rows of a batch: enough to amortise a call, little enough for wide tables."""

    def schema(self) -> pa.Schema:
        """Returns the first file's columns, repeated names numbered."""
        import pyarrow as pa

        with self._open(self.paths[0]) as file:
            schema = file.schema_arrow
        names = unique_names(schema.names)
        return pa.schema([column.with_name(name) for column, name in zip(schema, names, strict=True)])

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the rows file by file; see `Source.batches`."""
        schema = self.schema()
        check_columns(self.uri, schema.names, columns)
        for path in self.paths:
            yield from self._file(path, schema, columns)

    def _file(self, path: str, schema: pa.Schema, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        with self._open(path) as file:
            stored = unique_names(file.schema_arrow.names)
            if set(stored) != set(schema.names):
                odd = min(set(stored) ^ set(schema.names))
                raise UsageError(f"{path} does not have the columns of {self.paths[0]}: they differ in {odd!r}.")
            repeated = stored != file.schema_arrow.names
            wanted = pa.schema([schema.field(name) for name in columns]) if columns is not None else schema
            try:
                # A repeated name cannot be asked for by name: such a file is read whole.
                read = None if repeated else wanted.names
                for batch in file.iter_batches(self.batch_rows, columns=read, use_threads=True):
                    named = batch.rename_columns(stored) if repeated else batch
                    yield _as(named.select(wanted.names), wanted, path)
            except (OSError, pa.ArrowException) as error:
                raise UsageError(f"{path} is damaged or of a kind Arrow cannot read: {error}") from error

    def _open(self, path: str) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(self.file_system.open_input_file(path), pre_buffer=True)
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"{path} cannot be read as Parquet: {error}") from error


def _as(batch: pa.RecordBatch, wanted: pa.Schema, path: str) -> pa.RecordBatch:
    import pyarrow as pa

    if batch.schema.equals(wanted):
        return batch
    try:
        return batch.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise UsageError(f"{path} has other column types than the first file: {error}") from error
