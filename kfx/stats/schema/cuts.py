"""How far two numeric features are apart at least: the divergence that one cut of the axis proves.

A histogram says how many values lie left of its edges and nothing about what is between them. Spreading a bucket's
values evenly over it, as TFDV's Jensen-Shannon divergence does, is a guess, and where the guess is bad (a heavy tail, a
few repeated integers) two samples of one distribution look far apart however many rows they have. So here, for every
edge of both histograms, the share of values left of it is only bounded, from above and below; the distance at a cut is
that of the nearest two shares the bounds allow. Cutting values into two parts never makes two distributions further
apart (the data-processing inequality), so the largest distance of all cuts is a lower bound of the true divergence.

Statistics that were merged, or computed in little memory, say how large a share e of the values may stand on the wrong
side of a place (`quantile_rank_error`). A share F read off them then bounds the true one by F - e and F + e at an edge
of equal widths, and by F - e - 0.01 and F + e + 0.01 at a quantile; two samples are as far apart as the nearest shares
of both intervals.
"""

from __future__ import annotations

import bisect
import itertools
from dataclasses import dataclass
from typing import Any

from kfx.stats.schema import drift
from kfx.stats.schema.view import FeatureView

Place = tuple[float, int]
"""A cut just left (0) or just right (1) of a number."""

_RANK_ERROR = 0.01
"""How far a quantile may be from its rank where nothing says so: TFDV's epsilon. kfx's are exact or say it."""


@dataclass(frozen=True)
class Shares:
    """What is known of the share of values left of some cuts."""

    places: list[Place]
    """In their order."""

    least: list[float]
    """Least share left of each place."""

    most: list[float]
    """Greatest share left of each place."""

    def at(self, place: Place) -> tuple[float, float]:
        """Returns the bounds of the share left of any cut: those of its neighbours among the known ones."""
        above = bisect.bisect_left(self.places, place)
        if above < len(self.places) and self.places[above] == place:
            return self.least[above], self.most[above]
        return self.least[above - 1] if above else 0.0, self.most[above] if above < len(self.places) else 1.0


def proven_divergence(view: FeatureView, other: FeatureView) -> tuple[float, int] | None:
    """Returns the largest Jensen-Shannon divergence (bits) that one cut proves, and the number of cuts tried.

    NaN or not is a cut as well. None where a feature has no histogram.
    """
    ours, theirs = shares(view), shares(other)
    if ours is None or theirs is None:
        return None
    found = [_nearest(ours.at(place), theirs.at(place)) for place in sorted({*ours.places, *theirs.places})]
    found.append((nan_share(view), nan_share(other)))
    apart = (drift.jensen_shannon({0: p, 1: 1 - p}, {0: q, 1: 1 - q}) for p, q in found if p != q)
    largest = max(apart, default=0.0)
    return largest, len(found)


def shares(view: FeatureView) -> Shares | None:
    """Returns what a numeric feature's histograms say of the shares left of their edges; None without any."""
    stats = view.proto.num_stats
    standard, quantiles = view.histogram("STANDARD"), view.histogram("QUANTILES")
    total = sum(bucket.sample_count for bucket in (quantiles or standard).buckets) if quantiles or standard else 0
    if not total:
        return None
    known: list[tuple[Place, float, float]] = [((stats.min, 0), 0.0, 0.0), ((stats.max, 1), 1.0, 1.0)]
    error = view.rank_error
    known += _counted(standard, error) if standard is not None else []
    known += _ranked(quantiles, error + max(_RANK_ERROR, 1 / view.sample)) if quantiles is not None else []
    bounds = _closed(known)
    if not view.by_weight and stats.min <= 0 <= stats.max:
        zeros = stats.num_zeros / total
        (least, most), (least_with, most_with) = bounds.at((0.0, 0)), bounds.at((0.0, 1))
        known.append(((0.0, 1), least + zeros, most + zeros))
        known.append(((0.0, 0), least_with - zeros, most_with - zeros))
        bounds = _closed(known)
    return bounds


def _counted(histogram: Any, error: float) -> list[tuple[Place, float, float]]:
    """Shares at the inner edges of equal-width buckets; none where counts were interpolated (as TFDV does)."""
    counts = [bucket.sample_count for bucket in histogram.buckets]
    total = sum(counts)
    constant = histogram.buckets[0].low_value == histogram.buckets[-1].high_value if counts else True
    if constant or not total or any(count != int(count) for count in counts):
        return []
    running, found = 0.0, []
    for bucket in histogram.buckets[:-1]:
        running += bucket.sample_count
        found.append(((bucket.high_value, 0), running / total - error, running / total + error))
    return found


def _ranked(histogram: Any, error: float) -> list[tuple[Place, float, float]]:
    """Bounds at quantiles: as many values as the rank says lie left of one, give or take those equal to it."""
    total = sum(bucket.sample_count for bucket in histogram.buckets)
    running, found = 0.0, []
    for bucket in histogram.buckets[:-1]:
        running += bucket.sample_count / total
        found.append(((bucket.high_value, 0), 0.0, running + error))
        found.append(((bucket.high_value, 1), running - error, 1.0))
    return found


def _closed(known: list[tuple[Place, float, float]]) -> Shares:
    """Shares only grow from left to right: each bound also holds for all places on one of its sides."""
    places = sorted({place for place, _, _ in known})
    least = dict.fromkeys(places, 0.0)
    most = dict.fromkeys(places, 1.0)
    for place, low, high in known:
        least[place] = max(least[place], min(low, 1.0))
        most[place] = min(most[place], max(high, 0.0))
    for left, right in itertools.pairwise(places):
        least[right] = max(least[right], least[left])
    for left, right in reversed(list(itertools.pairwise(places))):
        most[left] = min(most[left], most[right])
    return Shares(places, [least[place] for place in places], [most[place] for place in places])


def _nearest(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """Returns the two shares within the bounds that are nearest to each other."""
    (low, high), (other_low, other_high) = one, other
    if low > other_high:
        return low, other_high
    return (high, other_low) if other_low > high else (low, low)


def nan_share(view: FeatureView) -> float:
    """Returns the share of a numeric feature's values that are NaN; it has a histogram."""
    histogram = view.histogram("STANDARD") or view.histogram("QUANTILES")
    total = histogram.num_nan + sum(bucket.sample_count for bucket in histogram.buckets)
    return float(histogram.num_nan / total)
