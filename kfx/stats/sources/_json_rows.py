"""A block of JSON lines as tables: the rows that can be read, and what is wrong with the others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kfx.stats.sources._blocks import Block, ParsedRows

if TYPE_CHECKING:
    import pyarrow as pa

_NULL = re.compile(rb"\n[ \t\r]*null")
_PLACE = re.compile(r"^JSON parse error: | in row \d+$")


class JsonParser:
    """Parses blocks of lines; called from several threads."""

    def __init__(self, schema: pa.Schema | None, *, all_bad_rows: bool) -> None:
        """Prepares for a file.

        Args:
            schema: The keys and their types; None to find out.
            all_bad_rows: Whether to go on behind the first row that cannot be read.
        """
        import pyarrow.json as pajson

        unexpected = "infer" if schema is None else "ignore"
        self._options = pajson.ParseOptions(explicit_schema=schema, unexpected_field_behavior=unexpected)
        self._all_bad_rows = all_bad_rows

    def __call__(self, block: Block) -> ParsedRows:
        """Returns the block's rows, in several tables where rows between them could not be read."""
        import pyarrow as pa

        try:
            return ParsedRows((self._table(block.rows),), ())
        except pa.ArrowInvalid:
            return self._halved([line for line in bytes(block.rows).split(b"\n") if line.strip()])

    def _halved(self, lines: list[bytes]) -> ParsedRows:
        """Halves what cannot be read until the bad lines stand alone."""
        import pyarrow as pa

        parsed = ParsedRows((), ())
        waiting = [lines]
        while waiting:
            part = waiting.pop()
            try:
                parsed = ParsedRows((*parsed.tables, self._table(b"\n".join(part))), parsed.bad)
            except pa.ArrowInvalid as error:
                if len(part) > 1:
                    waiting.extend((part[len(part) // 2 :], part[: len(part) // 2]))
                    continue
                parsed = ParsedRows(parsed.tables, (*parsed.bad, (parsed.rows + 1, _PLACE.sub("", str(error)))))
                if not self._all_bad_rows:
                    break
        return parsed

    def _table(self, text: memoryview | bytes) -> pa.Table:
        import pyarrow as pa
        import pyarrow.json as pajson

        # Arrow takes a null for an object without keys, and dies of one at the start.
        if bytes(text[:64]).lstrip().startswith(b"null") or _NULL.search(text):
            raise pa.ArrowInvalid("null is no object")
        read = pajson.ReadOptions(use_threads=False, block_size=len(text) + 1)
        return pajson.read_json(pa.BufferReader(pa.py_buffer(text)), read, self._options)
