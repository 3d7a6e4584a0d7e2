"""What BigQuery counted, as the figures of features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kfx.stats.engines._bigquery_features import SqlFeature
from kfx.stats.engines._bigquery_numbers import describe
from kfx.stats.engines._bigquery_plan import Plan
from kfx.stats.engines._feature import valency
from kfx.stats.figures import Feature, Numbers, Valency, WeightedValency, Words

if TYPE_CHECKING:
    from kfx.stats.options import StatsOptions

Key = tuple[str, int]
"""A slice's key and a feature's number."""


@dataclass
class Results:
    """Rows of results, by their part and by what they are about."""

    parts: dict[str, dict[Key, list[Any]]] = field(default_factory=dict)
    """Part -> slice and feature -> rows; rows about a whole slice are under feature -1."""

    plans: dict[Key, Plan] = field(default_factory=dict)
    """What the second query was asked about."""

    def add(self, rows: Sequence[Any]) -> None:
        """Takes in the rows of a result."""
        for row in rows:
            key = (row["s"], -1 if row["c"] is None else row["c"])
            self.parts.setdefault(row["part"], {}).setdefault(key, []).append(row)

    def all(self, part: str, key: Key) -> list[Any]:
        """Returns the rows of a part about something."""
        return self.parts.get(part, {}).get(key, [])

    def one(self, part: str, key: Key) -> Any | None:
        """Returns the row of a part about something; None where nothing was counted."""
        found = self.all(part, key)
        return found[0] if found else None


def feature_figures(
    feature: SqlFeature, key: str, results: Results, options: StatsOptions, notes: Sequence[tuple[str, float | str]]
) -> Feature:
    """Returns the figures of a feature in one data set.

    Args:
        feature: The feature.
        key: The slice's key.
        results: What BigQuery counted.
        options: What was asked for.
        notes: Custom statistics every feature has.
    """
    about = (key, feature.number)
    summary = results.one(feature.kind, about) if feature.values is not None else None
    level = _flat(summary, options) if feature.lists is None else _listed(results.all("lists", about), options)
    values: Numbers | Words | None = None
    if feature.kind in {"words", "octets"}:
        values = _words(summary, results.all("ranked", about), results.all("heavy", about), options)
    elif feature.kind != "lists":
        values = _numbers(summary, results, about, options.of_feature(feature.path))
    units = [("unit", feature.unit)] if feature.unit else []
    return Feature(feature.path, feature.type, (level,), values, notes=(*units, *notes))


def _flat(summary: Any | None, options: StatsOptions) -> Valency:
    """Describes a flat value as a list of one, as TFDV reads it."""
    weighted = WeightedValency(0.0, 0.0, 0.0) if options.weight_feature is not None else None
    if summary is None:
        return valency({}, 0, weighted, options)
    if weighted is not None:
        present = summary["present_weight"]
        weighted = WeightedValency(present, summary["weight"] - present, present)
    missing = summary["cells"] - summary["present"]
    return valency({1: summary["present"]}, missing, weighted, options)


def _listed(rows: Sequence[Any], options: StatsOptions) -> Valency:
    lengths: Counter[int] = Counter()
    missing = 0
    weights = WeightedValency(0.0, 0.0, 0.0)
    for row in rows:
        length, weight = row["length"], row["weight"] or 0.0
        if length is None:
            missing += row["cells"]
            weights = WeightedValency(weights.non_missing, weights.missing + weight, weights.total)
        else:
            lengths[length] += row["cells"]
            weights = WeightedValency(weights.non_missing + weight, weights.missing, weights.total + weight * length)
    return valency(lengths, missing, weights if options.weight_feature is not None else None, options)


def _numbers(summary: Any | None, results: Results, about: Key, options: StatsOptions) -> Numbers:
    plan = results.plans.get(about)
    if plan is None:
        return Numbers(nan=summary["nan"] if summary is not None else 0)
    buckets, values, heavy = (results.all(part, about) for part in ("buckets", "values", "weighted_values"))
    return describe(plan, summary, buckets, values, heavy, options)


def _words(summary: Any | None, ranked: Sequence[Any], heavy: Sequence[Any], options: StatsOptions) -> Words:
    weighted = options.weight_feature is not None
    if summary is None or not summary["present"]:
        return Words()
    best = sorted(((_label(row), row["cells"]) for row in ranked), key=_rank, reverse=True)
    heaviest = sorted(((_label(row), row["weight"]) for row in heavy), key=_rank, reverse=True)
    return Words(
        count=summary["present"],
        unique=summary["distinct_values"],
        total_bytes=summary["total_bytes"],
        invalid_utf8=summary["invalid"],
        ranked=tuple(best),
        weighted=tuple(heaviest) if weighted else None,
    )


def _label(row: Any) -> bytes:
    text: str | None = row["words_label"]
    octets: bytes = row["octets_label"] if text is None else text.encode()
    return octets


def _rank(pair: tuple[bytes, float]) -> tuple[float, bytes]:
    value, count = pair
    return count, value
