"""Quotes that are opened and never closed: they would swallow the rest of a file as one value."""

from __future__ import annotations

import re


class OpenQuotes:
    """Finds the row of a text in which a quoted value begins that does not end."""

    def __init__(self, delimiter: str) -> None:
        cell_end = rf"[^{re.escape(delimiter)}\r\n]*(?:({re.escape(delimiter)})|\r\n|\r|\n|\Z)"
        # What follows a closing quote belongs to the value, quotes included, as Arrow reads it.
        self._cell = re.compile(rf'(?:"[^"]*(?:""[^"]*)*("|\Z))?{cell_end}'.encode())

    def first(self, text: bytes, start: int = 0) -> int | None:
        """Returns where that row begins, or None where all quotes are closed.

        Args:
            text: Whole rows, and possibly one that is cut off.
            start: Where a row begins, from which to look.
        """
        while (quote := text.find(b'"', start)) >= 0:
            # Up to here there is no quote, so every line end is a row's end.
            row = max(start, text.rfind(b"\n", start, quote) + 1, text.rfind(b"\r", start, quote) + 1)
            end = self._row_end(text, row)
            if end is None:
                return row
            start = end
        return None

    def _row_end(self, text: bytes, start: int) -> int | None:
        """Returns where the row ends, or None where a quote of it is never closed."""
        while match := self._cell.match(text, start):
            closing, delimiter = match.groups()
            if closing == b"":
                return None
            start = match.end()
            if delimiter is None:
                break
        return start
