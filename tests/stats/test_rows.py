"""Sampling, slices and weights: which rows count, where, and how much."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from kfx.errors import UsageError
from kfx.stats.engines import engine
from kfx.stats.generate import generate, silent
from kfx.stats.options import Slice, StatsOptions
from kfx.stats.sources import _blocks
from kfx.stats.sources._memory import MemoryTable

from .tables import FEW, buckets


def datasets(table: pa.Table, **options: Any) -> dict[str, Any]:
    computed = engine("arrow")(MemoryTable("t", table), StatsOptions(**options), silent)
    return {dataset.name: dataset for dataset in computed.datasets}


def feature(dataset: Any, *path: str) -> Any:
    (found,) = [f for f in dataset.features if tuple(f.path.step) == path]
    return found


def table(rows: int = 30_000) -> pa.Table:
    random = np.random.default_rng(8)
    return pa.table({
        "x": pa.array(random.normal(size=rows), mask=random.random(rows) < 0.1),
        "country": pa.array(np.array(["DE", "FR", "US", None], object)[random.integers(0, 4, rows)].tolist()),
        "device": random.integers(1, 3, rows),
        "w": random.random(rows),
    })  # fmt: skip


def test_weighted_figures_are_tfdvs() -> None:
    """TFDV 1.16 and 1.21 give these very figures for this table."""
    columns = {"f": [1.0, 2.0, 3.0, 0.0], "s": ["a", "b", "a", None], "w": [0.5, 1.0, 2.0, 1.0]}
    computed = engine("arrow")(
        MemoryTable("t", pa.table(columns)),
        StatsOptions(weight_feature="w", num_histogram_buckets=3, num_quantiles_histogram_buckets=3),
        silent,
    )
    (dataset,) = computed.datasets
    assert dataset.weighted_num_examples == 4.5
    numeric = feature(dataset, "f").num_stats
    common = numeric.common_stats.weighted_common_stats
    assert (common.num_non_missing, common.num_missing, common.tot_num_values, common.avg_num_values) == (
        4.5,
        0,
        4.5,
        1,
    )
    weighted = numeric.weighted_numeric_stats
    assert weighted.mean == pytest.approx(1.8888888888888888)
    assert weighted.std_dev == pytest.approx(1.1967032904743342)
    assert weighted.median == 2
    standard, quantiles = (
        [(b.low_value, b.high_value, b.sample_count) for b in h.buckets] for h in weighted.histograms
    )
    assert standard == [(0, 1, 1), (1, 2, 0.5), (2, 3, 3)]
    assert quantiles == [(0, 2, 2.5), (2, 3, 1), (3, 3, 1)]
    words = feature(dataset, "s").string_stats
    assert [(top.value, top.frequency) for top in words.weighted_string_stats.top_values] == [("a", 2.5), ("b", 1)]
    assert words.common_stats.weighted_common_stats.num_missing == 1
    assert (numeric.mean, words.top_values[0].frequency) == (1.5, 2)


def test_weights_of_all_ones_change_nothing() -> None:
    """Where every row counts once, weighted and plain figures are the same."""
    plain = table().drop_columns("w")
    (dataset,) = datasets(plain.append_column("w", pa.array(np.ones(len(plain)))), weight_feature="w").values()
    stats = feature(dataset, "x").num_stats
    weighted = stats.weighted_numeric_stats
    assert (weighted.mean, weighted.std_dev) == pytest.approx((stats.mean, stats.std_dev))
    assert list(weighted.histograms) == list(stats.histograms)
    words = feature(dataset, "country").string_stats
    assert list(words.weighted_string_stats.top_values) == list(words.top_values)


def test_a_weighted_table_without_rows(tmp_path: Path) -> None:
    """An empty day has no types; its weights are none, not wrong ones."""
    (tmp_path / "empty.csv").write_text("x,w\n")
    found = generate(str(tmp_path / "empty.csv"), StatsOptions(weight_feature="w"))
    assert [(dataset.num_examples, dataset.weighted_num_examples) for dataset in found.datasets] == [(0, 0)]
    (tmp_path / "null.csv").write_text("x,w\n1,\n")
    with pytest.raises(UsageError, match="'w' is missing in some rows"):
        generate(str(tmp_path / "null.csv"), StatsOptions(weight_feature="w"))


@pytest.mark.parametrize("options", [{}, {"slice_features": (Slice.parse("k"),)}, {"sample_rate": 0.01}])
def test_weights_of_text_that_is_missing_at_first(tmp_path: Path, options: dict[str, Any]) -> None:
    """Batches without a value, or without a row of a slice or sample, join those that have some."""
    columns = {"s": [None] * 2000 + ["a", "b"] * 1000, "k": ["K"] * 3000 + ["L"] * 1000, "w": [1.5] * 4000}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=1000)
    whole, *slices = generate(str(tmp_path / "t.parquet"), StatsOptions(weight_feature="w", **options)).datasets
    for dataset in (whole, *slices):
        words = feature(dataset, "s").string_stats
        found = {top.value: top.frequency for top in words.weighted_string_stats.top_values}
        assert found == {top.value: 1.5 * top.frequency for top in words.top_values}
    assert sum(dataset.num_examples for dataset in slices) in (0, 4000)


def test_weights_of_lists_and_structs_follow_their_row() -> None:
    """Each item of a list, and each field of a struct, counts as much as its row."""
    columns = {"l": [[1, 2], [3], None], "s": [{"n": 10}, {"n": 20}, {"n": None}], "w": [1.0, 3.0, 5.0]}
    (dataset,) = datasets(pa.table(columns), weight_feature="w").values()
    lists = feature(dataset, "l").num_stats
    assert lists.weighted_numeric_stats.mean == pytest.approx((1 + 2 + 9) / 5)
    common = lists.common_stats.weighted_common_stats
    assert (common.num_non_missing, common.num_missing, common.tot_num_values) == (4, 5, 5)
    assert feature(dataset, "s", "n").num_stats.weighted_numeric_stats.mean == pytest.approx(70 / 4)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ([1.0, None], "missing in some rows"),
        ([1.0, -1.0], "negative"),
        ([1.0, float("nan")], "not finite"),
        (["a", "b"], "must be a number"),
    ],
)
def test_bad_weights_are_refused(weights: list[Any], says: str) -> None:
    """A weight that is missing, negative, no number or no finite number is an error."""
    with pytest.raises(UsageError, match=says):
        datasets(pa.table({"x": [1, 2], "w": weights}), weight_feature="w")


def test_slices_are_the_statistics_of_their_rows() -> None:
    """Each slice equals the statistics of its rows alone; rows without the column are in none."""
    rows = table()
    found = datasets(rows, slice_features=(Slice.parse("country"),))
    assert list(found) == ["All Examples", "country_DE", "country_FR", "country_US"]
    for country in ("DE", "FR", "US"):
        (alone,) = datasets(rows.filter(pa.compute.equal(rows["country"], country))).values()
        sliced = found[f"country_{country}"]
        assert sliced.num_examples == alone.num_examples
        assert list(sliced.features) == list(alone.features)
    (whole,) = datasets(rows).values()
    assert list(found["All Examples"].features) == list(whole.features)


def test_chosen_and_crossed_slices() -> None:
    """Values can be named, columns crossed, and several ways of slicing asked for at once."""
    rows = table()
    found = datasets(rows, slice_features=(Slice.parse("country=DE|FR,device"), Slice.parse("device=2")))
    assert list(found) == [
        "All Examples", "country_DE_device_1", "country_DE_device_2", "country_FR_device_1", "country_FR_device_2",
        "device_2",
    ]  # fmt: skip
    members = pa.compute.and_(pa.compute.equal(rows["country"], "FR"), pa.compute.equal(rows["device"], 1))
    assert found["country_FR_device_1"].num_examples == pa.compute.sum(members).as_py()


def test_a_row_is_in_a_slice_once_however_often_it_is_named() -> None:
    """`country` and `country=DE` both name the slice country_DE: its rows count once."""
    whole = table()
    by = (Slice.parse("country"), Slice.parse("country=DE"))
    found = datasets(whole, slice_features=by, weight_feature="w")
    german = whole.filter(pa.compute.equal(whole["country"], "DE"))
    assert list(found) == ["All Examples", "country_DE", "country_FR", "country_US"]
    assert found["country_DE"].num_examples == german.num_rows
    assert found["country_DE"].weighted_num_examples == pytest.approx(pa.compute.sum(german["w"]).as_py())


def test_slices_with_weights_and_allow_list(tmp_path: Path) -> None:
    """Columns that only slice or weigh are read but not described."""
    path = tmp_path / "t.csv"
    path.write_text("x,y,country,w\n1,9,DE,1\n2,9,FR,2\n4,9,DE,3\n")
    options = StatsOptions(feature_allowlist=("x",), weight_feature="w", slice_features=(Slice.parse("country"),))
    whole, de, fr = generate(str(path), options).datasets
    assert [[f.path.step[0] for f in dataset.features] for dataset in (whole, de, fr)] == [["x"]] * 3
    assert [dataset.weighted_num_examples for dataset in (whole, de, fr)] == [6, 4, 2]
    assert de.features[0].num_stats.weighted_numeric_stats.mean == pytest.approx(13 / 4)


@pytest.mark.parametrize("text", ["", "a,a", "=x", "a,,b"])
def test_slices_that_mean_nothing_are_refused(text: str) -> None:
    """A slice without a column, or with one twice, is an error."""
    with pytest.raises(UsageError, match="is no slice"):
        Slice.parse(text)


def test_slicing_by_too_many_values_or_lists_is_refused() -> None:
    """A column like an identifier would make a data set a row; a list is no value."""
    with pytest.raises(UsageError, match="by id makes more than 1,000 slices, which is the most"):
        datasets(pa.table({"id": list(range(2000))}), slice_features=(Slice.parse("id"),))
    with pytest.raises(UsageError, match="cannot be sliced by 'l'"):
        datasets(pa.table({"l": [[1]]}), slice_features=(Slice.parse("l"),))
    with pytest.raises(UsageError, match="no column 'z'"):
        datasets(pa.table({"x": [1]}), slice_features=(Slice.parse("z"),))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_slices_are_counted_over_the_whole_table(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the table comes in batches; values that are not crossed with each other in any row make no slice."""
    monkeypatch.setattr(_blocks, "BLOCK", 1 << 12)  # rows come in batches of fewer than the most slices
    customers = [at // 2 for at in range(2002)]
    for name, rows in {"most": 2000, "more": 2002}.items():
        write(pa.table({"c": customers[:rows], "x": [1] * rows}), tmp_path / f"{name}.{suffix}")
    by = (Slice.parse("c"),)
    found = generate(str(tmp_path / f"most.{suffix}"), StatsOptions(slice_features=by))
    assert len(found.datasets) == 1001
    assert {dataset.num_examples for dataset in found.datasets[1:]} == {2}
    with pytest.raises(UsageError, match="by c makes more than 1,000 slices"):
        generate(str(tmp_path / f"more.{suffix}"), StatsOptions(slice_features=by))
    write(pa.table({"a": list(range(400)), "b": [f"b{at}" for at in range(400)]}), tmp_path / f"crossed.{suffix}")
    crossed = generate(str(tmp_path / f"crossed.{suffix}"), StatsOptions(slice_features=(Slice.parse("a,b"),)))
    assert {dataset.name for dataset in crossed.datasets[1:]} == {f"a_{at}_b_b{at}" for at in range(400)}


@pytest.mark.parametrize("values", [3, 50, 400])
def test_crossed_slices_hold_their_rows_however_many_values_there_are(values: int) -> None:
    """Few values, many, and more combinations than two bytes number; rows that lack one are in none."""
    at = range(3000)
    columns: dict[str, list[Any]] = {
        "a": [None if row % 7 == 0 else row % values for row in at],
        "b": [None if row % 11 == 0 else f"b{row % values // 2}" for row in at],
    }
    found = datasets(pa.table(columns), slice_features=(Slice.parse("a,b"),))
    pairs = zip(columns["a"], columns["b"], strict=True)
    expected = Counter(f"a_{one}_b_{other}" for one, other in pairs if one is not None and other is not None)
    assert {name: dataset.num_examples for name, dataset in list(found.items())[1:]} == expected


def write(rows: pa.Table, path: Path) -> None:
    if path.suffix == ".csv":
        pa.csv.write_csv(rows, path)
    else:
        pq.write_table(rows, path, row_group_size=300)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_features_come_in_the_tables_order(tmp_path: Path, suffix: str) -> None:
    """Whatever the order in which they are asked for, and whatever the format."""
    path = tmp_path / f"t.{suffix}"
    if suffix == "jsonl":
        path.write_text('{"a": 1, "b": 2, "c": 3}\n')
    else:
        write(pa.table({"a": [1], "b": [2], "c": [3]}), path)
    (found,) = generate(str(path), StatsOptions(feature_allowlist=("c", "b"), weight_feature="a")).datasets
    assert [feature.path.step[0] for feature in found.features] == ["b", "c"]


def test_a_sample_is_the_same_rows_for_every_column_and_cut(tmp_path: Path) -> None:
    """A row is chosen or not by its number: columns agree, and chunks or row groups change nothing."""
    rows = pa.table({"a": range(200_000), "b": range(200_000)})
    options = StatsOptions(sample_rate=0.1, sample_seed=3)
    pq.write_table(rows, tmp_path / "t.parquet", row_group_size=7_777)
    (stored,) = generate(str(tmp_path / "t.parquet"), options).datasets
    (kept,) = datasets(rows, sample_rate=0.1, sample_seed=3).values()
    assert list(stored.features) == list(kept.features)
    assert feature(kept, "a").num_stats == feature(kept, "b").num_stats
    assert kept.num_examples == feature(kept, "a").num_stats.common_stats.num_non_missing
    assert 19_000 < kept.num_examples < 21_000
    assert feature(kept, "a").num_stats.mean == pytest.approx(100_000, rel=0.02)
    (other,) = datasets(rows, sample_rate=0.1, sample_seed=4).values()
    assert feature(other, "a").num_stats.mean != feature(kept, "a").num_stats.mean


def test_a_sample_of_everything_is_everything() -> None:
    """A rate of one keeps every row."""
    (whole,) = datasets(table(), sample_rate=1.0).values()
    assert whole.num_examples == 30_000


@pytest.mark.parametrize("rate", [0, -0.5, 1.5])
def test_bad_sample_rates_are_refused(rate: float) -> None:
    """A rate outside (0, 1] is an error."""
    with pytest.raises(UsageError, match="sample rate"):
        StatsOptions(sample_rate=rate)


def test_bucket_options_reach_weighted_histograms() -> None:
    """Weighted histograms have as many buckets as plain ones."""
    columns = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "w": [1.0] * 4})
    computed = engine("arrow")(
        MemoryTable("t", columns), StatsOptions(weight_feature="w", num_histogram_buckets=2), silent
    )
    x = computed.datasets[0].features[0]
    assert len(x.num_stats.weighted_numeric_stats.histograms[0].buckets) == 2
    assert FEW.num_histogram_buckets == 3
    assert len(buckets(x, "STANDARD")) == 2
