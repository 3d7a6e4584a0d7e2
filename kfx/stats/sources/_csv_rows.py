"""A block of CSV as a table: the rows that can be read, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kfx.stats.sources._blocks import Block, Buffers, ParsedRows
from kfx.stats.sources._quotes import OpenQuotes

if TYPE_CHECKING:
    import pyarrow as pa

_OPEN = "opens a quote that is never closed"


class CsvParser:
    """Parses blocks of one file; called from several threads."""

    def __init__(
        self,
        delimiter: str,
        names: Sequence[str],
        types: Mapping[str, pa.DataType],
        wanted: Sequence[str],
        buffers: Buffers | None = None,
    ) -> None:
        """Prepares for a file.

        Args:
            delimiter: What stands between two cells.
            names: The file's columns.
            types: Column -> type, as far as it is known; Arrow infers the others.
            wanted: The columns to return, in order.
            buffers: Where blocks are given back to.
        """
        import pyarrow.csv as pacsv

        self._names, self._wanted, self._buffers = names, wanted, buffers
        self._delimiter = delimiter
        self._convert = pacsv.ConvertOptions(
            column_types=dict(types), include_columns=wanted, null_values=[""], strings_can_be_null=True
        )

    def __call__(self, block: Block) -> ParsedRows | Exception:
        """Returns the block's rows, or the error of a value that does not fit its column's type."""
        import pyarrow as pa

        try:
            return self._closed(bytes(block.rows)) if block.odd_quotes else self._plain(block.rows)
        except pa.ArrowInvalid as error:
            misfit: Exception = error
            return misfit
        finally:
            if self._buffers is not None:  # Arrow has copied every value
                self._buffers.give_back(block.rows)

    def _plain(self, text: memoryview | bytes) -> ParsedRows:
        import pyarrow as pa
        import pyarrow.csv as pacsv

        bad: list[tuple[int, str]] = []

        def leave_out(row: Any) -> str:
            bad.append((row.number, f"is ragged: Expected {row.expected_columns} columns, got {row.actual_columns}"))
            return "skip"

        read = pacsv.ReadOptions(column_names=self._names, use_threads=False, block_size=len(text) + 1)
        parse = pacsv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=leave_out)
        try:
            table = pacsv.read_csv(pa.BufferReader(pa.py_buffer(text)), read, parse, self._convert)
        except pa.ArrowInvalid:
            if bytes(text).strip():
                raise
            # Only blank lines hold no row, which Arrow calls an empty file.
            table = pa.table({name: pa.nulls(0) for name in self._wanted})
        return ParsedRows((table,), tuple(bad))

    def _closed(self, text: bytes) -> ParsedRows:
        """Leaves out each line that opens a quote which is not closed; the lines after it are rows again."""
        find = OpenQuotes(self._delimiter).first
        tables: list[pa.Table] = []
        bad: list[tuple[int, str]] = []
        start, opened = 0, find(text)
        while True:
            parsed = self._plain(text[start:opened])
            before = sum(table.num_rows for table in tables) + len(bad)
            bad.extend((before + number, why) for number, why in parsed.bad)
            tables.extend(parsed.tables)
            if opened is None:
                return ParsedRows(tuple(tables), tuple(bad))
            bad.append((before + parsed.rows + 1, _OPEN))
            start = text.find(b"\n", opened) + 1 or len(text)
            opened = find(text, start)
