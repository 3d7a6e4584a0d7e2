"""The schema's comparators: this data set against the previous one (drift) and against the serving one (skew).

A comparator that is exceeded is a reason; what was measured stands in `Anomalies.drift_skew_info` in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kfx.stats.schema import drift
from kfx.stats.schema.reasons import Reason, six
from kfx.stats.schema.view import DatasetView, FeatureView, Path

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2


@dataclass(frozen=True)
class Against:
    """The data set that another is compared with."""

    kind: str
    """`drift` or `skew`, as the comparators' fields begin."""

    dataset: DatasetView
    """Its statistics."""

    proven: Mapping[Path, float] = field(default_factory=dict)
    """Numeric features whose Jensen-Shannon divergence is this, the largest that one cut proves (`cuts.py`)."""

    @property
    def words(self) -> str:
        """Which two data sets these are, in TFDV's words."""
        return "current and previous" if self.kind == "drift" else "training and serving"

    @property
    def control(self) -> str:
        """What the other data set is called."""
        return "previous" if self.kind == "drift" else "serving"


def compare(
    feature: schema_pb2.Feature, view: FeatureView, against: Against
) -> tuple[list[Reason], list[anomalies_pb2.DriftSkewInfo.Measurement]]:
    """Applies a feature's drift or skew comparator, and widens what is exceeded.

    Args:
        feature: The schema's feature.
        view: Its statistics.
        against: The data set to compare with.

    Returns:
        The reasons, and every measurement taken.
    """
    name = f"{against.kind}_comparator"
    if not feature.HasField(name):
        return [], []
    comparator = getattr(feature, name)
    wanted = [measure for measure in _MEASURES if getattr(comparator, measure).HasField("threshold")]
    other = against.dataset.features.get(view.path)
    if wanted and other is None:
        for measure in wanted:
            getattr(comparator, measure).ClearField("threshold")
        text = f"{against.control} data"
        return [Reason("COMPARATOR_CONTROL_DATA_MISSING", f"{text} missing", f"{text} is missing.")], []
    reasons: list[Reason] = []
    measurements = []
    for measure in wanted:
        assert other is not None  # noqa: S101 - a missing one returned above
        bound = getattr(comparator, measure)
        if view.path in against.proven:
            found = _diverging(against.proven[view.path], bound, against.words)
        else:
            found = _MEASURES[measure](view, other, bound, against.words)
        if found is not None:
            reasons += found[0]
            measurements.append(found[1])
    return reasons, measurements


_Found = tuple[list[Reason], "anomalies_pb2.DriftSkewInfo.Measurement"]


def _infinity(view: FeatureView, other: FeatureView, bound: Any, words: str) -> _Found:
    value, distance = drift.l_infinity(view.counts, other.counts)
    most = f" The feature value with maximum difference is: {value}"
    titles = (f"High Linfty distance between {words}", f"The Linfty distance between {words}")
    return _judged("L_INFTY", "COMPARATOR_L_INFTY_HIGH", distance, bound, titles, most)


def _normalized(view: FeatureView, other: FeatureView, bound: Any, words: str) -> _Found:
    value, distance = drift.normalized_absolute_difference(view.counts, other.counts)
    most = f" The feature value with maximum difference is: {value}"
    titles = (
        f"High normalized absolute difference between {words}",
        f"The normalized absolute difference between {words}",
    )
    kind = "NORMALIZED_ABSOLUTE_DIFFERENCE"
    return _judged(kind, f"COMPARATOR_{kind}_HIGH", distance, bound, titles, most)


def _jensen_shannon(view: FeatureView, other: FeatureView, bound: Any, words: str) -> _Found | None:
    """Of values where both have them, else of histograms; nothing where one has neither (as TFDV, which logs it)."""
    if view.counts and other.counts:
        distance = drift.jensen_shannon(view.counts, other.counts)
    else:
        from tensorflow_metadata.proto.v0 import schema_pb2

        quantiles = bound.source.type == schema_pb2.HistogramSelection.QUANTILES
        kind = "QUANTILES" if quantiles else "STANDARD"
        histograms = view.histogram(kind), other.histogram(kind)
        if None in histograms:
            return None
        counts = drift.aligned(*histograms)
        if not all(counts):
            return None
        distance = drift.jensen_shannon(*counts)
    return _diverging(distance, bound, words)


def _diverging(distance: float, bound: Any, words: str) -> _Found:
    kind = "JENSEN_SHANNON_DIVERGENCE"
    titles = (
        f"High approximate Jensen-Shannon divergence between {words}",
        f"The approximate Jensen-Shannon divergence between {words}",
    )
    return _judged(kind, f"COMPARATOR_{kind}_HIGH", distance, bound, titles, "")


def _judged(kind: str, anomaly: str, distance: float, bound: Any, titles: tuple[str, str], most: str) -> _Found:
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    measured = anomalies_pb2.DriftSkewInfo.Measurement(value=distance, threshold=bound.threshold)
    measured.type = measured.Type.Value(kind)
    if distance <= bound.threshold:
        return [], measured
    short, start = titles
    text = (
        f"{start} is {six(distance)} (up to six significant digits), above the threshold {six(bound.threshold)}.{most}"
    )
    bound.threshold = distance
    return [Reason(anomaly, short, text)], measured


_MEASURES: dict[str, Any] = {
    "infinity_norm": _infinity,
    "normalized_abs_difference": _normalized,
    "jensen_shannon_divergence": _jensen_shannon,
}


def check_dataset(
    constraints: schema_pb2.DatasetConstraints, rows: float, previous_rows: float | None, version_rows: float | None
) -> list[Reason]:
    """Checks the number of examples: alone, against the previous span's, and against the previous version's.

    Args:
        constraints: The schema's.
        rows: Examples of the data set.
        previous_rows: Examples of the previous span; None where there is none.
        version_rows: Examples of the previous version of the same span; None where there is none.
    """
    reasons = []
    if constraints.HasField("num_examples_drift_comparator"):
        reasons += _check_ratio(constraints.num_examples_drift_comparator, rows, previous_rows, "previous span")
    if constraints.HasField("num_examples_version_comparator"):
        reasons += _check_ratio(constraints.num_examples_version_comparator, rows, version_rows, "previous version")
    has = f"The dataset has {six(rows)} examples, which is"
    if constraints.HasField("min_examples_count") and rows < constraints.min_examples_count:
        low = "Low num examples in dataset."
        reasons.append(Reason("DATASET_LOW_NUM_EXAMPLES", low, f"{has} fewer than expected."))
    if constraints.HasField("max_examples_count") and rows > constraints.max_examples_count:
        high = "High num examples in dataset."
        reasons.append(Reason("DATASET_HIGH_NUM_EXAMPLES", high, f"{has} more than expected."))
    return reasons


def _check_ratio(
    comparator: schema_pb2.NumericValueComparator, rows: float, other_rows: float | None, other: str
) -> list[Reason]:
    if other_rows is None:
        return []
    versus, reasons = f"num examples in current dataset versus the {other}", []
    high, low = comparator.HasField("max_fraction_threshold"), comparator.HasField("min_fraction_threshold")
    if not other_rows:
        text = (
            f"The {other} has 0 examples, so there is a high number of examples in the current dataset versus the "
            f"{other}."
        )
        return [Reason("COMPARATOR_HIGH_NUM_EXAMPLES", f"High {versus}, which has 0.", text)] * high
    ratio = rows / other_rows
    measured = (
        f"The ratio of num examples in the current dataset versus the {other} is {six(ratio)} (up to six significant "
        "digits), which is"
    )
    if high and ratio > comparator.max_fraction_threshold:
        text = f"{measured} above the threshold {six(comparator.max_fraction_threshold)}."
        reasons.append(Reason("COMPARATOR_HIGH_NUM_EXAMPLES", f"High {versus}.", text))
    if low and ratio < comparator.min_fraction_threshold:
        text = f"{measured} below the threshold {six(comparator.min_fraction_threshold)}."
        reasons.append(Reason("COMPARATOR_LOW_NUM_EXAMPLES", f"Low {versus}.", text))
    return reasons
