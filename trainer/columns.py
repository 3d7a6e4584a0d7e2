"""Decides what each column is (a number, a boolean, text, or the label) and brings tables to that form.

A column of a CSV file is a number when every field that is not missing reads as one, a boolean when every field is
true or false in any case, and text otherwise. Columns of Parquet files and BigQuery tables have a type already; dates
and times are text, as they are in a CSV file.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from trainer.errors import ColumnError, LabelMissingError, LabelNotClassError, LabelNotFoundError

if TYPE_CHECKING:
    import numpy.typing as npt

Kind = Literal["numeric", "boolean", "text"]
KINDS: tuple[Kind, ...] = ("numeric", "boolean", "text")

MISSING_NUMBERS = frozenset({"na", "n/a", "#n/a", "nan", "null", "none"})
"""What numeric columns of CSV files hold where a number is missing, in lower case, beside the empty field."""

_TEMPORAL = (dt.date, dt.time)  # pandas' Timestamp is a datetime, and that a date

_LISTED = 12  # column names in a message


@dataclass(frozen=True)
class Columns:
    """The feature columns, in the order the model takes them."""

    kinds: dict[str, Kind]
    """Column name -> kind."""

    @property
    def names(self) -> list[str]:
        """The feature columns' names in order."""
        return list(self.kinds)

    def positions(self, kind: Kind) -> list[int]:
        """Returns the places (from 0) of the columns of a kind."""
        return [at for at, of in enumerate(self.kinds.values()) if of == kind]


def decide(frame: pd.DataFrame, label: str, exclude: Iterable[str]) -> Columns:
    """Decides the kind of every column but the label and the excluded ones.

    Raises:
        LabelNotFoundError: The label is not in the table.
        ColumnError: An excluded column is not there, no feature is left, or columns are of types no model takes; the
            message has all of them.
    """
    if label not in frame.columns:
        raise LabelNotFoundError(f"The table has no label column {label!r}. {_offer(label, frame.columns)}")
    left_out = {label, *exclude}
    for name in left_out:
        if name not in frame.columns:
            raise ColumnError(f"The table has no column {name!r} to exclude. {_offer(name, frame.columns)}")
    wanted = [name for name in frame.columns if name not in left_out]
    if not wanted:
        raise ColumnError(f"The table has no column beside the label {label!r}: there is nothing to learn from.")
    kinds = {str(name): _kind(frame[name]) for name in wanted}
    _refuse([f"{name!r} ({_types(frame[name])})" for name in wanted if kinds[str(name)] is None])
    return Columns({name: kind for name, kind in kinds.items() if kind is not None})


def _refuse(odd: list[str]) -> None:
    if odd:
        raise ColumnError(
            f"No model takes what these columns hold: {_list(odd)}. The trainer takes numbers, booleans, text, dates "
            "and times. Convert them, or name them in exclude_columns (--exclude-columns)."
        )


def features(frame: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Returns the feature columns in order: numbers as float64, booleans and text as str, missing as NaN or None.

    Raises:
        ColumnError: A column is absent, or holds a value its kind does not allow.
    """
    absent = [name for name in columns.names if name not in frame.columns]
    if absent:
        raise ColumnError(f"The table lacks columns the model takes: {_list(absent)}.")
    converted: pd.DataFrame = pd.DataFrame({name: _convert(frame[name], kind) for name, kind in columns.kinds.items()})
    return converted


def labels(frame: pd.DataFrame, label: str, like: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
    """Returns the label of every row as integers, booleans or strings.

    Args:
        frame: The table.
        label: The label's column.
        like: The classes of a trained model; the labels get their type. None to decide it: whole numbers become
            integers, everything else strings.

    Raises:
        LabelNotFoundError: The column is not there.
        LabelMissingError: A row has no label.
        LabelNotClassError: The labels are fractions, or not of the model's type.
    """
    if label not in frame.columns:
        raise LabelNotFoundError(f"The table has no label column {label!r}. {_offer(label, frame.columns)}")
    column = frame[label]
    missing = np.flatnonzero(column.isna().to_numpy())
    if missing.size:
        raise LabelMissingError(
            f"{missing.size} of the {len(column)} rows of this split have no value in the label column {label!r} (the "
            f"first is row {missing[0] + 1}). Remove those rows."
        )
    if like is not None:
        return _labels_like(column, label, like)
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=bool)
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().any():
        return column.astype(str).to_numpy(dtype=str)
    _check_whole(column, numbers, label)
    plain = pd.api.types.is_numeric_dtype(column.dtype) or (numbers.astype("int64").astype(str) == column).all()
    # Text such as "007" is a name, although it reads as a number.
    return numbers.to_numpy(dtype=np.int64) if plain else column.astype(str).to_numpy(dtype=str)


def _labels_like(column: pd.Series[Any], label: str, like: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if like.dtype.kind in "iu":
        numbers = pd.to_numeric(column, errors="coerce")
        if numbers.isna().any():
            value = column[numbers.isna()].iloc[0]
            raise LabelNotClassError(
                f"The label {value!r} in column {label!r} is no number, but the model's classes are."
            )
        _check_whole(column, numbers, label)
        return numbers.to_numpy(dtype=np.int64)
    if like.dtype.kind == "b":
        return (column.astype(str).str.lower() == "true").to_numpy(dtype=bool)
    return column.astype(str).to_numpy(dtype=str)


def _check_whole(column: pd.Series[Any], numbers: pd.Series[Any], label: str) -> None:
    fractions = column[~np.isfinite(numbers) | (numbers != np.floor(numbers))]
    if len(fractions):
        raise LabelNotClassError(
            f"The label column {label!r} holds {fractions.iloc[0]}, which is no whole number. It must hold classes."
        )


def _kind(column: pd.Series[Any]) -> Kind | None:
    """Returns the column's kind; None when no model takes it."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean"
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype):
        return "numeric"
    values = column.dropna()
    types = set(values.map(type))
    if types <= {str}:
        return _kind_of_text(values)
    if types == {bool} or types == {np.bool_}:
        return "boolean"
    if types == {Decimal}:
        return "numeric"
    return "text" if all(issubclass(each, _TEMPORAL) for each in types) else None


def _types(column: pd.Series[Any]) -> str:
    return " and ".join(sorted({each.__name__ for each in column.dropna().map(type)}))


def _kind_of_text(values: pd.Series[Any]) -> Kind:
    lowered = values.str.strip().str.lower()
    present = lowered[~lowered.isin(MISSING_NUMBERS)]
    if pd.to_numeric(present, errors="coerce").notna().all():
        return "numeric"
    return "boolean" if lowered.isin(["true", "false"]).all() else "text"


def _convert(column: pd.Series[Any], kind: Kind) -> pd.Series[Any]:
    if kind == "numeric":
        return _to_numbers(column)
    text = _as_text(column)
    if kind == "text":
        return text
    flags = text.map(lambda value: value.strip().lower(), na_action="ignore")
    unknown = flags[flags.notna() & ~flags.isin(["true", "false", "1", "0", "1.0", "0.0"])]
    if len(unknown):
        raise ColumnError(f"The column {column.name!r} is true or false, but one row holds {unknown.iloc[0]!r}.")
    return _as_text(flags)


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Returns the values as str in an object column, None where one is missing; pandas' own text types hold NaN."""
    gaps = column.isna()
    values = [None if gap else str(value) for value, gap in zip(column, gaps, strict=True)]
    return pd.Series(values, index=column.index, name=column.name, dtype=object)


def _to_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        text = _as_text(column)
        gaps = text.map(lambda value: value.strip().lower() in MISSING_NUMBERS, na_action="ignore")
        column = text.where(gaps.ne(True), None)
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    lost = column[numbers.isna() & column.notna()]
    if len(lost):
        raise ColumnError(f"The column {column.name!r} is numeric, but one row holds {lost.iloc[0]!r}.")
    if np.isinf(numbers).any():
        raise ColumnError(f"The column {column.name!r} holds infinity. Replace it by a number or a missing value.")
    return numbers


def _offer(name: str, there: Iterable[Any]) -> str:
    names = [str(each) for each in there]
    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"It has: {_list(names)}."


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED} more"
