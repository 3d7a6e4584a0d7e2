"""A block of CSV as a table: the rows that can be read, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kfx.stats.sources._blocks import LONGEST, Block, Buffers, ParsedRows
from kfx.stats.sources._quotes import OpenQuotes
from kfx.stats.sources._utf8 import NOT_UTF8, is_utf8

if TYPE_CHECKING:
    import pyarrow as pa

_OPEN = f"opens a quote that is never closed (a quoted value takes up to {LONGEST >> 20} MiB)"
_PIECE = 512 << 10  # bytes that stay in the processor's cache until Arrow has converted their last column


class CsvParser:
    """Parses blocks of one file; called from several threads."""

    def __init__(
        self,
        delimiter: str,
        names: Sequence[str],
        types: Mapping[str, pa.DataType],
        wanted: Sequence[str],
        buffers: Buffers | None = None,
        *,
        check: bool = False,
    ) -> None:
        """Prepares for a file.

        Args:
            delimiter: What stands between two cells.
            names: The file's columns.
            types: Column -> type, as far as it is known; Arrow infers the others.
            wanted: The columns to return, in order.
            buffers: Where blocks are given back to.
            check: Whether to look for rows that are not UTF-8 in columns that are not wanted, too.
        """
        import pyarrow.csv as pacsv

        self._names, self._wanted, self._buffers = names, wanted, buffers
        self._delimiter, self._check = delimiter, check
        self._convert, self._convert_utf8 = (
            pacsv.ConvertOptions(
                column_types=dict(types),
                include_columns=wanted,
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=check_cells,
            )
            for check_cells in (True, False)
        )

    def __call__(self, block: Block) -> ParsedRows | Exception:
        """Returns the block's rows, or the error of a value that does not fit its column's type."""
        import pyarrow as pa

        try:
            return self._closed(bytes(block.rows)) if block.odd_quotes else self._decoded(block.rows)
        except pa.ArrowInvalid as error:
            misfit: Exception = error
            return misfit
        finally:
            if self._buffers is not None:  # Arrow has copied every value
                self._buffers.give_back(block.rows)

    def _decoded(self, text: memoryview | bytes) -> ParsedRows:
        import pyarrow as pa

        if is_utf8(text):
            # So are its cells, since what stands between them is ASCII; looking at each one takes seven times longer.
            try:
                return self._plain(text, self._convert_utf8)
            except pa.ArrowInvalid:
                return self._plain(text, self._convert_utf8, ragged=True)
        if self._check:
            return self._without_undecodable(bytes(text))
        try:
            parsed = self._plain(text, self._convert)
        except pa.ArrowInvalid:
            return self._without_undecodable(bytes(text))
        # Where Arrow infers types, it calls columns that are not UTF-8 binary.
        undecodable = any(pa.types.is_binary(kind) for table in parsed.tables for kind in table.schema.types)
        return self._without_undecodable(bytes(text)) if undecodable else parsed

    def _without_undecodable(self, text: bytes) -> ParsedRows:
        """Leaves out the rows that are not UTF-8, found by reading each byte as a character."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.csv as pacsv

        cells = pacsv.ConvertOptions(column_types=dict.fromkeys(self._names, pa.string()), null_values=[])
        found = self._plain(text.decode("latin-1").encode(), cells, ragged=True)
        ragged = {number for number, _ in found.bad}
        numbers = [number for number in range(1, found.rows + 1) if number not in ragged]
        (table,) = found.tables
        flaws: dict[int, str] = {}
        for name, column in zip(self._names, table.columns, strict=True):
            for row in pc.indices_nonzero(pc.invert(pc.string_is_ascii(column))).to_pylist():
                if not is_utf8(column[row].as_py().encode("latin-1")):
                    flaws.setdefault(row, f"is {NOT_UTF8} in column {name!r}")
        kept = table.take(pa.array([row for row in range(len(table)) if row not in flaws], pa.int64()))
        quoted = pacsv.WriteOptions(include_header=False, delimiter=self._delimiter, quoting_style="all_valid")
        again = pa.BufferOutputStream()
        pacsv.write_csv(kept, again, quoted)
        text = again.getvalue().to_pybytes().decode().encode("latin-1")
        tables = self._plain(text, self._convert, ragged=True).tables
        return ParsedRows(tables, tuple(sorted([*found.bad, *((numbers[row], why) for row, why in flaws.items())])))

    def _plain(self, text: memoryview | bytes, convert: Any, *, ragged: bool = False) -> ParsedRows:
        """Reads rows. Those of another length, and long ones, are errors; with `ragged` the former are left out."""
        import pyarrow as pa
        import pyarrow.csv as pacsv

        bad: list[tuple[int, str]] = []

        def leave_out(row: Any) -> str:
            bad.append((row.number, f"is ragged: Expected {row.expected_columns} columns, got {row.actual_columns}"))
            return "skip"

        piece = len(text) if ragged else min(len(text), _PIECE)
        read = pacsv.ReadOptions(column_names=self._names, use_threads=False, block_size=piece + 1)
        parse = pacsv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True)
        if ragged:  # not before: Arrow prints a traceback where a ragged row is not UTF-8
            parse.invalid_row_handler = leave_out
        try:
            table = pacsv.read_csv(pa.BufferReader(pa.py_buffer(text)), read, parse, convert).combine_chunks()
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
            parsed = self._decoded(text[start:opened])
            before = sum(table.num_rows for table in tables) + len(bad)
            bad.extend((before + number, why) for number, why in parsed.bad)
            tables.extend(parsed.tables)
            if opened is None:
                return ParsedRows(tuple(tables), tuple(bad))
            bad.append((before + parsed.rows + 1, _OPEN))
            start = text.find(b"\n", opened) + 1 or len(text)
            opened = find(text, start)
