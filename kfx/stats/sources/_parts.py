"""A table of many files as one source a file, for workers that share them out.

What holds for the whole table is then told to every part: columns whose types fit all files.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kfx.errors import UsageError
from kfx.stats.sources import Source
from kfx.stats.sources._columns import check_columns, pick
from kfx.stats.sources._delimited import DelimitedFiles, _wider
from kfx.stats.sources._json import JsonFiles, _joined
from kfx.stats.sources._parquet import ParquetFiles, without_nulls
from kfx.stats.sources._storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa


def parts(source: Source) -> tuple[list[Source], Storage]:
    """Returns a source for each file of a table, in order, and where the files are.

    Raises:
        UsageError: The table is not made of files.
    """
    if isinstance(source, ParquetFiles):
        return [ParquetFiles(source.uri, source.file_system, (path,)) for path in source.paths], source.file_system
    if isinstance(source, (DelimitedFiles, JsonFiles)):
        # Nothing that one reading found out is shared with another.
        return [_alone(source, path) for path in source.codecs], source.file_system
    raise UsageError(
        f"{source.uri!r} is not made of files that workers can share out. Write it to Parquet files in a bucket first."
    )


def _alone(source: DelimitedFiles | JsonFiles, path: str) -> Source:
    codecs = {path: source.codecs[path]}
    if isinstance(source, JsonFiles):
        return JsonFiles(source.uri, source.file_system, codecs, source.reading)
    return DelimitedFiles(source.uri, source.file_system, codecs, source.delimiter, source.reading)


def settled(part: Source, schemas: Sequence[pa.Schema]) -> Source:
    """Returns a part of a table, to be read with types that fit all its parts.

    Args:
        part: One of `parts`.
        schemas: Every schema that a part has, the first part's first.

    Raises:
        UsageError: The parts do not have the same columns, or types that fit no common one.
    """
    import pyarrow as pa

    first = schemas[0]
    if isinstance(part, JsonFiles):
        found: dict[str, pa.DataType] = {}
        for column in (column for schema in schemas for column in schema):
            found[column.name] = _joined(found.get(column.name, pa.null()), column.type)
        return replace(part, _schema=[pa.schema(list(found.items()))])
    for other in schemas[1:]:
        if set(other.names) != set(first.names):
            odd = min(set(other.names) ^ set(first.names))
            raise UsageError(f"The files of {part.uri!r} do not have the same columns: they differ in {odd!r}.")
    if isinstance(part, DelimitedFiles):
        kinds = {name: [schema.field(name).type for schema in schemas] for name in first.names}
        types = {name: functools.reduce(_wider, found) for name, found in kinds.items()}
        return replace(part, _types=types, _settled=[True])
    if not isinstance(part, ParquetFiles):
        raise TypeError(f"{type(part).__name__} is no part of a table")
    wanted = without_nulls(first, schemas[1:])
    return part if part.schema().equals(wanted) else TypedParquet(part, pa.schema(list(wanted)))


@dataclass(frozen=True)
class TypedParquet:
    """A Parquet file whose columns are given the order and types of another's."""

    file: ParquetFiles
    """The file."""

    wanted: pa.Schema
    """The columns."""

    @property
    def uri(self) -> str:
        """What the user gave."""
        return self.file.uri

    @property
    def num_rows(self) -> int:
        """Rows of the file, as its footer says."""
        return self.file.num_rows

    def schema(self) -> pa.Schema:
        """Returns the columns."""
        return self.wanted

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the rows; see `Source.batches`.

        Raises:
            UsageError: A value does not fit its column's type.
        """
        check_columns(self.uri, self.wanted.names, columns)
        wanted = pick(self.wanted, columns)
        for batch in self.file.batches(wanted.names):
            yield _cast(batch, wanted, self.file.paths[0])


def _cast(batch: pa.RecordBatch, wanted: pa.Schema, path: str) -> pa.RecordBatch:
    import pyarrow as pa

    try:
        return batch.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise UsageError(f"{path} has other column types than the first file: {error}") from error
