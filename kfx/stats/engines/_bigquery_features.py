"""BigQuery columns as features: the SQL that reads each one's values, and how they hang together.

The tree of features is the one `FeatureColumn` makes of the same columns as Arrow: a REPEATED column is a list, a
RECORD a STRUCT feature followed by those of its fields, a RANGE a struct of `start` and `end`. BigQuery stores no null
inside an array and no null array, so that lists are nested through structs only, and no list is ever missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kfx.stats.engines._feature import feature_type
from kfx.stats.engines._numbers import unit
from kfx.stats.figures import FeatureType
from kfx.stats.sources._bigquery_types import arrow_schema

ROW, ITEM = "kfx_row", "kfx_item"
"""Names of a row, and of an array's items (with a number), in the SQL."""

CellKind = Literal["integers", "reals", "words", "octets", "lists"]
CELL_KINDS: tuple[CellKind, ...] = ("integers", "reals", "words", "octets", "lists")

_CELL_KIND: dict[FeatureType, CellKind] = {"INT": "integers", "FLOAT": "reals", "STRING": "words"}
# Values as INT64, FLOAT64, STRING or BYTES, as `_numbers.as_numbers` makes them of Arrow's.
_AS_CELL = {
    "TIMESTAMP": "UNIX_MICROS({})",
    "DATETIME": "DATETIME_DIFF({}, DATETIME '1970-01-01 00:00:00', MICROSECOND)",
    "TIME": "TIME_DIFF({}, TIME '00:00:00', MICROSECOND)",
    "INTEGER": "{}", "INT64": "{}", "BOOLEAN": "CAST({} AS INT64)", "BOOL": "CAST({} AS INT64)",
    "DATE": "UNIX_DATE({})",
    "FLOAT": "{}", "FLOAT64": "{}", "NUMERIC": "CAST({} AS FLOAT64)", "BIGNUMERIC": "CAST({} AS FLOAT64)",
    "STRING": "{}", "BYTES": "{}", "GEOGRAPHY": "ST_ASTEXT({})", "JSON": "TO_JSON_STRING({})",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """What is read of a feature at one place: one value (or null) for each item of some arrays."""

    kind: CellKind
    """Integers, reals, words (text), octets (bytes), or the lengths of lists."""

    arrays: tuple[str, ...]
    """SQL of the arrays that are unnested to get there, outermost first; empty for the rows themselves."""

    value: str
    """SQL of the value: INT64, FLOAT64, STRING or BYTES; for lists INT64, null where the list or struct is missing."""

    here: str
    """SQL condition: whether the item is there at all; the fields of a missing struct are not."""


@dataclass(frozen=True)
class SqlFeature:
    """One feature."""

    number: int
    """Its place among all features; names it in SQL and results."""

    column: str
    """The table's column it belongs to."""

    path: tuple[str, ...]
    """Column name, then the names of the fields."""

    type: FeatureType
    """INT, FLOAT, STRING or STRUCT."""

    unit: str
    """What a number stands for; empty where the type says it."""

    lists: Cell | None
    """Lengths of the lists, or presence of the structs; None for a flat value, which says both itself."""

    values: Cell | None
    """The leaf values; None for a struct."""

    @property
    def kind(self) -> CellKind:
        """What its values are; lists for a struct, which has none."""
        return "lists" if self.values is None else self.values.kind

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Both cells, where they are."""
        return tuple(cell for cell in (self.lists, self.values) if cell is not None)


def quoted(name: str) -> str:
    r"""Returns a name as a quoted identifier: in backticks, with \ and ` escaped as GoogleSQL's lexis has it."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def renamed(name: str) -> str:
    """Returns what a column is called after it was read: a name that none of the SQL's own can be."""
    return quoted(f"of_{name}")


def column_value(name: str) -> str:
    """Returns the SQL of a column's value in a row."""
    return f"{ROW}.{renamed(name)}"


def sql_features(what: str, columns: Sequence[Any]) -> list[SqlFeature]:
    """Returns the features of some columns, in the order of the table and depth first.

    Args:
        what: The table or query in messages.
        columns: The google.cloud.bigquery.SchemaField of each.

    Raises:
        UsageError: A column has a type without statistics.
    """
    found: list[SqlFeature] = []
    for column in columns:
        _collect(what, column, _Place(column.name, (), column_value(column.name)), found)
    return found


def as_cell(kind: str, value: str) -> str:
    """Returns the SQL of a scalar as INT64, FLOAT64, STRING or BYTES.

    Args:
        kind: BigQuery's name of the type.
        value: SQL of the scalar.
    """
    return _AS_CELL[kind.upper()].format(value)


@dataclass(frozen=True)
class _Place:
    """Where a column or field stands: what a `Cell` needs to know."""

    column: str
    parents: tuple[str, ...]
    value: str
    arrays: tuple[str, ...] = ()
    here: str = "TRUE"


def _collect(what: str, field: Any, at: _Place, found: list[SqlFeature]) -> None:
    """Adds a feature, then those of its fields."""
    kind = arrow_schema(what, [field]).field(0).type
    path = (*at.parents, field.name)
    lists: Cell | None = None
    if field.mode == "REPEATED":
        kind = kind.value_type
        # A null array is an empty one once it is stored, and in every result.
        lists = Cell("lists", at.arrays, f"IFNULL(ARRAY_LENGTH({at.value}), 0)", at.here)
        at = _Place(at.column, at.parents, f"{ITEM}{len(at.arrays) + 1}", (*at.arrays, at.value))
    own = feature_type(path, kind)
    if own != "STRUCT":
        cell_kind: CellKind = "octets" if field.field_type.upper() == "BYTES" else _CELL_KIND[own]
        values = Cell(cell_kind, at.arrays, as_cell(field.field_type, at.value), at.here)
        found.append(SqlFeature(len(found), at.column, path, own, unit(kind), lists, values))
        return
    here = at.here
    if lists is None:
        lists = Cell("lists", at.arrays, f"IF({at.value} IS NULL, NULL, 1)", here)
        here = f"{at.value} IS NOT NULL" if here == "TRUE" else f"{here} AND {at.value} IS NOT NULL"
    found.append(SqlFeature(len(found), at.column, path, own, "", lists, None))
    for inner, value in _fields(field, at.value):
        _collect(what, inner, _Place(at.column, path, value, at.arrays, here), found)


def _fields(field: Any, value: str) -> Iterator[tuple[Any, str]]:
    """Yields the fields of a RECORD, or the ends of a RANGE, each with its SQL."""
    if field.field_type.upper() != "RANGE":
        for inner in field.fields:
            yield inner, f"{value}.{quoted(inner.name)}"
        return
    for name in ("start", "end"):
        end = type(field)(name, field.range_element_type.element_type)
        yield end, f"RANGE_{name.upper()}({value})"
