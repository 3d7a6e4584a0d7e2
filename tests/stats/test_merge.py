"""Statistics of shards against those of the whole."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import statistics_pb2

from kfx.errors import UsageError
from kfx.stats import bad_rows
from kfx.stats.engines import engine
from kfx.stats.generate import generate, silent
from kfx.stats.merge import approximate, differences, merge
from kfx.stats.options import HistogramChoice, Slice, StatsOptions
from kfx.stats.sources._memory import MemoryTable

MERGEABLE = StatsOptions(mergeable=True)


def computed(table: pa.Table, options: StatsOptions = MERGEABLE) -> statistics_pb2.DatasetFeatureStatisticsList:
    return engine("arrow")(MemoryTable("t", table), options, silent)


def shards(table: pa.Table, places: list[int], options: StatsOptions = MERGEABLE) -> list[Any]:
    edges = [0, *places, len(table)]
    return [computed(table.slice(a, b - a), options) for a, b in itertools.pairwise(edges)]


def features(statistics: Any) -> dict[str, Any]:
    return {".".join(feature.path.step): feature for feature in statistics.datasets[0].features}


def custom(feature: Any) -> dict[str, Any]:
    return {c.name: c for c in feature.custom_stats}


def close(one: Any, other: Any, place: str = "") -> None:
    """Asserts that two protos agree, numbers to a relative 1e-9 (1e-6 where the proto holds single precision)."""
    fields = {field.name for message in (one, other) for field, _ in message.ListFields()}
    for name in fields:
        a, b = getattr(one, name), getattr(other, name)
        if hasattr(a, "ListFields"):
            close(a, b, f"{place}.{name}")
        elif isinstance(a, float):
            precision = 1e-6 if name == "avg_length" else 1e-9
            assert a == pytest.approx(b, rel=precision, abs=1e-9, nan_ok=True), f"{place}.{name}"
        elif hasattr(a, "__len__") and not isinstance(a, (str, bytes)) and len(a) and hasattr(a[0], "ListFields"):
            assert len(a) == len(b), f"{place}.{name}"
            for at, (x, y) in enumerate(zip(a, b, strict=True)):
                close(x, y, f"{place}.{name}[{at}]")
        else:
            assert a == b, f"{place}.{name}"


FEW_VALUES = st.fixed_dictionaries({
    "n": st.lists(st.none() | st.integers(-4, 4), min_size=9, max_size=9),
    "f": st.lists(st.none() | st.sampled_from([0.0, 0.5, 2.25, -7.0]), min_size=9, max_size=9),
    "s": st.lists(st.none() | st.text("abé", max_size=2), min_size=9, max_size=9),
    "l": st.lists(st.none() | st.lists(st.integers(0, 3), max_size=3), min_size=9, max_size=9),
})  # fmt: skip
KINDS = {"n": pa.int64(), "f": pa.float64(), "s": pa.string(), "l": pa.list_(pa.int64())}


@settings(deadline=None, max_examples=40)
@given(FEW_VALUES, st.lists(st.integers(0, 9), max_size=3).map(sorted))
def test_few_values_merge_exactly(columns: dict[str, list[Any]], places: list[int]) -> None:
    """Where shards know all their values, merging gives the statistics of the whole, figure by figure."""
    table = pa.table({name: pa.array(values, KINDS[name]) for name, values in columns.items()})
    close(merge(shards(table, places), MERGEABLE), computed(table))


def many(rows: int = 60_000) -> pa.Table:
    random = np.random.default_rng(6)
    infinite = random.normal(size=rows)
    infinite[:3], infinite[-2:] = np.inf, -np.inf
    return pa.table({
        "x": pa.array(random.lognormal(0, 1.5, rows), mask=random.random(rows) < 0.1),
        "i": random.integers(-(10**9), 10**9, rows),
        "drifting": np.arange(rows) + random.normal(size=rows),
        "infinite": infinite,
        "word": [f"w{code}" for code in random.zipf(1.5, rows) % 5_000],
    })  # fmt: skip


def test_many_values_merge_within_the_error_told() -> None:
    """Moments and counts are exact; quantiles and bucket counts stay within the share told, below 0.3 %."""
    table = many()
    whole, merged = features(computed(table)), features(merge(shards(table, [7_000, 41_000])))
    for name in ("x", "i", "drifting", "infinite"):
        expected, found = whole[name].num_stats, merged[name].num_stats
        error = custom(merged[name])["quantile_rank_error"].num
        assert 0 < error < 0.003
        for figure in ("num_zeros", "min", "max"):
            assert getattr(found, figure) == getattr(expected, figure)
        assert found.mean == pytest.approx(expected.mean, rel=1e-9, nan_ok=True)
        assert found.std_dev == pytest.approx(expected.std_dev, rel=1e-9, nan_ok=True)
        values = np.sort(table[name].drop_null().to_numpy())
        for fraction, value in [(0.5, found.median), *_edges(found)]:
            first, last = values.searchsorted(value, "left"), values.searchsorted(value, "right")
            assert first / len(values) - error - 1e-4 <= fraction <= last / len(values) + error + 1e-4, (name, fraction)
        pairs = zip(found.histograms[0].buckets, expected.histograms[0].buckets, strict=True)
        assert all(abs(a.sample_count - b.sample_count) <= 2 * error * len(values) for a, b in pairs)
    close(merged["word"].string_stats, whole["word"].string_stats)
    assert "approximate" not in custom(merged["word"])


def _edges(stats: Any) -> list[tuple[float, float]]:
    buckets = stats.histograms[1].buckets
    return [(at / len(buckets), bucket.high_value) for at, bucket in enumerate(buckets[:-1], start=1)]


def test_merging_merged_statistics() -> None:
    """Days into weeks, weeks into months: what was merged mergeable merges again."""
    table = many(20_000)
    weeks = [merge(shards(part, [2_000, 4_000]), MERGEABLE) for part in (table.slice(0, 9_000), table.slice(9_000))]
    whole, merged = features(computed(table)), features(merge(weeks))
    assert merged["x"].num_stats.mean == pytest.approx(whole["x"].num_stats.mean)
    assert custom(merged["x"])["quantile_rank_error"].num < 0.006
    close(merged["word"].string_stats, whole["word"].string_stats)


def test_plain_statistics_merge_with_a_wider_bound() -> None:
    """Statistics that kept nothing for merging, TFDV's too, merge; what that costs is told."""
    table = many(20_000)
    plain = StatsOptions(num_rank_histogram_buckets=50)
    whole, merged = features(computed(table)), features(merge(shards(table, [9_000], plain)))
    assert merged["x"].num_stats.mean == pytest.approx(whole["x"].num_stats.mean)
    assert custom(merged["x"])["quantile_rank_error"].num == pytest.approx(0.1, rel=0.05)
    assert "distinct values" in custom(merged["word"])["approximate"].str
    assert merged["word"].string_stats.unique <= whole["word"].string_stats.unique


def test_a_column_a_shard_lacks_is_missing_there() -> None:
    """Rows of a shard without a column count as missing; whole numbers and fractions become fractions."""
    merged = features(merge([computed(pa.table({"a": [1, 2], "b": ["x", "y"]})), computed(pa.table({"a": [0.5]}))]))
    assert merged["b"].string_stats.common_stats.num_missing == 1
    assert (merged["a"].type, merged["a"].num_stats.mean) == (statistics_pb2.FeatureNameStatistics.FLOAT, 3.5 / 3)


def test_slices_merge_by_name() -> None:
    """Data sets of one name are merged with each other, those of one shard alone kept."""
    sliced = StatsOptions(mergeable=True, slice_features=(Slice.parse("c"),))
    one = computed(pa.table({"c": ["a", "b"], "n": [1, 2]}), sliced)
    other = computed(pa.table({"c": ["a", "z"], "n": [3, 4]}), sliced)
    merged = {dataset.name: dataset.num_examples for dataset in merge([one, other]).datasets}
    assert merged == {"All Examples": 4, "c_a": 2, "c_b": 1, "c_z": 1}


@pytest.mark.parametrize("options", [MERGEABLE, StatsOptions(), StatsOptions(weight_feature="a")])
def test_one_shard_stays_as_it_is(options: StatsOptions) -> None:
    """A single shard loses nothing: exact stays exact, and nothing is marked approximate."""
    alone = computed(pa.table({"a": [float(value) for value in range(5000)], "s": ["x", None] * 2500}), options)
    assert merge([alone]) == alone
    assert not approximate(merge([alone]))


def test_columns_that_differ_are_named() -> None:
    """A column that a shard lacks is named; shards of which one has no column of the others are not merged."""
    one, two = computed(pa.table({"a": [1], "b": ["x"]})), computed(pa.table({"a": [2]}))
    assert differences([one, two, two]) == [
        "Columns differ: 'b' is in 1 of 3 shards; in the rows of the others it is missing."
    ]
    assert not differences([one, one])
    with pytest.raises(
        UsageError, match="Shard 2 of 3 has no column that another has: its first is 'z', and theirs 'a'"
    ):
        merge([one, computed(pa.table({"z": [1]})), two])


def test_what_cannot_be_merged_is_refused() -> None:
    """Nothing, different types and weighted figures are errors that say so."""
    with pytest.raises(UsageError, match="no statistics to merge"):
        merge([])
    with pytest.raises(UsageError, match="'a' cannot be merged: it is INT and STRING"):
        merge([computed(pa.table({"a": [1]})), computed(pa.table({"a": ["x"]}))])
    weighted = computed(pa.table({"a": [1.0]}), StatsOptions(weight_feature="a"))
    with pytest.raises(UsageError, match="Weighted statistics cannot be merged"):
        merge([weighted, weighted])


def test_shards_are_all_sliced_or_none() -> None:
    """The whole of a sliced shard has another name: merged by name, the whole of both would be nowhere."""
    rows = pa.table({"a": [1.0, 2.0], "g": ["x", "y"]})
    plain, sliced = computed(rows), computed(rows, StatsOptions(slice_features=(Slice.parse("g"),)))
    with pytest.raises(UsageError, match=r"Shard 2 of 2 is sliced \(g_x, g_y\) and shard 1 is not"):
        merge([plain, sliced])
    assert [dataset.num_examples for dataset in merge([sliced, sliced]).datasets] == [4, 2, 2]


def test_bad_rows_add_up(tmp_path: Path) -> None:
    """What shards left out is told of the whole, with the first places of all."""
    (tmp_path / "1.csv").write_text("a,b\n1,2\n3\n")
    (tmp_path / "2.csv").write_text("a,b\n1,2\n3\n4\n5,6\n")
    skip = StatsOptions(on_bad_rows="skip")
    (merged,) = merge([generate(str(tmp_path / name), skip) for name in ("1.csv", "2.csv")]).datasets
    count, places = bad_rows.noted(merged)
    assert (count, merged.num_examples) == (3, 3)
    assert [place.split(" is ragged")[0] for place in places] == [
        f"row 3 of {tmp_path}/1.csv", f"row 3 of {tmp_path}/2.csv", f"row 4 of {tmp_path}/2.csv",
    ]  # fmt: skip


def test_features_without_histograms_merge_where_their_distribution_was_kept() -> None:
    """A feature described without any histogram merges by what `mergeable` keeps, NaN counted; else it is refused."""
    halves = [[1.0, 2.0, math.nan], [4.0, None]]
    none = (HistogramChoice("x", 0, 0),)
    kept = StatsOptions(mergeable=True, histograms=none)
    tables = [pa.table({"x": half}) for half in halves]
    merged = features(merge([computed(table, kept) for table in tables]))["x"]
    whole = features(computed(pa.concat_tables(tables)))["x"]
    assert merged.num_stats.histograms == whole.num_stats.histograms
    assert merged.num_stats.mean == pytest.approx(whole.num_stats.mean)
    assert merged.num_stats.median == 2
    with pytest.raises(UsageError, match="'x' has no quantile histogram and cannot be merged"):
        merge([computed(table, StatsOptions(histograms=none)) for table in tables])


def test_long_values_of_two_shards_are_not_taken_for_one() -> None:
    """They share a placeholder; one shard's single long value is still counted exactly."""
    one, other, short = (computed(pa.table({"s": values})) for values in (["a", "b" * 2000], ["a", "c" * 2000], ["d"]))
    assert approximate(merge([one, other], MERGEABLE)) == {
        "s": "distinct values and ranks: a shard did not keep all its values"
    }
    exact = merge([one, short], MERGEABLE)
    assert not approximate(exact)
    assert features(exact)["s"].string_stats.unique == 3
