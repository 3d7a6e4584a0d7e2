"""Statistics against other statistics, without a curated schema: what `compare_statistics` and `kfx compare` do.

The other data set is made into a schema: its columns and types, the share of missing values it has, and a comparator
for every feature whose threshold fits both sample sizes. The rest is `validate`. A comparator that a given schema has
wins over these, and is measured as TFDV measures it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kfx.errors import UsageError
from kfx.stats.schema import cuts, thresholds
from kfx.stats.schema.comparators import Against
from kfx.stats.schema.thresholds import Sensitivity
from kfx.stats.schema.validate import anomalies_of
from kfx.stats.schema.view import DatasetView, FeatureView, Path, has_weights, whole

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

Kind = Literal["drift", "skew"]
MEASURES = ("l_infinity", "jensen_shannon", "normalized_absolute_difference")
"""How string features are compared; numeric ones always by Jensen-Shannon divergence."""

WARNINGS: Mapping[str, str] = {
    "SCHEMA_NEW_COLUMN": "warning",
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": "warning",
    "COMPARATOR_LOW_NUM_EXAMPLES": "warning",
    "COMPARATOR_HIGH_NUM_EXAMPLES": "warning",
}
"""What is worth telling but stops nothing: a column or a value more, and other numbers of rows."""


def compare(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    other: statistics_pb2.DatasetFeatureStatisticsList,
    *,
    kind: Kind = "drift",
    measure: str = MEASURES[0],
    sensitivity: Sensitivity | None = None,
    schema: schema_pb2.Schema | None = None,
    severity_overrides: Mapping[str, str] | None = None,
) -> anomalies_pb2.Anomalies:
    """Returns what is different from other statistics beyond chance.

    Args:
        statistics: Of the data; of slices, the data set of all rows is taken.
        other: Statistics of the data before (drift), or of what a model serves (skew).
        kind: Which of the two it is.
        measure: How string features are compared, one of `MEASURES`.
        sensitivity: What is too small to matter.
        schema: Its comparators of this kind are used where a feature has one.
        severity_overrides: Anomaly type -> `warning` or `error`, over `WARNINGS`.

    Raises:
        UsageError: A list of statistics has no data set of all rows, or the measure or an override is unknown.
    """
    if measure not in MEASURES:
        raise UsageError(f"There is no measure {measure!r}. Measures: {', '.join(MEASURES)}.")
    dataset, control = whole(statistics), whole(other)
    by_weight = has_weights(dataset) and has_weights(control)
    now, before = DatasetView(dataset, by_weight), DatasetView(control, by_weight)
    expected, proven = _expectation(now, before, _Terms(kind, measure, sensitivity or Sensitivity(), schema))
    against = Against(kind, before, proven)
    return anomalies_of(now, expected, (against,), softened(severity_overrides or {}))


def softened(severity_overrides: Mapping[str, str]) -> dict[str, str]:
    """Returns the severities of a comparison: `WARNINGS`, and the overrides over them."""
    return {**WARNINGS, **severity_overrides}


@dataclass(frozen=True)
class _Terms:
    """How two data sets are compared; `compare` describes the fields."""

    kind: Kind
    measure: str
    sensitivity: Sensitivity
    schema: schema_pb2.Schema | None


def _expectation(now: DatasetView, before: DatasetView, terms: _Terms) -> tuple[schema_pb2.Schema, dict[Path, float]]:
    """Makes a schema of the other data set, and returns what cuts prove of numeric features."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    made = schema_pb2.Schema()
    rows = made.dataset_constraints.num_examples_drift_comparator
    rows.min_fraction_threshold, rows.max_fraction_threshold = 1 / terms.sensitivity.rows, terms.sensitivity.rows
    proven: dict[Path, float] = {}
    parents: dict[Path, schema_pb2.Schema | schema_pb2.StructDomain] = {(): made}
    for path in sorted(before.features, key=len):
        view, current = before.features[path], now.features.get(path)
        parent = parents.get(path[:-1])
        if parent is None:
            continue  # a field whose struct has no figures
        feature = parent.feature.add(name=path[-1])
        # A column without any value has no type of its own.
        typed = view if view.present or current is None else current
        feature.type = schema_pb2.FeatureType.Value(typed.schema_type)
        if typed.type == "STRUCT":
            parents[path] = feature.struct_domain
        if current is None:
            feature.presence.min_count = 1
            continue
        _expect_presence(feature, view, current, terms.sensitivity)
        comparator = getattr(feature, f"{terms.kind}_comparator")
        given = _given(terms.schema, path, f"{terms.kind}_comparator")
        if given is not None:
            comparator.CopyFrom(given)
        if view.schema_type != current.schema_type or not view.present or not current.present:
            continue
        if view.counts and current.counts:
            _expect_known(feature, view, current, terms.sensitivity)
            if given is None:
                _expect_values(comparator, view, current, terms)
        elif given is None and (found := cuts.proven_divergence(current, view)) is not None:
            proven[path], tried = found
            chance = thresholds.of_cuts(current.sample, view.sample, tried)
            comparator.jensen_shannon_divergence.threshold = max(terms.sensitivity.divergence, chance)
    return made, proven


def _expect_presence(
    feature: schema_pb2.Feature, view: FeatureView, current: FeatureView, sensitivity: Sensitivity
) -> None:
    share = view.fraction_present
    if not share or not current.rows:
        return
    chance = thresholds.of_shares(current.examples, view.examples)
    feature.presence.min_fraction = max(0.0, share - max(sensitivity.missing, chance))
    if current.present >= 1 or not current.present:  # a column of light rows may weigh less than 1 in all
        feature.presence.min_count = 1


def _expect_values(
    comparator: schema_pb2.FeatureComparator, view: FeatureView, current: FeatureView, terms: _Terms
) -> None:
    n, m = current.counted, view.counted
    k = len({*view.counts, *current.counts})
    if terms.measure == "l_infinity":
        comparator.infinity_norm.threshold = max(terms.sensitivity.share, thresholds.of_shares(n, m, k))
    elif terms.measure == "jensen_shannon":
        chance = thresholds.of_divergence(n, m, k)
        comparator.jensen_shannon_divergence.threshold = max(terms.sensitivity.divergence, chance)
    else:
        here, there = sum(current.counts.values()), sum(view.counts.values())
        sizes = max(view.counts.values()) / there * abs(here - there) / (here + there)
        chance = sizes + thresholds.of_counts(n, m, k)
        comparator.normalized_abs_difference.threshold = min(1.0, max(terms.sensitivity.share, chance))


def _expect_known(
    feature: schema_pb2.Feature, view: FeatureView, current: FeatureView, sensitivity: Sensitivity
) -> None:
    """Makes the values there were the domain, with the new ones that are too rare to tell."""
    if current.invalid_utf8 or view.unique is None or view.unique > len(view.counts):
        return  # not all values are known
    n, m = current.counted, view.counted
    chance = thresholds.of_new_value(n, m, len(current.counts)) / n
    enough = max(sensitivity.new_value, chance) * sum(current.counts.values())
    rare = [value for value, count in current.counts.items() if value not in view.counts and count < enough]
    feature.string_domain.value.extend([*view.counts, *rare])


def _given(schema: schema_pb2.Schema | None, path: Path, name: str) -> schema_pb2.FeatureComparator | None:
    features: Any = schema.feature if schema is not None else []
    found = None
    for step in path:
        found = next((feature for feature in features if feature.name == step), None)
        features = found.struct_domain.feature if found is not None else []
    return getattr(found, name) if found is not None and found.HasField(name) else None
