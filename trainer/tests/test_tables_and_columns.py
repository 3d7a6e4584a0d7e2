"""Reading tables and deciding what their columns are."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trainer.columns import Columns, decide, features, labels
from trainer.errors import ColumnError, LabelNotClassError, LabelNotFoundError, TableError, UsageError
from trainer.tables import read_table

Rows = Callable[..., list[dict[str, Any]]]
Writer = Callable[..., Path]


def test_parquet_and_csv_of_the_same_rows_give_the_same_features(
    passengers: Rows, table: Writer, tmp_path: Path
) -> None:
    """A column's type in Parquet and its text in CSV lead to the same kinds and values."""
    rows = passengers()
    pd.DataFrame(rows).to_parquet(tmp_path / "rows.parquet")
    typed, text = read_table(str(tmp_path / "rows.parquet")), read_table(str(table("rows.csv", rows)))

    columns = decide(text, "fate", [])

    assert columns == decide(typed, "fate", [])
    assert columns == Columns({"age": "numeric", "fare": "numeric", "port": "text", "child": "boolean"})
    from_text, from_types = features(text, columns), features(typed, columns)
    pd.testing.assert_frame_equal(from_text, from_types)


def test_a_country_code_na_is_text_and_a_number_na_is_missing(tmp_path: Path) -> None:
    """Only numeric columns read "NA" as missing."""
    (tmp_path / "t.csv").write_text("country,age,y\nNA,NA,a\nIE,4,b\n,5,a\n")
    frame = read_table(str(tmp_path / "t.csv"))

    made = features(frame, decide(frame, "y", []))

    assert made["country"].tolist() == ["NA", "IE", None]
    assert np.isnan(made["age"][0])
    assert made["age"].tolist()[1:] == [4.0, 5.0]


def test_a_column_is_judged_over_all_shards(tmp_path: Path) -> None:
    """Digits in the first shard and words in the second make a text column."""
    (tmp_path / "s-0.csv").write_text("code,y\n1,a\n2,b\n")
    (tmp_path / "s-1.csv").write_text("code,y\nx9,a\n")
    frame = read_table(str(tmp_path / "s-*.csv"))

    assert decide(frame, "y", []).kinds == {"code": "text"}
    assert features(frame, decide(frame, "y", []))["code"].tolist() == ["1", "2", "x9"]


def test_shards_with_different_headers_are_refused(tmp_path: Path) -> None:
    """The second file is named."""
    (tmp_path / "s-0.csv").write_text("a,y\n1,a\n")
    (tmp_path / "s-1.csv").write_text("b,y\n1,a\n")

    with pytest.raises(TableError, match=r"s-1\.csv has other columns"):
        read_table(str(tmp_path / "s-*.csv"))


def test_gzip_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    """A compressed shard needs no extension: KFP's artifact files have none."""
    (tmp_path / "data").write_bytes(gzip.compress(b"a,y\n1,x\n"))

    assert read_table(str(tmp_path / "data")).to_dict("list") == {"a": ["1"], "y": ["x"]}


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", b"a,b\n1,2,3\n4,5,6,7\n"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    """The reader's reason stands behind the file's name."""
    (tmp_path / "broken").write_bytes(content)

    with pytest.raises(TableError, match="broken cannot be read"):
        read_table(str(tmp_path / "broken"))


def test_a_misspelt_bigquery_table_is_refused_before_any_client() -> None:
    """Two parts are no table."""
    with pytest.raises(UsageError, match=r"bq://project\.dataset\.table"):
        read_table("bq://dataset.table")


def test_columns_no_model_takes_are_refused_by_name() -> None:
    """Lists, bytes and spans of time have no place in the model; all are named, with the way to leave them out."""
    odd = {"tags": [[1, 2], [3]], "raw": [b"x", b"y"], "gap": [pd.Timedelta("1D"), pd.Timedelta("2D")]}
    frame = pd.DataFrame({**odd, "n": [1, 2], "y": ["a", "b"]})
    with pytest.raises(ColumnError, match=r"'tags' \(list\), 'raw' \(bytes\), 'gap' \(Timedelta\).*exclude_columns"):
        decide(frame, "y", [])
    assert decide(frame, "y", list(odd)).kinds == {"n": "numeric"}
    with pytest.raises(ColumnError, match="nothing to learn from"):
        decide(frame, "y", [*odd, "n"])


def test_dates_and_times_are_text_as_in_a_csv_file() -> None:
    """The table trains the same whether a date came as text or with its type; a missing one stays missing."""
    day, moment = dt.date(2026, 1, 2), pd.Timestamp("2026-01-02 03:04:05", tz="UTC")
    frame = pd.DataFrame({"day": [day, None], "at": [moment, pd.NaT], "time": [dt.time(3, 4), None], "y": [1, 2]})

    columns = decide(frame, "y", [])
    made = features(frame, columns)

    assert columns.kinds == {"day": "text", "at": "text", "time": "text"}
    assert made.loc[0].tolist() == ["2026-01-02", "2026-01-02 03:04:05+00:00", "03:04:00"]
    assert made.loc[1].tolist() == [None, None, None]


def test_decimals_are_numbers_and_an_empty_column_is_no_obstacle() -> None:
    """BigQuery's NUMERIC arrives as Decimal; a column without a value is a column of missing numbers."""
    frame = pd.DataFrame({"price": [Decimal("1.5"), None], "none": [None, None], "y": ["a", "b"]})

    made = features(frame, decide(frame, "y", []))

    assert made["price"].tolist()[0] == 1.5
    assert made.isna().to_numpy().tolist() == [[False, True], [True, True]]


def test_a_later_split_must_fit_the_trained_columns() -> None:
    """Words in a numeric column, a third truth value and an absent column are each told with column and value."""
    columns = Columns({"n": "numeric", "b": "boolean"})

    with pytest.raises(ColumnError, match="'n' is numeric, but one row holds 'tall'"):
        features(pd.DataFrame({"n": ["1", "tall"], "b": ["true", "false"]}), columns)
    with pytest.raises(ColumnError, match="'b' is true or false, but one row holds 'perhaps'"):
        features(pd.DataFrame({"n": ["1", "2"], "b": ["true", "perhaps"]}), columns)
    with pytest.raises(ColumnError, match="lacks columns the model takes: b"):
        features(pd.DataFrame({"n": ["1", "2"]}), columns)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["0", "1"], [0, 1]),
        (["007", "8"], ["007", "8"]),
        (["yes", "no"], ["yes", "no"]),
        ([1.0, 2.0], [1, 2]),
        ([True, False], [True, False]),
    ],
)
def test_labels_keep_what_they_are(values: list[Any], expected: list[Any]) -> None:
    """Whole numbers become integers; a name made of digits stays a name."""
    assert labels(pd.DataFrame({"y": values}), "y").tolist() == expected


def test_labels_of_a_later_split_take_the_type_of_the_models_classes() -> None:
    """Text and floats become the integers the model knows; a word among them is refused."""
    classes = np.array([0, 1])

    assert labels(pd.DataFrame({"y": ["0", "1"]}), "y", like=classes).tolist() == [0, 1]
    assert labels(pd.DataFrame({"y": [1.0, 0.0]}), "y", like=classes).tolist() == [1, 0]
    assert labels(pd.DataFrame({"y": ["True", "false"]}), "y", like=np.array([True, False])).tolist() == [True, False]
    with pytest.raises(LabelNotClassError, match="'maybe'"):
        labels(pd.DataFrame({"y": ["0", "maybe"]}), "y", like=classes)
    with pytest.raises(LabelNotClassError, match=r"0\.5, which is no whole number"):
        labels(pd.DataFrame({"y": [1.0, 0.5]}), "y", like=classes)


@pytest.mark.parametrize("values", [[1.0, 0.25], ["1", "0.25"], [1.0, float("inf")]])
def test_a_measure_is_no_class(values: list[Any]) -> None:
    """Fractions and infinity are refused, whether typed or text."""
    with pytest.raises(LabelNotClassError, match=r"'y' holds (0\.25|inf), which is no whole number"):
        labels(pd.DataFrame({"y": values}), "y")


def test_a_misspelt_label_gets_an_offer() -> None:
    """The nearest name is offered."""
    with pytest.raises(LabelNotFoundError, match="Did you mean 'Class'"):
        decide(pd.DataFrame({"Class": ["a"], "x": [1]}), "class", [])
