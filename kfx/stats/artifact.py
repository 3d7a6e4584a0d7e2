"""The statistics as files: what `kfx stats` writes and the component's artifact holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats import bad_rows, contents, place, tfrecord
from kfx.stats.report import render
from kfx.stats.report.feature import feature_model
from kfx.stats.schema.view import WHOLE, whole

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

TFRECORD, BINARY, REPORT, METRICS = "stats.tfrecord", "stats.pb", "report.html", "metrics.json"
_THIS = "this"


def write(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    folder: Path,
    title: str,
    compared: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList] | None = None,
    anomalies: anomalies_pb2.Anomalies | None = None,
) -> dict[str, Path]:
    """Writes `stats.tfrecord`, `stats.pb`, `report.html` and `metrics.json` into a folder.

    Either all four are there afterwards or, after a failure, what was there before.

    Args:
        statistics: What to write.
        folder: Where; made if it does not exist, older files of these names are replaced.
        title: The report's heading.
        compared: Other statistics the report shows beside these, by name.
        anomalies: What validation of these statistics found, for the report; None if nobody looked.

    Returns:
        File name -> path.

    Raises:
        PermanentError: The folder cannot be written.
        UsageError: Statistics have no data set of all rows.
    """
    binary = statistics.SerializeToString(deterministic=True)
    shown = with_others(statistics, compared) if compared else statistics
    files = {
        TFRECORD: tfrecord.record(binary),
        BINARY: binary,
        REPORT: render(shown, title, anomalies).encode(),
        METRICS: json.dumps(metrics(statistics), indent=1).encode(),
    }
    return place.write_folder(folder, files)


def load(path: Path) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Reads statistics that kfx or TFDV wrote.

    Args:
        path: A folder with `stats.pb` or `stats.tfrecord`, or such a file, or one of text (`tfdv.write_stats_text`).

    Raises:
        UsageError: There are no statistics, or they are damaged.
        PermanentError: They cannot be read.
    """
    found = [path / name for name in (BINARY, TFRECORD) if (path / name).is_file()] if path.is_dir() else [path]
    if not found or not found[0].is_file():
        raise UsageError(f"There are no statistics at {str(path)!r}.")
    return contents.parse_statistics(place.read(str(found[0])) or b"", str(found[0]))


def with_others(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    others: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList],
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Joins statistics, named "this", with those they are compared with.

    Args:
        statistics: What is looked at.
        others: Name -> other statistics.

    Raises:
        UsageError: Another one has no name, or one that means something else; or one has no data set of all rows.
    """
    check_others(others)
    return side_by_side({_THIS: statistics, **others})


def check_others(others: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]) -> None:
    """Refuses what cannot be compared with: also before there is anything to compare.

    Args:
        others: Name -> statistics.

    Raises:
        UsageError: One has no name, or one that means something else; or one has no data set of all rows.
    """
    if _THIS in others:
        raise UsageError(f"{_THIS!r} names the statistics that others are compared with; give those another name.")
    for name in WHOLE:
        if name in others:
            raise UsageError(f"{name!r} is no name for statistics to compare with; give those another.")
    for name, statistics in others.items():
        _whole(name, statistics)


def side_by_side(
    named: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList],
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Joins statistics into one list, each data set under its name, for a report that compares them.

    Args:
        named: Name -> statistics, of which the data set of all rows is taken, wherever it stands.

    Raises:
        UsageError: One of them has none.
    """
    from tensorflow_metadata.proto.v0 import statistics_pb2

    joined = statistics_pb2.DatasetFeatureStatisticsList()
    for name, statistics in named.items():
        joined.datasets.add().CopyFrom(_whole(name, statistics))
        joined.datasets[-1].name = name
    return joined


def _whole(
    name: str, statistics: statistics_pb2.DatasetFeatureStatisticsList
) -> statistics_pb2.DatasetFeatureStatistics:
    try:
        return whole(statistics)
    except UsageError as error:
        raise UsageError(f"{name!r} cannot be compared. {error}") from error


def metrics(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> dict[str, int | float]:
    """Returns a few numbers that say at a glance whether a table is what it was.

    Args:
        statistics: The data set of all rows is summed up.

    Returns:
        `num_examples`; `num_bad_rows`, which could not be read and were skipped; `num_features`, of which
        `num_numeric_features` and `num_string_features`; `missing_share` of all cells (0 to 1),
        `num_features_with_missing`, `num_empty_features` (no value at all) and `num_constant_features` (one value).

    Raises:
        UsageError: There is no data set of all rows.
    """
    dataset = whole(statistics)
    models = [feature_model(feature, dataset.num_examples) for feature in dataset.features]
    missing = sum(model["missing"] for model in models)
    cells = missing + sum(model["present"] for model in models)
    return {
        "num_examples": dataset.num_examples,
        "num_bad_rows": bad_rows.noted(dataset)[0],
        "num_features": len(models),
        "num_numeric_features": sum(feature.HasField("num_stats") for feature in dataset.features),
        "num_string_features": sum(feature.HasField("string_stats") for feature in dataset.features),
        "missing_share": missing / cells if cells else 0.0,
        "num_features_with_missing": sum(model["missing"] > 0 for model in models),
        "num_empty_features": sum(not model["present"] for model in models),
        "num_constant_features": sum(_is_constant(model) for model in models),
    }


def _is_constant(model: dict[str, Any]) -> bool:
    if "min" in model:
        return bool(model["min"] == model["max"])
    return model.get("unique") == 1
