"""Drift: samples of one distribution do not alarm, whatever their size; distributions that differ do."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import statistics_pb2

from kfx.errors import UsageError
from kfx.stats.engines import engine
from kfx.stats.generate import silent
from kfx.stats.merge import merge
from kfx.stats.options import StatsOptions
from kfx.stats.schema import cuts, drift, thresholds
from kfx.stats.schema.compare import MEASURES, compare
from kfx.stats.schema.thresholds import Sensitivity
from kfx.stats.schema.view import DatasetView
from kfx.stats.sources._memory import MemoryTable

Statistics = statistics_pb2.DatasetFeatureStatisticsList


def described(columns: dict[str, Any] | pa.Table, options: StatsOptions | None = None) -> Statistics:
    rows = columns if isinstance(columns, pa.Table) else pa.table(columns)
    return engine("arrow")(MemoryTable("table", rows), options or StatsOptions(), silent)


def table(random: np.random.Generator, rows: int, *, shifted: bool = False) -> dict[str, Any]:
    """Columns of every shape that misleads a comparison of histograms; shifted, each of another distribution."""
    few = [0.2, 0.4, 0.4] if shifted else [0.4, 0.4, 0.2]
    zipf = 1 / np.arange(1, 201)
    many = (zipf[::-1] if shifted else zipf) / zipf.sum()
    nulls = random.random(rows) < (0.3 if shifted else 0.1)
    return {
        "normal": random.normal(0.7 if shifted else 0, 1, rows),
        "heavy_tail": random.standard_cauchy(rows) + (2 if shifted else 0),
        "lognormal": random.lognormal(1.2 if shifted else 0, 1.5, rows),
        "dice": random.integers(1, 7, rows) + (2 if shifted else 0),
        "boolean": random.random(rows) < (0.6 if shifted else 0.3),
        "mostly_zero": np.where(random.random(rows) < (0.7 if shifted else 0.4), 0, random.lognormal(0, 1, rows)),
        "rounded": np.round(random.normal(0.7 if shifted else 0, 1, rows), 1),
        "nan": np.where(random.random(rows) < (0.4 if shifted else 0.1), np.nan, random.normal(0, 1, rows)),
        "infinite": np.where(random.random(rows) < (0.4 if shifted else 0.1), np.inf, random.normal(0, 1, rows)),
        "nulls": pa.array(random.normal(0, 1, rows), mask=nulls),
        "colour": np.array(["red", "green", "blue"])[random.choice(3, rows, p=few)],
        "city": np.array([f"city {number}" for number in range(200)])[random.choice(200, rows, p=many)],
    }


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("rows", "rows_before", "times"),
    [(100, 100, 20), (100, 10_000, 10), (1_000, 1_000, 10), (10_000, 3_000, 5), (100_000, 100_000, 2)],
)
def test_samples_of_one_distribution_do_not_alarm(measure: str, rows: int, rows_before: int, times: int) -> None:
    """By chance alone nothing exceeds its threshold: no anomaly of any feature, but for the number of rows."""
    random = np.random.default_rng(rows)
    for _ in range(times):
        anomalies = compare(described(table(random, rows)), described(table(random, rows_before)), measure=measure)
        assert dict(anomalies.anomaly_info) == {}
        assert len(anomalies.drift_skew_info) == len(table(random, 2))


@pytest.mark.parametrize("rows", [100, 4_000, 40_000])
def test_merged_statistics_of_the_same_rows_do_not_alarm(rows: int) -> None:
    """Whatever shards kept, and merged once or twice: what merging misplaced is no drift, on either side."""
    columns = pa.table(table(np.random.default_rng(rows), rows))
    shards = [described(columns.slice(at * rows // 4, rows // 4)) for at in range(4)]
    halves = [merge(shards[:2]), merge(shards[2:])]
    once, twice, whole = merge(shards), merge(halves), described(columns)
    for now, before in itertools.permutations([whole, once, twice], 2):
        assert dict(compare(now, before).anomaly_info) == {}


def test_what_is_known_of_merged_shares_holds_the_true_ones() -> None:
    """At every place known of statistics merged once and twice, the share of the rows lies within the bounds."""
    values = np.random.default_rng(8).lognormal(0, 1.5, 8_000)
    shards = [described({"x": part}) for part in np.array_split(values, 4)]
    for merged in (merge(shards), merge([merge(shards[:2]), merge(shards[2:])])):
        known = cuts.shares(DatasetView(merged.datasets[0], by_weight=False).features["x",])
        assert known is not None
        for (place, side), least, most in zip(known.places, known.least, known.most, strict=True):
            true = float((values <= place if side else values < place).mean())
            assert least - 1e-9 <= true <= most + 1e-9


def test_a_large_shift_alarms_in_merged_statistics() -> None:
    """What merging misplaced hides no shift that is real: one of 1.2 deviations is found, mergeable or not."""
    random = np.random.default_rng(9)
    before, after = random.normal(0, 1, 20_000), random.normal(1.2, 1, 20_000)
    for options in (StatsOptions(), StatsOptions(mergeable=True)):
        merged = [merge([described({"x": part}, options) for part in np.array_split(x, 2)]) for x in (before, after)]
        assert set(compare(merged[1], merged[0]).anomaly_info) == {"x"}
        assert set(compare(merged[1], described({"x": before})).anomaly_info) == {"x"}


def test_a_million_rows_of_one_distribution_do_not_alarm() -> None:
    """Nor does a table that is large."""
    random = np.random.default_rng(1)
    anomalies = compare(described(table(random, 1_000_000)), described(table(random, 1_000_000)))
    assert dict(anomalies.anomaly_info) == {}


def test_other_distributions_alarm_from_some_thousand_rows_on() -> None:
    """Every shifted column is found, at any size from there."""
    random = np.random.default_rng(2)
    for rows in (5_000, 50_000):
        anomalies = compare(described(table(random, rows, shifted=True)), described(table(random, rows)))
        assert set(anomalies.anomaly_info) == set(table(random, 2))


def test_a_gross_shift_alarms_in_a_hundred_rows() -> None:
    """A hundred rows are enough for what one sees with bare eyes."""
    random = np.random.default_rng(3)
    before = {"x": random.normal(0, 1, 100), "c": np.array(["a", "b"])[random.integers(0, 2, 100)]}
    after = {"x": random.normal(9, 1, 100), "c": np.array(["a", "z"])[random.integers(0, 2, 100)]}
    anomalies = compare(described(after), described(before))
    assert set(anomalies.anomaly_info) == {"x", "c"}


def test_trifles_do_not_alarm_however_many_rows_prove_them() -> None:
    """A shift below the sensitivity passes in 300,000 rows; asked to be finer, it alarms."""
    random = np.random.default_rng(4)
    before = {"x": random.normal(0, 1, 300_000), "c": np.repeat(["a", "b"], [150_000, 150_000])}
    after = {"x": random.normal(0.25, 1, 300_000), "c": np.repeat(["a", "b"], [156_000, 144_000])}
    now, then = described(after), described(before)
    assert not compare(now, then).anomaly_info
    fine = Sensitivity(share=0.01, divergence=0.0)
    assert set(compare(now, then, sensitivity=fine).anomaly_info) == {"x", "c"}


@pytest.mark.parametrize(
    ("draw", "other"),
    [
        (lambda r, n: r.normal(0, 1, n), lambda r, n: r.normal(1, 1, n)),
        (lambda r, n: r.integers(0, 4, n), lambda r, n: r.integers(1, 6, n)),
        (lambda r, n: r.standard_exponential(n), lambda r, n: r.standard_exponential(n) * 3),
    ],
)
def test_what_cuts_prove_is_at_most_the_true_divergence(draw: Callable[..., Any], other: Callable[..., Any]) -> None:
    """The proven divergence is below that of the samples' finest histograms, and not far below that of the best cut."""
    random = np.random.default_rng(5)
    one, two = np.asarray(draw(random, 4_000), float), np.asarray(other(random, 4_000), float)
    views = [_view({"x": values}) for values in (one, two)]
    proven = cuts.proven_divergence(*views)
    assert proven is not None
    exact = max(_jsd((one < cut).mean(), (two < cut).mean()) for cut in np.union1d(one, two))
    assert exact / 2 < proven[0] <= exact + 1e-9


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40), st.lists(st.integers(-3, 3), min_size=1, max_size=40))
@settings(deadline=None, max_examples=60)
def test_bounds_of_shares_hold_the_true_shares(one: list[int], two: list[int]) -> None:
    """Whatever the values, the share left of any place lies between its bounds, and no cut proves too much."""
    views = [_view({"x": pa.array(values, pa.int64())}) for values in (one, two)]
    for values, view in zip((one, two), views, strict=True):
        known = cuts.shares(view)
        assert known is not None
        for place in [(x, side) for x in range(-4, 5) for side in (0, 1)]:
            true = sum(value < place[0] or (side_right(place) and value == place[0]) for value in values) / len(values)
            least, most = known.at((float(place[0]), place[1]))
            assert least - 1e-9 <= true <= most + 1e-9
    proven = cuts.proven_divergence(*views)
    true_cuts = [_jsd(_left(one, x), _left(two, x)) for x in range(-3, 5)]
    assert proven is not None
    assert proven[0] <= max(true_cuts) + 1e-9


def side_right(place: tuple[int, int]) -> bool:
    return place[1] == 1


def _left(values: list[int], cut: int) -> float:
    return sum(value < cut for value in values) / len(values)


def _jsd(p: float, q: float) -> float:
    return drift.jensen_shannon({0: p, 1: 1 - p}, {0: q, 1: 1 - q})


def _view(columns: dict[str, Any]) -> Any:
    return DatasetView(described(columns).datasets[0], by_weight=False).features["x",]


def test_jensen_shannon_is_scipys() -> None:
    """Against an independent computation by the definition."""
    random = np.random.default_rng(6)
    p, q = random.dirichlet(np.ones(9)), random.dirichlet(np.ones(9))
    middle = (p + q) / 2
    expected = float((p * np.log2(p / middle)).sum() + (q * np.log2(q / middle)).sum()) / 2
    assert drift.jensen_shannon(dict(enumerate(p)), dict(enumerate(q))) == pytest.approx(expected)


@pytest.mark.parametrize("threshold", [thresholds.of_shares, thresholds.of_cuts, thresholds.of_divergence])
def test_thresholds_shrink_with_rows_and_grow_with_what_is_tried(threshold: Callable[..., float]) -> None:
    """More rows tell finer differences; more values or cuts make chance findings likelier."""
    sizes = [threshold(n, n, 5) for n in (100, 1_000, 10_000, 1_000_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert threshold(1_000, 1_000, 50) > threshold(1_000, 1_000, 5)
    assert threshold(2, 2, 5) == 1.0


def test_a_threshold_of_shares_is_exceeded_less_often_than_it_says() -> None:
    """Hoeffding's bound, counted: at a chance of one in a hundred, fewer than one in a hundred samples exceed it."""
    random = np.random.default_rng(7)
    bound = math.sqrt(math.log(2 * 2 / 0.01) / 2 * (1 / 200 + 1 / 400))
    one, two = random.binomial(200, 0.5, 20_000) / 200, random.binomial(400, 0.5, 20_000) / 400
    assert (np.abs(one - two) > bound).mean() < 0.01
    assert thresholds.of_shares(200, 400, 2) > bound


def test_a_new_value_alarms_only_when_it_cannot_be_chance() -> None:
    """Of two equal samples, a new value's occurrences are as a coin's heads in a row; 1 % of rows is worth telling."""
    before = described({"c": ["a", "b"] * 500})
    few, more = described({"c": ["a", "b"] * 492 + ["new"] * 16}), described({"c": ["a", "b"] * 491 + ["new"] * 18})
    assert thresholds.of_new_value(1_000, 1_000, 3) == pytest.approx(math.log(3 / 1e-4) / math.log(2))
    assert not compare(described({"c": ["a", "b"] * 496 + ["new"] * 8}), before).anomaly_info
    assert bool(compare(few, before).anomaly_info) == (thresholds.of_new_value(1_000, 1_000, 3) <= 16)
    info = compare(more, before).anomaly_info["c"]
    assert info.severity == info.WARNING
    assert "new" in info.description


def test_columns_types_and_rows_are_compared_as_well() -> None:
    """A column that is gone or of another type is an error, a new one and other numbers of rows are warnings."""
    before = described({"gone": [1] * 90, "typed": [1] * 90, "same": ["a"] * 90, "empty": pa.nulls(90)})
    now = described({"typed": ["x"] * 30, "same": ["a"] * 30, "new": [2] * 30, "empty": [1.5] * 30})
    anomalies = compare(now, before)
    found = {name: (info.reason[0].type, info.severity) for name, info in anomalies.anomaly_info.items()}
    kinds = anomalies.dataset_anomaly_info
    assert found == {
        "gone": (kinds.SCHEMA_MISSING_COLUMN, kinds.ERROR),
        "typed": (kinds.UNEXPECTED_DATA_TYPE, kinds.ERROR),
        "new": (kinds.SCHEMA_NEW_COLUMN, kinds.WARNING),
    }
    assert (kinds.reason[0].type, kinds.severity) == (kinds.COMPARATOR_LOW_NUM_EXAMPLES, kinds.WARNING)
    assert not compare(now, before, kind="skew").HasField("dataset_anomaly_info")


def test_unknown_measures_and_impossible_sensitivities_are_refused() -> None:
    """With the names there are."""
    statistics = described({"x": [1]})
    with pytest.raises(UsageError, match=r"'kl'.*jensen_shannon"):
        compare(statistics, statistics, measure="kl")
    with pytest.raises(UsageError, match="share is 2"):
        Sensitivity(share=2)
    with pytest.raises(UsageError, match=r"rows is 0\.5"):
        Sensitivity(rows=0.5)
