"""Tables, statistics, anomalies and pages for the tests of the report."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from kfx.stats.engines import DEFAULT, engine
from kfx.stats.generate import silent
from kfx.stats.options import StatsOptions
from kfx.stats.report import render
from kfx.stats.sources._memory import MemoryTable

VISIBLE = "[...document.querySelectorAll('.feature .name b')].map(n => n.textContent)"
OPEN_ALL = "document.getElementById('expand').click()"

JOINED = ["\N{WOMAN}\u200d\N{WOMAN}\u200d\N{GIRL}", "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"]
"""An emoji and a Persian word, which are other things without their joiners."""


def statistics(columns: Any, options: StatsOptions | None = None) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Computes the statistics of a table in memory."""
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    return engine(DEFAULT)(MemoryTable("t", table), options or StatsOptions(), silent)


def write_page(
    folder: Path,
    shown: statistics_pb2.DatasetFeatureStatisticsList,
    title: str = "Customers",
    anomalies: anomalies_pb2.Anomalies | None = None,
) -> Path:
    """Writes a report and returns its path."""
    path = folder / "report.html"
    path.write_text(render(shown, title, anomalies), encoding="utf-8")
    return path


def page(folder: Path, columns: Any, title: str = "Customers") -> Path:
    """Writes the report of a table in memory and returns its path."""
    return write_page(folder, statistics(columns), title)


def customers() -> dict[str, Any]:
    """A table with every kind of feature, and something wrong with some."""
    return {
        "age": [i % 70 + 18 for i in range(500)],
        "income": [float(i * i) if i else math.inf for i in range(500)],
        "seen": [dt.datetime(2026, 1, 1) + dt.timedelta(hours=i) for i in range(500)],
        "plan": [("free", "pro", "team")[min(i % 20 // 9, 2)] for i in range(500)],
        "email": [f"person{i}@example.org" for i in range(500)],
        "gone": pa.nulls(500, pa.string()),
        "often_missing": [None if i % 3 else 1.5 * i for i in range(500)],
        "active": [i % 4 > 0 for i in range(500)],
        "tags": [["new"] * (i % 3) for i in range(500)],
        "home": [{"city": "Lyon", "zip": i} for i in range(500)],
    }


def found() -> anomalies_pb2.Anomalies:
    """Anomalies of `customers()`: of features (one nested, one missing) and of the whole data set, and drift."""
    made = anomalies_pb2.Anomalies(anomaly_name_format=anomalies_pb2.Anomalies.SERIALIZED_PATH)
    info = anomalies_pb2.AnomalyInfo
    _add(made, ["often_missing"], info.WARNING, (info.FEATURE_TYPE_LOW_FRACTION_PRESENT, "Missing values", "Too few."))
    _add(
        made, ["plan"], info.ERROR,
        (info.ENUM_TYPE_UNEXPECTED_STRING_VALUES, "Unexpected string values", "Not in the schema: team (~10%)."),
        (info.COMPARATOR_L_INFTY_HIGH, "High Linfty distance", "The distance is 0.2, above the threshold 0.05."),
    )  # fmt: skip
    _add(made, ["home", "zip"], info.ERROR, (info.INT_TYPE_BIG_INT, "Out-of-range values", "499 > 400."))
    _add(made, ["phone"], info.ERROR, (info.SCHEMA_MISSING_COLUMN, "Column dropped", "Column is completely missing"))
    whole = made.dataset_anomaly_info
    whole.severity, whole.short_description = info.WARNING, "Low num examples"
    whole.description = "There are 500 examples, fewer than 1000."
    for feature, measure, threshold in (("age", 0.01, 0.05), ("plan", 0.2, 0.05)):
        drift = made.drift_skew_info.add()
        drift.path.step.append(feature)
        drift.drift_measurements.add(
            type=anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY, value=measure, threshold=threshold
        )
    return made


def _add(made: anomalies_pb2.Anomalies, path: list[str], severity: int, *reasons: tuple[int, str, str]) -> None:
    entry = made.anomaly_info[".".join(f"'{step}'" if len(path) > 1 else step for step in path)]
    entry.path.step.extend(path)
    entry.severity = severity
    entry.short_description = reasons[0][1] if len(reasons) == 1 else "Multiple errors"
    entry.description = " ".join(text for _, _, text in reasons)
    for kind, short, text in reasons:
        entry.reason.add(type=kind, short_description=short, description=text)
