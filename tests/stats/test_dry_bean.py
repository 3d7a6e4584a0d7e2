"""The statistics of the real table, against pandas and numpy."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from kfx.stats.generate import generate

STANDARD, QUANTILES = statistics_pb2.Histogram.STANDARD, statistics_pb2.Histogram.QUANTILES


@pytest.fixture(scope="module")
def table(dry_bean: Path) -> pd.DataFrame:
    return pd.read_csv(dry_bean, keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def features(dry_bean: Path) -> dict[str, Any]:
    (dataset,) = generate(str(dry_bean)).datasets
    assert dataset.num_examples == 13_611
    return {feature.path.step[0]: feature for feature in dataset.features}


def test_columns_keep_their_order_and_types(table: pd.DataFrame, features: dict[str, Any]) -> None:
    """Features stand in the table's order, whole numbers are INT, fractions FLOAT, words STRING."""
    assert list(features) == list(table.columns)
    names = {"i": "INT", "f": "FLOAT"}
    for name, feature in features.items():
        expected = names.get(table[name].dtype.kind, "STRING")
        assert statistics_pb2.FeatureNameStatistics.Type.Name(feature.type) == expected, name
        assert not feature.name


def test_counts_of_every_column(table: pd.DataFrame, features: dict[str, Any]) -> None:
    """Present, missing and number of values agree with pandas for every column."""
    for name, feature in features.items():
        common = getattr(feature, feature.WhichOneof("stats")).common_stats
        assert common.num_non_missing == table[name].notna().sum()
        assert common.num_missing == table[name].isna().sum()
        assert (common.min_num_values, common.max_num_values, common.avg_num_values) == (1, 1, 1.0)
        assert common.tot_num_values == len(table)
        lengths = common.num_values_histogram
        assert lengths.type == QUANTILES
        assert [(b.low_value, b.high_value) for b in lengths.buckets] == [(1, 1)] * 10
        assert [b.sample_count for b in lengths.buckets] == pytest.approx([len(table) / 10] * 10)


def numeric(features: dict[str, Any]) -> list[tuple[str, Any]]:
    found = [(name, feature.num_stats) for name, feature in features.items() if feature.HasField("num_stats")]
    assert len(found) == 16
    return found


def test_moments_and_extremes_of_every_numeric_column(table: pd.DataFrame, features: dict[str, Any]) -> None:
    """Mean, deviation, zeros, minimum, median and maximum agree with numpy."""
    for name, stats in numeric(features):
        values = table[name].to_numpy(dtype=np.float64)
        assert stats.mean == pytest.approx(values.mean(), rel=1e-12), name
        assert stats.std_dev == pytest.approx(values.std(), rel=1e-11), name
        assert stats.num_zeros == (values == 0).sum(), name
        assert (stats.min, stats.median, stats.max) == (values.min(), np.median(values), values.max()), name


def test_standard_histogram_of_every_numeric_column(table: pd.DataFrame, features: dict[str, Any]) -> None:
    """Ten equal widths from minimum to maximum hold exactly the values numpy counts between the same edges."""
    for name, stats in numeric(features):
        values = table[name].to_numpy(dtype=np.float64)
        (histogram,) = [h for h in stats.histograms if h.type == STANDARD]
        lows = [b.low_value for b in histogram.buckets]
        highs = [b.high_value for b in histogram.buckets]
        assert lows[1:] == highs[:-1]
        assert [lows[0], *highs] == pytest.approx(np.linspace(values.min(), values.max(), 11), rel=1e-12), name
        expected, _ = np.histogram(values, bins=np.array([*lows, highs[-1]]))
        assert [b.sample_count for b in histogram.buckets] == expected.tolist(), name


def test_quantile_histogram_of_every_numeric_column(table: pd.DataFrame, features: dict[str, Any]) -> None:
    """Every quantile edge stands at its rank, and the buckets hold all values."""
    for name, stats in numeric(features):
        values = np.sort(table[name].to_numpy(dtype=np.float64))
        (histogram,) = [h for h in stats.histograms if h.type == QUANTILES]
        edges = [histogram.buckets[0].low_value, *(b.high_value for b in histogram.buckets)]
        expected = [values[min(int(len(values) * i / 10), len(values) - 1)] for i in range(11)]
        assert edges == expected, name
        assert sum(b.sample_count for b in histogram.buckets) == pytest.approx(len(values))
        for bucket in histogram.buckets:
            assert bucket.sample_count == pytest.approx(len(values) / 10, rel=0.02), name


def test_string_column(table: pd.DataFrame, features: dict[str, Any]) -> None:
    """Distinct values, ranking with ties by value descending, and mean length in bytes agree with plain Python."""
    stats = features["Class"].string_stats
    counted = Counter(table["Class"])
    ranking = sorted(counted.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)
    assert stats.unique == len(counted) == 7
    assert [(top.value, top.frequency) for top in stats.top_values] == ranking
    buckets = stats.rank_histogram.buckets
    assert [(b.low_rank, b.high_rank, b.label, b.sample_count) for b in buckets] == [
        (rank, rank, value, count) for rank, (value, count) in enumerate(ranking)
    ]
    assert stats.avg_length == pytest.approx(np.mean([len(value.encode()) for value in table["Class"]]), rel=1e-6)
    assert stats.invalid_utf8_count == 0
