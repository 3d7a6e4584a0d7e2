"""String values: counted exactly in Arrow's hash tables, on disk when there are too many different ones.

Values that outgrow their allowance of memory are dealt out to files by a hash, so that all occurrences of a value
meet in one file; each file is then counted by itself. No figure is approximate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kfx.stats.engines._buffers import Weights, is_valid, to_arrow, to_numpy
from kfx.stats.engines._partitions import Partitions
from kfx.stats.figures import Words
from kfx.stats.proto import LONGEST_RANKED, MOST_MERGED_VALUES, NON_UTF8, TOO_LONG, is_text

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from kfx.stats.options import StatsOptions

_FLUSH_ROWS = 1 << 20
_MERGING = 6  # a merge holds its input, its hash table and its output, with room to grow


class StringValues:
    """Counts values and ranks them."""

    def __init__(self, options: StatsOptions, allowance: int) -> None:
        self._options = options
        self._allowance = allowance // _MERGING
        self._pending: list[pa.Array] = []
        self._weights: list[Weights] = []
        self._pending_rows = 0
        self._counted: list[pa.Table] = []
        self._counted_bytes = 0
        self._partitions: Partitions | None = None
        self._mostly_distinct = False

    def add(self, array: pa.Array, weights: Weights | None = None) -> None:
        """Takes in a chunk of strings or bytes, plain or as a dictionary; nulls are not values.

        Args:
            array: The chunk.
            weights: How much each value counts.
        """
        import pyarrow as pa

        if weights is not None:
            weights = weights[is_valid(array)]
        if pa.types.is_dictionary(array.type):
            codes = to_numpy(array.indices.drop_null())
            self._count(_tally(array.dictionary, codes, weights))
            return
        self._pending.append(array)
        if weights is not None:
            self._weights.append(weights)
        self._pending_rows += len(array)
        if self._pending_rows >= _FLUSH_ROWS:
            self._flush()

    def finish(self) -> Words:
        """Ranks what was counted, and lets it go."""
        self._flush()
        words = Words()
        try:
            for counted in self._disjoint():
                words = joined(words, describe(counted, self._options), kept(self._options))
        finally:
            self.close()
        return words

    def close(self) -> None:
        """Lets go what was counted, files too."""
        if self._partitions is not None:
            self._partitions.close()
        self._counted.clear()

    def _disjoint(self) -> Iterator[pa.Table]:
        """Yields tables of distinct values with their counts; no value is in two of them."""
        if self._partitions is None:
            yield merged(self._counted)
            return
        for table in self._counted:
            self._partitions.add(table)
        self._counted.clear()
        for tables in self._partitions.read():
            yield merged(tables)

    def _flush(self) -> None:
        import numpy as np
        import pyarrow as pa

        if not self._pending:
            return
        rows = pa.chunked_array(self._pending).drop_null()
        self._pending, self._pending_rows = [], 0
        if self._weights:
            weights = np.concatenate(self._weights)
            self._weights.clear()
            encoded = rows.combine_chunks().dictionary_encode()
            self._count(_tally(encoded.dictionary, to_numpy(encoded.indices), weights))
            return
        if self._mostly_distinct:
            # Counting would find hardly any value twice; the files will.
            ones = to_arrow(np.ones(len(rows), np.int64))
            self._to_partitions(_table(rows.combine_chunks(), ones))
            return
        pairs = rows.value_counts()
        self._mostly_distinct = self._partitions is not None and 2 * len(pairs) > len(rows)
        self._count(_table(pairs.field("values"), pairs.field("counts")))

    def _count(self, counted: pa.Table) -> None:
        self._counted.append(counted)
        self._counted_bytes += counted.nbytes
        if self._counted_bytes <= self._allowance:
            return
        if self._partitions is None:
            self._counted = [merged(self._counted)]
            self._counted_bytes = self._counted[0].nbytes
        # Merging that frees less than half would soon be due again.
        if self._counted_bytes > self._allowance // 2:
            for table in self._counted:
                self._to_partitions(table)
            self._counted, self._counted_bytes = [], 0

    def _to_partitions(self, counted: pa.Table) -> None:
        if self._partitions is None:
            self._partitions = Partitions()
        self._partitions.add(counted)


def kept(options: StatsOptions) -> int:
    """Returns how many ranked values the proto has room for."""
    for_merging = MOST_MERGED_VALUES if options.mergeable else 0
    return max(options.num_top_values, options.num_rank_histogram_buckets, for_merging)


def merged(tables: list[pa.Table]) -> pa.Table:
    """Adds up the counts, and weights, of equal values."""
    import pyarrow as pa

    if not tables:
        return _table(pa.nulls(0, pa.binary()), pa.nulls(0, pa.int64()))
    if len(tables) == 1 or not any(table.num_rows for table in tables):
        return tables[0]
    # One dictionary for all chunks and a sum by code: several times faster than Arrow's group_by on strings.
    joined = pa.concat_tables(tables)
    encoded = joined["value"].dictionary_encode()
    codes = to_numpy(pa.chunked_array([chunk.indices for chunk in encoded.chunks], pa.int32()).combine_chunks())
    distinct = encoded.chunk(encoded.num_chunks - 1).dictionary
    counts = to_numpy(joined["count"].combine_chunks())
    weights = to_numpy(joined["weight"].combine_chunks()) if "weight" in joined.schema.names else None
    return _sums(distinct, codes, counts, weights)


def describe(counted: pa.Table, options: StatsOptions) -> Words:
    """Describes distinct values with their counts.

    Args:
        counted: Columns `value` (large_binary, distinct) and `count` (int64).
        options: How many ranked values to keep.
    """
    import pyarrow.compute as pc

    if not counted.num_rows:
        return Words()
    lengths = pc.binary_length(counted["value"])
    unique, total_bytes = counted.num_rows, pc.sum(pc.multiply(lengths, counted["count"])).as_py()
    counted, invalid = _readable(counted)
    return Words(
        count=pc.sum(counted["count"]).as_py(),
        unique=unique,
        total_bytes=total_bytes,
        invalid_utf8=invalid,
        ranked=_ranked(counted, "count", kept(options)),
        weighted=_ranked(counted, "weight", kept(options)) if "weight" in counted.schema.names else None,
    )


def joined(one: Words, other: Words, number: int) -> Words:
    """Joins the figures of two sets of values that have no value in common.

    Args:
        one: Figures of the first set.
        other: Figures of the second.
        number: How many ranked values to keep.
    """
    if not one.count or not other.count:
        return one if one.count else other
    weighted = None if one.weighted is None or other.weighted is None else one.weighted + other.weighted
    return Words(
        count=one.count + other.count,
        unique=one.unique + other.unique,
        total_bytes=one.total_bytes + other.total_bytes,
        invalid_utf8=one.invalid_utf8 + other.invalid_utf8,
        ranked=_best(one.ranked + other.ranked, number),
        weighted=None if weighted is None else _best(weighted, number),
    )


def _best(ranked: tuple[tuple[bytes, Any], ...], number: int) -> tuple[tuple[bytes, Any], ...]:
    return tuple(sorted(ranked, key=lambda pair: (pair[1], pair[0]), reverse=True)[:number])


def _tally(values: pa.Array, codes: npt.NDArray[Any], weights: Weights | None) -> pa.Table:
    """Counts the values that codes refer to."""
    return _sums(values, codes, None, weights)


def _sums(
    values: pa.Array, codes: npt.NDArray[Any], counts: npt.NDArray[Any] | None, weights: Weights | None
) -> pa.Table:
    """Sums counts (one each if not given) and weights by code; values no code refers to are left out."""
    import numpy as np

    sums = np.bincount(codes, counts, minlength=len(values)).astype(np.int64)
    # Without a value numpy sums weights up to whole zeros, and columns of two types would not join.
    weighed = None
    if weights is not None:
        weighed = to_arrow(np.bincount(codes, weights, minlength=len(values)).astype(np.float64))
    return _table(values, to_arrow(sums), weighed).take(to_arrow(np.flatnonzero(sums)))


def _table(values: pa.Array, counts: pa.Array, weights: pa.Array | None = None) -> pa.Table:
    import pyarrow as pa

    # Bytes with 64-bit offsets: all columns compare alike, and no concatenation can overflow.
    columns = {"value": values.cast(pa.large_binary()), "count": counts}
    return pa.table(columns if weights is None else {**columns, "weight": weights})


def _ranked(counted: pa.Table, by: str, number: int) -> tuple[tuple[bytes, Any], ...]:
    """Returns the values of the largest count or weight, ties by value descending."""
    import numpy as np
    import pyarrow.compute as pc

    if counted.num_rows > number > 0:
        counts = to_numpy(counted[by].combine_chunks())
        least = np.partition(counts, -number)[-number]
        counted = counted.take(to_arrow(np.flatnonzero(counts >= least)))
    order = [(by, "descending"), ("value", "descending")]
    best = counted.take(pc.select_k_unstable(counted, min(number, counted.num_rows), order))
    return tuple(zip(best["value"].to_pylist(), best[by].to_pylist(), strict=True))


def _readable(counted: pa.Table) -> tuple[pa.Table, int]:
    """Puts TFDV's placeholders in place of values that are not UTF-8, and of very long ones, each under one count.

    Returns:
        The table, and how many values are not UTF-8.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    longest = pc.max(pc.binary_length(counted["value"])).as_py()
    try:
        counted["value"].cast(pa.large_string())
    except pa.ArrowInvalid:
        all_text = False
    else:
        all_text = True
    if all_text and longest <= LONGEST_RANKED:
        return counted, 0
    invalid, placed = 0, []
    for value, count in zip(counted["value"].to_pylist(), counted["count"].to_pylist(), strict=True):
        readable = all_text or is_text(value)
        invalid += 0 if readable else count
        placed.append((value if readable else NON_UTF8) if len(value) <= LONGEST_RANKED else TOO_LONG)
    with_placeholders = counted.set_column(0, "value", pa.array(placed, pa.large_binary()))
    return merged([with_placeholders, with_placeholders.slice(0, 0)]), invalid
