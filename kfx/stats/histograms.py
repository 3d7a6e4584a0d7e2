"""Histograms with TFDV's buckets, filled by counting instead of by interpolation.

Values come in one of two forms: sorted one by one, or as distinct values with their counts. Both answer two questions,
which value stands at a rank and how many values are at most x, and every histogram is made of those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from kfx.stats.figures import Bucket

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Ordered(Protocol):
    """Values in ascending order, none of them NaN, at least one."""

    @property
    def values(self) -> npt.NDArray[Any]:
        """The values, or the distinct ones."""

    @property
    def total(self) -> float:
        """Number (or total weight) of the values."""

    def at(self, fractions: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        """Returns the value that stands at each fraction (0 to 1) of the order."""

    def mass(self, values: npt.ArrayLike, *, below: bool = False) -> npt.NDArray[np.float64]:
        """Returns how many values are at most each given one; with `below`, less than it."""


@dataclass(frozen=True)
class SortedValues:
    """Values one by one, in ascending order."""

    values: npt.NDArray[Any]
    """The values; shape (n,), n >= 1."""

    @property
    def total(self) -> float:
        """Number of values."""
        return float(len(self.values))

    def at(self, fractions: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        """Returns values[floor(n * fraction)], the last one for fraction 1, which is TFDV's quantile."""
        import numpy as np

        ranks = np.floor(fractions * len(self.values)).astype(np.int64)
        return self.values[np.minimum(ranks, len(self.values) - 1)]

    def mass(self, values: npt.ArrayLike, *, below: bool = False) -> npt.NDArray[np.float64]:
        """Returns how many values are at most each given one; with `below`, less than it."""
        import numpy as np

        return np.asarray(self.values.searchsorted(values, side="left" if below else "right"), np.float64)


@dataclass(frozen=True)
class CountedValues:
    """Distinct values in ascending order, each with its count or weight."""

    values: npt.NDArray[Any]
    """The distinct values; shape (n,), n >= 1."""

    cumulative: npt.NDArray[np.float64]
    """Running total of the counts; shape (n,)."""

    @property
    def total(self) -> float:
        """Sum of the counts."""
        return float(self.cumulative[-1])

    def at(self, fractions: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        """Returns the first value whose running total exceeds fraction * total, the last one for fraction 1."""
        import numpy as np

        ranks = self.cumulative.searchsorted(fractions * self.total, side="right")
        return self.values[np.minimum(ranks, len(self.values) - 1)]

    def mass(self, values: npt.ArrayLike, *, below: bool = False) -> npt.NDArray[np.float64]:
        """Returns the running total at each given value; with `below`, just under it."""
        import numpy as np

        places = self.values.searchsorted(values, side="left" if below else "right")
        return np.where(places > 0, self.cumulative[np.maximum(places - 1, 0)], 0.0)


def quantile_buckets(ordered: Ordered, number: int) -> tuple[Bucket, ...]:
    """Cuts the values into buckets of about equal counts.

    A value that spans several edges cannot be cut: its mass is shared evenly by the buckets that end at it, as in TFDV.

    Args:
        ordered: The values.
        number: Buckets wanted; 0 for none.
    """
    import numpy as np

    if not number:
        return ()
    edges = ordered.at(np.arange(number + 1) / number)
    highs = edges[1:]
    mass = ordered.mass(edges)
    counts = np.zeros(number)
    before = 0.0
    if highs[0] != edges[0]:  # no bucket ends at the minimum, so the first one takes it in
        counts[0] = before = mass[0]
    firsts = np.flatnonzero(_first_of_each(highs))
    ending_here = np.diff(firsts, append=number)
    up_to = mass[1:][firsts]
    counts += np.repeat(np.diff(up_to, prepend=before) / ending_here, ending_here)
    return _buckets(edges[:-1], highs, counts)


def equal_width_buckets(ordered: Ordered, number: int) -> tuple[Bucket, ...]:
    """Cuts the range of the finite values into equal widths and counts each; infinities get buckets of their own.

    Args:
        ordered: The values.
        number: Buckets wanted between the smallest and the largest finite value; one if they are the same.
            0 for no bucket at all.
    """
    import numpy as np

    if not number:
        return ()
    values = ordered.values
    first, last, start, end = 0, len(values), 0.0, ordered.total
    if values.dtype.kind == "f":
        first, last = int(values.searchsorted(-np.inf, "right")), int(values.searchsorted(np.inf, "left"))
        start, end = float(ordered.mass(-np.inf)), float(ordered.mass(np.inf, below=True))
    buckets: list[Bucket] = []
    if start:
        buckets.append(Bucket(-np.inf, -np.inf, start))
    if end > start:
        buckets.extend(_finite_buckets(ordered, number, (values[first], values[last - 1]), (start, end)))
    if ordered.total > end:
        buckets.append(Bucket(np.inf, np.inf, ordered.total - end))
    return tuple(buckets)


def _finite_buckets(
    ordered: Ordered, number: int, extremes: tuple[Any, Any], masses: tuple[float, float]
) -> tuple[Bucket, ...]:
    """Cuts the finite values, of which `masses` values lie below and up to the extremes."""
    import numpy as np

    lowest, highest = float(extremes[0]), float(extremes[1])
    start, end = masses
    if extremes[0] == extremes[1]:
        return (Bucket(lowest, highest, end - start),)
    edges = _edges(lowest, highest, number)
    inner = edges[1:-1]
    if ordered.values.dtype.kind != "f":
        # A whole number is below an edge if it is below the next whole number; comparing as integers spares a copy
        # of all values as doubles, and their lost digits.
        inner = np.clip(np.ceil(inner), lowest, highest).astype(ordered.values.dtype)
    cumulative = np.concatenate([[start], ordered.mass(inner, below=True), [end]])
    return _buckets(edges[:-1], edges[1:], np.diff(cumulative))


def _edges(lowest: float, highest: float, number: int) -> npt.NDArray[np.float64]:
    import numpy as np

    steps = np.arange(number + 1, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        edges = lowest + steps * ((highest - lowest) / number)
    if not np.isfinite(edges).all():  # the range of the largest doubles is no double itself
        edges = lowest * (1 - steps / number) + highest * (steps / number)
    edges[-1] = highest
    return edges


def outline(ordered: Ordered, number: int = 1000) -> tuple[Bucket, ...]:
    """Returns the distribution as buckets fine enough to merge: values, or ranges of about 1/number of the values.

    A bucket whose low is its high is one value with its count. Where there are no more than `number` distinct values,
    all buckets are such, and merging is exact.

    Args:
        ordered: The values.
        number: About how many buckets.
    """
    import numpy as np

    values = ordered.values
    first_of_each = _first_of_each(values)
    if first_of_each.sum() <= number:
        edges = values[first_of_each]
        return _buckets(edges, edges, np.diff(ordered.mass(edges), prepend=0.0))
    edges = ordered.at(np.arange(number + 1) / number)
    if values.dtype.kind == "f":
        # Infinite values must not share a bucket with finite ones.
        finite = values[np.isfinite(values)]
        edges = np.concatenate([edges, finite[:1], finite[-1:]])
    edges = np.unique(edges)
    counts = np.diff(ordered.mass(edges), prepend=0.0)
    return _buckets(np.concatenate([edges[:1], edges[:-1]]), edges, counts)


def _first_of_each(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Says which of some ascending values, at least one, differ from the one before; np.unique imports numpy.ma."""
    import numpy as np

    return np.concatenate([[True], values[1:] != values[:-1]])


def _buckets(lows: npt.NDArray[Any], highs: npt.NDArray[Any], counts: npt.NDArray[np.float64]) -> tuple[Bucket, ...]:
    rows = zip(lows.tolist(), highs.tolist(), counts.tolist(), strict=True)
    return tuple(Bucket(float(low), float(high), float(count)) for low, high, count in rows)
