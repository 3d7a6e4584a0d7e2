"""CSV and TSV files as one source.

Types are int64, double and string, as TFDV reads text: dates and booleans stay strings, and only an empty cell is
missing ("NA" and "null" are strings). The first block of each file suggests the types; a value further on that does
not fit widens its column (int64 to double to string) and the files are read again from the start, so that
types never depend on where a value stands.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.bad_rows import BadRows
from kfx.stats.sources import Source, TextReading, WidenedError
from kfx.stats.sources._blocks import Block, Buffers, ParsedRows, blocks, in_parallel
from kfx.stats.sources._columns import check_columns, unique_names
from kfx.stats.sources._csv_rows import CsvParser
from kfx.stats.sources._quotes import OpenQuotes
from kfx.stats.sources._storage import Storage
from kfx.stats.sources._utf8 import NOT_UTF8

if TYPE_CHECKING:
    import pyarrow as pa

_MISFIT = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to (\S+): (.*)")
_WIDER = {"null": "int64", "int64": "double", "double": "string"}
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = ",;|\t"


@dataclass(frozen=True)
class DelimitedFiles:
    """One or more CSV or TSV files with the columns of the first."""

    uri: str
    """What the user gave."""

    file_system: Storage
    """Where the files are."""

    codecs: Mapping[str, str | None]
    """Path -> compression (gzip, zstd, None), in the order rows are read."""

    delimiter: str
    """What stands between two cells of a row."""

    reading: TextReading = field(default_factory=TextReading)
    """What the user said about delimiters and bad rows."""

    bad_rows: BadRows = field(default_factory=BadRows, repr=False)
    """The rows that the latest reading left out."""

    _types: dict[str, pa.DataType] = field(default_factory=dict, repr=False)
    _settled: list[bool] = field(default_factory=list, repr=False)
    _undecodable: set[str] = field(default_factory=set, repr=False)
    _first: dict[str, ParsedRows] = field(default_factory=dict, repr=False)

    def read_as(self, reading: TextReading) -> Source:
        """Returns these files, read in another way."""
        return replace(self, delimiter=reading.delimiter or self.delimiter, reading=reading)

    def schema(self) -> pa.Schema:
        """Returns the columns with types that hold in every row; reads the files whole unless they were read before."""
        import pyarrow as pa

        while not self._settled:
            # Started over by a wider type: each of them can widen three times at most.
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
        rows = 1  # the header
        buffers = Buffers()
        check = path in self._undecodable
        parse = CsvParser(self.delimiter, names, self._types, wanted, buffers, check=check)
        self.bad_rows.begin(path)
        with self._open(path) as stream:
            body = self._body(path, stream, buffers)
            first = self._first_again(path, wanted, body)
            for parsed in itertools.chain(first, in_parallel(parse, body)):
                if isinstance(parsed, Exception):
                    raise self._explained(path, names, rows, parsed) from parsed
                for number, why in parsed.bad:
                    self._leave_out(path, rows + number, why)
                rows += parsed.rows
                for table in parsed.tables:
                    yield from table.to_batches()

    def _first_again(self, path: str, wanted: list[str], body: Iterator[Block]) -> list[ParsedRows]:
        """Returns the rows from which the types were guessed, once, and takes their block from the body."""
        import pyarrow as pa

        parsed = self._first.pop(path, None)
        as_read = pa.schema([(name, self._types[name]) for name in wanted])
        if parsed is None or any(table.schema != as_read for table in parsed.tables):
            return []
        next(body, None)
        return [parsed]

    def _leave_out(self, path: str, row: int, why: str) -> None:
        if self.reading.on_bad_rows == "error":
            raise UsageError(f"Row {row} of {path} {why} (the header is row 1).")
        if NOT_UTF8 in why:  # left out of later readings as well, whatever columns they want
            self._undecodable.add(path)
        self.bad_rows.add(path, row, why)

    def _body(self, path: str, stream: Any, buffers: Buffers | None = None) -> Iterator[Block]:
        """Yields the blocks after the header."""
        import pyarrow as pa

        skip = self._header_bytes(path)
        try:
            for block in blocks(stream, quotes=True, buffers=buffers):
                if skip < len(block.rows):
                    yield block._replace(rows=block.rows[skip:])
                skip = max(0, skip - len(block.rows))
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"{path} is damaged: {error}.") from error

    def _guess(self) -> dict[str, pa.DataType]:
        """Returns the types the first blocks of all files suggest."""
        types: dict[str, pa.DataType] = {}
        for path in self.codecs:
            names = self._header(path)
            self._check_delimiter(path, names)
            if types and set(names) != set(types):
                odd = min(set(names) ^ set(types))
                raise UsageError(f"{path} does not have the columns of {next(iter(self.codecs))}: {odd!r} differs.")
            found = self._first_types(path, names)
            types = {name: _wider(types.get(name), found.get(name)) for name in types or names}
        return types

    def _check_delimiter(self, path: str, names: list[str]) -> None:
        """Raises UsageError where one column's name looks like several, unless the user named the delimiter."""
        other = next((mark for mark in _DELIMITERS if mark in names[0] and mark != self.delimiter), None)
        if len(names) == 1 and other is not None and not self.reading.delimiter:
            raise UsageError(
                f"The header of {path} is one column, {names[0]!r}. If {other!r} stands between columns, say so "
                f"(--delimiter {other!r}, or delimiter={other!r}); if it is one column, give {self.delimiter!r}."
            )

    def _first_types(self, path: str, names: Sequence[str]) -> dict[str, pa.DataType]:
        with self._open(path) as stream:
            block = next(self._body(path, stream), None)
        if block is None:
            return {}
        parsed = CsvParser(self.delimiter, names, {}, names)(block)
        if isinstance(parsed, Exception):
            raise self._explained(path, names, 1, parsed) from parsed
        if not self._first:  # of one file, because there may be thousands
            self._first[path] = parsed
        # A block is more than one table only where a quote was never closed.
        found = [(column.name, _text_type(column.type)) for table in parsed.tables for column in table.schema]
        return {name: functools.reduce(_wider, (kind for other, kind in found if other == name)) for name in names}

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
        return UsageError(f"{path} cannot be read as CSV after row {rows}: {text}")

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
                text.append(line[start:])
                yield text[-1].decode()

        text: list[bytes] = []
        try:
            with self._open(path) as stream:
                names = next((row for row in csv.reader(lines(stream), delimiter=self.delimiter) if row), [])
        except UnicodeDecodeError as error:
            raise UsageError(f"The header of {path} is not UTF-8 text ({error.reason}). Convert the file.") from error
        except csv.Error as error:
            if "new-line character" in str(error):
                raise UsageError(f"The lines of {path} end in CR alone. Convert the file: tr '\\r' '\\n'") from error
            raise UsageError(f"The header of {path} cannot be read: {error}.") from error
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"{path} is damaged: {error}.") from error
        if OpenQuotes(self.delimiter).first(b"".join(text)) is not None:
            raise UsageError(f"The header of {path} opens a quote that is never closed.")
        if not names:
            raise UsageError(f"{path} has no header: it holds blank lines only.")
        if any("\0" in name for name in names):
            raise UsageError(f"{path} is no text: its header holds NUL bytes. If it is UTF-16, convert it to UTF-8.")
        return names, taken

    def _open(self, path: str) -> Any:
        return self.file_system.open_input_stream(path, compression=self.codecs[path])


_FACTORY = {"null": "null", "int64": "int64", "double": "float64", "string": "string"}


def _text_type(arrow_type: pa.DataType) -> pa.DataType:
    """Maps what Arrow infers from text to what TFDV infers: dates, times and booleans are strings there."""
    import pyarrow as pa

    return arrow_type if str(arrow_type) in _FACTORY else pa.string()


def _wider(one: pa.DataType | None, other: pa.DataType | None) -> pa.DataType:
    import pyarrow as pa

    order = list(_FACTORY)
    widest = max(order.index(str(kind)) if kind is not None else 0 for kind in (one, other))
    return getattr(pa, _FACTORY[order[widest]])()
