"""String values: counted exactly, chunk by chunk, in Arrow's hash tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kfx.stats.engines._buffers import to_arrow, to_numpy
from kfx.stats.figures import Words

if TYPE_CHECKING:
    import pyarrow as pa

    from kfx.stats.options import StatsOptions

_FLUSH_ROWS = 1 << 20
_COUNTED = ("value", "count")


class StringValues:
    """Counts values and ranks them."""

    def __init__(self, options: StatsOptions) -> None:
        self._options = options
        self._pending: list[pa.Array] = []
        self._pending_rows = 0
        self._counted: list[pa.Table] = []

    def add(self, array: pa.Array) -> None:
        """Takes in a chunk of strings or bytes, plain or as a dictionary; nulls are not values."""
        import pyarrow as pa

        if pa.types.is_dictionary(array.type):
            self._counted.append(_count_dictionary(array))
            return
        self._pending.append(array)
        self._pending_rows += len(array)
        if self._pending_rows >= _FLUSH_ROWS:
            self._flush()

    def finish(self) -> Words:
        """Ranks what was counted."""
        self._flush()
        return rank(_merged(self._counted), self._options)

    def _flush(self) -> None:
        import pyarrow as pa

        if self._pending:
            counted = pa.chunked_array(self._pending).drop_null().value_counts()
            self._counted.append(_table(counted.field("values"), counted.field("counts")))
        self._pending, self._pending_rows = [], 0


def _count_dictionary(array: pa.DictionaryArray) -> pa.Table:
    import numpy as np

    codes = to_numpy(array.indices.drop_null())
    counts = np.bincount(codes, minlength=len(array.dictionary))
    return _table(array.dictionary, to_arrow(counts)).take(to_arrow(np.flatnonzero(counts)))


def _table(values: pa.Array, counts: pa.Array) -> pa.Table:
    import pyarrow as pa

    # Bytes with 64-bit offsets: all columns compare alike, and no concatenation can overflow.
    return pa.table([values.cast(pa.large_binary()), counts], names=_COUNTED)


def _merged(tables: list[pa.Table]) -> pa.Table:
    import pyarrow as pa

    if not tables:
        return _table(pa.nulls(0, pa.binary()), pa.nulls(0, pa.int64()))
    if len(tables) == 1:
        return tables[0]
    grouped = pa.concat_tables(tables).group_by("value", use_threads=False).aggregate([("count", "sum")])
    return grouped.select(["value", "count_sum"]).rename_columns(_COUNTED)


def rank(counted: pa.Table, options: StatsOptions) -> Words:
    """Describes distinct values with their counts.

    Args:
        counted: Columns `value` (large_binary, distinct) and `count` (int64).
        options: How many ranked values to keep.
    """
    import pyarrow.compute as pc

    if not counted.num_rows:
        return Words()
    lengths = pc.binary_length(counted["value"])
    return Words(
        count=pc.sum(counted["count"]).as_py(),
        unique=counted.num_rows,
        total_bytes=pc.sum(pc.multiply(lengths, counted["count"])).as_py(),
        invalid_utf8=_invalid(counted),
        ranked=_ranked(counted, max(options.num_top_values, options.num_rank_histogram_buckets)),
    )


def _ranked(counted: pa.Table, number: int) -> tuple[tuple[str | None, int], ...]:
    """Returns the most frequent values, ties by value descending."""
    import numpy as np
    import pyarrow.compute as pc

    if counted.num_rows > number > 0:
        counts = to_numpy(counted["count"].combine_chunks())
        least = np.partition(counts, -number)[-number]
        counted = counted.take(to_arrow(np.flatnonzero(counts >= least)))
    order = [("count", "descending"), ("value", "descending")]
    best = counted.take(pc.select_k_unstable(counted, min(number, counted.num_rows), order))
    return tuple(
        (_text(value), count) for value, count in zip(best["value"].to_pylist(), best["count"].to_pylist(), strict=True)
    )


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _invalid(counted: pa.Table) -> int:
    """Counts the values that are not UTF-8, repeated ones each time."""
    import pyarrow as pa

    try:
        counted["value"].cast(pa.large_string())
    except pa.ArrowInvalid:
        if counted.num_rows == 1:
            return int(counted["count"][0].as_py())
        half = counted.num_rows // 2
        return _invalid(counted.slice(0, half)) + _invalid(counted.slice(half))
    return 0
