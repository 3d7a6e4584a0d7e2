"""What validation found, as the report shows it: anomalies and drift measures by feature, and those of the data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

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


def anomalies_of_dataset(anomalies: anomalies_pb2.Anomalies) -> list[Json]:
    """Returns the anomalies of the data set as a whole, such as too few examples.

    Args:
        anomalies: What validation found.
    """
    found = list(_entries(anomalies.dataset_anomaly_info)) if anomalies.HasField("dataset_anomaly_info") else []
    if anomalies.data_missing:
        found.append({"severity": "error", "short": "No data", "text": "There was no data to validate.", "types": []})
    return found


def anomalies_of_features(anomalies: anomalies_pb2.Anomalies, known: Iterable[Path]) -> dict[Path, list[Json]]:
    """Returns each feature's anomalies by its path, a reason each, errors first; features in the statistics' order.

    Args:
        anomalies: What validation found.
        known: Paths of the features the statistics have. An anomaly without a path is keyed by its feature's name,
            nested names joined by dots; one that none of these has (a missing column) is its own path.
    """
    places = {path: place for place, path in enumerate(known)}
    by_name = {".".join(path): path for path in places}
    found: dict[Path, list[Json]] = {}
    for name, info in sorted(anomalies.anomaly_info.items()):
        path = tuple(info.path.step) or by_name.get(name, (name,))
        found.setdefault(path, []).extend(_entries(info))
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


def _entries(info: anomalies_pb2.AnomalyInfo) -> Iterator[Json]:
    """Yields an entry for every reason; where there is none, the summary is all there is."""
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    severity = _SEVERITIES[info.severity]
    for reason in info.reason:
        kind = anomalies_pb2.AnomalyInfo.Type.Name(reason.type)
        yield {
            "severity": severity,
            "short": reason.short_description or info.short_description,
            "text": reason.description or info.description,
            "types": [] if kind == "UNKNOWN_TYPE" else [kind],
        }
    if not info.reason:
        yield {"severity": severity, "short": info.short_description, "text": info.description, "types": []}
