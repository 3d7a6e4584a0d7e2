"""JSON lines files as one source: an object a line, a column a key, lists and objects nested as they are.

Temporal text stays text. Types are found by reading the files once; integers meeting fractions become doubles. A row
whose value is of another kind than the first one of its column (text for a number, a list for an object) cannot be
read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.bad_rows import BadRows
from kfx.stats.sources import Source, TextReading
from kfx.stats.sources._blocks import Block, blocks, in_parallel
from kfx.stats.sources._columns import check_columns
from kfx.stats.sources._json_rows import JsonParser
from kfx.stats.sources._storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class JsonFiles:
    """One or more JSON lines files."""

    uri: str
    """What the user gave."""

    file_system: Storage
    """Where the files are."""

    codecs: Mapping[str, str | None]
    """Path -> compression (gzip, zstd, None), in the order rows are read."""

    reading: TextReading = field(default_factory=TextReading)
    """What the user said about bad rows."""

    bad_rows: BadRows = field(default_factory=BadRows, repr=False)
    """The rows that the latest reading left out."""

    _schema: list[pa.Schema] = field(default_factory=list, repr=False)

    def read_as(self, reading: TextReading) -> Source:
        """Returns these files, read in another way.

        Raises:
            UsageError: A delimiter is given.
        """
        if reading.delimiter:
            raise UsageError(f"{self.uri!r} is JSON lines, which have no delimiter; {reading.delimiter!r} was given.")
        return replace(self, reading=reading)

    def schema(self) -> pa.Schema:
        """Returns all keys of all lines; reads the files whole the first time."""
        import pyarrow as pa

        if not self._schema:
            types: dict[str, pa.DataType] = {}
            for path in self.codecs:
                for table in self._tables(path, None):
                    for column in table.schema:
                        types[column.name] = _joined(types.get(column.name, pa.null()), _textual(column.type))
            if not types:
                raise UsageError(f"{self.uri} has no columns: its objects have no keys.")
            self._schema.append(pa.schema(list(types.items())))
        return self._schema[0]

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the lines file by file; see `Source.batches`."""
        schema = self.schema()
        check_columns(self.uri, schema.names, columns)
        wanted = schema.names if columns is None else list(columns)
        for path in self.codecs:
            for table in self._tables(path, schema):
                yield from table.select(wanted).to_batches()

    def _tables(self, path: str, schema: pa.Schema | None) -> Iterator[pa.Table]:
        skips = self.reading.on_bad_rows == "skip"
        rows = 0
        self.bad_rows.begin(path)
        for parsed in in_parallel(JsonParser(schema, all_bad_rows=skips), self._blocks(path)):
            for number, why in parsed.bad:
                what = f"cannot be read as JSON lines: {why}"
                if not skips:
                    raise UsageError(f"Row {rows + number} of {path} {what}")
                self.bad_rows.add(path, rows + number, what)
            rows += parsed.rows
            yield from parsed.tables

    def _blocks(self, path: str) -> Iterator[Block]:
        """Yields the blocks but for those of blank lines, which Arrow calls an empty file."""
        import pyarrow as pa

        try:
            with self.file_system.open_input_stream(path, compression=self.codecs[path]) as stream:
                for block in blocks(stream, quotes=False):
                    if bytes(block.rows).strip():
                        yield block
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{path} is damaged: {error}.") from error


def _textual(kind: pa.DataType) -> pa.DataType:
    """Returns a type with text for the dates and times that Arrow sees in text."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_textual(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(_textual(kind.value_type))
    return pa.string() if pa.types.is_temporal(kind) else kind


def _joined(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Returns a type for the values of both; the first one's where no type is."""
    import pyarrow as pa

    if pa.types.is_struct(one) and pa.types.is_struct(other):
        fields: dict[str, Any] = {field.name: field.type for field in one}
        for field in other:
            fields[field.name] = _joined(fields.get(field.name, pa.null()), field.type)
        return pa.struct(list(fields.items()))
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(_joined(one.value_type, other.value_type))
    numbers = all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (one, other))
    if numbers and one != other:
        return pa.float64()
    return other if pa.types.is_null(one) else one
