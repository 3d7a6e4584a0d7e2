"""Anomalies as lines for people: "null rate of x 0.1 % -> 12 %", "new value 'blau' in colour (3.1 % of values)".

The proto's descriptions name what was expected or what was found, seldom both, and never the statistics before. Here
both are read from the schema and the statistics at hand; where an anomaly has no better words, its own stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kfx.stats.schema import moves
from kfx.stats.schema.moves import percent
from kfx.stats.schema.view import DatasetView, FeatureView, Path, by_name, has_weights, serialized, whole
from kfx.stats.wording import printable, quoted

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

_NO_OVERRIDES: Mapping[str, str] = MappingProxyType({})
_VALUES_SHOWN = 3
_VALUE_CHARACTERS = 40
_NAME_CHARACTERS = 80


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
    serving: statistics_pb2.DatasetFeatureStatisticsList | None = None,
) -> list[Finding]:
    """Returns a line for every reason, errors first, then in the order of the data set's features.

    Args:
        anomalies: What validation found, with the schema as its baseline.
        statistics: What was validated.
        previous: What it was compared with; None where it was not.
        severity_overrides: As they were given to the validation: the message has only the worst of a feature's reasons.
        serving: What skew was measured against, where that is not `previous`.
    """
    if anomalies.data_missing:
        return [Finding("", "NO_DATA", "error", "the data set has no rows")]
    given = [whole(one) if one is not None else None for one in (statistics, previous, serving)]
    by_weight = all(has_weights(one) for one in given if one is not None)
    now, before, served = (DatasetView(one, by_weight) if one is not None else None for one in given)
    assert now is not None  # noqa: S101 - statistics are always given
    order = {serialized(path): place for place, path in enumerate(now.features)}
    schema = _Schema(anomalies)
    found = []
    for name in sorted(anomalies.anomaly_info, key=lambda name: (order.get(name, len(order)), name)):
        path = tuple(anomalies.anomaly_info[name].path.step)
        about = _About(
            name,
            now.features.get(path),
            before.features.get(path) if before else None,
            served.features.get(path) if served else None,
            schema.feature(path),
            schema.measured.get(path, {}),
            both=before is not None and served is not None,
        )
        found += _lines(anomalies.anomaly_info[name], about, schema, severity_overrides)
    if anomalies.HasField("dataset_anomaly_info"):
        found += _of_rows(anomalies, now, before, severity_overrides)
    return sorted(found, key=lambda finding: finding.severity != "error")


def _of_rows(
    anomalies: anomalies_pb2.Anomalies, now: DatasetView, before: DatasetView | None, overrides: Mapping[str, str]
) -> list[Finding]:
    """Words what is wrong with the number of rows."""
    info = anomalies.dataset_anomaly_info
    what = "weight of the rows" if now.by_weight else "rows"
    count = f"{what} {before.rows:,.6g} -> {now.rows:,.6g}" if before else f"{what} {now.rows:,.6g}"
    bounds = anomalies.baseline.dataset_constraints.num_examples_drift_comparator
    lines = []
    for reason in info.reason:
        kind = info.Type.Name(reason.type)
        text = f"{count}: {reason.description.strip().rstrip('.')}"
        if kind.startswith("COMPARATOR") and before and "version" not in reason.description:
            high = kind == "COMPARATOR_HIGH_NUM_EXAMPLES"
            bound = bounds.max_fraction_threshold if high else bounds.min_fraction_threshold
            limit = f"{'above' if high else 'below'} {bound:.3g}"
            text = f"{count} ({now.rows / before.rows:.3g} times, {limit})" if before.rows else count
        lines.append(Finding("", kind, _severity(info, kind, overrides), text))
    return lines


def _severity(info: anomalies_pb2.AnomalyInfo, kind: str, overrides: Mapping[str, str]) -> str:
    return overrides.get(kind, "warning" if info.severity == info.WARNING else "error")


class _Schema:
    """What the message says of what was expected and of what was measured, found by name."""

    def __init__(self, anomalies: anomalies_pb2.Anomalies) -> None:
        self._features = by_name(anomalies.baseline.feature)
        self.domains = by_name(anomalies.baseline.string_domain)
        # What was exceeded, by drift or skew and its type.
        self.measured: dict[Path, dict[tuple[str, str], Any]] = {}
        for entry in anomalies.drift_skew_info:
            known = self.measured.setdefault(tuple(entry.path.step), {})
            for side, taken in (("drift", entry.drift_measurements), ("skew", entry.skew_measurements)):
                exceeded = (measurement for measurement in taken if measurement.value > measurement.threshold)
                known.update({(side, each.Type.Name(each.type)): each for each in exceeded})

    def feature(self, path: Path) -> Any:
        """Returns the schema's feature of a path, None where it has none."""
        found = self._features.get(path[0]) if path else None
        for step in path[1:]:
            found = by_name(found.struct_domain.feature).get(step) if found is not None else None
        return found


@dataclass(frozen=True)
class _About:
    """What is known of an anomaly's feature."""

    feature: str
    now: FeatureView | None
    before: FeatureView | None
    served: FeatureView | None
    expected: Any
    measured: dict[tuple[str, str], Any]
    both: bool = False
    side: str = "drift"

    @property
    def name(self) -> str:
        """The feature's name, on one short line."""
        return _printable(self.feature, _NAME_CHARACTERS)

    def of(self, reason: Any, kind: str) -> _About:
        """Returns what is known of one reason: skew is measured against the serving data."""
        if not kind.startswith("COMPARATOR") or "serving" not in (reason.description or reason.short_description):
            return self
        return replace(self, before=self.served or self.before, side="skew")


def _lines(
    info: anomalies_pb2.AnomalyInfo, about: _About, schema: _Schema, overrides: Mapping[str, str]
) -> list[Finding]:
    lines = []
    for reason in info.reason:
        kind = info.Type.Name(reason.type)
        one = about.of(reason, kind)
        words = _WORDS.get(kind)
        own = (reason.description or reason.short_description).strip().rstrip(".")
        text = (words(one, schema) if words else "") or f"{about.name}: {own}"
        if kind.startswith(_SHARES) and one.now is not None and one.now.by_weight:
            text += ", by weight"
        if about.both and kind.startswith("COMPARATOR"):
            text += f", against the {'serving' if one.side == 'skew' else 'previous'} data"
        lines.append(Finding(about.feature, kind, _severity(info, kind, overrides), text))
    return lines


def _printable(text: str, most: int) -> str:
    """Cuts text from the data, and shows what would break the line or reorder it."""
    whole_text = printable(text[: most + 1], instead="\N{REPLACEMENT CHARACTER}")
    return whole_text if len(whole_text) <= most else f"{whole_text[:most]}…"


def _shown(value: str) -> str:
    return quoted(_printable(value, _VALUE_CHARACTERS))


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
    listed = [f"{_shown(value)} ({percent(strange[value] / total)} of values)" for value in largest if total]
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
    moved = moves.moved(about.before, about.now)
    return f"distribution of {about.name} moved{': ' if moved else ''}{moved} ({distance})"


def _counts(about: _About, _schema: _Schema) -> str:
    name = "NORMALIZED_ABSOLUTE_DIFFERENCE"
    return f"counts of {about.name} moved ({_distance(about, 'normalised absolute difference', name)})"


def _distance(about: _About, name: str, kind: str) -> str:
    found = about.measured.get((about.side, kind))
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


# Of these the figures are those by weight where there are any.
_SHARES = ("FEATURE_TYPE_LOW_FRACTION_PRESENT", "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "COMPARATOR")


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
