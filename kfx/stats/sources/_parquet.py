"""Parquet files as one source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.sources._columns import check_columns, pick, unique_names
from kfx.stats.sources._storage import LocalFiles, Storage

if TYPE_CHECKING:
    import pyarrow as pa


_READ_BUFFER = 1 << 20  # bytes


@dataclass(frozen=True)
class ParquetFiles:
    """One or more Parquet files with the columns of the first."""

    uri: str
    """What the user gave."""

    file_system: Storage
    """Where the files are."""

    paths: tuple[str, ...]
    """The files, in the order their rows are read."""

    _footers: dict[str, Any] = field(default_factory=dict, repr=False)
    _schemas: dict[str, pa.Schema] = field(default_factory=dict, repr=False)

    @property
    def num_rows(self) -> int:
        """Rows of all files, as their footers say."""
        return sum(self._footer(path).num_rows for path in self.paths)

    @property
    def held_bytes(self) -> int:
        """Memory the table takes before it is read: none."""
        return 0

    def schema(self) -> pa.Schema:
        """Returns the first file's columns, repeated names numbered; see `without_nulls` for those without a value.

        Raises:
            UsageError: There is no column, or a file cannot be read.
        """
        first = self._named_schema(self.paths[0])
        if not first.names:
            raise UsageError(f"{self.paths[0]} has no columns.")
        return without_nulls(first, map(self._named_schema, self.paths[1:]))

    def batches(self, columns: Sequence[str] | None = None, *, encoded: bool = False) -> Iterator[pa.RecordBatch]:
        """Yields the rows file by file; see `Source.batches`.

        Args:
            columns: Only these columns, in this order; None for all.
            encoded: Strings that the file stores as small dictionaries come as dictionaries, several times faster.
        """
        schema = self.schema()
        check_columns(self.uri, schema.names, columns)
        wanted = pick(schema, columns)
        for path in self.paths:
            yield from self._file(path, wanted, encoded=encoded)

    def _file(self, path: str, wanted: pa.Schema, *, encoded: bool) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        footer = self._footer(path)
        as_stored = self._stored_schema(path).names
        stored = unique_names(as_stored)
        self._check_same_columns(path, stored)
        # A repeated name cannot be asked for by name: such a file is read whole.
        by_name = stored == as_stored
        read = wanted.names if by_name else None
        dictionaries = _small_dictionaries(footer, self._of_type(path, wanted)) if encoded and by_name else []
        rows = 0
        try:
            with self._open(path, dictionaries) as file:
                for batch in file.iter_batches(_batch_rows(len(wanted)), columns=read, use_threads=read is None):
                    named = batch if by_name else batch.rename_columns(stored)
                    yield _as(named.select(wanted.names), wanted, dictionaries, path)
                    rows += batch.num_rows
        except (OSError, pa.ArrowException) as error:
            column = f"in column {wanted.names[0]!r}, " if len(wanted) == 1 else ""
            raise UsageError(
                f"{path} is damaged or of a kind Arrow cannot read, {column}after row {rows:,}: {error}"
            ) from error

    def _check_same_columns(self, path: str, stored: Sequence[str]) -> None:
        first = unique_names(self._stored_schema(self.paths[0]).names)
        if set(stored) != set(first):
            odd = min(set(stored) ^ set(first))
            raise UsageError(f"{path} does not have the columns of {self.paths[0]}: they differ in {odd!r}.")

    def _of_type(self, path: str, wanted: pa.Schema) -> set[str]:
        """Returns the columns that the file stores with the type wanted: no other may stay a dictionary."""
        stored = self._stored_schema(path)
        return {column.name for column in wanted if stored.field(column.name).type.equals(column.type)}

    def _named_schema(self, path: str) -> pa.Schema:
        import pyarrow as pa

        schema = self._stored_schema(path)
        names = unique_names(schema.names)
        return pa.schema([column.with_name(name) for column, name in zip(schema, names, strict=True)])

    def _stored_schema(self, path: str) -> pa.Schema:
        if path not in self._schemas:
            self._schemas[path] = self._footer(path).schema.to_arrow_schema()
        return self._schemas[path]

    def _footer(self, path: str) -> Any:
        if path not in self._footers:
            with self._open(path, []) as file:
                self._footers[path] = file.metadata
        return self._footers[path]

    @contextmanager
    def _open(self, path: str, dictionaries: Sequence[str]) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        with ExitStack() as opened:
            try:
                # Closed here: a reader leaves the file it was given open, and one far away goes on fetching.
                stored = opened.enter_context(self.file_system.open_input_file(path))
                file = pq.ParquetFile(
                    stored,
                    metadata=self._footers.get(path),
                    read_dictionary=dictionaries,
                    # Far storage is asked for whole column chunks ahead of time; a disk is read as the rows are wanted,
                    # because a chunk of one huge row group may be larger than memory.
                    pre_buffer=not isinstance(self.file_system, LocalFiles),
                    buffer_size=_READ_BUFFER,
                )
            except (OSError, pa.ArrowException) as error:
                raise UsageError(f"{path} cannot be read as Parquet: {error}") from error
            yield file


def without_nulls(first: pa.Schema, others: Iterable[pa.Schema]) -> pa.Schema:
    """Returns the first file's columns; one that holds nothing but nulls there has the type of a file that knows it.

    Args:
        first: The first file's schema.
        others: The other files', read only as far as a type is still unknown.
    """
    unknown = {column.name: column for column in first if _unknown(column.type)}
    if unknown:
        for other in others:
            for name in [name for name in unknown if name in other.names]:
                # A list or struct with nulls inside says more than a null, and less than one without.
                if _unknown(other.field(name).type) < _unknown(unknown[name].type):
                    first = first.set(first.names.index(name), other.field(name))
                    unknown[name] = other.field(name)
            unknown = {name: column for name, column in unknown.items() if _unknown(column.type)}
            if not unknown:
                break
    return first


def _unknown(kind: pa.DataType) -> int:
    """Returns 2 for a null type, 1 for a list or struct with one inside, 0 for any other."""
    import pyarrow as pa

    if pa.types.is_null(kind):
        return 2
    if not pa.types.is_nested(kind):
        return 0
    return int(any(_unknown(kind.field(at).type) for at in range(kind.num_fields)))


def _batch_rows(columns: int) -> int:
    """Rows of a batch: about 64 MiB of 8-byte values, a million at most."""
    return max(1024, min(1 << 20, (8 << 20) // max(columns, 1)))


def _small_dictionaries(footer: Any, wanted: set[str]) -> list[str]:
    """Returns the string columns that take at most two bytes a value: their dictionaries are small."""
    sizes: dict[str, int] = {}
    for group in range(footer.num_row_groups):
        row_group = footer.row_group(group)
        for at in range(footer.num_columns):
            chunk = row_group.column(at)
            if chunk.path_in_schema in wanted and chunk.physical_type == "BYTE_ARRAY":
                sizes[chunk.path_in_schema] = sizes.get(chunk.path_in_schema, 0) + chunk.total_uncompressed_size
    return [name for name, size in sizes.items() if size <= 2 * footer.num_rows]


def _as(batch: pa.RecordBatch, wanted: pa.Schema, dictionaries: Sequence[str], path: str) -> pa.RecordBatch:
    """Gives a later file's columns the types of the first file's."""
    import pyarrow as pa

    def fits(column: pa.Field) -> bool:
        return column.name in dictionaries or bool(column.type.equals(wanted.field(column.name).type))

    if all(fits(column) for column in batch.schema):
        return batch
    try:
        return batch.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise UsageError(f"{path} has other column types than the first file: {error}") from error
