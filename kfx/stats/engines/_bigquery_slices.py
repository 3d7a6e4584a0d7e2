"""Slices of a BigQuery table: what the SQL calls them, and what TFDV does.

In SQL a slice is a text, its key: the number of the way to slice, and the values of its columns as a JSON array, such
as `0:["DE","mobile"]`. The whole table's key is empty. Of a key Python makes the name that the Arrow engine makes of
the same values.
"""

# ruff: noqa: S608 - SQL is what this file makes: names are quoted, values are parameters

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from kfx.stats.engines._bigquery_features import column_value, quoted
from kfx.stats.engines._bigquery_slice_sql import SliceSql, slice_name
from kfx.stats.engines._rows import ALL

if TYPE_CHECKING:
    from kfx.stats.options import Slice, StatsOptions

WHOLE = ""
"""Key of the whole table."""

_SQL = "sql"  # begins the keys of slices that SQL names

_EPOCH = dt.datetime(1970, 1, 1)
_UTC_EPOCH = _EPOCH.replace(tzinfo=dt.timezone.utc)


def _scaled(text: str, digits: int) -> str:
    # Arrow's decimals show every digit of their scale.
    return str(Decimal(text).quantize(Decimal(1).scaleb(-digits), context=Context(prec=77)))


def _reals(text: str) -> list[str]:
    # BigQuery writes 15 digits, or 17 where 15 do not give the number back.
    number = float(text)
    return [f"{number:.{digits}g}" for digits in (15, 16, 17)] if math.isfinite(number) else ["NaN", "inf", "-inf"]


def _decimals(text: str) -> list[str]:
    # BigQuery leaves out the zeros at the end; its emulators keep them.
    number = Decimal(text)
    return [f"{number.normalize(Context(prec=77)):f}", f"{number:f}"]


def _moments(text: str) -> list[str]:
    return _since(dt.datetime.fromisoformat(text).replace(tzinfo=None))


def _times(text: str) -> list[str]:
    return _since(dt.datetime.combine(_EPOCH, dt.time.fromisoformat(text)))


def _since(moment: dt.datetime) -> list[str]:
    return [str((moment - _EPOCH) // dt.timedelta(microseconds=1))]


class _Text(NamedTuple):
    """How the values of a type are written."""

    sql: str
    """SQL of the text of a value."""

    shown: Callable[[str], str]
    """That text -> the value as Python shows it."""

    written: Callable[[str], list[str]]
    """The value as Python shows it -> every SQL text that may stand for it; ValueError where it is no value."""


# BigQuery type -> its texts.
_TEXT = {
    "STRING": _Text("{}", str, lambda text: [text]),
    "BYTES": _Text(
        "TO_HEX({})", lambda text: bytes.fromhex(text).decode(errors="replace"), lambda text: [text.encode().hex()]
    ),
    "BOOL": _Text("IF({}, 'True', 'False')", str, lambda text: [text]),
    "FLOAT64": _Text("CAST({} AS STRING)", lambda text: str(float(text)), _reals),
    "NUMERIC": _Text("CAST({} AS STRING)", lambda text: _scaled(text, 9), _decimals),
    "BIGNUMERIC": _Text("CAST({} AS STRING)", lambda text: _scaled(text, 38), _decimals),
    "TIMESTAMP": _Text("CAST(UNIX_MICROS({}) AS STRING)", lambda text: str(_UTC_EPOCH + _microseconds(text)), _moments),
    "DATETIME": _Text(
        "CAST(DATETIME_DIFF({}, DATETIME '1970-01-01 00:00:00', MICROSECOND) AS STRING)",
        lambda text: str(_EPOCH + _microseconds(text)),
        _moments,
    ),
    "TIME": _Text(
        "CAST(TIME_DIFF({}, TIME '00:00:00', MICROSECOND) AS STRING)",
        lambda text: str((_EPOCH + _microseconds(text)).time()),
        _times,
    ),
    "GEOGRAPHY": _Text("ST_ASTEXT({})", str, lambda text: [text]),
    "JSON": _Text("TO_JSON_STRING({})", str, lambda text: [text]),
}
_SAME = {"BOOLEAN": "BOOL", "FLOAT": "FLOAT64"}
_PLAIN = _Text("CAST({} AS STRING)", str, lambda text: [text])  # INT64 and DATE


def _microseconds(text: str) -> dt.timedelta:
    return dt.timedelta(microseconds=int(text))


@dataclass(frozen=True)
class Slices:
    """The slices some options ask for."""

    by: tuple[Slice, ...]
    """The ways to slice by columns and their values."""

    sqls: tuple[SliceSql, ...]
    """The ways to slice by SQL."""

    kinds: dict[str, str]
    """BigQuery's type of each column."""

    repeated: frozenset[str]
    """Columns that are arrays."""

    @classmethod
    def of(cls, options: StatsOptions, columns: Sequence[Any]) -> Slices:
        """Returns the slices of a table.

        Args:
            options: Say by what to slice.
            columns: The google.cloud.bigquery.SchemaField of the table's columns.
        """
        kinds = {column.name: column.field_type.upper() for column in columns}
        return cls(
            by=options.slice_features,
            sqls=tuple(map(SliceSql.parse, options.slice_sqls)),
            kinds={name: _SAME.get(kind, kind) for name, kind in kinds.items()},
            repeated=frozenset(column.name for column in columns if column.mode == "REPEATED"),
        )

    @property
    def any(self) -> bool:
        """Whether there is more than the whole table."""
        return bool(self.by or self.sqls)

    @property
    def sql_columns(self) -> tuple[str, ...]:
        """Columns the SQL reads."""
        return tuple(dict.fromkeys(column for sql in self.sqls for column in sql.columns))

    @property
    def whole(self) -> str:
        """TFDV's name of the whole table's data set."""
        return ALL if self.any else ""

    def unnested(self) -> str:
        """Returns what FROM has behind a row: its keys as `kfx_slice`, null where a way to slice has none for it."""
        keys = f"[{', '.join([repr(WHOLE), *map(self._key, range(len(self.by)))])}]"
        if not self.sqls:
            return f"UNNEST({keys}) AS kfx_slice"
        named = [
            f"ARRAY(SELECT DISTINCT CONCAT('{_SQL}{number}:', TO_JSON_STRING(kfx_key)) "
            f"FROM UNNEST(ARRAY({sql.select})) AS kfx_key)"
            for number, sql in enumerate(self.sqls)
        ]
        lists = ", ".join(f"{self._list(column)} AS {quoted(column)}" for column in self.sql_columns)
        return f"UNNEST([STRUCT({lists})]) AS example, UNNEST(ARRAY_CONCAT({', '.join([keys, *named])})) AS kfx_slice"

    def _list(self, column: str) -> str:
        value = column_value(column)
        return value if column in self.repeated else f"IF({value} IS NULL, [], [{value}])"

    def parameters(self) -> list[Any]:
        """Returns the query parameters the SQL refers to: the values that are wanted."""
        from google.cloud.bigquery import ArrayQueryParameter

        return [
            ArrayQueryParameter(_parameter(number, place), "STRING", self._written(column, values))
            for number, by in enumerate(self.by)
            for place, (column, values) in enumerate(zip(by.columns, by.values, strict=True))
            if values is not None and self._can_choose(column, values)
        ]

    def name(self, key: str) -> str | None:
        """Returns the name of a slice, or None if it is not wanted."""
        if key == WHOLE:
            return self.whole
        number, _, values = key.partition(":")
        if number.startswith(_SQL):
            return slice_name(values)
        by = self.by[int(number)]
        texts = [self._text(column).shown(value) for column, value in zip(by.columns, json.loads(values), strict=True)]
        if any(wanted is not None and text not in wanted for text, wanted in zip(texts, by.values, strict=True)):
            return None
        # TFDV's names: column_value, crossed ones joined.
        return "_".join(f"{column}_{text}" for column, text in zip(by.columns, texts, strict=True))

    def _key(self, number: int) -> str:
        by = self.by[number]
        values = [column_value(column) for column in by.columns]
        texts = [self._text(column).sql.format(value) for column, value in zip(by.columns, values, strict=True)]
        none = [f"{value} IS NULL" for value in values]
        none += [
            f"{text} NOT IN UNNEST(@{_parameter(number, place)})"
            for place, (column, text) in enumerate(zip(by.columns, texts, strict=True))
            if (wanted := by.values[place]) is not None and self._can_choose(column, wanted)
        ]
        return f"IF({' OR '.join(none)}, NULL, CONCAT('{number}:', TO_JSON_STRING([{', '.join(texts)}])))"

    def _text(self, column: str) -> _Text:
        return _TEXT.get(self.kinds[column], _PLAIN)

    def _can_choose(self, column: str, wanted: frozenset[str]) -> bool:
        """Whether BigQuery can pick the wanted values; not where a text stands for many, as of bytes that are none."""
        return self.kinds[column] != "BYTES" or not any("\ufffd" in text for text in wanted)

    def _written(self, column: str, wanted: frozenset[str]) -> list[str]:
        """Returns the SQL texts of the wanted values, or of more: `name` has the last word."""
        texts = set(wanted)
        for text in wanted:
            with suppress(ValueError, ArithmeticError):  # no value of this type, so that no row has it
                texts.update(self._text(column).written(text))
        return sorted(texts)


def _parameter(number: int, place: int) -> str:
    return f"slice_{number}_{place}"
