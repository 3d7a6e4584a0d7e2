"""What the second query has to count and to find of each numeric feature."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kfx.stats.engines._bigquery_sql import HINTS, MEAN_SCALE
from kfx.stats.histograms import CountedValues, equal_width_buckets, quantile_buckets

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kfx.stats.options import StatsOptions

_AROUND = 2  # approximate quantiles on either side of a wanted rank between which it surely lies
_SPREAD = 10  # without knowing where weighted ranks lie, every tenth approximate quantile
DTYPES = {"integers": "int64", "reals": "float64"}
"""numpy's type of a feature's values."""

_MOST_INT = (1 << 63) - 1


def hint_places(options: StatsOptions, numbers: Iterable[int]) -> list[int]:
    """Returns which of the `HINTS` + 1 approximate quantiles help to find what is wanted.

    Args:
        options: What is computed.
        numbers: Quantile buckets of the numeric features.
    """
    if options.mergeable:
        return list(range(HINTS + 1))
    places = {0, HINTS} if options.weight_feature is None else set(range(0, HINTS + 1, _SPREAD))
    for number in set(numbers):
        wanted = [HINTS * step // number for step in range(1, number)] + [HINTS // 2]
        places |= {place + apart for place in wanted for apart in range(-_AROUND, _AROUND + 2)}
    return sorted(place for place in places if 0 <= place <= HINTS)


@dataclass(frozen=True)
class Plan:
    """What the second query has to count and find of a numeric feature in one data set."""

    kind: str
    """`integers` or `reals`."""

    key: tuple[str, int]
    """The slice's key and the feature's number."""

    count: int
    """Values that are not NaN, known from the first query."""

    weight: float
    """Their weight; 0 without a weight feature."""

    mean: float
    """Mean of the finite values, but for the last digits."""

    weighted_mean: float
    """Their weighted mean; 0 without a weight feature."""

    scale: float
    """Power of two that keeps squares of deviations in the range of doubles."""

    low: float | None
    """Smallest finite value; None if all are infinite."""

    high: float | None
    """Largest finite value."""

    minus: int
    """Values that are -infinity."""

    plus: int
    """Values that are +infinity."""

    hints: tuple[float, ...]
    """Approximate quantiles, ascending, each one of the values."""

    points: tuple[float, ...]
    """Ascending values between which is counted."""

    targets: tuple[float, ...]
    """How many values lie below each wanted one."""

    weight_targets: tuple[float, ...]
    """How much weight lies below each wanted one."""

    @classmethod
    def of(cls, kind: str, key: tuple[str, int], summary: Any, options: StatsOptions) -> Plan | None:
        """Returns the plan for a feature, or None if it has no value to count.

        Args:
            kind: `integers` or `reals`.
            key: The slice's key and the feature's number.
            summary: What the first query found.
            options: Numbers of buckets.
        """
        count = summary["present"] - summary["nan"]
        if not count:
            return None
        asked = _Asked.by_histograms(_extremes(kind, summary), options)
        middle = {(count - 1) // 2, count // 2, 0, count - 1}
        targets = {math.floor(fraction * count) for fraction in asked.fractions if fraction < 1} | middle
        weight = summary["number_weight"] or 0.0
        heavy = {fraction * weight for fraction in (*asked.fractions, 0.5) if fraction < 1} if weight else set()
        return cls(
            kind=kind,
            key=key,
            count=count,
            weight=weight,
            mean=(summary["mean"] or 0.0) / MEAN_SCALE,
            weighted_mean=(summary["weighted_mean"] or 0.0) / MEAN_SCALE,
            scale=_scale(kind, summary),
            low=summary[f"{kind}_low"],
            high=summary[f"{kind}_high"],
            minus=summary["minus"],
            plus=summary["plus"],
            hints=_hints(kind, summary),
            points=_points(kind, summary, asked.edges, options),
            targets=tuple(map(float, sorted(targets))),
            weight_targets=tuple(sorted(heavy)),
        )

    def parameter(self) -> Any:
        """Returns the plan as a google.cloud.bigquery.StructQueryParameter."""
        from google.cloud import bigquery as api

        number = "INT64" if self.kind == "integers" else "FLOAT64"
        return api.StructQueryParameter(
            None,
            api.ScalarQueryParameter("s", "STRING", self.key[0]),
            api.ScalarQueryParameter("c", "INT64", self.key[1]),
            api.ScalarQueryParameter("scale", "FLOAT64", self.scale),
            api.ScalarQueryParameter("center", "FLOAT64", self.mean * self.scale),
            api.ScalarQueryParameter("weighted_center", "FLOAT64", self.weighted_mean * self.scale),
            api.ArrayQueryParameter("points", number, self.points),
            api.ArrayQueryParameter("targets", "FLOAT64", self.targets),
            api.ArrayQueryParameter("weight_targets", "FLOAT64", self.weight_targets),
        )


@dataclass(frozen=True)
class _Asked(CountedValues):
    """Stands in for the values, and notes what the histograms ask of them."""

    fractions: list[float] = field(default_factory=list)
    edges: list[float] = field(default_factory=list)

    @classmethod
    def by_histograms(cls, extremes: npt.NDArray[Any], options: StatsOptions) -> _Asked:
        import numpy as np

        asked = cls(extremes, np.arange(1, len(extremes) + 1, dtype=np.float64))
        equal_width_buckets(asked, options.num_histogram_buckets)
        edges = [edge for edge in asked.edges if math.isfinite(edge)]
        quantile_buckets(asked, options.num_quantiles_histogram_buckets)
        asked.edges[:] = edges  # those of quantiles are values still to be found
        return asked

    def at(self, fractions: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        self.fractions.extend(fractions.tolist())
        return super().at(fractions)

    def mass(self, values: npt.ArrayLike, *, below: bool = False) -> npt.NDArray[np.float64]:
        import numpy as np

        self.edges.extend(np.atleast_1d(values).tolist())
        return super().mass(values, below=below)


def _extremes(kind: str, summary: Any) -> npt.NDArray[Any]:
    """Returns the smallest and largest values, finite and infinite ones."""
    import numpy as np

    low, high = summary[f"{kind}_low"], summary[f"{kind}_high"]
    found = {value for value in (low, high) if value is not None}
    if summary["minus"]:
        found.add(-math.inf)
    if summary["plus"]:
        found.add(math.inf)
    return np.array(sorted(found), DTYPES[kind])


def _scale(kind: str, summary: Any) -> float:
    biggest = max((abs(float(value)) for value in _extremes(kind, summary) if math.isfinite(value)), default=0.0)
    exponent = math.frexp(biggest)[1]
    return 2.0 ** -max(min(exponent, 1000), -1000) if abs(exponent) > 500 else 1.0


def _hints(kind: str, summary: Any) -> tuple[float, ...]:
    return tuple(sorted({hint for hint in summary[f"{kind}_hints"] or () if hint is not None}))


def _points(kind: str, summary: Any, edges: Sequence[float], options: StatsOptions) -> tuple[float, ...]:
    low, high = summary[f"{kind}_low"], summary[f"{kind}_high"]
    hints = _hints(kind, summary)
    points = {*edges, *hints, *(value for value in (low, high) if value is not None)}
    if summary["plus"]:
        # Where the finite values end, and what is left is infinite.
        points.add(0.0 if high is None else math.nextafter(high, math.inf))
    if options.mergeable:
        points |= {next_value(kind, hint) for hint in hints}
    return tuple(sorted(points)) or (0.0,)


def next_value(kind: str, value: float) -> float:
    """Returns the least value above one, as far as there is one.

    Args:
        kind: `integers` or `reals`.
        value: The value.
    """
    return min(value + 1, _MOST_INT) if kind == "integers" else math.nextafter(value, math.inf)
