"""Numeric values: kept until all are there, sorted once, and every figure read off the sorted array.

Sorting costs less than it sounds (numpy sorts a million doubles in about 10 ms with AVX-512) and makes the median,
every quantile and every bucket count exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kfx.stats.engines._buffers import to_numpy
from kfx.stats.figures import Numbers
from kfx.stats.histograms import SortedValues, equal_width_buckets, quantile_buckets

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from kfx.stats.options import StatsOptions

_BLOCK = 1 << 16  # values; what the squared deviations are summed over stays in the cache


class NumericValues:
    """Collects numbers and describes them."""

    def __init__(self, options: StatsOptions) -> None:
        self._options = options
        self._chunks: list[npt.NDArray[Any]] = []
        self._nulls = 0

    def add(self, array: pa.Array) -> None:
        """Takes in a chunk; its nulls count as NaN, as TFDV counts nulls inside lists."""
        self._nulls += array.null_count
        present = array.drop_null() if array.null_count else array
        self._chunks.append(as_numbers(present))

    def finish(self) -> Numbers:
        """Describes all chunks together and lets them go."""
        import numpy as np

        values = np.concatenate(self._chunks) if self._chunks else np.empty(0)
        self._chunks.clear()
        values.sort()
        return describe(values, self._nulls, self._options)


def as_numbers(array: pa.Array) -> npt.NDArray[Any]:
    """Returns an Arrow array without nulls as numbers of a type numpy sorts fast.

    Booleans become 0 and 1, dates days and times microseconds since 1970-01-01 (or midnight), decimals doubles.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_boolean(kind):
        return to_numpy(array.cast(pa.uint8()))
    if pa.types.is_float16(kind):
        return to_numpy(array).astype(np.float32)
    if pa.types.is_decimal(kind):
        return to_numpy(array.cast(pa.float64()))
    if pa.types.is_date(kind):
        return to_numpy(array.cast(pa.date32()).cast(pa.int32()))
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
        units = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": -1_000}[kind.unit]
        counts = array.cast(pa.int32()).cast(pa.int64()) if kind.bit_width == 32 else array.cast(pa.int64())
        exact = pc.divide(counts, -units) if units < 0 else pc.multiply_checked(counts, units)
        return to_numpy(exact)
    return to_numpy(array)


def describe(values: npt.NDArray[Any], nulls: int, options: StatsOptions) -> Numbers:
    """Describes sorted values, NaN last.

    Args:
        values: Ascending, shape (n,).
        nulls: Nulls to count as NaN beside those in `values`.
        options: Numbers of buckets.
    """
    import numpy as np

    end = int(values.searchsorted(np.nan)) if values.dtype.kind == "f" else len(values)
    nan = len(values) - end + nulls
    if not end:
        return Numbers(nan=nan)
    values = values[:end]
    ordered = SortedValues(values)
    mean, std_dev = _moments(values)
    zeros = values.searchsorted(0, side="right") - values.searchsorted(0, side="left")
    return Numbers(
        count=end,
        nan=nan,
        mean=mean,
        std_dev=std_dev,
        zeros=int(zeros),
        min=float(values[0]),
        median=(float(values[(end - 1) // 2]) + float(values[end // 2])) / 2,
        max=float(values[-1]),
        standard=equal_width_buckets(ordered, options.num_histogram_buckets),
        quantiles=quantile_buckets(ordered, options.num_quantiles_histogram_buckets),
    )


def _moments(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Returns mean and population standard deviation; the second pass over deviations keeps every digit."""
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore"):
        mean = float(np.add.reduce(values, dtype=np.float64) / len(values))
        squares = 0.0
        for start in range(0, len(values), _BLOCK):
            deviations = np.subtract(values[start : start + _BLOCK], mean, dtype=np.float64)
            # Not np.dot: BLAS would start threads of its own beside ours.
            squares += float(np.add.reduce(np.square(deviations, out=deviations)))
        return mean, float(np.sqrt(squares / len(values)))
