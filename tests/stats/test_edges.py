"""Values and types at the edge: what TFDV 1.16 to 1.21 gives for them, and where kfx says more."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kfx.errors import UsageError
from kfx.stats.engines import engine
from kfx.stats.generate import generate, silent
from kfx.stats.merge import merge
from kfx.stats.moments import Moments, moments
from kfx.stats.options import StatsOptions
from kfx.stats.sources._memory import MemoryTable

from .tables import FEW, buckets, describe, one, type_name

INF, NAN = math.inf, math.nan


def test_nan_is_a_value_and_not_missing() -> None:
    """NaN counts as present and in num_nan; every other figure leaves it out."""
    feature = one([1.0, NAN, 3.0, None])
    assert (feature.num_stats.common_stats.num_non_missing, feature.num_stats.common_stats.num_missing) == (3, 1)
    assert [h.num_nan for h in feature.num_stats.histograms] == [1, 1]
    assert (feature.num_stats.mean, feature.num_stats.median, feature.num_stats.max) == (2, 2, 3)


def test_only_nan() -> None:
    """A column of NaN has histograms without buckets, as in TFDV, and no mean."""
    stats = one([NAN, NAN]).num_stats
    assert [(h.num_nan, len(h.buckets)) for h in stats.histograms] == [(2, 0), (2, 0)]
    assert (stats.mean, stats.min, stats.max) == (0, 0, 0)


def test_infinities_have_buckets_of_their_own() -> None:
    """Equal widths span the finite values; minus and plus infinity stand beside them, as in TFDV."""
    feature = one([1.0, 2.0, INF, -INF, 0.0, 7.0])
    assert buckets(feature, "STANDARD")[0] == (-INF, -INF, 1)
    assert buckets(feature, "STANDARD")[-1] == (INF, INF, 1)
    assert [count for _, _, count in buckets(feature, "STANDARD")[1:-1]] == [3, 0, 1]
    assert buckets(feature, "QUANTILES") == [(-INF, 1, 3), (1, 7, 2), (7, INF, 1)]
    assert (feature.num_stats.min, feature.num_stats.max) == (-INF, INF)
    assert math.isnan(feature.num_stats.mean)


def test_quantile_counts_match_tfdv_where_values_repeat() -> None:
    """Buckets that end at the same value share its mass; the counts are TFDV's own for these tables."""
    assert [c for _, _, c in buckets(one([0, 1, 1]), "QUANTILES")] == pytest.approx([5 / 3, 2 / 3, 2 / 3])
    assert [c for _, _, c in buckets(one([1, 2, 3]), "QUANTILES")] == pytest.approx([2, 0.5, 0.5])
    assert [c for _, _, c in buckets(one([1.0, 2.0]), "QUANTILES")] == pytest.approx([1, 0.5, 0.5])


def test_constant_column_has_one_bucket() -> None:
    """A constant column has one equal-width bucket with everything in it."""
    feature = one([5.0, 5.0, 5.0])
    assert buckets(feature, "STANDARD") == [(5, 5, 3)]
    assert buckets(feature, "QUANTILES") == [(5, 5, 1)] * 3
    assert feature.num_stats.std_dev == 0


def test_extreme_doubles_do_not_overflow_the_buckets() -> None:
    """The range of the largest doubles is no double itself; the buckets still hold every value."""
    feature = one([-1.7e308, 0.0, 1.7e308])
    assert [count for _, _, count in buckets(feature, "STANDARD")] == [1, 1, 1]


HUGE = [
    [1.7e308, 1.7e308, 1.6e308],
    [1e300, -1e300, 0.0],
    [1.7e308, -1.7e308, 1.7e308, -1.7e308],
    [sys.float_info.max] * 7,
    [1e160, 3.0, -2e155, 5e159, 1e160],
    [1e154, 2e154, -1e154, 0.5, 1.3e154, 1.1e154],
]


def is_right(stats: Any, values: list[float]) -> bool:
    """Says whether mean, deviation and median are those of exact fractions, to 1e-14 of the largest value."""
    exact = sorted(map(Fraction, values))
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    # The root of a fraction whose numbers are no doubles: of its whole part, which has hundreds of digits.
    deviation = math.isqrt(int(variance))
    median = (exact[(len(exact) - 1) // 2] + exact[len(exact) // 2]) / 2
    expected = [float(mean), float(deviation), float(median)]
    most = float(max(map(abs, exact)))
    return [stats.mean, stats.std_dev, stats.median] == pytest.approx(expected, rel=0, abs=1e-14 * most)


@pytest.mark.parametrize("values", HUGE)
def test_figures_whose_sums_and_squares_are_no_doubles(values: list[float]) -> None:
    """Mean, deviation and median are finite and right, in one reading and of merged shards."""
    assert is_right(one(values).num_stats, values)
    for cut in range(1, len(values)):
        shards = [
            engine("arrow")(MemoryTable("t", pa.table({"x": part})), StatsOptions(mergeable=True), silent)
            for part in (values[:cut], values[cut:])
        ]
        assert is_right(merge(shards).datasets[0].features[0].num_stats, values)
    whole, added = moments(np.array(values)), sum((moments(np.array([value])) for value in values), Moments())
    most = max(map(abs, values))
    assert [added.mean, added.std_dev] == pytest.approx([whole.mean, whole.std_dev], rel=0, abs=1e-14 * most)


@pytest.mark.parametrize("values", HUGE)
def test_weighted_figures_whose_sums_and_squares_are_no_doubles(values: list[float]) -> None:
    """Two rows of one value are one row of twice the weight."""
    rows = {"x": values, "w": [1.0 + at % 2 for at in range(len(values))]}
    stats = describe(rows, StatsOptions(weight_feature="w"))["x",].num_stats.weighted_numeric_stats
    repeated = [value for value, weight in zip(*rows.values(), strict=True) for _ in range(int(weight))]
    expected = one(repeated).num_stats
    assert [stats.mean, stats.std_dev] == pytest.approx(
        [expected.mean, expected.std_dev], rel=0, abs=1e-14 * max(map(abs, values))
    )


def test_infinite_values_still_have_no_finite_moments() -> None:
    """An infinite value makes the mean infinite and the deviation unknown, beside numbers that overflow as well."""
    added = moments(np.array([1.7e308, -1.7e308])) + moments(np.array([INF, 1.0]))
    assert (added.mean, math.isnan(added.std_dev)) == (INF, True)
    stats = one([1.7e308, 1.7e308, INF]).num_stats
    assert (stats.mean, stats.median, math.isnan(stats.std_dev)) == (INF, 1.7e308, True)


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint8(), pa.int16(), pa.uint32(), pa.int64(), pa.uint64()])
def test_integers_of_every_width(kind: pa.DataType) -> None:
    """All integer types give INT and the same figures."""
    feature = one(pa.array([0, 1, 2, 100], kind))
    assert type_name(feature) == "INT"
    assert (feature.num_stats.mean, feature.num_stats.num_zeros, feature.num_stats.max) == (25.75, 1, 100)


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_floats_of_every_width(kind: pa.DataType) -> None:
    """All float types give FLOAT and the same figures."""
    feature = one(pa.array([0.5, 1.5, NAN], pa.float64()).cast(kind))
    assert type_name(feature) == "FLOAT"
    assert (feature.num_stats.mean, feature.num_stats.min, feature.num_stats.max) == (1.0, 0.5, 1.5)


def test_booleans_are_zero_and_one() -> None:
    """Booleans are INT, as TFDV reads them from a DataFrame."""
    feature = one([True, False, True, None])
    assert type_name(feature) == "INT"
    assert (feature.num_stats.num_zeros, feature.num_stats.max) == (1, 1)
    assert feature.num_stats.mean == pytest.approx(2 / 3)


def test_dates_are_days() -> None:
    """A date is the number of days since 1970-01-01, and the proto says so."""
    feature = one([dt.date(1970, 1, 2), dt.date(1970, 1, 11)])
    assert (type_name(feature), feature.num_stats.min, feature.num_stats.max) == ("INT", 1, 10)
    assert [(c.name, c.str) for c in feature.custom_stats] == [("unit", "days since 1970-01-01")]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_are_microseconds(unit: str) -> None:
    """Timestamps of every unit are microseconds since 1970-01-01."""
    values = pa.array([dt.datetime(1970, 1, 1, 0, 0, 2), dt.datetime(1969, 12, 31, 23, 59, 59)], pa.timestamp(unit))
    feature = one(values)
    assert (type_name(feature), feature.num_stats.min, feature.num_stats.max) == ("INT", -1e6, 2e6)


def test_decimals_are_floats() -> None:
    """Decimals are FLOAT."""
    feature = one([decimal.Decimal("1.50"), decimal.Decimal("2.50")])
    assert (type_name(feature), feature.num_stats.mean) == ("FLOAT", 2.0)


def test_columns_without_a_value() -> None:
    """An all-null column keeps its type, counts what is missing, and has no other figure, as in TFDV."""
    found = describe({"f": pa.nulls(2, pa.float64()), "s": pa.nulls(2, pa.string()), "n": pa.nulls(2)})
    kinds = {path[0]: (type_name(f), f.WhichOneof("stats")) for path, f in found.items()}
    assert kinds == {"f": ("FLOAT", "num_stats"), "s": ("STRING", "string_stats"), "n": ("STRING", "string_stats")}
    for feature in found.values():
        stats = getattr(feature, feature.WhichOneof("stats"))
        assert (stats.common_stats.num_missing, stats.common_stats.num_non_missing) == (2, 0)
    assert not found[("f",)].num_stats.histograms


def test_empty_table() -> None:
    """A table without rows has its features, typed, and nothing counted."""
    found = describe(pa.table({"f": pa.array([], pa.float64()), "s": pa.array([], pa.string())}))
    assert [(path[0], type_name(feature)) for path, feature in found.items()] == [("f", "FLOAT"), ("s", "STRING")]


def test_strings_rank_ties_by_value_descending_and_mark_bytes() -> None:
    """Bytes that are not UTF-8 share TFDV's placeholder in the ranking, and are told apart in the number of values."""
    stats = one(
        pa.array([b"a", b"b", b"a", b"\xff\xfe", b"\xff\xff", b"", None, "é".encode()], pa.binary())
    ).string_stats
    assert (stats.unique, stats.invalid_utf8_count) == (6, 2)
    assert [(top.value, top.frequency) for top in stats.top_values] == [
        ("a", 2), ("__BYTES_VALUE__", 2), ("é", 1), ("b", 1), ("", 1),
    ]  # fmt: skip
    assert stats.avg_length == pytest.approx(9 / 7)


@pytest.mark.parametrize("kind", [pa.string(), pa.dictionary(pa.int32(), pa.string())])
def test_text_without_a_value_in_several_batches(kind: pa.DataType) -> None:
    """Nothing is counted, in however many pieces it comes; values of one piece are."""
    for values, unique in (([None] * 40, 0), (["x"] + [None] * 39, 1)):
        batches = [pa.record_batch({"s": pa.array(values[at : at + 10], kind)}) for at in range(0, 40, 10)]
        stats = describe(pa.Table.from_batches(batches))["s",].string_stats
        assert (stats.unique, stats.common_stats.num_missing) == (unique, 40 - unique)


def test_dictionary_strings_equal_plain_ones() -> None:
    """Strings stored as a dictionary, with values nobody uses, count like plain strings."""
    plain = pa.array(["x", None, "y", "x"])
    coded = pa.DictionaryArray.from_arrays(pa.array([2, None, 1, 2]), pa.array(["unused", "y", "x"]))
    assert one(coded).SerializeToString() == one(plain).SerializeToString()


def test_lists_count_values_and_lengths() -> None:
    """A list column's values are its items; an empty list is present; a null item counts as NaN, as in TFDV."""
    feature = one(pa.array([[1, 2], [], None, [3, None, 4]], pa.list_(pa.int64())))
    common = feature.num_stats.common_stats
    assert (common.num_non_missing, common.num_missing, common.tot_num_values) == (3, 1, 5)
    assert (common.min_num_values, common.max_num_values) == (0, 3)
    assert [(b.low_value, b.high_value, b.sample_count) for b in common.num_values_histogram.buckets] == [
        (0, 2, 2), (2, 3, 0.5), (3, 3, 0.5),
    ]  # fmt: skip
    assert (feature.num_stats.mean, feature.num_stats.histograms[0].num_nan) == (2.5, 1)


def test_nested_lists_have_a_level_each() -> None:
    """Each nesting level has its presence and valency, and the inner lengths a histogram of their own."""
    feature = one(pa.array([[[1, 2], [3]], [], None, [[], None]], pa.list_(pa.list_(pa.int64()))))
    levels = feature.num_stats.common_stats.presence_and_valency_stats
    assert [(v.num_non_missing, v.num_missing, v.tot_num_values) for v in levels] == [(3, 1, 4), (3, 1, 3)]
    assert [custom.name for custom in feature.custom_stats] == [
        "level_2_value_list_length_quantiles", "level_2_value_list_length_standard",
    ]  # fmt: skip


def test_structs_have_a_feature_each_field() -> None:
    """A struct is a STRUCT feature, its fields features below it, missing counted against the structs there are."""
    rows = [[{"a": [1], "b": ["x"]}, {"a": None, "b": ["y"]}], None]
    kind = pa.list_(pa.struct([("a", pa.list_(pa.int64())), ("b", pa.list_(pa.string()))]))
    found = describe({"st": pa.array(rows, kind)})
    assert [(path, type_name(f)) for path, f in found.items()] == [
        (("st",), "STRUCT"), (("st", "a"), "INT"), (("st", "b"), "STRING"),
    ]  # fmt: skip
    assert found[("st",)].struct_stats.common_stats.tot_num_values == 2
    assert found[("st", "a")].num_stats.common_stats.num_missing == 1
    assert found[("st", "b")].string_stats.unique == 2


def test_maps_are_lists_of_entries() -> None:
    """A map column is a list of key and value structs."""
    found = describe({"m": pa.array([[("k", 1), ("l", 2)], None], pa.map_(pa.string(), pa.int64()))})
    assert list(found) == [("m",), ("m", "key"), ("m", "value")]
    assert found[("m", "value")].num_stats.mean == 1.5


def test_slices_of_arrays_count_only_their_rows() -> None:
    """An array that is a window of a longer one is described by its window."""
    stats = one(pa.array([9, 9, 1, 2, 3, 9])[2:5]).num_stats
    assert (stats.mean, stats.max) == (2, 3)


def test_repeated_column_names_are_numbered(tmp_path: Path) -> None:
    """Columns of one name become features of different names, with their own figures, from CSV and from Parquet."""
    (tmp_path / "x.csv").write_text("a,a,a.1\n1,2,3\n")
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "x.parquet")
    means = [
        {f.path.step[0]: f.num_stats.mean for f in generate(str(tmp_path / name)).datasets[0].features}
        for name in ("x.csv", "x.parquet")
    ]
    assert means == [{"a": 1, "a.2": 2, "a.1": 3}, {"a": 1, "a.1": 2}]


def test_a_type_without_statistics_is_refused_by_name() -> None:
    """A type kfx cannot describe is refused with the column's name, and leaving it out works."""
    table = pa.table({"ok": [1], "odd": pa.array([pa.MonthDayNano([1, 2, 3])])})
    with pytest.raises(UsageError, match=r"'odd'.*month_day_nano"):
        describe(table)
    only = StatsOptions(feature_allowlist=("ok",))
    assert list(describe(table, only)) == [("ok",)]


def test_a_parquet_file_with_such_a_type_is_named(tmp_path: Path) -> None:
    """The error names the file too, and comes before anything is computed."""
    pq.write_table(pa.table({"ok": [1], "odd": pa.array([[1]], pa.list_view(pa.int64()))}), tmp_path / "t.parquet")
    with pytest.raises(UsageError, match=r"t\.parquet: Column 'odd' has the Arrow type list_view.*--feature"):
        generate(str(tmp_path / "t.parquet"))


def test_an_unknown_feature_is_refused() -> None:
    """A feature in the allow-list that the table does not have is an error that lists those it has."""
    with pytest.raises(UsageError, match=r"no column 'z'.*x"):
        one([1], StatsOptions(feature_allowlist=("z",)))


@pytest.mark.parametrize("chunks", [1, 2, 7, 100])
def test_chunking_changes_nothing(chunks: int) -> None:
    """However the rows are cut, the proto is the same."""
    numbers = pa.array([i * 37 % 101 / 7 if i % 9 else None for i in range(100)])
    words = pa.array([f"w{i * 31 % 17}" if i % 5 else None for i in range(100)])
    table = pa.table({"n": numbers, "w": words})
    cuts = [table.slice(at * 100 // chunks, (at + 1) * 100 // chunks - at * 100 // chunks) for at in range(chunks)]
    whole, cut = describe(table, FEW), describe(pa.concat_tables(cuts), FEW)
    assert [f.SerializeToString() for f in cut.values()] == [f.SerializeToString() for f in whole.values()]
