"""What validation found, as the report shows it: anomalies and drift measures by feature, and those of the data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2

Path = tuple[str, ...]
Json = dict[str, Any]

_SEVERITIES = {0: "unknown", 1: "warning", 2: "error"}  # anomalies_pb2.AnomalyInfo.Severity
_MEASURES = {
    "L_INFTY": "L-infinity",
    "JENSEN_SHANNON_DIVERGENCE": "Jensen-Shannon",
    "NORMALIZED_ABSOLUTE_DIFFERENCE": "normalised absolute difference",
}


# TFDV has "Column dropped" for these too, of columns that are there.
_SHORTS = {
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": "Missing values",
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": "Missing values",
    "FEATURE_TYPE_NOT_PRESENT": "No value",
}


class Line(Protocol):
    """A reason in words with its figures, as `kfx.stats.schema.findings.Finding` has it."""

    @property
    def feature(self) -> str:
        """The key of the feature's anomaly; empty for the data set."""

    @property
    def type(self) -> str:
        """Name of the `AnomalyInfo.Type`."""

    @property
    def severity(self) -> str:
        """`error` or `warning`: of the reason, where the anomaly has that of its worst one."""

    @property
    def text(self) -> str:
        """The sentence."""


Lines = Mapping[tuple[str, str], list[Line]]
"""Lines by feature and type, in the order of the reasons they are of."""


def lines_by_reason(lines: Iterable[Line]) -> Lines:
    """Returns the lines by the feature and the type of anomaly they are about.

    Args:
        lines: In any order; of one feature and type in the order of the anomaly's reasons.
    """
    found: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        found.setdefault((line.feature, line.type), []).append(line)
    return found


def anomalies_of_dataset(anomalies: anomalies_pb2.Anomalies, lines: Lines = MappingProxyType({})) -> list[Json]:
    """Returns the anomalies of the data set as a whole, such as too few examples.

    Args:
        anomalies: What validation found.
        lines: What takes the place of the reasons' own words.
    """
    whole = anomalies.dataset_anomaly_info
    found = list(_entries("", whole, lines)) if anomalies.HasField("dataset_anomaly_info") else []
    if anomalies.data_missing:
        found.append({"severity": "error", "short": "No data", "text": "There was no data to validate.", "types": []})
    return found


def anomalies_of_features(
    anomalies: anomalies_pb2.Anomalies, known: Iterable[Path], lines: Lines = MappingProxyType({})
) -> dict[Path, list[Json]]:
    """Returns each feature's anomalies by its path, a reason each, errors first; features in the statistics' order.

    Args:
        anomalies: What validation found.
        known: Paths of the features the statistics have. An anomaly without a path is keyed by its feature's name,
            nested names joined by dots; one that none of these has (a missing column) is its own path.
        lines: What takes the place of the reasons' own words.
    """
    places = {path: place for place, path in enumerate(known)}
    by_name = {".".join(path): path for path in places}
    found: dict[Path, list[Json]] = {}
    for name, info in sorted(anomalies.anomaly_info.items()):
        path = tuple(info.path.step) or by_name.get(name, (name,))
        found.setdefault(path, []).extend(_entries(name, info, lines))
    order = list(reversed(_SEVERITIES.values()))
    return {
        path: sorted(found[path], key=lambda entry: order.index(entry["severity"]))
        for path in sorted(found, key=lambda path: places.get(path, len(places)))
    }


def drift_of_features(anomalies: anomalies_pb2.Anomalies) -> dict[Path, list[Json]]:
    """Returns each feature's measures of drift and skew by its path, each with its threshold.

    Args:
        anomalies: What validation found.
    """
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    name_of = anomalies_pb2.DriftSkewInfo.Measurement.Type.Name
    found: dict[Path, list[Json]] = {}
    for info in anomalies.drift_skew_info:
        measures = found.setdefault(tuple(info.path.step), [])
        for kind, measured in (("drift", info.drift_measurements), ("skew", info.skew_measurements)):
            for one in measured:
                name = name_of(one.type)
                measure = _MEASURES.get(name, name.replace("_", " ").lower())
                measures.append({"kind": kind, "measure": measure, "value": one.value, "threshold": one.threshold})
    return found


def _entries(name: str, info: anomalies_pb2.AnomalyInfo, lines: Lines) -> Iterator[Json]:
    """Yields an entry for every reason; where there is none, the summary is all there is."""
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    severity = _SEVERITIES[info.severity]
    left = {kind: iter(texts) for (feature, kind), texts in lines.items() if feature == name}
    for reason in info.reason:
        kind = anomalies_pb2.AnomalyInfo.Type.Name(reason.type)
        line = next(left.get(kind, iter(())), None)
        yield {
            "severity": line.severity if line else severity,
            "short": _SHORTS.get(kind) or reason.short_description or info.short_description,
            "text": line.text if line else reason.description or info.description,
            "types": [] if kind == "UNKNOWN_TYPE" else [kind],
            **({"alone": True} if line else {}),
        }
    if not info.reason:
        yield {"severity": severity, "short": info.short_description, "text": info.description, "types": []}
