"""A numeric feature's figures from what BigQuery counted between points and found at ranks; all of them are exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kfx.errors import TransientError
from kfx.stats.engines._bigquery_plan import DTYPES, Plan, next_value
from kfx.stats.figures import Bucket, Numbers, WeightedNumbers
from kfx.stats.histograms import equal_width_buckets, quantile_buckets
from kfx.stats.moments import midpoint

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kfx.stats.options import StatsOptions

_ROUNDING = 1e-12


def describe(
    plan: Plan, summary: Any, buckets: Sequence[Any], values: Sequence[Any], heavy: Sequence[Any], options: StatsOptions
) -> Numbers:
    """Describes the values of a feature.

    Args:
        plan: What was asked.
        summary: What the first query found.
        buckets: What the second query counted between points.
        values: What it found at ranks.
        heavy: What it found at ranks by weight.
        options: Numbers of buckets.

    Raises:
        TransientError: The second query saw other values than the first.
    """
    answered = len(values) == len(plan.targets) and len(heavy) == len(plan.weight_targets)
    if sum(row["n"] for row in buckets) != plan.count or not answered:
        raise TransientError("The table changed while it was read. Try again.")
    ranked = RankedNumbers(plan, buckets, values, "n")
    mean, std_dev = _moments(plan, buckets, "deviations", "squares", plan.mean, plan.count)
    one, other = (float(ranked.answers[float(rank)]) for rank in ((plan.count - 1) // 2, plan.count // 2))
    return Numbers(
        count=plan.count,
        nan=summary["nan"],
        mean=mean,
        std_dev=std_dev,
        zeros=summary["zeros"],
        min=float(ranked.values[0]),
        median=midpoint(one, other),
        max=float(ranked.values[-1]),
        standard=equal_width_buckets(ranked, options.num_histogram_buckets),
        quantiles=quantile_buckets(ranked, options.num_quantiles_histogram_buckets),
        weighted=_weighted(plan, buckets, heavy, options) if options.weight_feature is not None else None,
        outline=_outline(plan, ranked) if options.mergeable else (),
    )


def _weighted(plan: Plan, buckets: Sequence[Any], heavy: Sequence[Any], options: StatsOptions) -> WeightedNumbers:
    import numpy as np

    if not plan.weight:
        return WeightedNumbers()
    ranked = RankedNumbers(plan, buckets, heavy, "weight")
    mean, std_dev = _moments(plan, buckets, "weighted_deviations", "weighted_squares", plan.weighted_mean, ranked.total)
    return WeightedNumbers(
        mean=mean,
        std_dev=std_dev,
        median=float(ranked.at(np.array([0.5]))[0]),
        standard=equal_width_buckets(ranked, options.num_histogram_buckets),
        quantiles=quantile_buckets(ranked, options.num_quantiles_histogram_buckets),
    )


def _moments(
    plan: Plan, buckets: Sequence[Any], deviations: str, squares: str, center: float, total: float
) -> tuple[float, float]:
    """Returns mean and deviation; what the deviations from the center add up to mends the center."""
    if plan.minus or plan.plus:
        return (math.nan if plan.minus and plan.plus else math.copysign(math.inf, plan.plus - plan.minus)), math.nan
    if plan.low is not None and plan.low == plan.high:
        return float(plan.low), 0.0
    shift = math.fsum(row[deviations] for row in buckets) / total
    variance = max(math.fsum(row[squares] for row in buckets) / total - shift * shift, 0.0)
    # Below this, what they add up to is their own rounding.
    mean = center + shift / plan.scale if abs(shift) > _ROUNDING * math.sqrt(variance) else center
    return mean, math.sqrt(variance) / plan.scale


class RankedNumbers:
    """Values of which the number below some of them is known. Fills `histograms.Ordered`."""

    def __init__(self, plan: Plan, buckets: Sequence[Any], found: Sequence[Any], measure: str) -> None:
        """Takes in what was counted.

        Args:
            plan: What was asked.
            buckets: Rows with the values (`n`), or their `weight`, between points.
            found: Rows of the values at the wanted ranks.
            measure: `n` or `weight`.
        """
        import numpy as np

        self._counts = measure == "n"
        value = f"{plan.kind}_value"
        self.answers: dict[float, float] = {row["target"]: row[value] for row in found}
        """How many values (or how much weight) lie below a wanted value -> the value."""
        between = [0.0] * (len(plan.points) + 1)
        for row in buckets:
            between[row["bucket"]] += row[measure]
        running = np.cumsum(between)
        self.total = float(plan.count) if self._counts else plan.weight
        self.lower: dict[float, float] = dict(zip(plan.points, running[:-1].tolist(), strict=True))
        """Point -> how many values (or how much weight) lie below it."""
        known = self._known(plan, between[-1])
        known.update({row[value]: (row["below"], row["below"] + row["here"]) for row in found})
        self.values: npt.NDArray[Any] = np.array(sorted(known), DTYPES[plan.kind])
        """The values, and points between them, of which something is known."""
        self._lower, self._upper = np.array([known[place] for place in sorted(known)], np.float64).T

    def _known(self, plan: Plan, last: float) -> dict[float, tuple[float, float]]:
        """Returns, for points between the extremes and for these, how much lies below and how much up to them."""
        infinite = last if plan.plus else 0.0
        if plan.low is None or plan.high is None:
            finite_from = finite_to = self.total - infinite
            known = {}
        else:
            finite_from, finite_to = self.lower[plan.low], self.total - infinite
            known = {at: (below, below) for at, below in self.lower.items() if plan.low <= at <= plan.high}
            known[plan.high] = (self.lower[plan.high], finite_to)
        if plan.minus:
            known[-math.inf] = (0.0, finite_from)
        if plan.plus:
            known[math.inf] = (finite_to, self.total)
        return known

    def at(self, fractions: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        """Returns the value that stands at each fraction, which must be one that was asked for."""
        import numpy as np

        targets = np.floor(fractions * self.total) if self._counts else fractions * self.total
        found = [
            self.values[-1] if fraction >= 1 else self.answers[target]
            for fraction, target in zip(fractions.tolist(), targets.tolist(), strict=True)
        ]
        return np.array(found, self.values.dtype)

    def mass(self, values: npt.ArrayLike, *, below: bool = False) -> npt.NDArray[np.float64]:
        """Returns how many values are at most each given one; with `below`, less than it."""
        import numpy as np

        wanted = np.asarray(values)
        places = self.values.searchsorted(wanted)
        inside = np.minimum(places, len(self.values) - 1)
        at_most = np.where(self.values[inside] == wanted, self._upper[inside], self._lower[inside])
        return np.where(places == len(self.values), self.total, self._lower[inside] if below else at_most)


def _outline(plan: Plan, ranked: RankedNumbers) -> tuple[Bucket, ...]:
    """Returns the distribution between approximate quantiles, for merging; see `histograms.outline`."""
    buckets: list[Bucket] = []
    before, past = -math.inf, float(plan.minus)
    if plan.minus:
        buckets.append(Bucket(before, before, past))
    for value in sorted({*plan.hints, *(end for end in (plan.low, plan.high) if end is not None)}):
        upto = plan.count - plan.plus if value == plan.high else ranked.lower[next_value(plan.kind, value)]
        alone = ranked.lower[value] == past
        buckets.append(Bucket(float(value if alone else before), float(value), upto - past))
        before, past = value, upto
    if plan.plus:
        buckets.append(Bucket(math.inf, math.inf, float(plan.plus)))
    return tuple(buckets)
