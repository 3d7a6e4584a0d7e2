"""What the report shows of a statistics proto: plain numbers and text, small enough for a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kfx.stats import bad_rows
from kfx.stats.datasets import has_slices
from kfx.stats.report.anomalies import (
    Line,
    Lines,
    anomalies_of_dataset,
    anomalies_of_features,
    drift_of_features,
    lines_by_reason,
)
from kfx.stats.report.changes import changes, difference
from kfx.stats.report.feature import clipped, feature_model, number
from kfx.stats.report.findings import Finding, findings
from kfx.stats.schema.view import feature_path, has_weights

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

Json = Any


def page_model(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    title: str,
    anomalies: anomalies_pb2.Anomalies | None = None,
    lines: Iterable[Line] = (),
    *,
    by_weight: bool = False,
) -> dict[str, Json]:
    """Returns the page's data; features of several data sets are joined by their path.

    Args:
        statistics: One or more data sets.
        title: The page's heading.
        anomalies: What validation found in the first data set; None if nobody looked.
        lines: Its reasons in words, in place of the anomalies' own.
        by_weight: Show the figures by weight. What changed is always told by weight, where every data set has them.
    """
    import kfx

    weighed = by_weight or all(map(has_weights, statistics.datasets))
    joined: dict[tuple[str, ...], list[dict[str, Json] | None]] = {}
    for at, dataset in enumerate(statistics.datasets):
        for feature in dataset.features:
            of = joined.setdefault(feature_path(feature), [None] * len(statistics.datasets))
            of[at] = feature_model(feature, dataset.num_examples, by_weight=weighed)
    names = [dataset.name or f"data set {at + 1}" for at, dataset in enumerate(statistics.datasets)]
    sliced = has_slices(statistics)
    entries = {path: _entry(path, of, names, sliced) for path, of in joined.items()}
    for entry in entries.values() if not by_weight else ():
        entry["of"] = [figures and figures.get("plain", figures) for figures in entry["of"]]
    for figures in (figures for entry in entries.values() for figures in entry["of"] if figures):
        for kind in figures.keys() & {"standard", "quantiles"}:
            figures[kind] = [list(map(number, bucket)) for bucket in figures[kind]]
    model = {
        "title": title,
        "version": kfx.__version__,
        "datasets": [_dataset(name, dataset) for name, dataset in zip(names, statistics.datasets, strict=True)],
        "features": list(entries.values()),
    }
    if anomalies is not None:
        worded = lines_by_reason(lines)
        model["anomalies"] = anomalies_of_dataset(anomalies, worded)
        model["features"] = _with_anomalies(entries, anomalies, worded, len(names))
    return model


def _entry(path: tuple[str, ...], of: list[dict[str, Json] | None], names: list[str], sliced: bool) -> dict[str, Json]:
    """Returns one feature of all data sets, with what deserves a look, worst first."""
    entry: dict[str, Json] = {"path": list(path), "type": next(model["type"] for model in of if model), "of": of}
    if len(of) > 1:
        entry["difference"] = max(difference(of[0], other) for other in of[1:])
    worst_first = sorted(_told(of, names, sliced), key=lambda pair: -pair[0].weight)
    entry["findings"] = [[finding.weight, finding.text, at] for finding, at in worst_first]
    return entry


def _told(of: list[dict[str, Json] | None], names: list[str], sliced: bool) -> list[tuple[Finding, list[int]]]:
    """Returns what deserves a look, with the places of the data sets that have it.

    What changed says more than what is; what several data sets have in common is told once, as the first has it. Of a
    table and its slices the table alone is looked at: that a column has one value in a slice, or no other missing, is
    often what the slice was made for.
    """
    if sliced:
        return [(finding, []) for finding in findings(of[0])] if of[0] else []
    changed = list(changes(of[0], of[1], names[1])) if len(of) == 2 else []
    told: dict[str, tuple[Finding, list[int]]] = {}
    for at, model in enumerate(of if of[0] or not changed else ()):
        for finding in findings(model) if model else ():
            if all(finding.kind != change.kind for change in changed):
                told.setdefault(finding.kind, (finding, []))[1].append(at)
    return [*((change, []) for change in changed), *told.values()]


def _with_anomalies(
    entries: dict[tuple[str, ...], dict[str, Json]], anomalies: anomalies_pb2.Anomalies, lines: Lines, datasets: int
) -> list[dict[str, Json]]:
    """Adds anomalies and drift to their features; a feature that is not in the data gets an entry without figures."""
    extra: dict[str, dict[tuple[str, ...], list[dict[str, Json]]]] = {
        "anomalies": anomalies_of_features(anomalies, entries, lines),
        "drift": drift_of_features(anomalies),
    }
    for key, by_path in extra.items():
        for path, found in by_path.items():
            absent = {"path": list(path), "type": "absent", "of": [None] * datasets, "findings": []}
            entries.setdefault(path, absent)[key] = found
    return list(entries.values())


def _dataset(name: str, dataset: statistics_pb2.DatasetFeatureStatistics) -> dict[str, Json]:
    count, places = bad_rows.noted(dataset)
    return {"name": name, "rows": dataset.num_examples, "bad_rows": count, "bad_places": places}


def shorten(model: dict[str, Json], characters: int) -> None:
    """Cuts the values of a page's data to a number of characters, in place."""
    for entry in model["features"]:
        for figures in filter(None, entry["of"]):
            for pair in figures.get("top", ()):
                pair[0] = clipped(pair[0], characters)
