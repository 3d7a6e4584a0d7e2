"""How far apart two samples of one distribution may look: thresholds from both sample sizes.

Each threshold is the larger of two numbers: what chance alone makes of samples of these sizes, and what is too small to
matter. The first shrinks with the rows and rules small samples; the second rules large ones, where every difference is
real and most are of no consequence.

`CHANCE` is the probability that two samples of one distribution exceed a threshold by chance. The bounds, for samples
of n and m values, with x = ln(k / CHANCE):

- Shares of k values (L-infinity; missing values with k = 1): `sqrt(ln(2 k / CHANCE) / 2 * (1/n + 1/m))`. Hoeffding's
  inequality (1963, theorem 2) for the difference of two means of 0-1 variables, and the union bound.
- Jensen-Shannon divergence in bits of k cuts into two parts: `(1/n + 1/m) / 4 * (1 + 2 sqrt(x) + 2 x)`; of k values,
  with x = ln(1 / CHANCE): `(1/n + 1/m) / 4 * (k + 2 sqrt(k x) + 2 x)`. The divergence is at most half the triangular
  discrimination (Topsoe 2000, theorem 5), which for two samples is about `(1/n + 1/m) / 2` times a chi-squared variable
  with a degree of freedom a part; its tail is Laurent and Massart's (2000, lemma 1).
- Occurrences of a new value, one of k: `x / ln(1 + m/n)`. If the distribution were the same, each of its occurrences
  would be in the sample of n with probability n / (n + m), and all of them with that to their number's power.
- Normalised absolute difference of k values, the commonest with share p: `p |n - m| / (n + m)`, which sample sizes
  alone make, plus `sqrt(ln(2 k / CHANCE) / (2 (n + m)))`, Hoeffding's inequality for a sum of n + m variables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from kfx.errors import UsageError

CHANCE = 1e-4
"""Probability of a false alarm, per feature and comparison."""


@dataclass(frozen=True)
class Sensitivity:
    """What is too small to matter, and what a run may do to the number of rows."""

    share: float = 0.05
    """Change of a string value's share (L-infinity): five percentage points."""

    new_value: float = 0.01
    """Share of a string value that did not occur before: one percent."""

    missing: float = 0.02
    """Rise of the share of missing values: two percentage points."""

    divergence: float = 0.01
    """Jensen-Shannon divergence, in bits: a mean that moves by about 0.4 standard deviations."""

    rows: float = 2.0
    """Factor by which the number of rows may grow or shrink."""

    def __post_init__(self) -> None:
        """Refuses what is no share and no factor."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "rows":
                if not 1 <= value < math.inf:
                    raise UsageError(f"The factor of rows is {value}; it must be a number of at least 1.")
            elif not 0 <= value <= 1:
                raise UsageError(f"The sensitivity {field.name} is {value}; it must be from 0 to 1.")


def of_shares(n: float, m: float, k: int = 1) -> float:
    """Returns by how much the shares of k values may differ by chance in samples of n and m values."""
    return min(1.0, math.sqrt(math.log(2 * k / CHANCE) / 2 * (1 / n + 1 / m)))


def of_cuts(n: float, m: float, k: int) -> float:
    """Returns the Jensen-Shannon divergence (bits) that the largest of k cuts may have by chance."""
    x = math.log(k / CHANCE)
    return min(1.0, (1 / n + 1 / m) / 4 * (1 + 2 * math.sqrt(x) + 2 * x))


def of_divergence(n: float, m: float, k: int) -> float:
    """Returns the Jensen-Shannon divergence (bits) that samples of k values may have by chance."""
    x = -math.log(CHANCE)
    return min(1.0, (1 / n + 1 / m) / 4 * (k + 2 * math.sqrt(k * x) + 2 * x))


def of_counts(n: float, m: float, k: int = 1) -> float:
    """Returns by how much the counts of k values, over those of both samples, may differ by chance.

    What different sample sizes make of it comes on top.
    """
    return min(1.0, math.sqrt(math.log(2 * k / CHANCE) / (2 * (n + m))))


def of_new_value(n: float, m: float, k: int) -> float:
    """Returns how often one of k values may occur among n by chance if none of m others is it."""
    return math.log(k / CHANCE) / math.log1p(m / n)
