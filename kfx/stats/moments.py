"""Count, mean and deviation that can be added up without losing digits.

Sums of doubles near the largest one, and squares of those above 1e154, are no doubles. Where that happens, and nowhere
else, the computation is made again in units of a power of two, which costs no digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

_BLOCK = 1 << 16  # values; what the squared deviations are summed over stays in the cache


@dataclass(frozen=True)
class Moments:
    """The first two moments of some values."""

    count: float = 0.0
    """Number, or total weight, of the values."""

    mean: float = 0.0
    """Their mean."""

    squares: float = 0.0
    """Sum of the squared deviations from the mean, in units of `scale` squared."""

    scale: float = 1.0
    """1, or a power of two where the squares themselves overflow."""

    @classmethod
    def told(cls, count: float, mean: float, std_dev: float) -> Moments:
        """Returns the moments of values of which these figures are known.

        Args:
            count: Number of the values.
            mean: Their mean.
            std_dev: Their population standard deviation.
        """
        squares = std_dev * std_dev * count
        if math.isinf(squares) and math.isfinite(std_dev):
            unit = _unit(std_dev)
            return cls(count, mean, (std_dev / unit) ** 2 * count, unit)
        return cls(count, mean, squares)

    @property
    def std_dev(self) -> float:
        """Population standard deviation."""
        return self.scale * math.sqrt(self.squares / self.count) if self.count and self.squares >= 0 else math.nan

    def __add__(self, other: Moments) -> Moments:
        """Joins the moments of two sets of values (Chan, Golub and LeVeque, 1979)."""
        if not self.count or not other.count:
            return self if self.count else other
        joined = self._joined(other)
        if self.scale == other.scale == 1 and math.isfinite(joined.squares):
            return joined
        sizes = [abs(figure) for one in (self, other) for figure in (one.mean, one.std_dev)]
        if all(map(math.isfinite, sizes)):
            unit = _unit(max(sizes))
            joined = self._in_units(unit)._joined(other._in_units(unit))
            return Moments(joined.count, joined.mean * unit, joined.squares, unit)
        if math.isfinite(joined.mean):
            return joined
        return Moments(joined.count, (self.mean * self.count + other.mean * other.count) / joined.count, math.nan)

    def _joined(self, other: Moments) -> Moments:
        count = self.count + other.count
        apart = other.mean - self.mean
        return Moments(
            count,
            self.mean + apart * (other.count / count),
            self.squares + other.squares + apart * apart * (self.count * other.count / count),
        )

    def _in_units(self, unit: float) -> Moments:
        """Returns the moments of the values divided by a unit."""
        ratio = self.scale / unit
        return Moments(self.count, self.mean / unit, self.squares * ratio * ratio)


def moments(values: npt.NDArray[Any], weights: npt.NDArray[Any] | None = None) -> Moments:
    """Returns the moments of some values; a second pass over the deviations keeps every digit.

    Args:
        values: At least one, none NaN. With infinite ones the mean is infinite or NaN and the deviation NaN.
        weights: How often each value counts; once if not given.
    """
    plain = _summed(values, weights)
    if math.isfinite(plain.squares):
        return plain
    largest = max(abs(float(values.min())), abs(float(values.max())))
    if not math.isfinite(largest):
        return plain
    unit = _unit(largest)
    scaled = _summed(values / unit, weights)
    if not math.isfinite(scaled.squares):  # the weights themselves overflow
        return plain
    # Rounding may lift the mean of values that are all the largest double above it.
    mean = max(-largest / unit, min(largest / unit, scaled.mean))
    return Moments(scaled.count, mean * unit, scaled.squares, unit)


def midpoint(one: float, other: float) -> float:
    """Returns the mean of two numbers, also where their sum is no double."""
    total = one + other
    return total / 2 if math.isfinite(total) else one / 2 + other / 2


def _unit(largest: float) -> float:
    """Returns the power of two that a positive number is 1 to 2 times of."""
    return math.ldexp(1.0, math.frexp(largest)[1] - 1)


def _summed(values: npt.NDArray[Any], weights: npt.NDArray[Any] | None) -> Moments:
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        if weights is None:
            count = float(len(values))
            mean = float(values.sum(dtype=np.float64) / count)
        else:
            count = float(weights.sum(dtype=np.float64))
            mean = float((values * weights).sum(dtype=np.float64) / count) if count else 0.0
        squares = 0.0
        for start in range(0, len(values), _BLOCK):
            deviations = np.subtract(values[start : start + _BLOCK], mean, dtype=np.float64)
            np.square(deviations, out=deviations)
            if weights is not None:
                deviations *= weights[start : start + _BLOCK]
            # Not np.dot: BLAS would start threads of its own beside ours.
            squares += float(deviations.sum())
    return Moments(count, mean, squares)
