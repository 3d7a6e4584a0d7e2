"""CSV and TSV files as one source.

Types are int64, double and string, as TFDV reads text: dates and booleans stay strings, and only an empty cell is
missing ("NA" and "null" are strings). The first block of each file suggests the types; a value further on that does
not fit widens its column (int64 to double to string to binary) and the files are read again from the start, so that
types never depend on where a value stands.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.sources import WidenedError
from kfx.stats.sources._blocks import Buffers, blocks, in_parallel
from kfx.stats.sources._columns import check_columns, unique_names

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.fs as pafs

_MISFIT = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to (\S+): (.*)")
_RAGGED = re.compile(r"CSV parse error: Row #(\d+): (Expected \d+ columns, got \d+)")
_WIDER = {"null": "int64", "int64": "double", "double": "string", "string": "binary"}
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class DelimitedFiles:
    """One or more CSV or TSV files with the columns of the first."""

    uri: str
    """What the user gave."""

    file_system: pafs.FileSystem
    """Where the files are."""

    codecs: Mapping[str, str | None]
    """Path -> compression (gzip, zstd, None), in the order rows are read."""

    delimiter: str
    """What stands between two cells of a row."""

    _types: dict[str, pa.DataType] = field(default_factory=dict, repr=False)
    _settled: list[bool] = field(default_factory=list, repr=False)

    def schema(self) -> pa.Schema:
        """Returns the columns with types that hold in every row; reads the files whole unless they were read before."""
        import pyarrow as pa

        while not self._settled:
            # Started over by a wider type: each of them can widen four times at most.
            with contextlib.suppress(WidenedError):
                for _ in self.first_reading():
                    pass
        return pa.schema(list(self._types.items()))

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the rows file by file; see `Source.batches`."""
        names = self.schema().names
        check_columns(self.uri, names, columns)
        yield from self._rows(list(columns) if columns is not None else names)

    def first_reading(self) -> Iterator[pa.RecordBatch]:
        """Yields the rows with the types that hold so far; see `kfx.stats.sources.Unsettled`."""
        if not self._types:
            self._types.update(self._guess())
        yield from self._rows(list(self._types))
        self._settled.append(True)

    def _rows(self, wanted: list[str]) -> Iterator[pa.RecordBatch]:
        for path in self.codecs:
            yield from self._file(path, wanted)

    def _file(self, path: str, wanted: list[str]) -> Iterator[pa.RecordBatch]:
        names = self._header(path)
        rows = 0
        buffers = Buffers()
        with self._open(path) as stream:
            body = self._body(path, stream, buffers)
            for parsed in in_parallel(self._parser(names, wanted, buffers), body):
                if isinstance(parsed, Exception):
                    raise self._explained(path, names, rows, parsed) from parsed
                rows += parsed.num_rows
                yield from parsed.to_batches()

    def _parser(self, names: Sequence[str], wanted: Sequence[str] | None, buffers: Buffers | None = None) -> Any:
        """Returns a function that parses a block of rows, and hands a failure back for its place in the file."""
        import pyarrow as pa
        import pyarrow.csv as pacsv

        parse = pacsv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True)
        convert = pacsv.ConvertOptions(
            column_types=dict(self._types), include_columns=wanted, null_values=[""], strings_can_be_null=True
        )

        def parsed(block: memoryview) -> pa.Table | Exception:
            read = pacsv.ReadOptions(column_names=names, use_threads=False, block_size=len(block) + 1)
            try:
                return pacsv.read_csv(pa.BufferReader(pa.py_buffer(block)), read, parse, convert)
            except pa.ArrowInvalid as error:
                # Only blank lines hold no row, which Arrow calls an empty file.
                return error if bytes(block).strip() else pa.table({name: pa.nulls(0) for name in wanted or names})
            finally:
                if buffers is not None:  # Arrow has copied every value
                    buffers.give_back(block)

        return parsed

    def _body(self, path: str, stream: Any, buffers: Buffers | None = None) -> Iterator[memoryview]:
        """Yields the blocks after the header."""
        import pyarrow as pa

        skip = self._header_bytes(path)
        try:
            for block in blocks(stream, quotes=True, buffers=buffers):
                if skip < len(block):
                    yield block[skip:]
                skip = max(0, skip - len(block))
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"{path} is damaged: {error}.") from error

    def _guess(self) -> dict[str, pa.DataType]:
        """Returns the types the first blocks of all files suggest."""
        types: dict[str, pa.DataType] = {}
        for path in self.codecs:
            names = self._header(path)
            if types and set(names) != set(types):
                odd = min(set(names) ^ set(types))
                raise UsageError(f"{path} does not have the columns of {next(iter(self.codecs))}: {odd!r} differs.")
            found = self._first_types(path, names)
            types = {name: _wider(types.get(name), found.get(name)) for name in types or names}
        return types

    def _first_types(self, path: str, names: Sequence[str]) -> dict[str, pa.DataType]:
        with self._open(path) as stream:
            block = next(self._body(path, stream), None)
        if block is None:
            return {}
        parsed = self._parser(names, names)(block)
        if isinstance(parsed, Exception):
            raise self._explained(path, names, 0, parsed) from parsed
        return {column.name: _text_type(column.type) for column in parsed.schema}

    def _explained(self, path: str, names: Sequence[str], rows: int, error: Exception) -> Exception:
        """Says where in the file a block failed, or widens a type that does not hold."""
        import pyarrow as pa

        text = str(error)
        if misfit := _MISFIT.search(text):
            name, kind = names[int(misfit[1])], misfit[3]
            if kind in _WIDER:
                self._types[name] = _wider(self._types.get(name), getattr(pa, _FACTORY[_WIDER[kind]])())
                self._settled.clear()
                return WidenedError(f"Column {name!r} of {path} cannot be read as {kind}: {misfit[4]}")
        if ragged := _RAGGED.search(text):
            # Arrow counts a block's rows from 1, and the header is the file's row 1.
            return UsageError(
                f"Row {rows + int(ragged[1]) + 1} of {path} is ragged: {ragged[2]} (the header is row 1)."
            )
        return UsageError(f"{path} cannot be read as CSV after row {rows + 1}: {text}")

    def _header(self, path: str) -> list[str]:
        return unique_names(self._first_record(path)[0])

    def _header_bytes(self, path: str) -> int:
        return self._first_record(path)[1]

    def _first_record(self, path: str) -> tuple[list[str], int]:
        """Returns the header's cells and its length in bytes."""
        import pyarrow as pa

        taken = 0

        def lines(stream: Any) -> Iterator[str]:
            nonlocal taken
            for line in io.BufferedReader(stream):
                start = len(_BOM) if taken == 0 and line.startswith(_BOM) else 0
                taken += len(line)
                yield line[start:].decode()

        try:
            with self._open(path) as stream:
                names = next((row for row in csv.reader(lines(stream), delimiter=self.delimiter) if row), [])
        except UnicodeDecodeError as error:
            raise UsageError(f"The header of {path} is not UTF-8 text ({error.reason}). Convert the file.") from error
        except (csv.Error, OSError, pa.ArrowException) as error:
            raise UsageError(f"The header of {path} cannot be read: {error}.") from error
        if not names:
            raise UsageError(f"{path} has no header: it holds blank lines only.")
        return names, taken

    def _open(self, path: str) -> Any:
        return self.file_system.open_input_stream(path, compression=self.codecs[path])


_FACTORY = {"null": "null", "int64": "int64", "double": "float64", "string": "string", "binary": "binary"}


def _text_type(arrow_type: pa.DataType) -> pa.DataType:
    """Maps what Arrow infers from text to what TFDV infers: dates, times and booleans are strings there."""
    import pyarrow as pa

    return arrow_type if str(arrow_type) in _FACTORY else pa.string()


def _wider(one: pa.DataType | None, other: pa.DataType | None) -> pa.DataType:
    import pyarrow as pa

    order = list(_FACTORY)
    widest = max(order.index(str(kind)) if kind is not None else 0 for kind in (one, other))
    return getattr(pa, _FACTORY[order[widest]])()
