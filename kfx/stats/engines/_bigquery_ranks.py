"""The second query of a description in BigQuery, which reads the numbers once more.

It counts the values between points, which the first query's answers told, and orders only the few values around each
wanted rank: quantiles are exact without sorting a column. Deviations are summed around the mean, so that no digits are
lost.
"""

# ruff: noqa: S608 - SQL is what this file makes: names are quoted, values are parameters or numbers

from __future__ import annotations

from collections.abc import Sequence

from kfx.stats.engines._bigquery_features import CellKind
from kfx.stats.engines._bigquery_sql import Query, cells, joined, selected

_DISTRIBUTED = {
    "s": "STRING", "c": "INT64", "bucket": "INT64", "n": "INT64", "deviations": "FLOAT64", "squares": "FLOAT64",
    "weight": "FLOAT64", "weighted_deviations": "FLOAT64", "weighted_squares": "FLOAT64", "target": "FLOAT64",
    "integers_value": "INT64", "reals_value": "FLOAT64", "below": "FLOAT64", "here": "FLOAT64",
}  # fmt: skip


def distribution(rows: str, query: Query, kinds: Sequence[CellKind]) -> str:
    """Returns the query that reads the numbers again; it takes the parameters `integers_plan` and `reals_plan`.

    A plan is an array of structs, one for each feature of a data set: `s`, `c`, `scale` and `center` of the deviations,
    `weighted_center`, ascending `points` between which is counted, `targets` (counts of values below the wanted ones)
    and `weight_targets` likewise. The rows of the result are told apart by `part`: `buckets` (between points), `values`
    (at targets) and `weighted_values`.

    Args:
        rows: SELECT of the columns that the features, slices and weights need.
        query: What to describe.
        kinds: Which of `integers` and `reals` there are.
    """
    tables = {"kfx_rows": rows, **cells(query, kinds)}
    parts = []
    for kind in kinds:
        tables[f"{kind}_placed"] = _placed(kind, query)
        tables[f"{kind}_buckets"] = _buckets(kind, query)
        sums = {name: name for name in ("s", "c", "bucket", "n", "deviations", "squares")}
        if query.weight:
            sums |= {name: name for name in ("weight", "weighted_deviations", "weighted_squares")}
        parts.append(selected(_DISTRIBUTED, "buckets", f"{kind}_buckets", **sums))
        for part, measure, targets in (("values", "n", "targets"), ("weighted_values", "weight", "weight_targets")):
            if measure == "n" or query.weight:
                tables |= _ranks(kind, part, measure, targets)
                found = {"s": "s", "c": "c", "target": "target", f"{kind}_value": "found.v",
                         "below": "CAST(found.below AS FLOAT64)", "here": "CAST(found.here AS FLOAT64)"}  # fmt: skip
                parts.append(selected(_DISTRIBUTED, part, f"{kind}_{part}_found", **found))
    return joined(tables, parts)


def _placed(kind: CellKind, query: Query) -> str:
    """Returns the values with the points they stand between, and their deviations from the mean."""
    real = kind == "reals"
    number = "CAST(x.v AS FLOAT64) * plan.scale"
    deviation = "IF(IS_INF(x.v), 0, {})" if real else "{}"
    columns = [
        "x.s AS s", "x.c AS c", "x.v AS v", "RANGE_BUCKET(x.v, plan.points) AS bucket",
        f"{deviation.format(f'{number} - plan.center')} AS d",
    ]  # fmt: skip
    if query.weight:
        columns += ["x.w AS w", f"{deviation.format(f'{number} - plan.weighted_center')} AS e"]
    present = "x.v IS NOT NULL AND NOT IS_NAN(x.v)" if real else "x.v IS NOT NULL"
    return (
        f"SELECT {', '.join(columns)} FROM {kind} AS x JOIN UNNEST(@{kind}_plan) AS plan "
        f"ON x.s = plan.s AND x.c = plan.c WHERE {present}"
    )


def _buckets(kind: CellKind, query: Query) -> str:
    sums = "COUNT(*) AS n, SUM(d) AS deviations, SUM(d * d) AS squares"
    if query.weight:
        sums += ", SUM(w) AS weight, SUM(w * e) AS weighted_deviations, SUM(w * e * e) AS weighted_squares"
    return f"SELECT s, c, bucket, {sums} FROM {kind}_placed GROUP BY s, c, bucket"


def _ranks(kind: CellKind, part: str, measure: str, targets: str) -> dict[str, str]:
    """Returns the tables that lead to the values at wanted ranks, the last of them named `..._found`.

    Args:
        kind: Integers or reals.
        part: Begins the tables' names.
        measure: What ranks are counted in: `n`, or `weight`.
        targets: Field of the plan with what is to lie below each wanted value.
    """
    name = f"{kind}_{part}"
    add_up = "COUNT(*)" if measure == "n" else "SUM(w)"
    before = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    return {
        f"{name}_cumulated": (
            f"SELECT s, c, bucket, {measure} AS m, IFNULL(SUM({measure}) OVER (PARTITION BY s, c ORDER BY bucket "
            f"{before}), 0) AS lower FROM {kind}_buckets"
        ),
        # In which bucket each wanted value is: the last that does not begin above it. There always is one, and only
        # one, in whatever order sums of weights were rounded.
        f"{name}_wanted": (
            "SELECT t.s AS s, t.c AS c, target, "
            "ARRAY_AGG(STRUCT(t.bucket AS bucket, t.lower AS lower) ORDER BY t.bucket DESC LIMIT 1)[OFFSET(0)] "
            f"AS place FROM {name}_cumulated AS t JOIN UNNEST(@{kind}_plan) AS plan ON t.s = plan.s AND t.c = plan.c, "
            f"UNNEST(plan.{targets}) AS target WHERE t.m > 0 AND t.lower <= target GROUP BY t.s, t.c, target"
        ),
        # Only these few buckets are ordered value by value.
        f"{name}_inside": (
            f"SELECT x.s AS s, x.c AS c, x.bucket AS bucket, x.v AS v, {add_up} AS m FROM {kind}_placed AS x "
            f"JOIN (SELECT DISTINCT s, c, place.bucket AS bucket FROM {name}_wanted) AS k "
            "ON x.s = k.s AND x.c = k.c AND x.bucket = k.bucket GROUP BY x.s, x.c, x.bucket, x.v"
        ),
        f"{name}_ordered": (
            "SELECT s, c, bucket, v, m, IFNULL(SUM(m) OVER (PARTITION BY s, c, bucket ORDER BY v "
            f"{before}), 0) AS under FROM {name}_inside"
        ),
        # The value likewise.
        f"{name}_found": (
            "SELECT k.s AS s, k.c AS c, k.target AS target, "
            "ARRAY_AGG(STRUCT(o.v AS v, k.place.lower + o.under AS below, o.m AS here) ORDER BY o.v DESC LIMIT 1)"
            f"[OFFSET(0)] AS found FROM {name}_wanted AS k JOIN {name}_ordered AS o "
            "ON k.s = o.s AND k.c = o.c AND k.place.bucket = o.bucket "
            "WHERE o.m > 0 AND k.place.lower + o.under <= k.target GROUP BY k.s, k.c, k.target"
        ),
    }
