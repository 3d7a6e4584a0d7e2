"""CSV, TSV and JSON lines files as one source.

Types are int64, double and string, as TFDV reads text: dates and booleans stay strings, and only an empty cell is
missing ("NA" and "null" are strings). The first block of a file suggests the types; a value further on that does not
fit widens its column (int64 to double to string to binary) and the file is read again, so that types never depend on
where a value stands.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.sources._columns import check_columns, unique_names

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.fs as pafs

_MISFIT = re.compile(r"In CSV column #(\d+): .*CSV conversion error to (\S+): (.*)")
_RAGGED = re.compile(r"CSV parse error: (?:Row #(\d+): )?(Expected \d+ columns, got \d+)")
_BLOCK = 8 << 20  # bytes; a row must fit into one


@dataclass(frozen=True)
class TextFiles:
    """One or more text files with the columns of the first."""

    uri: str
    """What the user gave."""

    file_system: pafs.FileSystem
    """Where the files are."""

    codecs: Mapping[str, str | None]
    """Path -> compression (gzip, zstd, None), in the order rows are read."""

    format: str
    """csv, tsv or jsonl."""

    _types: dict[str, pa.DataType] = field(default_factory=dict, repr=False)

    def schema(self) -> pa.Schema:
        """Returns the columns with types that hold in every row; reads the files whole the first time."""
        import pyarrow as pa

        if not self._types:
            types = self._json_types() if self.format == "jsonl" else self._settled_types()
            self._types.update(types)
        return pa.schema(list(self._types.items()))

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the rows file by file; see `Source.batches`."""
        schema = self.schema()
        check_columns(self.uri, schema.names, columns)
        wanted = schema.names if columns is None else list(columns)
        for path in self.codecs:
            if self.format == "jsonl":
                yield from (_complete(batch, schema).select(wanted) for batch in self._json(path, schema))
            else:
                yield from (batch.select(wanted) for batch in self._delimited(path, dict(self._types), wanted))

    def _settled_types(self) -> dict[str, pa.DataType]:
        types: dict[str, pa.DataType] = {}
        for path in self.codecs:
            names = self._header(path)
            if types and set(names) != set(types):
                odd = min(set(names) ^ set(types))
                raise UsageError(f"{path} does not have the columns of {next(iter(self.codecs))}: {odd!r} differs.")
            first = next(self._delimited(path, {}, names), None)
            guessed = {} if first is None else {f.name: _text_type(f.type) for f in first.schema}
            types = {name: _wider(types.get(name), guessed.get(name)) for name in (types or names)}
        for path in self.codecs:
            self._settle(path, types)
        return types

    def _settle(self, path: str, types: dict[str, pa.DataType]) -> None:
        """Widens the types until every value of the file fits."""
        while (misfit := self._misfit(path, types)) is not None:
            types[misfit.column] = _next_wider(misfit)

    def _misfit(self, path: str, types: Mapping[str, pa.DataType]) -> _MisfitError | None:
        try:
            for _ in self._delimited(path, types, None):
                pass
        except _MisfitError as misfit:
            return misfit
        return None

    def _delimited(
        self, path: str, types: Mapping[str, pa.DataType], wanted: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.csv as pacsv

        names = self._header(path)
        read = pacsv.ReadOptions(column_names=names, skip_rows_after_names=1, block_size=_BLOCK)
        parse = pacsv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True)
        convert = pacsv.ConvertOptions(
            column_types=dict(types), include_columns=wanted, null_values=[""], strings_can_be_null=True
        )
        try:
            with self._open(path) as stream, pacsv.open_csv(stream, read, parse, convert) as reader:
                yield from reader
        except (pa.ArrowException, OSError) as error:
            raise self._explained(path, names, error) from error

    def _explained(self, path: str, names: Sequence[str], error: Exception) -> UsageError | _MisfitError:
        text = str(error)
        if misfit := _MISFIT.search(text):
            return _MisfitError(path, names[int(misfit[1])], misfit[2], misfit[3])
        if ragged := _RAGGED.search(text):
            where = f"row {ragged[1]} of {path}" if ragged[1] else path
            return UsageError(f"{where} is ragged: {ragged[2]}. Rows are counted from 1, the header is row 1.")
        return UsageError(f"{path} cannot be read as {self.format.upper()}: {text}")

    @property
    def _delimiter(self) -> str:
        return "\t" if self.format == "tsv" else ","

    def _header(self, path: str) -> list[str]:
        try:
            with self._open(path) as stream:
                # Line by line: rows further down may hold bytes that are not text.
                lines = (line.decode("utf-8-sig") for line in io.BufferedReader(stream))
                names = next(csv.reader(lines, delimiter=self._delimiter, strict=True), [])
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not UTF-8 text ({error}). Convert it to UTF-8.") from error
        except (csv.Error, OSError) as error:
            raise UsageError(f"The header of {path} cannot be read: {error}") from error
        if not names:
            raise UsageError(f"{path} has no header: its first line is empty.")
        return unique_names(names)

    def _json_types(self) -> dict[str, pa.DataType]:
        import pyarrow as pa

        schema = pa.schema([])
        for path in self.codecs:
            for batch in self._json(path, None):
                schema = pa.unify_schemas([schema, batch.schema], promote_options="permissive")
        return {f.name: _text_type(f.type) if pa.types.is_temporal(f.type) else f.type for f in schema}

    def _json(self, path: str, schema: pa.Schema | None) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.json as pajson

        options = pajson.ParseOptions(explicit_schema=schema, newlines_in_values=False)
        try:
            with self._open(path) as stream:
                for block in _whole_lines(stream):
                    yield from pajson.read_json(pa.BufferReader(block), parse_options=options).to_batches()
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{path} cannot be read as JSON lines: {error}") from error

    def _open(self, path: str) -> Any:
        return self.file_system.open_input_stream(path, compression=self.codecs[path])


class _MisfitError(UsageError):
    """A value does not fit the type its column was read with."""

    def __init__(self, path: str, column: str, type_name: str, detail: str) -> None:
        super().__init__(f"Column {column!r} of {path} cannot be read as {type_name}: {detail}")
        self.column = column
        self.type_name = type_name


def _text_type(arrow_type: pa.DataType) -> pa.DataType:
    """Maps what Arrow infers from text to what TFDV infers: dates, times and booleans are strings there."""
    import pyarrow as pa

    kept = (pa.types.is_int64, pa.types.is_float64, pa.types.is_null, pa.types.is_binary)
    return arrow_type if any(test(arrow_type) for test in kept) else pa.string()


def _wider(one: pa.DataType | None, other: pa.DataType | None) -> pa.DataType:
    import pyarrow as pa

    order = [pa.null(), pa.int64(), pa.float64(), pa.string(), pa.binary()]
    return order[max(order.index(kind) if kind is not None else 0 for kind in (one, other))]


def _next_wider(misfit: _MisfitError) -> pa.DataType:
    import pyarrow as pa

    wider = {"null": pa.int64(), "int64": pa.float64(), "double": pa.string(), "string": pa.binary()}
    if misfit.type_name not in wider:
        raise misfit
    return wider[misfit.type_name]


def _whole_lines(stream: Any) -> Iterator[bytes]:
    """Cuts a stream into blocks that end at a line's end."""
    rest = b""
    while piece := stream.read(_BLOCK):
        cut = piece.rfind(b"\n") + 1
        if cut == 0:
            rest += piece
            continue
        yield rest + piece[:cut]
        rest = piece[cut:]
    if rest.strip():
        yield rest


def _complete(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Adds the columns a block of JSON lines does not mention, and orders all of them."""
    import pyarrow as pa

    columns = [
        batch.column(name).cast(schema.field(name).type) if name in batch.schema.names
        else pa.nulls(batch.num_rows, schema.field(name).type)
        for name in schema.names
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(columns, schema=schema)
