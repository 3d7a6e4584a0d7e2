"""Count, mean and deviation that can be added up without losing digits."""

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
    """Sum of the squared deviations from the mean."""

    @property
    def std_dev(self) -> float:
        """Population standard deviation."""
        return math.sqrt(self.squares / self.count) if self.count and self.squares >= 0 else math.nan

    def __add__(self, other: Moments) -> Moments:
        """Joins the moments of two sets of values (Chan, Golub and LeVeque, 1979)."""
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        apart = other.mean - self.mean
        if not math.isfinite(apart):
            return Moments(count, (self.mean * self.count + other.mean * other.count) / count, math.nan)
        return Moments(
            count,
            self.mean + apart * (other.count / count),
            self.squares + other.squares + apart * apart * (self.count * other.count / count),
        )


def moments(values: npt.NDArray[Any], weights: npt.NDArray[Any] | None = None) -> Moments:
    """Returns the moments of some values; a second pass over the deviations keeps every digit.

    Args:
        values: At least one, none NaN. With infinite ones the mean is infinite or NaN and the deviation NaN.
        weights: How often each value counts; once if not given.
    """
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
