"""Any source as one that is cheap to read by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from kfx.stats.sources import Unsettled, WidenedError
from kfx.stats.sources._columns import check_columns, pick
from kfx.stats.sources._memory import MemoryTable

if TYPE_CHECKING:
    import pyarrow as pa

    from kfx.stats.engines import Progress
    from kfx.stats.options import StatsOptions
    from kfx.stats.sources import Source


@runtime_checkable
class ColumnarTable(Protocol):
    """A source of which a few columns cost a fraction of all."""

    @property
    def uri(self) -> str:
        """What the user gave."""

    @property
    def num_rows(self) -> int:
        """Rows of the table, known without reading them."""

    def schema(self) -> pa.Schema:
        """Returns the table's columns."""

    def batches(self, columns: Sequence[str] | None = None, *, encoded: bool = False) -> Iterator[pa.RecordBatch]:
        """Yields the rows of some columns; with `encoded`, strings may come as dictionaries."""


@contextmanager
def columnar(source: Source, options: StatsOptions, progress: Progress) -> Iterator[ColumnarTable]:
    """Gives the source itself if it is columnar, else its rows read into columns."""
    import pyarrow as pa

    if isinstance(source, ColumnarTable):
        yield source
        return
    batches = _all_rows(source, options, progress)
    schema = source.schema()
    wanted = schema.names if options.feature_allowlist is None else options.feature_allowlist
    check_columns(source.uri, schema.names, wanted)
    table = pa.Table.from_batches([batch.select(wanted) for batch in batches], schema=pick(schema, wanted))
    yield MemoryTable(source.uri, table)


def _all_rows(source: Source, options: StatsOptions, progress: Progress) -> list[pa.RecordBatch]:
    while True:
        batches, rows = [], 0
        reading = source.first_reading() if isinstance(source, Unsettled) else source.batches(options.feature_allowlist)
        try:
            for batch in reading:
                batches.append(batch)
                rows += batch.num_rows
                progress("rows", rows, 0)
        except WidenedError:
            continue
        return batches
