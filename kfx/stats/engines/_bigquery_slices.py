"""Slices of a BigQuery table: what the SQL calls them, and what TFDV does.

In SQL a slice is a text, its key: the number of the way to slice, and the values of its columns as a JSON array, such
as `0:["DE","mobile"]`. The whole table's key is empty. Of a key Python makes the name that the Arrow engine makes of
the same values.
"""

# ruff: noqa: S608 - SQL is what this file makes: names are quoted, values are parameters

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

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


# BigQuery type -> the value as SQL text, and that text as Python shows the value.
_TEXT: dict[str, tuple[str, Callable[[str], str]]] = {
    "STRING": ("{}", str),
    "BYTES": ("TO_HEX({})", lambda text: bytes.fromhex(text).decode(errors="replace")),
    "BOOL": ("IF({}, 'True', 'False')", str),
    "FLOAT64": ("CAST({} AS STRING)", lambda text: str(float(text))),
    "NUMERIC": ("CAST({} AS STRING)", lambda text: _scaled(text, 9)),
    "BIGNUMERIC": ("CAST({} AS STRING)", lambda text: _scaled(text, 38)),
    "TIMESTAMP": ("CAST(UNIX_MICROS({}) AS STRING)", lambda text: str(_UTC_EPOCH + _microseconds(text))),
    "DATETIME": (
        "CAST(DATETIME_DIFF({}, DATETIME '1970-01-01 00:00:00', MICROSECOND) AS STRING)",
        lambda text: str(_EPOCH + _microseconds(text)),
    ),
    "TIME": (
        "CAST(TIME_DIFF({}, TIME '00:00:00', MICROSECOND) AS STRING)",
        lambda text: str((_EPOCH + _microseconds(text)).time()),
    ),
    "GEOGRAPHY": ("ST_ASTEXT({})", str),
    "JSON": ("TO_JSON_STRING({})", str),
}
_SAME = {"BOOLEAN": "BOOL", "FLOAT": "FLOAT64"}
_PLAIN = ("CAST({} AS STRING)", str)  # INT64 and DATE


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
            ArrayQueryParameter(_parameter(number, place), "STRING", sorted(values))
            for number, by in enumerate(self.by)
            for place, (column, values) in enumerate(zip(by.columns, by.values, strict=True))
            if values is not None and self._can_choose(column)
        ]

    def name(self, key: str) -> str | None:
        """Returns the name of a slice, or None if it is not wanted."""
        if key == WHOLE:
            return self.whole
        number, _, values = key.partition(":")
        if number.startswith(_SQL):
            return slice_name(values)
        by = self.by[int(number)]
        texts = [self._text(column)[1](value) for column, value in zip(by.columns, json.loads(values), strict=True)]
        if any(wanted is not None and text not in wanted for text, wanted in zip(texts, by.values, strict=True)):
            return None
        # TFDV's names: column_value, crossed ones joined.
        return "_".join(f"{column}_{text}" for column, text in zip(by.columns, texts, strict=True))

    def _key(self, number: int) -> str:
        by = self.by[number]
        values = [column_value(column) for column in by.columns]
        texts = [self._text(column)[0].format(value) for column, value in zip(by.columns, values, strict=True)]
        none = [f"{value} IS NULL" for value in values]
        none += [
            f"{text} NOT IN UNNEST(@{_parameter(number, place)})"
            for place, (column, text) in enumerate(zip(by.columns, texts, strict=True))
            if by.values[place] is not None and self._can_choose(column)
        ]
        return f"IF({' OR '.join(none)}, NULL, CONCAT('{number}:', TO_JSON_STRING([{', '.join(texts)}])))"

    def _text(self, column: str) -> tuple[str, Callable[[str], str]]:
        return _TEXT.get(self.kinds[column], _PLAIN)

    def _can_choose(self, column: str) -> bool:
        """Whether BigQuery can pick the wanted values: the SQL text is the one Python shows."""
        return self._text(column)[1] is str


def _parameter(number: int, place: int) -> str:
    return f"slice_{number}_{place}"
