"""kfx's statistics beside TFDV's own of the same tables, field by field.

The golden files are made by `golden/make.py` with TFDV. Every field must agree, but for what TFDV estimates or defines
otherwise, which docs/statistics.md lists: counts of equal-width buckets (interpolated there, checked against the data
in test_properties.py), the median of an even number of values, and moments of infinite values.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import statistics_pb2

from kfx.stats.engines import engine
from kfx.stats.generate import generate, silent
from kfx.stats.options import Slice, StatsOptions
from kfx.stats.sources._memory import MemoryTable

from .golden.tables import SLICES, TABLES, WEIGHTS

GOLDEN = Path(__file__).parent / "golden"
SINGLE_PRECISION = 1e-6  # avg_length and avg_num_values are floats in the proto


def golden(name: str) -> Any:
    text = (GOLDEN / f"{name}.pbtxt").read_text(encoding="utf-8")
    made = text_format.Parse(text, statistics_pb2.DatasetFeatureStatisticsList())
    return {dataset.name: dataset for dataset in made.datasets}


def compare_datasets(found: Any, expected: Any) -> None:
    assert set(found) == set(expected)
    for name, theirs in expected.items():
        ours = found[name]
        assert ours.num_examples == theirs.num_examples
        assert ours.weighted_num_examples == theirs.weighted_num_examples
        by_path = {tuple(feature.path.step): feature for feature in ours.features}
        assert set(by_path) == {tuple(feature.path.step) for feature in theirs.features}
        for feature in theirs.features:
            compare(by_path[tuple(feature.path.step)], feature, ".".join(feature.path.step))


def compare(ours: Any, theirs: Any, place: str) -> None:
    """Asserts that two messages agree field by field."""
    if isinstance(theirs, statistics_pb2.NumericStatistics | statistics_pb2.WeightedNumericStatistics):
        check_numeric(ours, theirs, place)
    if isinstance(theirs, statistics_pb2.Histogram) and theirs.type == statistics_pb2.Histogram.STANDARD:
        check_equal_width(ours, theirs, place)
        return
    for field in theirs.DESCRIPTOR.fields:
        if isinstance(theirs, statistics_pb2.NumericStatistics | statistics_pb2.WeightedNumericStatistics) and (
            field.name in {"mean", "std_dev", "median"}
        ):
            continue
        a, b = getattr(ours, field.name), getattr(theirs, field.name)
        if field.is_repeated:
            assert len(a) == len(b), f"{place}.{field.name}"
            for at, (x, y) in enumerate(zip(a, b, strict=True)):
                compare_one(x, y, f"{place}.{field.name}[{at}]")
        elif field.message_type:
            assert ours.HasField(field.name) == theirs.HasField(field.name), f"{place}.{field.name}"
            compare(a, b, f"{place}.{field.name}")
        else:
            compare_one(a, b, f"{place}.{field.name}")


def compare_one(a: Any, b: Any, place: str) -> None:
    if hasattr(b, "DESCRIPTOR"):
        compare(a, b, place)
    elif isinstance(b, float):
        assert a == pytest.approx(b, rel=SINGLE_PRECISION, abs=1e-9, nan_ok=True), place
    else:
        assert a == b, place


def check_numeric(ours: Any, theirs: Any, place: str) -> None:
    """Moments agree where they are finite; the median is a middle value, or between both."""
    if math.isfinite(theirs.mean):
        assert ours.mean == pytest.approx(theirs.mean, rel=1e-9, abs=1e-12), place
        # TFDV subtracts squares of sums, which leaves dust where the deviation is zero.
        assert ours.std_dev == pytest.approx(theirs.std_dev, rel=1e-6, abs=1e-6 * max(1, abs(theirs.mean))), place
    else:
        assert not math.isfinite(ours.mean), place
    assert ours.median <= theirs.median, place


def check_equal_width(ours: Any, theirs: Any, place: str) -> None:
    """The edges agree and the counts add up to the same."""
    assert ours.num_nan == theirs.num_nan
    assert len(ours.buckets) == len(theirs.buckets), place
    total = sum(bucket.sample_count for bucket in theirs.buckets)
    assert sum(bucket.sample_count for bucket in ours.buckets) == pytest.approx(total, rel=1e-6)
    for a, b in zip(ours.buckets, theirs.buckets, strict=True):
        # Of a column of single precision TFDV 1.21 computes the edges in single precision, too.
        edges = pytest.approx((b.low_value, b.high_value), rel=SINGLE_PRECISION, abs=1e-9)
        assert (a.low_value, a.high_value) == edges, place


@pytest.mark.parametrize("name", TABLES)
def test_tables_agree_with_tfdv(name: str) -> None:
    """Every figure TFDV gives for the table, kfx gives."""
    sliced = (Slice.parse(SLICES[name]),) if name in SLICES else ()
    options = StatsOptions(weight_feature=WEIGHTS.get(name), slice_features=sliced)
    computed = engine("arrow")(MemoryTable(name, pa.table(TABLES[name])), options, silent)
    compare_datasets({dataset.name: dataset for dataset in computed.datasets}, golden(name))


def test_dry_bean_agrees_with_tfdv(dry_bean: Path) -> None:
    """Every figure TFDV gives for the real table, kfx gives, the sketched quantiles within 1 % of rank."""
    (ours,), (theirs,) = generate(str(dry_bean)).datasets, golden("dry_bean").values()
    for a, b in zip(ours.features, theirs.features, strict=True):
        assert (list(a.path.step), a.type) == (list(b.path.step), b.type)
        if a.HasField("string_stats"):
            compare(a, b, a.path.step[0])
            continue
        x, y = a.num_stats, b.num_stats
        compare(x.common_stats, y.common_stats, a.path.step[0])
        assert (x.min, x.max, x.num_zeros) == (y.min, y.max, y.num_zeros)
        assert (x.mean, x.std_dev) == pytest.approx((y.mean, y.std_dev), rel=1e-9)
        assert x.median == pytest.approx(y.median, abs=0.03 * x.std_dev)
        check_equal_width(x.histograms[0], y.histograms[0], a.path.step[0])
        for p, q in zip(x.histograms[1].buckets, y.histograms[1].buckets, strict=True):
            assert p.high_value == pytest.approx(q.high_value, abs=0.05 * x.std_dev)
