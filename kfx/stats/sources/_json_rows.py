"""A block of JSON lines as tables: the rows that can be read, and what is wrong with the others."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kfx.stats.sources._blocks import Block, ParsedRows
from kfx.stats.sources._utf8 import NOT_UTF8, is_utf8

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
            if is_utf8(block.rows):  # Arrow does not look
                return ParsedRows((self._table([block.rows]),), ())
        except pa.ArrowInvalid:
            pass
        return self._sorted_out([line for line in bytes(block.rows).split(b"\n") if line.strip()])

    def _sorted_out(self, lines: list[bytes]) -> ParsedRows:
        """Finds the lines of a block that cannot be read, and reads the others; or finds the first one alone."""
        bad = {at: flaw for at, line in enumerate(lines) if (flaw := _flaw(line))}
        end = len(lines) if self._all_bad_rows or not bad else min(bad)
        tables = self._halve(lines, [at for at in range(end) if at not in bad], bad)
        found = tuple((at + 1, bad[at]) for at in sorted(bad))
        if found and not self._all_bad_rows:
            return ParsedRows((), found[:1])
        return ParsedRows(tuple(tables), found)

    def _halve(self, lines: list[bytes], wanted: list[int], bad: dict[int, str]) -> list[pa.Table]:
        """Reads lines, halving what cannot be read until the bad ones stand alone; says of each what is wrong."""
        import pyarrow as pa

        tables: list[pa.Table] = []
        waiting = [wanted] if wanted else []
        while waiting:
            part = waiting.pop()
            try:
                tables.append(self._table([lines[at] for at in part]))
            except pa.ArrowInvalid as error:
                if len(part) == 1:
                    bad[part[0]] = _PLACE.sub("", str(error))
                    if not self._all_bad_rows:
                        break
                else:
                    waiting.extend((part[len(part) // 2 :], part[: len(part) // 2]))
        return tables

    def _table(self, lines: Sequence[memoryview | bytes]) -> pa.Table:
        import pyarrow as pa
        import pyarrow.json as pajson

        text = lines[0] if len(lines) == 1 else b"\n".join(lines)
        # Arrow takes a null for an object without keys, and dies of one at the start.
        if bytes(text[:64]).lstrip().startswith(b"null") or _NULL.search(text):
            raise pa.ArrowInvalid("null is no object")
        read = pajson.ReadOptions(use_threads=False, block_size=len(text) + 1)
        return pajson.read_json(pa.BufferReader(pa.py_buffer(text)), read, self._options)


def _flaw(line: bytes) -> str:
    """Returns why a line cannot be read, as far as is certain without Arrow, which takes a while for each; else ""."""
    if not is_utf8(line):
        return NOT_UTF8
    try:
        read = json.loads(line.decode(), strict=False)
    except json.JSONDecodeError as error:
        # Arrow reads several objects in a line, and another spelling of infinity.
        return "" if error.msg == "Extra data" or b"Inf" in line else f"{error.msg} at character {error.pos + 1}"
    except RecursionError:
        return ""
    return "" if isinstance(read, dict) else "no JSON object"
