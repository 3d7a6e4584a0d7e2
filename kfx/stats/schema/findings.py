"""Anomalies as lines for people: "null rate of x 0.1 % -> 12 %", "new value 'blau' in colour (3.1 % of rows)".

The proto's descriptions name what was expected or what was found, seldom both, and never the statistics before. Here
both are read from the schema and the statistics at hand; where an anomaly has no better words, its own stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kfx.stats.schema.view import DatasetView, FeatureView, Path, by_name, serialized, whole

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

_NO_OVERRIDES: Mapping[str, str] = MappingProxyType({})
_VALUES_SHOWN = 3
_VALUE_CHARACTERS = 40


@dataclass(frozen=True)
class Finding:
    """One reason of one feature, in a line."""

    feature: str
    """The feature's serialized path; empty for the data set."""

    type: str
    """Name of the `AnomalyInfo.Type`; `NO_DATA` where there are no rows."""

    severity: str
    """`error` or `warning`."""

    text: str
    """The line."""


def findings(
    anomalies: anomalies_pb2.Anomalies,
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    previous: statistics_pb2.DatasetFeatureStatisticsList | None = None,
    severity_overrides: Mapping[str, str] = _NO_OVERRIDES,
) -> list[Finding]:
    """Returns a line for every reason, errors first, then in the order of the data set's features.

    Args:
        anomalies: What validation found, with the schema as its baseline.
        statistics: What was validated.
        previous: What it was compared with; None where it was not.
        severity_overrides: As they were given to the validation: the message has only the worst of a feature's reasons.
    """
    if anomalies.data_missing:
        return [Finding("", "NO_DATA", "error", "the data set has no rows")]
    now = DatasetView(whole(statistics), by_weight=False)
    before = DatasetView(whole(previous), by_weight=False) if previous is not None else None
    order = {serialized(path): place for place, path in enumerate(now.features)}
    schema = _Schema(anomalies)
    found = []
    for name in sorted(anomalies.anomaly_info, key=lambda name: (order.get(name, len(order)), name)):
        path = tuple(anomalies.anomaly_info[name].path.step)
        earlier = before.features.get(path) if before else None
        about = _About(name, now.features.get(path), earlier, schema.feature(path), schema.measured.get(path, {}))
        found += _lines(anomalies.anomaly_info[name], about, schema, severity_overrides)
    if anomalies.HasField("dataset_anomaly_info"):
        rows = f"{before.rows:,.0f} -> {now.rows:,.0f}" if before else f"{now.rows:,.0f}"
        about = _About("", None, None, None, {})
        found += _lines(anomalies.dataset_anomaly_info, about, schema, severity_overrides, rows)
    return sorted(found, key=lambda finding: finding.severity != "error")


class _Schema:
    """What the message says of what was expected and of what was measured, found by name."""

    def __init__(self, anomalies: anomalies_pb2.Anomalies) -> None:
        self._features = by_name(anomalies.baseline.feature)
        self.domains = by_name(anomalies.baseline.string_domain)
        # Of drift and skew only what was exceeded, by type.
        self.measured: dict[Path, dict[str, Any]] = {
            tuple(entry.path.step): {
                measurement.Type.Name(measurement.type): measurement
                for measurement in (*entry.drift_measurements, *entry.skew_measurements)
                if measurement.value > measurement.threshold
            }
            for entry in anomalies.drift_skew_info
        }

    def feature(self, path: Path) -> Any:
        """Returns the schema's feature of a path, None where it has none."""
        found = self._features.get(path[0]) if path else None
        for step in path[1:]:
            found = by_name(found.struct_domain.feature).get(step) if found is not None else None
        return found


@dataclass(frozen=True)
class _About:
    """What is known of an anomaly's feature."""

    name: str
    now: FeatureView | None
    before: FeatureView | None
    expected: Any
    measured: dict[str, Any]


def _lines(
    info: anomalies_pb2.AnomalyInfo, about: _About, schema: _Schema, overrides: Mapping[str, str], rows: str = ""
) -> list[Finding]:
    worst = "warning" if info.severity == info.WARNING else "error"
    lines = []
    for reason in info.reason:
        kind = info.Type.Name(reason.type)
        words = _WORDS.get(kind)
        own = (reason.description or reason.short_description).strip().rstrip(".")
        text = words(about, schema) if words else ""
        if not text and rows:
            empty = "which has 0" in reason.short_description  # its words would tell the numbers again
            text = f"rows {rows}" if empty else f"rows {rows}: {own}"
        text = text or f"{about.name}: {own}"
        lines.append(Finding(about.name, kind, overrides.get(kind, worst), text))
    return lines


def percent(share: float) -> str:
    """Words a share: "12 %", "3.1 %", "0.02 %"; never 0 or 100 % for what is not quite."""
    hundred = 100 * share
    if 0 < hundred < 0.01:
        return "under 0.01 %"
    text = f"{hundred:.2f}" if hundred < 0.1 else f"{hundred:.1f}"
    if share < 1 and float(text) == 100:
        return "over 99.9 %"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def _shown(value: str) -> str:
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value)
    return repr(text if len(text) <= _VALUE_CHARACTERS else f"{text[:_VALUE_CHARACTERS]}…")


def _null_rate(view: FeatureView) -> float:
    return 1 - (view.fraction_present or 0.0)


def _new_column(about: _About, _schema: _Schema) -> str:
    return f"new column {about.name}" if about.expected is None else ""


def _missing_column(about: _About, _schema: _Schema) -> str:
    return f"column {about.name} is missing"


def _no_values(about: _About, _schema: _Schema) -> str:
    return f"{about.name} has no value in any row"


def _nulls(about: _About, _schema: _Schema) -> str:
    if about.now is None or about.now.fraction_present is None:
        return ""
    rate = percent(_null_rate(about.now))
    if about.before is not None:
        return f"null rate of {about.name} {percent(_null_rate(about.before))} -> {rate}"
    allowed = percent(max(0.0, 1 - about.expected.presence.min_fraction))
    return f"null rate of {about.name} {rate} (the schema allows {allowed})"


def _shape(about: _About, _schema: _Schema) -> str:
    return f"{about.name} has not the same number of values in every row (some rows have none, or another number)"


def _few_present(about: _About, _schema: _Schema) -> str:
    if about.now is None:
        return ""
    return f"{about.name} is in {about.now.present:,.0f} rows (the schema wants {about.expected.presence.min_count:,})"


def _new_values(about: _About, schema: _Schema) -> str:
    if about.now is None or about.expected is None:
        return ""
    domain = schema.domains.get(about.expected.domain, about.expected.string_domain)
    known = set(domain.value)
    strange = {value: count for value, count in about.now.counts.items() if value not in known}
    total = about.now.values
    largest = sorted(strange, key=lambda value: -strange[value])[:_VALUES_SHOWN]
    listed = [f"{_shown(value)} ({percent(strange[value] / total)} of rows)" for value in largest if total]
    if len(strange) == 1:
        value, share = listed[0].split(" (", 1) if listed else ("", "")
        return f"new value {value} in {about.name} ({share}" if listed else ""
    more = f" and {len(strange) - len(listed)} more" if len(strange) > len(listed) else ""
    return f"{len(strange)} new values in {about.name}: {', '.join(listed)}{more}"


def _type(about: _About, _schema: _Schema) -> str:
    if about.now is None:
        return ""
    if about.before is not None:
        return f"type of {about.name} {about.before.type} -> {about.now.type}"
    from tensorflow_metadata.proto.v0 import schema_pb2

    return (
        f"type of {about.name} is {about.now.type} (the schema says {schema_pb2.FeatureType.Name(about.expected.type)})"
    )


def _share(about: _About, _schema: _Schema) -> str:
    from kfx.stats.schema import drift

    if about.now is None or about.before is None or not (about.now.counts and about.before.counts):
        return ""
    value, _ = drift.l_infinity(about.now.counts, about.before.counts)
    shares = [view.counts.get(value, 0.0) / sum(view.counts.values()) for view in (about.before, about.now)]
    moved = f"{percent(shares[0])} -> {percent(shares[1])}"
    return f"share of {_shown(value)} in {about.name} {moved} ({_distance(about, 'L-infinity', 'L_INFTY')})"


def _distribution(about: _About, _schema: _Schema) -> str:
    if about.now is None or about.before is None:
        return ""
    distance = _distance(about, "Jensen-Shannon divergence", "JENSEN_SHANNON_DIVERGENCE")
    figures = [view.proto.num_stats for view in (about.before, about.now) if view.proto.HasField("num_stats")]
    if len(figures) < 2:
        return f"distribution of {about.name} moved ({distance})"
    before, now = figures
    moved = f"mean {_figures(before.mean, now.mean)}, deviation {_figures(before.std_dev, now.std_dev)}"
    return f"distribution of {about.name} moved: {moved} ({distance})"


def _figures(before: float, now: float) -> str:
    """Writes two figures with four significant digits, or whole: "13.00 -> 14.95", "5,000 -> 14,000"."""
    return " -> ".join(f"{figure:,.0f}" if 1000 <= abs(figure) < 1e9 else f"{figure:#.4g}" for figure in (before, now))


def _counts(about: _About, _schema: _Schema) -> str:
    name = "NORMALIZED_ABSOLUTE_DIFFERENCE"
    return f"counts of {about.name} moved ({_distance(about, 'normalised absolute difference', name)})"


def _distance(about: _About, name: str, kind: str) -> str:
    found = about.measured.get(kind)
    return f"{name} {found.value:.2g}, above {found.threshold:.2g}" if found else name


_WORDS: dict[str, Callable[[_About, _Schema], str]] = {
    "SCHEMA_NEW_COLUMN": _new_column,
    "SCHEMA_MISSING_COLUMN": _missing_column,
    "FEATURE_TYPE_NOT_PRESENT": _no_values,
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": _nulls,
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": _few_present,
    "INVALID_FEATURE_SHAPE": _shape,
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": _new_values,
    "UNEXPECTED_DATA_TYPE": _type,
    "COMPARATOR_L_INFTY_HIGH": _share,
    "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH": _distribution,
    "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH": _counts,
}


def table(found: Iterable[Finding], most: int | None = None) -> str:
    """Returns the lines below each other, each with its severity.

    Args:
        found: The findings.
        most: At most so many lines; the rest is counted. None for all.
    """
    every = list(found)
    shown = every if most is None or len(every) <= most else every[: most - 1]
    lines = [f"{finding.severity:<7}  {finding.text}" for finding in shown]
    return "\n".join([*lines, *([f"and {len(every) - len(shown)} more"] if len(shown) < len(every) else [])])
