"""Memory shared out to the columns that are computed at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kfx.stats.engines._numbers import width

if TYPE_CHECKING:
    import pyarrow as pa

OVERHEAD = 192 << 20
"""Bytes that Python, Arrow, numpy and the blocks being read take, whatever the table."""

_LEAST = 64 << 20
_SORTING = 2  # a column's chunks and their concatenation are in memory together
_GROUPS = 32


@dataclass(frozen=True)
class Group:
    """Columns that are read together by one thread."""

    names: tuple[str, ...]
    """The columns."""

    allowances: tuple[int, ...]
    """Bytes each column's values may take."""

    @property
    def total(self) -> int:
        """Bytes of all columns."""
        return sum(self.allowances)


class Budget:
    """So many bytes, taken and given back by threads."""

    def __init__(self, memory_limit: int, held: int = 0) -> None:
        """Starts with what the limit leaves.

        Args:
            memory_limit: Bytes the whole process may take.
            held: Bytes already taken by a table in memory.
        """
        self.total = max(memory_limit - OVERHEAD - held, _LEAST)
        self._free = self.total
        self._changed = threading.Condition()

    @contextmanager
    def taking(self, wanted: int) -> Iterator[None]:
        """Waits until the bytes are free; more than there are count as all of them."""
        wanted = min(wanted, self.total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()

    def groups(
        self, schema: pa.Schema, names: Sequence[str], rows: int, workers: int, copies: int = 1, beside: int = 0
    ) -> list[Group]:
        """Cuts columns into groups that fit side by side.

        A narrow table has a column a group. In a wide one reading a group has its price too, so that several columns
        go together, as many as a worker's share of the memory holds. A numeric column gets what exact figures take,
        all other columns of that moment waiting if need be; one that would not even fit alone gets a share, and is
        summed up.

        Args:
            schema: The table's columns.
            names: Those to compute, in order.
            rows: The table's rows.
            workers: Threads that compute at the same time.
            copies: How often a row can be in a data set, once for the whole table and once for each way to slice it.
            beside: Bytes kept with each value, such as its weight.
        """
        share = self.total // workers
        size = max(1, len(names) // _GROUPS)
        groups: list[Group] = []
        pending: dict[str, int] = {}
        for name in names:
            wanted = _wanted(schema.field(name).type, rows * copies, beside)
            allowance = wanted if wanted is not None and wanted <= self.total else share // size // copies
            if pending and (len(pending) == size or sum(pending.values()) + allowance > share):
                groups.append(Group(tuple(pending), tuple(pending.values())))
                pending = {}
            pending[name] = allowance
        return [*groups, Group(tuple(pending), tuple(pending.values()))] if pending else groups


def _wanted(kind: pa.DataType, rows: int, beside: int) -> int | None:
    """Returns the bytes a flat numeric column takes; None for columns whose size the type does not tell."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind) or not (pa.types.is_primitive(kind) or pa.types.is_decimal(kind)):
        return None
    return _SORTING * rows * (width(kind) + beside)
