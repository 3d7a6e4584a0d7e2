"""The engine bigquery on odd data: random tables, odd names, nested columns, extreme numbers, every type."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from google.cloud.bigquery import SchemaField as Field

from kfx.errors import UsageError
from kfx.stats.engines import engine
from kfx.stats.generate import generate, silent
from kfx.stats.merge import merge
from kfx.stats.options import HistogramChoice, Slice, StatsOptions
from kfx.stats.sources._memory import MemoryTable
from tests.google.loading import load
from tests.google.same import assert_same
from tests.stats.plain import EPOCH, Kind, check

MakeTable = Callable[..., str]


def described(uri: str, options: StatsOptions | None = None) -> Any:
    return generate(uri, options, engine_name="bigquery")


def arrow(table: pa.Table, options: StatsOptions | None = None) -> Any:
    return engine("arrow")(MemoryTable("test", table), options or StatsOptions(), silent)


def by_path(found: Any) -> dict[tuple[str, ...], Any]:
    (dataset,) = found.datasets
    return {tuple(feature.path.step): feature for feature in dataset.features}


def _days(value: dt.date) -> int:
    return (value - EPOCH.date()).days


def _microseconds(value: dt.datetime) -> int:
    return (value.replace(tzinfo=None) - EPOCH) // dt.timedelta(microseconds=1)


def _since_midnight(value: dt.time) -> int:
    return (dt.datetime.combine(EPOCH, value) - EPOCH) // dt.timedelta(microseconds=1)


Draw = Callable[[random.Random], Any]
INT = Kind(pa.int64(), "INT"), lambda r: r.choice([r.randint(-5, 5), r.randint(-(2**62), 2**62), 0])
TEXT = (
    Kind(pa.string(), "STRING", str.encode),
    lambda r: r.choice(["", "a", "é", "日本", "x" * 1025, f"v{r.randint(0, 40)}"]),
)
LEAVES: list[tuple[Kind, Draw]] = [
    INT,
    TEXT,
    (Kind(pa.float64(), "FLOAT"), lambda r: r.choice([0.0, -0.0, r.gauss(0, 1), r.gauss(1e6, 1), math.nan, 1e-300])),
    (Kind(pa.float64(), "FLOAT"), lambda r: r.choice([math.inf, r.random()]) if r.random() < 0.2 else r.random()),
    (Kind(pa.binary(), "STRING"), lambda r: r.choice([b"", b"a", b"\xff", b"\xff" * 1100, b"\xef\xbf\xbd"])),
    (Kind(pa.bool_(), "INT"), lambda r: r.random() < 0.7),
    (Kind(pa.date32(), "INT", _days), lambda r: dt.date(1800, 1, 1) + dt.timedelta(r.randint(0, 150_000))),
    (
        Kind(pa.timestamp("us", "UTC"), "INT", _microseconds),
        lambda r: dt.datetime(1900, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(microseconds=r.randint(0, 10**16)),
    ),
    (
        Kind(pa.timestamp("us"), "INT", _microseconds),
        lambda r: dt.datetime(1900, 1, 1) + dt.timedelta(microseconds=r.randint(0, 10**16)),
    ),
    (
        Kind(pa.time64("us"), "INT", _since_midnight),
        lambda r: (EPOCH + dt.timedelta(microseconds=r.randint(0, 86_400_000_000 - 1))).time(),
    ),
    (
        Kind(pa.decimal128(38, 9), "FLOAT", float),
        lambda r: decimal.Decimal(r.randint(-(10**15), 10**15)).scaleb(-9),
    ),
]  # fmt: skip


def _listed(kind: Kind, draw: Draw) -> tuple[Kind, Draw]:
    return Kind(pa.list_(kind.arrow), kind.feature, items=kind), lambda r: [
        draw(r) for _ in range(r.choice([0, 1, 1, 3]))
    ]


def _struct(fields: Sequence[tuple[Kind, Draw]]) -> tuple[Kind, Draw]:
    named = [(f"f{number}", kind) for number, (kind, _) in enumerate(fields)]
    kind = Kind(pa.struct([pa.field(name, field.arrow) for name, field in named]), "STRUCT", fields=tuple(named))
    return kind, lambda r: {f"f{number}": _maybe(field, draw)(r) for number, (field, draw) in enumerate(fields)}


def _maybe(kind: Kind, draw: Draw) -> Draw:
    """Draws null now and then, but for lists, of which BigQuery stores none."""
    return draw if kind.items is not None else lambda r: None if r.random() < 0.15 else draw(r)


INNER = _struct([INT, _listed(*TEXT)])
# Eighths of a count are exact as doubles, so that plain Python means the very same ranks.
EIGHTHS = StatsOptions(num_histogram_buckets=8, num_quantiles_histogram_buckets=8, num_values_histogram_buckets=8)
COLUMNS = [
    *LEAVES,
    _listed(*INT),
    _listed(*LEAVES[2]),
    _struct([TEXT, INNER]),
    _listed(*_struct([INT, _listed(*INNER)])),
]


@pytest.mark.parametrize("seed", range(4))
def test_random_tables_against_plain_python(bigquery: Any, seed: int) -> None:
    """Columns of every type, lists and structs in each other: each figure is what plain Python computes."""
    draws = random.Random(seed)  # noqa: S311 - no secret
    size = draws.choice([1, 7, 60, 200])
    values = [[_maybe(kind, draw)(draws) for _ in range(size)] for kind, draw in COLUMNS]
    kinds = [kind for kind, _ in COLUMNS]
    table = pa.table({f"c{n}": pa.array(v, k.arrow) for n, (k, v) in enumerate(zip(kinds, values, strict=True))})
    found = described(load(bigquery, f"random_{seed}", table), EIGHTHS)
    features = by_path(found)
    for number, (kind, column) in enumerate(zip(kinds, values, strict=True)):
        check(features, (f"c{number}",), kind, column)
    assert_same(found, arrow(table, EIGHTHS))


def test_many_rows(bigquery: Any) -> None:
    """Where values are many, quantiles are those of the sorted values, and moments exact to nine digits."""
    random_numbers = np.random.default_rng(5)
    table = pa.table({
        "normal": random_numbers.normal(1e9, 1.0, 6000), "heavy": random_numbers.pareto(1.0, 6000),
        "counts": random_numbers.poisson(3, 6000), "one": np.full(6000, 0.1),
        "words": [f"w{int(n)}" for n in random_numbers.pareto(0.5, 6000)],
    })  # fmt: skip
    options = StatsOptions(histograms=(HistogramChoice("normal", 100, 1000), HistogramChoice("heavy", 0, 7)))
    assert_same(described(load(bigquery, "many", table), options), arrow(table, options))


def test_numbers_at_the_ends_of_their_range(bigquery: Any) -> None:
    """The largest doubles and whole numbers overflow no sum, the smallest lose no deviation."""
    table = pa.table({
        "huge": [1.7e308, -1.7e308, 1e308, 0.0], "tiny": [1e-200, 2e-200, 3e-200, 5e-200],
        "whole": [2**62, -(2**63), 2**61 + 1, 2**62 - 1], "near": [1e15 + 0.25, 1e15 + 0.5, 1e15 + 0.75, 1e15],
    })  # fmt: skip
    features = by_path(described(load(bigquery, "ends", table)))
    for name in table.schema.names:
        exact = table[name].to_pylist()
        stats = features[(name,)].num_stats
        assert (stats.min, stats.max) == (float(min(exact)), float(max(exact)))
        mean = math.fsum(value / 4 for value in exact)
        deviation = math.sqrt(math.fsum((value / 2e300 - mean / 2e300) ** 2 for value in exact) / 4) * 2e300
        if name == "huge":
            assert stats.std_dev == pytest.approx(deviation, rel=1e-9)
        assert stats.mean == pytest.approx(mean, rel=1e-9, abs=abs(max(exact)) * 1e-13)
    assert features[("tiny",)].num_stats.std_dev == pytest.approx(np.std(np.array([1, 2, 3, 5])) * 1e-200, rel=1e-9)
    assert features[("near",)].num_stats.std_dev == pytest.approx(math.sqrt(0.078125), rel=1e-9)


def test_odd_names(bigquery: Any) -> None:
    """Names with spaces, quotes, dots in other letters, keywords and the names the SQL itself uses are only names."""
    names = ["a b", "select", "é", "日本", "x'y", "x%y", "v", "s", "c", "w", "here", "kfx_cell", "kfx_row", "kfx_rows",
             "of_v", "cell", "one", "n", "#1", "a-b"]  # fmt: skip
    table = pa.table({name: [number, number + 1, 7] for number, name in enumerate(names)})
    assert_same(described(load(bigquery, "odd_names", table)), arrow(table))
    options = StatsOptions(weight_feature="w", slice_features=(Slice.parse("v=7,x'y"), Slice.parse("select")))
    assert_same(described("bq://proj.data.odd_names", options), arrow(table, options))


def test_slices_of_every_type(bigquery: Any) -> None:
    """Data sets have the engine arrow's names, whatever the type of the column; missing values are in no slice."""
    day = dt.datetime(2026, 1, 2, 3, 4, 5)
    table = pa.table({
        "x": [1.0, 2.0, 3.0, 4.0],
        "text": ["it's", None, "é", "it's"], "flag": [True, False, None, True], "whole": [1, 1, None, -3],
        "real": [1.0, 0.1, 1e20, None], "day": [dt.date(2026, 1, 2), None, dt.date(1969, 1, 2), None],
        "moment": pa.array([day, day + dt.timedelta(microseconds=5), None, day], pa.timestamp("us", "UTC")),
        "local": pa.array([day, day, None, day], pa.timestamp("us")), "hour": [dt.time(1, 2), None, dt.time(1), None],
        "exact": pa.array([decimal.Decimal("1.5"), None, decimal.Decimal(-2), None], pa.decimal128(38, 9)),
        "octets": pa.array([b"a", b"\xff", None, b"a"], pa.binary()),
    })  # fmt: skip
    uri = load(bigquery, "slices", table)
    every = tuple(Slice.parse(name) for name in table.schema.names if name != "x")
    for by in (every, (Slice.parse("text,whole=1"), Slice.parse("flag=True"), Slice.parse("real=0.1|7"))):
        options = StatsOptions(slice_features=by, feature_allowlist=("x",))
        assert_same(described(uri, options), arrow(table, options))


def test_a_slice_can_be_named_among_many_values_of_every_type(bigquery: Any) -> None:
    """BigQuery picks the value: all of them would be too many slices. A text that is no value names no slice."""
    day, many = dt.datetime(2026, 1, 2, 3, 4, 5), range(1200)
    moments = [day + dt.timedelta(milliseconds=at) for at in many]
    table = pa.table({
        "x": [float(at) for at in many],
        "exact": pa.array([decimal.Decimal(at) / 8 for at in many], pa.decimal128(38, 9)),
        "real": [at * 1e17 + at / 10 for at in many], "moment": pa.array(moments, pa.timestamp("us", "UTC")),
        "local": pa.array(moments, pa.timestamp("us")), "hour": [moment.time() for moment in moments],
        "octets": pa.array([b"v%d" % at for at in many], pa.binary()),
    })  # fmt: skip
    uri = load(bigquery, "many_slices", table)
    for name in table.schema.names[1:]:
        for at in (0, 18, 1000):
            by = (Slice.parse(f"{name}={table[name][at].as_py()}|no value".replace("b'", "").replace("'", "")),)
            options = StatsOptions(slice_features=by, feature_allowlist=("x",))
            found = described(uri, options)
            assert len(found.datasets) == 2
            assert_same(found, arrow(table, options))


def test_slices_named_by_sql(bigquery: Any) -> None:
    """TFDV's slicing SQL, over flat columns and lists: a row is in every slice the SQL names for it, once."""
    table = pa.table({
        "x": [1.0, 2.0, 3.0, 4.0], "country": ["DE", None, "FR", "DE"], "tags": [["a", "b", "a"], ["a"], [], ["c"]],
        "a b": [1, 2, 3, 4],
    })  # fmt: skip
    uri = load(bigquery, "slice_sqls", table)
    sqls = (
        "SELECT STRUCT(country) FROM example.country",
        "SELECT STRUCT(t AS tag, country) FROM example.tags AS t, example.country WHERE country != 'FR';",
        "select struct(n as number) from example.`a b` n where n > 3",
    )
    found = described(uri, StatsOptions(slice_sqls=sqls, feature_allowlist=("x",)))
    stats = {dataset.name: dataset.features[0].num_stats for dataset in found.datasets}
    assert {name: (figures.min, figures.max) for name, figures in stats.items()} == {
        "All Examples": (1, 4), "country_DE": (1, 4), "country_FR": (3, 3), "tag_a_country_DE": (1, 1),
        "tag_b_country_DE": (1, 1), "tag_c_country_DE": (4, 4), "number_4": (4, 4),
    }  # fmt: skip
    assert {dataset.name: dataset.num_examples for dataset in found.datasets}["tag_a_country_DE"] == 1
    by_name = described(uri, StatsOptions(slice_sqls=("SELECT STRUCT(country)",), feature_allowlist=("x",)))
    by_column = described(uri, StatsOptions(slice_features=(Slice.parse("country"),), feature_allowlist=("x",)))
    assert_same(by_name, by_column)


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DELETE FROM t", "names no slices. Write SELECT STRUCT"),
        ("SELECT country FROM example.country", "names no slices"),
        ("SELECT STRUCT(x) FROM data.secrets", "example.COLUMN and no other tables"),
        ("SELECT STRUCT(z) FROM example.z", "no column 'z'"),
    ],
)
def test_what_is_no_slicing_sql(bigquery: Any, sql: str, says: str) -> None:
    """SQL of another shape, or over another table, is refused."""
    uri = load(bigquery, "no_slice_sql", pa.table({"x": [1]}))
    with pytest.raises(UsageError, match=says):
        described(uri, StatsOptions(slice_sqls=(sql,)))


def test_weights_of_lists_and_structs(bigquery: Any) -> None:
    """Weighted figures are the same, of items by the weight of their row."""
    draws = random.Random(1)  # noqa: S311 - no secret
    weights = [draws.choice([0, 1, 2, 5]) for _ in range(80)]
    struct = pa.struct([("n", pa.int64()), ("t", pa.list_(pa.string()))])
    table = pa.table({
        "x": pa.array([draws.choice([None, draws.random()]) for _ in weights], pa.float64()),
        "l": pa.array([[draws.randint(0, 9) for _ in range(weight)] for weight in weights], pa.list_(pa.int64())),
        "s": pa.array([draws.choice([None, {"n": weight, "t": ["a"] * weight}]) for weight in weights], struct),
        "words": [draws.choice(["a", "b", "c", None]) for _ in weights],
        "w": pa.array(weights, pa.int64()),
    })  # fmt: skip
    options = StatsOptions(weight_feature="w", slice_features=(Slice.parse("words"),))
    assert_same(described(load(bigquery, "weighted_lists", table), options), arrow(table, options))


def test_types_arrow_has_none_of(make_table: MakeTable) -> None:
    """JSON is described as text, a RANGE as a struct of its ends, unbounded ones missing."""
    uri = make_table(
        [Field("j", "JSON"), Field("r", "RANGE", range_element_type="DATE"), Field("i", "INT64")],
        """SELECT JSON '{"a":1}', RANGE(DATE '2026-01-01', DATE '2026-01-03'), 1
           UNION ALL SELECT JSON '{"a":1}', RANGE(DATE '2026-01-02', NULL), 2 UNION ALL SELECT NULL, NULL, 3""",
    )
    features = by_path(described(uri))
    assert [(top.value, top.frequency) for top in features[("j",)].string_stats.top_values] == [('{"a":1}', 2)]
    assert features[("r",)].struct_stats.common_stats.num_missing == 1
    start, end = features[("r", "start")].num_stats, features[("r", "end")].num_stats
    assert (start.min, start.max, start.common_stats.num_missing) == (20454, 20455, 0)
    assert (end.min, end.max, end.common_stats.num_missing) == (20456, 20456, 1)


def test_mergeable_statistics_join_into_those_of_the_whole(bigquery: Any) -> None:
    """Statistics of two tables, by this engine and by arrow, merge into those of all rows."""
    random_numbers = np.random.default_rng(3)
    table = pa.table({
        "few": random_numbers.integers(0, 50, 1500), "many": random_numbers.normal(size=1500),
        "odd": np.where(random_numbers.random(1500) < 0.01, np.inf, random_numbers.random(1500)),
        "word": [f"w{n}" for n in random_numbers.integers(0, 300, 1500)],
    })  # fmt: skip
    options = StatsOptions(mergeable=True)
    parts = described(load(bigquery, "shard", table.slice(0, 900)), options), arrow(table.slice(900), options)
    merged, whole = by_path(merge(parts)), by_path(arrow(table))
    assert_same(merged[("few",)].num_stats, whole[("few",)].num_stats)
    assert merged[("word",)].string_stats == whole[("word",)].string_stats
    assert merged[("odd",)].num_stats.max == math.inf
    ordered = np.sort(table["many"].to_numpy())
    rank = np.searchsorted(ordered, merged[("many",)].num_stats.median) / len(ordered)
    assert rank == pytest.approx(0.5, abs=0.002)


def test_histograms_of_what_has_none(bigquery: Any) -> None:
    """A histogram chosen for text, or for no column, is refused before anything runs."""
    uri = load(bigquery, "choices", pa.table({"x": [1, 2], "s": ["a", "b"]}))
    with pytest.raises(UsageError, match="'s', which is STRING"):
        described(uri, StatsOptions(histograms=(HistogramChoice("s", 5),)))
    with pytest.raises(UsageError, match="no column 'z'"):
        described(uri, StatsOptions(histograms=(HistogramChoice("z", 5),)))
    for options in (StatsOptions(weight_feature="s"), StatsOptions(weight_feature="z")):
        with pytest.raises(UsageError, match=r"must be a number|no column 'z'"):
            described(uri, options)
