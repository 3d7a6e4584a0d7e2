"""A source whose table is in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kfx.stats.sources._columns import check_columns

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class MemoryTable:
    """An Arrow table as a source."""

    uri: str
    """What the table is called in messages and reports."""

    table: pa.Table = field(repr=False)
    """The rows."""

    def schema(self) -> pa.Schema:
        """Returns the table's columns."""
        return self.table.schema

    @property
    def num_rows(self) -> int:
        """Rows of the table."""
        return int(self.table.num_rows)

    @property
    def held_bytes(self) -> int:
        """Memory the table takes."""
        return int(self.table.nbytes)

    def batches(self, columns: Sequence[str] | None = None, *, encoded: bool = False) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        """Yields the table's chunks as they are; see `Source.batches`."""
        check_columns(self.uri, self.table.schema.names, columns)
        chosen = self.table if columns is None else self.table.select(list(columns))
        yield from chosen.to_batches()
