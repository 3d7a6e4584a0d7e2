"""The first query of a description in BigQuery, which reads every column once.

It brings counts, extremes and means of numbers, counted values of strings, and lengths of lists, and asks
APPROX_QUANTILES where the quantiles of numbers are about: `_bigquery_ranks` finds them there.

Every value becomes a row (`s` slice, `c` number of its feature, `v` value, `w` weight) and is grouped by slice and
feature. BigQuery bills a column once a query, however often the query reads it.
"""

# ruff: noqa: S608 - SQL is what this file makes: names are quoted, values are parameters or numbers

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from kfx.stats.engines._bigquery_features import (
    CELL_KINDS,
    ITEM,
    ROW,
    Cell,
    CellKind,
    SqlFeature,
    as_cell,
    column_value,
)
from kfx.stats.engines._bigquery_slices import Slices
from kfx.stats.proto import LONGEST_RANKED, NON_UTF8, TOO_LONG

HINTS = 1000
"""Parts into which APPROX_QUANTILES cuts a column."""

MEAN_SCALE = 2.0**-64
"""Factor of the values whose mean is taken: the sum of the largest doubles is no double, and BigQuery refuses it."""

_NUMBERS: tuple[CellKind, ...] = ("integers", "reals")
_TEXTS: tuple[CellKind, ...] = ("words", "octets")
_TYPE = {"integers": "INT64", "reals": "FLOAT64"}

_DESCRIBED = {
    "s": "STRING", "c": "INT64", "cells": "INT64", "present": "INT64", "nan": "INT64", "minus": "INT64",
    "plus": "INT64", "zeros": "INT64", "integers_low": "INT64", "integers_high": "INT64", "reals_low": "FLOAT64",
    "reals_high": "FLOAT64", "mean": "FLOAT64", "integers_hints": "ARRAY<INT64>", "reals_hints": "ARRAY<FLOAT64>",
    "distinct_values": "INT64", "total_bytes": "INT64", "invalid": "INT64", "words_label": "STRING",
    "octets_label": "BYTES", "length": "INT64",
    "weight": "FLOAT64", "present_weight": "FLOAT64", "number_weight": "FLOAT64", "weighted_mean": "FLOAT64",
    "bad_weights": "INT64", "moment": "TIMESTAMP",
}  # fmt: skip


@dataclass(frozen=True)
class Query:
    """What all queries of a computation have in common."""

    features: Sequence[SqlFeature]
    """The features to describe."""

    slices: Slices
    """Says in which data sets a row is."""

    weight: tuple[str, str] | None
    """Column that says how much a row counts, and its BigQuery type; None without."""

    ranked: int
    """Most frequent values of a string feature to bring."""

    hint_places: Sequence[int]
    """Which of the `HINTS` + 1 approximate quantiles to bring."""


def distinct_slices(rows: str, slices: Slices, most: int) -> str:
    """Returns the query for the keys of all slices, or for as many as are too many.

    Args:
        rows: SELECT of the columns that slice.
        slices: The slices.
        most: How many keys to bring.
    """
    return (
        f"WITH kfx_rows AS ({rows}) SELECT DISTINCT kfx_slice AS s FROM kfx_rows AS {ROW}, "
        f"{slices.unnested()} WHERE kfx_slice IS NOT NULL LIMIT {most}"
    )


def description(rows: str, query: Query) -> str:
    """Returns the query that reads everything once.

    The rows of its result are told apart by `part`: `rows` (of a data set), `integers` and `reals` (summary of a
    numeric feature), `words` and `octets` (summary of a string feature), `ranked` and `heavy` (its values by count and
    by weight), `lists` (lengths).

    Args:
        rows: SELECT of the columns that the features, slices and weights need.
        query: What to describe.
    """
    tables = {"kfx_rows": rows, **cells(query, CELL_KINDS)}
    parts = [_row_counts(query)]
    for kind in _NUMBERS:
        if kind in tables:
            tables[f"{kind}_summary"] = _number_summary(kind, query)
            parts.append(_number_part(kind, query))
    for kind in _TEXTS:
        if kind in tables:
            tables |= _text_tables(kind, query)
            parts += _text_parts(kind, query)
    if "lists" in tables:
        weights = {"weight": "SUM(w)"} if query.weight else {}
        parts.append(
            selected(_DESCRIBED, "lists", "lists", s="s", c="c", length="v", cells="COUNT(*)", **weights)
            + " GROUP BY s, c, v"
        )
    return joined(tables, parts)


def joined(tables: Mapping[str, str], parts: Sequence[str]) -> str:
    named = ",\n".join(f"{name} AS (\n{sql}\n)" for name, sql in tables.items())
    return f"WITH {named}\n" + "\nUNION ALL\n".join(parts)


def selected(columns: Mapping[str, str], name: str, table: str, **values: str) -> str:
    """Returns a SELECT of all columns of a result, null where a part has no such value."""
    chosen = ", ".join(f"{values.get(key, f'CAST(NULL AS {kind})')} AS {key}" for key, kind in columns.items())
    return f"SELECT '{name}' AS part, {chosen} FROM {table}"


def cells(query: Query, kinds: Sequence[CellKind]) -> dict[str, str]:
    """Returns the table of all values of each kind; kinds without values are left out."""
    found: dict[CellKind, list[tuple[int, Cell]]] = {kind: [] for kind in kinds}
    for feature in query.features:
        for cell in feature.cells:
            if cell.kind in found:
                found[cell.kind].append((feature.number, cell))
    return {kind: "\nUNION ALL\n".join(_unnested(cells, query)) for kind, cells in found.items() if cells}


def _unnested(cells: Sequence[tuple[int, Cell]], query: Query) -> Iterator[str]:
    """Yields a SELECT for the cells of the rows, and one for those of the items of each array."""
    weight = f", {_weight(query)} AS w" if query.weight else ""
    for arrays, group in groupby(sorted(cells, key=lambda cell: cell[1].arrays), key=lambda cell: cell[1].arrays):
        items = "".join(f", UNNEST({array}) AS {ITEM}{depth}" for depth, array in enumerate(arrays, start=1))
        structs = ", ".join(f"STRUCT({number} AS c, {cell.value} AS v, {cell.here} AS here)" for number, cell in group)
        yield (
            f"SELECT kfx_slice AS s, kfx_cell.c AS c, kfx_cell.v AS v{weight} FROM kfx_rows AS {ROW}, "
            f"{query.slices.unnested()}{items}, UNNEST([{structs}]) AS kfx_cell "
            "WHERE kfx_slice IS NOT NULL AND kfx_cell.here"
        )


def _weight(query: Query) -> str:
    if query.weight is None:
        return "1.0"
    name, kind = query.weight
    return f"CAST({as_cell(kind, column_value(name))} AS FLOAT64)"


def _row_counts(query: Query) -> str:
    weight = _weight(query)
    bad = f"COUNTIF({weight} IS NULL OR IS_NAN({weight}) OR IS_INF({weight}) OR {weight} < 0)"
    weights = {"weight": f"SUM({weight})", "bad_weights": bad} if query.weight else {}
    table = f"kfx_rows AS {ROW}, {query.slices.unnested()} WHERE kfx_slice IS NOT NULL GROUP BY kfx_slice"
    return selected(
        _DESCRIBED, "rows", table, s="kfx_slice", cells="COUNT(*)", moment="ANY_VALUE(CURRENT_TIMESTAMP())", **weights
    )


def _number_summary(kind: CellKind, query: Query) -> str:
    real = kind == "reals"
    finite = "IF(IS_NAN(v) OR IS_INF(v), NULL, v)" if real else "v"
    scaled = f"CAST({finite} AS FLOAT64) * {MEAN_SCALE!r}"
    number = "v IS NOT NULL AND NOT IS_NAN(v)" if real else "v IS NOT NULL"
    columns = {
        "cells": "COUNT(*)",
        "present": "COUNT(v)",
        "nan": "COUNTIF(IS_NAN(v))" if real else "0",
        "minus": "COUNTIF(IS_INF(v) AND v < 0)" if real else "0",
        "plus": "COUNTIF(IS_INF(v) AND v > 0)" if real else "0",
        "zeros": "COUNTIF(v = 0)",
        "low": f"MIN({finite})",
        "high": f"MAX({finite})",
        "mean": f"AVG({scaled})",
        "quantiles": f"APPROX_QUANTILES({finite}, {HINTS})",
    }
    if query.weight:
        columns |= {
            "weight": "SUM(w)",
            "present_weight": "SUM(IF(v IS NULL, 0, w))",
            "number_weight": f"SUM(IF({number}, w, 0))",
            "weighted_mean": f"SUM({scaled} * w) / NULLIF(SUM(IF({finite} IS NULL, 0, w)), 0)",
        }
    chosen = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    return f"SELECT s, c, {chosen} FROM {kind} GROUP BY s, c"


def _number_part(kind: CellKind, query: Query) -> str:
    places = ", ".join(map(str, query.hint_places))
    names = ("s", "c", "cells", "present", "nan", "minus", "plus", "zeros", "mean")
    weights = ("weight", "present_weight", "number_weight", "weighted_mean") if query.weight else ()
    which = f"place IN ({places}) AND q IS NOT NULL"  # an array in a result must hold no null
    hints = f"ARRAY(SELECT q FROM UNNEST(quantiles) AS q WITH OFFSET AS place WHERE {which} ORDER BY place)"
    return selected(
        _DESCRIBED, kind, f"{kind}_summary", **{name: name for name in (*names, *weights)},
        **{f"{kind}_low": "low", f"{kind}_high": "high", f"{kind}_hints": hints},
    )  # fmt: skip


def _text_tables(kind: CellKind, query: Query) -> dict[str, str]:
    """Returns the values with their counts, the same under the names they are ranked by, and the most frequent."""
    weight = ", SUM(w) AS w" if query.weight else ""
    counted = f"SELECT s, c, v, COUNT(*) AS n{weight} FROM {kind} GROUP BY s, c, v"
    readable, as_type = "TRUE", "STRING"
    if kind == "octets":
        # Bytes that are no UTF-8 come back as others. MD5 compares text with bytes.
        readable, as_type = "IFNULL(MD5(SAFE_CONVERT_BYTES_TO_STRING(v)) = MD5(v), FALSE)", "BYTES"
    label = (
        f"CASE WHEN BYTE_LENGTH(v) > {LONGEST_RANKED} THEN CAST('{TOO_LONG.decode()}' AS {as_type}) "
        f"WHEN readable THEN v ELSE CAST('{NON_UTF8.decode()}' AS {as_type}) END"
    )
    weigh = ", w" if query.weight else ""
    labels = f"SELECT s, c, n{weigh}, {label} AS label FROM {kind}_counted WHERE v IS NOT NULL"
    tables = {
        f"{kind}_counted": f"SELECT s, c, v, n{weigh}, {readable} AS readable FROM ({counted})",
        f"{kind}_ranked": f"SELECT s, c, label, SUM(n) AS n{weight} FROM ({labels}) GROUP BY s, c, label",
        f"{kind}_best": _best(kind, query, "n"),
    }
    return {**tables, f"{kind}_heavy": _best(kind, query, "w")} if query.weight else tables


def _best(kind: CellKind, query: Query, measure: str) -> str:
    pairs = (
        f"ARRAY_AGG(STRUCT(label AS label, {measure} AS m) ORDER BY {measure} DESC, label DESC LIMIT {query.ranked})"
    )
    return f"SELECT s, c, {pairs} AS best FROM {kind}_ranked GROUP BY s, c"


def _text_parts(kind: CellKind, query: Query) -> list[str]:
    weights = {"weight": "SUM(w)", "present_weight": "SUM(IF(v IS NULL, 0, w))"} if query.weight else {}
    summary = selected(
        _DESCRIBED, kind, f"{kind}_counted", s="s", c="c", cells="SUM(n)", present="SUM(IF(v IS NULL, 0, n))",
        distinct_values="COUNT(v)", total_bytes="SUM(n * BYTE_LENGTH(v))",
        invalid="SUM(IF(v IS NULL OR readable, 0, n))", **weights,
    )  # fmt: skip
    label = {"s": "s", "c": "c", f"{kind}_label": "pair.label"}
    parts = [
        f"{summary} GROUP BY s, c",
        selected(_DESCRIBED, "ranked", f"{kind}_best, UNNEST(best) AS pair", cells="pair.m", **label),
    ]
    if query.weight:
        parts.append(selected(_DESCRIBED, "heavy", f"{kind}_heavy, UNNEST(best) AS pair", weight="pair.m", **label))
    return parts
