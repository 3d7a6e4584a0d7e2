"""Small tables for the tests of statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tensorflow_metadata.proto.v0 import statistics_pb2

from kfx.stats.engines import engine
from kfx.stats.generate import silent
from kfx.stats.options import StatsOptions
from kfx.stats.sources._memory import MemoryTable

FEW = StatsOptions(num_histogram_buckets=3, num_quantiles_histogram_buckets=3, num_values_histogram_buckets=3)


def describe(columns: dict[str, Any] | pa.Table, options: StatsOptions = FEW) -> dict[tuple[str, ...], Any]:
    """Returns path -> feature proto of a table in memory."""
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    computed = engine("arrow")(MemoryTable("test", table), options, silent)
    (dataset,) = computed.datasets
    assert dataset.num_examples == table.num_rows
    return {tuple(feature.path.step): feature for feature in dataset.features}


def one(values: Any, options: StatsOptions = FEW) -> Any:
    """Returns the feature proto of one column."""
    return describe({"x": values}, options)[("x",)]


def parquet(path: Path, columns: dict[str, Any]) -> str:
    """Writes a Parquet file and returns its path as text."""
    pq.write_table(pa.table(columns), path)
    return str(path)


def type_name(feature: Any) -> str:
    """Returns INT, FLOAT, STRING or STRUCT."""
    return str(statistics_pb2.FeatureNameStatistics.Type.Name(feature.type))


def buckets(feature: Any, kind: str) -> list[tuple[float, float, float]]:
    """Returns low, high, count of a numeric feature's histogram."""
    wanted = statistics_pb2.Histogram.HistogramType.Value(kind)
    (histogram,) = [h for h in feature.num_stats.histograms if h.type == wanted]
    return [(b.low_value, b.high_value, b.sample_count) for b in histogram.buckets]
