"""Splitting a table: exact, disjoint, deterministic."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfx.errors import UsageError
from kfx.split import Fractions, allot, assign, split_table
from kfx.stats.sources import open_source

SPLITS = ("train", "validation", "test")


@st.composite
def fractions(draw: st.DrawFn) -> Fractions:
    """Three shares of a hundred, so that they add up to 1 but for rounding."""
    train = draw(st.integers(1, 98))
    validation = draw(st.integers(1, 99 - train))
    return Fractions(train / 100, validation / 100, (100 - train - validation) / 100)


def shares(of: Fractions) -> list[float]:
    return [of.train, of.validation, of.test]


@given(st.integers(300, 5000), fractions(), st.integers(0, 2**32))
def test_counts_sum_to_the_rows_and_each_is_within_one_of_its_share(rows: int, of: Fractions, seed: int) -> None:
    """Every row has one split; no split is a whole row away from its fraction."""
    assignment, counts = assign(rows, of, seed)

    assert np.bincount(assignment, minlength=3).tolist() == list(counts)
    assert sum(counts) == rows
    assert all(abs(count - rows * share) < 1 for count, share in zip(counts, shares(of), strict=True))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), fractions())
def test_every_stratum_is_divided_within_one_row_of_its_share(sizes: list[int], of: Fractions) -> None:
    """Nothing is lost in any stratum, and what was cut is made good in later ones."""
    divided = allot(sizes, shares(of))

    for size, row in zip(sizes, divided, strict=True):
        assert sum(row) == size
        assert all(abs(count - size * share) < 1 for count, share in zip(row, shares(of), strict=True))
    totals = [sum(column) for column in zip(*divided, strict=True)]
    assert all(abs(total - sum(sizes) * share) < 2 for total, share in zip(totals, shares(of), strict=True))


@given(st.integers(100, 600), fractions(), st.integers(0, 1000))
def test_the_same_seed_splits_the_same_way(rows: int, of: Fractions, seed: int) -> None:
    """The assignment is a function of the rows, the fractions and the seed."""
    first, second = assign(rows, of, seed)[0], assign(rows, of, seed)[0]

    assert np.array_equal(first, second)


def test_rounding_is_not_led_by_float_noise() -> None:
    """0.1 of 30 is 3.0000000000000004 in floats; the thirty rows are 24, 3 and 3."""
    assert allot([30, 10], [0.8, 0.1, 0.1]) == [[24, 3, 3], [8, 1, 1]]


def test_rare_values_do_not_all_fall_to_the_same_split() -> None:
    """A hundred values of one row each are divided as the fractions say, not all given to train."""
    totals = [sum(column) for column in zip(*allot([1] * 100, [0.8, 0.1, 0.1]), strict=True)]

    assert totals == [80, 10, 10]


def write(path: Path, rows: int) -> Path:
    """A table whose rows tell themselves apart, with a rare class and gaps."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "kind", "note"])
        for number in range(rows):
            writer.writerow([number, "rare" if number % 20 == 0 else "common", "" if number % 7 == 0 else f"n{number}"])
    return path


def split(source: Path, folder: Path, **options: Any) -> list[pa.Table]:
    paths = [folder / name for name in SPLITS]
    counts = split_table(str(source), [str(path) for path in paths], **options)
    tables = [pq.read_table(path) for path in paths]
    assert counts == tuple(table.num_rows for table in tables)
    assert sorted(p.name for p in folder.iterdir()) == sorted(SPLITS), "nothing temporary is left"
    return tables


@settings(max_examples=15, deadline=None)
@given(rows=st.integers(60, 400), seed=st.integers(0, 99), stratify=st.sampled_from(["", "kind"]))
def test_each_row_is_in_exactly_one_file(
    tmp_path_factory: pytest.TempPathFactory, rows: int, seed: int, stratify: str
) -> None:
    """The three files together hold the source's rows, each once, with its own values."""
    folder = tmp_path_factory.mktemp("split")
    tables = split(write(folder.with_suffix(".csv"), rows), folder, seed=seed, stratify=stratify)

    together = [row for table in tables for row in table.to_pylist()]

    assert sorted(row["id"] for row in together) == list(range(rows))
    assert all(row["kind"] == ("rare" if row["id"] % 20 == 0 else "common") for row in together)


def test_stratified_splits_keep_the_shares_of_every_value(tmp_path: Path) -> None:
    """Of 50 rare rows in 1000, 40, 5 and 5 go to the splits."""
    tables = split(write(tmp_path.with_suffix(".csv"), 1000), tmp_path, stratify="kind")

    assert [Counter(table["kind"].to_pylist())["rare"] for table in tables] == [40, 5, 5]
    assert [table.num_rows for table in tables] == [800, 100, 100]


def test_another_seed_gives_another_split(tmp_path: Path) -> None:
    """The seed matters, and the same one twice does not."""
    source = write(tmp_path / "t.csv", 500)
    made = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        made.append(split(source, tmp_path / name, seed=seed)[2]["id"].to_pylist())

    assert made[0] == made[1]
    assert made[0] != made[2]


def test_dry_bean_is_split_as_counted_by_hand(dry_bean: Path, tmp_path: Path) -> None:
    """13,611 rows by 0.8, 0.1, 0.1: the shares are 10888.8, 1361.1 and 1361.1."""
    tables = split(dry_bean, tmp_path, stratify="Class")

    assert [table.num_rows for table in tables] == [10889, 1361, 1361]
    assert all(len(set(table["Class"].to_pylist())) == 7 for table in tables)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ((0.8, 0.1, 0.2), "add up to 1.1"),
        ((0.9, 0.1, 0.0), "test fraction is 0.0"),
        ((1.2, -0.1, -0.1), "validation fraction is -0.1"),
        ((float("nan"), 0.5, 0.5), "train fraction is nan"),
    ],
)
def test_fractions_that_make_no_split_are_refused(values: tuple[float, float, float], sentence: str) -> None:
    """The message names the fraction and its value."""
    with pytest.raises(UsageError, match=sentence):
        Fractions(*values)


def test_too_few_rows_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    """Three rows by 0.8, 0.1, 0.1 leave a split without any."""
    source = write(tmp_path / "t.csv", 3)

    with pytest.raises(UsageError, match=r"3 rows are too few: .* the validation split would be empty"):
        split_table(str(source), [str(tmp_path / name) for name in SPLITS], Fractions(0.98, 0.01, 0.01))
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_an_absent_stratify_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    """The message lists the columns."""
    source = write(tmp_path / "t.csv", 30)

    with pytest.raises(UsageError, match=r"no column 'kin' to stratify by. It has: id, kind, note"):
        split_table(str(source), [str(tmp_path / name) for name in SPLITS], stratify="kin")


def test_a_missing_value_is_a_stratum_of_its_own(tmp_path: Path) -> None:
    """Rows without a value in the stratify column are split like any other value."""
    table = pa.table({"id": list(range(200)), "kind": [None if n % 2 else "x" for n in range(200)]})
    pq.write_table(table, tmp_path / "t.parquet")
    (tmp_path / "out").mkdir()

    tables = split(tmp_path / "t.parquet", tmp_path / "out", stratify="kind")

    assert [table["kind"].null_count for table in tables] == [80, 10, 10]


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    """The generator takes none."""
    with pytest.raises(UsageError, match="The seed is -1"):
        split_table(str(tmp_path), ["a", "b", "c"], seed=-1)


def test_small_batches_make_large_row_groups(tmp_path: Path) -> None:
    """A text file gives many batches; they do not leave as many row groups."""
    source = tmp_path / "t.csv"
    source.write_text("id,note\n" + "".join(f"{number},{'x' * 100}\n" for number in range(200_000)))
    batches = list(open_source(str(source)).batches())
    (tmp_path / "out").mkdir()

    tables = split(source, tmp_path / "out")

    groups = [pq.read_metadata(tmp_path / "out" / name).num_row_groups for name in SPLITS]
    assert len(batches) > 4
    assert groups == [2, 1, 1]
    assert sorted(value for each in tables for value in each["id"].to_pylist()) == list(range(200_000))


def test_columns_no_model_takes_are_found_before_a_row_is_read(tmp_path: Path) -> None:
    """All are named at once with the setting that leaves them out; with it they stay in the files."""
    plain = {
        "n": range(60),
        "day": [dt.date(2026, 1, 1)] * 60,
        "at": [dt.datetime(2026, 1, 1)] * 60,
        "none": [None] * 60,
    }
    odd = {"tags": [["a"]] * 60, "place": [{"x": 1}] * 60, "raw": [b"x"] * 60}
    pq.write_table(pa.table({**plain, **odd}), tmp_path / "t.parquet")
    source, paths = str(tmp_path / "t.parquet"), [str(tmp_path / name) for name in SPLITS]

    with pytest.raises(
        UsageError, match=r"hold: tags .*, place .*, raw .*exclude_columns=\[\"n\", \"tags\", \"place\""
    ):
        split_table(source, paths, to_train=True, exclude_columns=["n"])
    assert not Path(paths[0]).exists()
    with pytest.raises(UsageError, match="no column 'tag' to exclude"):
        split_table(source, paths, to_train=True, exclude_columns=["tag"])

    split_table(source, paths, to_train=True, exclude_columns=list(odd))
    assert pq.read_schema(paths[0]).names == [*plain, *odd]


def test_a_struct_with_a_field_named_interval_is_no_interval(tmp_path: Path) -> None:
    """What is refused is the type."""
    pq.write_table(pa.table({"s": [{"interval": 1}] * 60}), tmp_path / "t.parquet")

    assert split_table(str(tmp_path / "t.parquet"), [str(tmp_path / name) for name in SPLITS]) == (48, 6, 6)


@pytest.mark.parametrize("stratify", ["", "a"])
def test_a_table_without_rows_is_told_by_its_name(tmp_path: Path, stratify: str) -> None:
    """No fraction would help: there is nothing to divide."""
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "none.parquet")

    with pytest.raises(UsageError, match=r"none\.parquet' cannot be split: it has no rows"):
        split_table(str(tmp_path / "none.parquet"), [str(tmp_path / name) for name in SPLITS], stratify=stratify)
