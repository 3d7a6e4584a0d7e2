"""An Arrow array's values as numbers, and what the numbers stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.engines._buffers import to_numpy

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_NANOSECONDS_PER_MICROSECOND = 1_000

_EXACT_INTEGERS = 1 << 53  # doubles hold every integer up to here ...
_EXACT_POWERS = 22  # ... and every power of ten up to this one, so that their quotient is rounded once


def as_numbers(array: pa.Array) -> npt.NDArray[Any]:
    """Returns an Arrow array without nulls as numbers of a type numpy sorts fast.

    Booleans become 0 and 1, dates days and times microseconds since 1970-01-01 (or midnight), decimals the
    nearest doubles.

    Raises:
        UsageError: A time is too far away for microseconds in 64 bits.
    """
    import numpy as np
    import pyarrow as pa

    kind = array.type
    if pa.types.is_boolean(kind):
        return to_numpy(array.cast(pa.uint8()))
    if pa.types.is_float16(kind):
        return to_numpy(array).astype(np.float32)
    if pa.types.is_decimal(kind):
        return _nearest_doubles(array)
    if pa.types.is_date(kind):
        return to_numpy(array.cast(pa.date32()).cast(pa.int32()))
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
        narrow = pa.types.is_time32(kind)
        counts = to_numpy(array.cast(pa.int32() if narrow else pa.int64())).astype(np.int64)
        nanoseconds = kind.unit == "ns"
        return counts // _NANOSECONDS_PER_MICROSECOND if nanoseconds else _microseconds(counts, kind)
    return to_numpy(array)


def _microseconds(counts: npt.NDArray[Any], kind: pa.DataType) -> npt.NDArray[Any]:
    """Returns counts of a temporal type's unit as microseconds; numpy would wrap those that are too many around."""
    import numpy as np

    factor = _MICROSECONDS[kind.unit]
    most = np.iinfo(np.int64).max // factor
    if factor > 1 and len(counts):
        for odd in (int(counts.max()), int(counts.min())):
            if abs(odd) > most:
                raise UsageError(
                    f"{odd} {kind.unit} is a {kind} that does not fit the microseconds in 64 bits as which times are "
                    f"described. Mend the value (at most {most} {kind.unit}), or leave the column out: name the "
                    "columns wanted in feature_allowlist (--feature)."
                )
    return counts * factor


def _nearest_doubles(array: pa.Array) -> npt.NDArray[Any]:
    """Returns decimals as the doubles next to them; Arrow's own cast is often a unit in the last place off."""
    import numpy as np
    import pyarrow as pa

    kind = array.type
    size = int(kind.bit_width) // 8
    if len(array) and 0 <= kind.scale <= _EXACT_POWERS:
        # A decimal is an integer in two's complement, lowest bytes first, divided by 10^scale.
        word = np.dtype("<i4" if size == 4 else "<i8")
        words = np.frombuffer(array.buffers()[1], word, len(array) * size // word.itemsize, array.offset * size)
        low, *others = words.reshape(len(array), -1).T
        sign = low >> (8 * word.itemsize - 1)
        exact = low.min() >= -_EXACT_INTEGERS and low.max() <= _EXACT_INTEGERS
        if exact and all(np.array_equal(high, sign) for high in others):
            return np.asarray(low / float(10**kind.scale), np.float64)
    return to_numpy(array.cast(pa.string()).cast(pa.float64()))


def width(kind: pa.DataType) -> int:
    """Returns the bytes that `as_numbers` takes for a value of a flat numeric type."""
    import pyarrow as pa

    if pa.types.is_float16(kind):
        return 4
    if pa.types.is_decimal(kind) or pa.types.is_time32(kind):
        return 8
    return max(int(kind.bit_width), 8) // 8


def unit(kind: pa.DataType) -> str:
    """Says what a number stands for where the proto's type does not; empty where it does."""
    import pyarrow as pa

    names = [
        (pa.types.is_date, "days since 1970-01-01"),
        (pa.types.is_timestamp, "microseconds since 1970-01-01"),
        (pa.types.is_time, "microseconds since midnight"),
        (pa.types.is_duration, "microseconds"),
        (pa.types.is_boolean, "boolean"),
    ]
    return next((name for test, name in names if test(kind)), "")
