"""How far one feature differs between data sets that are compared.

A histogram says how many values lie below each of its edges, and a list of top values how frequent each of them is; in
between, a share is only known to lie between two bounds. A difference counts as far as the bounds leave no doubt, so
that two histograms of the same values with different edges never differ.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from kfx.stats.report.findings import MOSTLY_MISSING, Finding, percent, places
from kfx.stats.wording import quoted

NOTABLE = 0.1  # share of rows or values
CERTAINTY = 1.63  # Smirnov's two-sample bound at the 1 % level is 1.63 * sqrt(1/n + 1/m)

_HISTOGRAMS = ("standard", "quantiles")

Model = dict[str, Any]
Bounds = tuple[float, float]


@dataclass(frozen=True)
class Gap:
    """The largest difference of two distributions."""

    size: float
    """Difference of two shares, 0 to 1."""

    where: str
    """The value whose share differs most; empty for numbers."""

    shares: tuple[Bounds, Bounds]
    """What is known of the two shares there."""


def difference(this: Model | None, other: Model | None) -> float:
    """Returns how far a feature differs in two data sets: 0 not at all, 1 entirely.

    The largest of: the difference of the missing shares; for numbers, the largest certain distance of the cumulative
    distributions (Kolmogorov and Smirnov's); for strings, the largest certain difference of a value's share
    (L-infinity). A feature that only one of them has, or has with another type, differs by 1.
    """
    if this is None or other is None or this["type"] != other["type"]:
        return 1.0
    gap = _gap(this, other)
    return max(abs(_missing(this) - _missing(other)), gap.size if gap else 0.0)


def changes(this: Model | None, other: Model | None, name: str) -> Iterator[Finding]:
    """Yields what changed between two data sets, where it is more than chance makes of samples of their sizes.

    Args:
        this: The feature in the data set that is looked at; None if it does not have it.
        other: The feature in the data set it is compared with.
        name: What that data set is called.
    """
    if this is None:
        yield Finding("gone", 3, f"is only in {name}")
    elif other is None:
        yield Finding("new", 2, f"is not in {name}")
    elif this["type"] != other["type"]:
        yield Finding("type", 3, f"is {this['type']}, but {other['type']} in {name}")
    else:
        yield from _moved(this, other, name)


def _moved(this: Model, other: Model, name: str) -> Iterator[Finding]:
    before, now = _missing(other), _missing(this)
    if abs(now - before) > max(NOTABLE, _chance(this["rows"], other["rows"])):
        weight = 3 if now >= MOSTLY_MISSING else 2
        yield Finding(
            "missing", weight, f"is missing in {percent(now)} of {places(this)}, but {percent(before)} in {name}"
        )
    gap = _gap(this, other)
    if gap is None or gap.size <= max(NOTABLE, _chance(_counted(this), _counted(other))):
        return
    what = "weight" if "plain" in this else "values"
    if gap.where:
        here, there = (_about(bounds) for bounds in gap.shares)
        yield Finding("moved", 2, f"has the value {quoted(gap.where)} in {here} of its {what}, but {there} in {name}")
    else:
        yield Finding("moved", 2, f"is distributed differently from {name}, by at least {percent(gap.size)} of {what}")


def _gap(this: Model, other: Model) -> Gap | None:
    if all(model.get(kind) for model in (this, other) for kind in _HISTOGRAMS):
        return _number_gap(this, other)
    if this.get("top") and other.get("top"):
        return _value_gap(this, other)
    return None


def _number_gap(this: Model, other: Model) -> Gap:
    edges = {edge for model in (this, other) for kind in _HISTOGRAMS for bucket in model[kind] for edge in bucket[:2]}
    below = (_below(this), _below(other))
    shares = [(below[0](edge), below[1](edge)) for edge in edges]
    widest = max(shares, key=lambda pair: _distance(*pair))
    return Gap(_distance(*widest), "", widest)


def _below(model: Model) -> Callable[[float], Bounds]:
    """Returns what is known of the share of values below a point.

    Values below an edge of an equal-width histogram are counted (its last edge belongs to its last bucket). A
    quantile's edge stands somewhere among equal values: its count is at least that of the values below it and at most
    that of the values not above it.
    """
    counted, ranked = (_cumulative(model[kind]) for kind in _HISTOGRAMS)
    # Of quantiles with infinite edges, the finite ones do not say how many values lie below them.
    known = (counted,) if model["infinite"] else (counted, ranked)

    def bounds(point: float) -> Bounds:
        at_least, at_most = 0.0, 1.0
        for edges, shares in known:
            at = bisect_left(edges, point)
            is_counted = edges is counted[0] and at < len(edges) - 1 and edges[at] == point
            if at or is_counted:
                at_least = max(at_least, shares[at if is_counted else at - 1])
            if at < len(edges):
                at_most = min(at_most, shares[at])
        return at_least, at_most

    return bounds


def _cumulative(buckets: list[list[float]]) -> tuple[list[float], list[float]]:
    """Returns a histogram's edges and the share of values below each."""
    edges, shares = [buckets[0][0]], [0.0]
    total = math.fsum(bucket[2] for bucket in buckets) or 1.0
    for _, high, count in buckets:
        edges.append(high)
        shares.append(shares[-1] + count / total)
    return edges, shares


def _value_gap(this: Model, other: Model) -> Gap:
    shares = (_share(this), _share(other))
    values = [value for model in (this, other) for value, _ in model["top"]]
    where = max(values, key=lambda value: _distance(shares[0](value), shares[1](value)))
    found = (shares[0](where), shares[1](where))
    return Gap(_distance(*found), where, found)


def _share(model: Model) -> Callable[[str], Bounds]:
    """Returns what is known of a value's share: outside the list it has at most the share of the list's last value."""
    total = model["values"] or 1
    known = {value: count / total for value, count in model["top"]}
    most = 0.0 if model["unique"] <= len(known) else min(known.values(), default=1.0)
    return lambda value: (known[value], known[value]) if value in known else (0.0, most)


def _distance(one: Bounds, other: Bounds) -> float:
    """Returns the distance of two intervals; 0 where they meet, within rounding."""
    distance = max(one[0] - other[1], other[0] - one[1])
    return distance if distance > 1e-9 else 0.0


def _missing(model: Model) -> float:
    return float(model["missing"] / (model["present"] + model["missing"] or 1))


def _counted(model: Model) -> float:
    """Returns the number of values, whatever they weigh: what chance depends on."""
    return float(model.get("plain", model)["values"])


def _chance(one: float, other: float) -> float:
    return CERTAINTY * math.sqrt(1 / max(one, 1) + 1 / max(other, 1))


def _about(bounds: Bounds) -> str:
    return percent(bounds[1]) if bounds[0] == bounds[1] else f"at most {percent(bounds[1])}"
