"""Random tables of random types, nested and odd ones among them, against plain Python; cuts and orders of them."""

from __future__ import annotations

import datetime as dt
import decimal
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfx.stats.engines import engine
from kfx.stats.generate import generate, silent
from kfx.stats.merge import merge
from kfx.stats.sources._memory import MemoryTable

from .plain import EPOCH, Kind, check
from .tables import FEW, describe
from .test_properties import close

without_deadline = settings(deadline=None, max_examples=60)

MICROSECOND = dt.timedelta(microseconds=1)
MIDNIGHT = dt.time()


def integer(kind: pa.DataType) -> tuple[Kind, st.SearchStrategy[Any]]:
    bounds = np.iinfo(kind.to_pandas_dtype())
    return Kind(kind, "INT"), st.integers(int(bounds.min), int(bounds.max)) | st.sampled_from([0, 1, int(bounds.max)])


def floating(kind: pa.DataType) -> tuple[Kind, st.SearchStrategy[Any]]:
    # Of two zeros that compare equal, which stands first in the order is nobody's business: adding 0.0 makes both 0.0.
    return Kind(kind, "FLOAT"), st.floats(width=kind.bit_width).map(lambda value: value + 0.0) | st.sampled_from(
        [0.0, 1.5]
    )


def fixed(kind: pa.DataType) -> tuple[Kind, st.SearchStrategy[Any]]:
    places = 10 ** (kind.precision - kind.scale) - 1
    values = st.decimals(-places, places, places=kind.scale, allow_nan=False)
    return Kind(kind, "FLOAT", float), values | st.sampled_from([decimal.Decimal(0), decimal.Decimal(1)])


def _since_midnight(time: dt.time) -> int:
    return (dt.datetime.combine(EPOCH, time) - EPOCH) // MICROSECOND


def _since_epoch(moment: dt.datetime) -> int:
    return (moment.replace(tzinfo=None) - EPOCH) // MICROSECOND


MOMENTS = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1))
TEXT = st.text(max_size=4) | st.sampled_from(["", "a", "é", "x" * 1025])
BYTES = st.binary(max_size=3) | st.sampled_from([b"", b"a", b"\xff", b"\xff" * 1100])

LEAVES: list[tuple[Kind, st.SearchStrategy[Any]]] = [
    *map(integer, [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]),
    *map(floating, [pa.float16(), pa.float32(), pa.float64()]),
    *map(fixed, [pa.decimal128(12, 3), pa.decimal256(40, 20)]),
    (Kind(pa.bool_(), "INT"), st.booleans()),
    (Kind(pa.date32(), "INT", lambda day: (day - EPOCH.date()).days), st.dates(dt.date(1800, 1, 1))),
    (Kind(pa.timestamp("us"), "INT", _since_epoch), MOMENTS),
    (Kind(pa.timestamp("us", "UTC"), "INT", _since_epoch), MOMENTS.map(lambda at: at.replace(tzinfo=dt.timezone.utc))),
    (Kind(pa.time64("us"), "INT", _since_midnight), st.times()),
    (
        Kind(pa.duration("us"), "INT", lambda span: span // MICROSECOND),
        st.timedeltas(-dt.timedelta(9999), dt.timedelta(9999)),
    ),
    *((Kind(kind, "STRING", str.encode), TEXT) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    *((Kind(kind, "STRING"), BYTES) for kind in (pa.binary(), pa.large_binary(), pa.binary_view())),
    (Kind(pa.binary(2), "STRING"), st.binary(min_size=2, max_size=2)),
    (Kind(pa.dictionary(pa.int32(), pa.string()), "STRING", str.encode), TEXT),
    (Kind(pa.null(), "STRING"), st.none()),
]

Column = tuple[Kind, st.SearchStrategy[Any]]


def listed(column: Column) -> st.SearchStrategy[Column]:
    """Draws a list type around a column's."""
    kind, values = column
    types = st.sampled_from([pa.list_(kind.arrow), pa.large_list(kind.arrow)])
    items = st.lists(st.none() | values, max_size=4)
    return types.map(lambda arrow: (Kind(arrow, kind.feature, items=kind), items))


def structs(columns: list[Column]) -> Column:
    fields = tuple((f"f{at}", kind) for at, (kind, _) in enumerate(columns))
    values = {f"f{at}": st.none() | values for at, (_, values) in enumerate(columns)}
    arrow = pa.struct([(name, kind.arrow) for name, kind in fields])
    return Kind(arrow, "STRUCT", fields=fields), st.fixed_dictionaries(values)


# Arrow makes no dictionary inside a list of Python values, and writes no view inside a struct.
NOT_NESTED = (pa.dictionary(pa.int32(), pa.string()), pa.string_view(), pa.binary_view())
NESTABLE = [leaf for leaf in LEAVES if leaf[0].arrow not in NOT_NESTED]
COLUMNS = st.sampled_from(LEAVES) | st.recursive(
    st.sampled_from(NESTABLE),
    lambda inner: inner.flatmap(listed) | st.lists(inner, min_size=1, max_size=3).map(structs),
    max_leaves=4,
)


@st.composite
def tables(
    draw: st.DrawFn, kinds: st.SearchStrategy[Column] = COLUMNS
) -> tuple[pa.Table, dict[str, tuple[Kind, list[Any]]]]:
    """Draws a table in chunks, and its columns' kinds and values."""
    length = draw(st.integers(0, 25))
    columns: dict[str, tuple[Kind, list[Any]]] = {}
    for at in range(draw(st.integers(1, 3))):
        kind, values = draw(kinds)
        columns[f"c{at}"] = kind, draw(st.lists(st.none() | values, min_size=length, max_size=length))
    edges = sorted({0, length, *draw(st.lists(st.integers(0, length), max_size=3))})
    arrays = {name: pa.array(values, kind.arrow) for name, (kind, values) in columns.items()}
    cut = {
        name: pa.chunked_array([array[a:b] for a, b in itertools.pairwise(edges)], array.type)
        for name, array in arrays.items()
    }
    return pa.table(cut), columns


@without_deadline
@given(tables())
def test_every_figure_is_that_of_plain_python(drawn: tuple[pa.Table, dict[str, tuple[Kind, list[Any]]]]) -> None:
    """Counts, moments, extremes, both histograms and rankings of any table, down to the fields of structs in lists."""
    table, columns = drawn
    found = describe(table, FEW)
    for name, (kind, values) in columns.items():
        check(found, (name,), kind, values)


@without_deadline
@given(tables(), st.randoms())
def test_order_of_columns_and_cuts_change_nothing(
    drawn: tuple[pa.Table, dict[str, tuple[Kind, list[Any]]]], random: Any
) -> None:
    """Columns in another order, and rows in one chunk, give the same features."""
    table, _ = drawn
    names = list(table.schema.names)
    random.shuffle(names)
    same(describe(table.select(names).combine_chunks()), describe(table))


@without_deadline
@given(tables(), st.integers(1, 9))
def test_stored_tables_are_described_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[pa.Table, dict[str, tuple[Kind, list[Any]]]], group: int
) -> None:
    """A Parquet file, whatever its row groups, gives the features of the table in memory."""
    table, _ = drawn
    path = tmp_path_factory.mktemp("stored") / "t.parquet"
    pq.write_table(table, path, row_group_size=group)
    (stored,) = generate(str(path), FEW).datasets
    same({tuple(feature.path.step): feature for feature in stored.features}, describe(table, FEW))


# Values that are not UTF-8 share one place in the ranking, so that how many differ cannot be merged.
MERGED = st.sampled_from([leaf for leaf in LEAVES if leaf[0].leaf is str.encode or leaf[0].feature != "STRING"])
MERGEABLE = replace(FEW, mergeable=True)


@without_deadline
@given(tables(MERGED | MERGED.flatmap(listed)), st.lists(st.integers(0, 25), max_size=3).map(sorted))
def test_merged_shards_are_the_whole(
    drawn: tuple[pa.Table, dict[str, tuple[Kind, list[Any]]]], places: list[int]
) -> None:
    """Statistics of any cut of a table's rows, empty parts among them, merge into figures that are plain Python's."""
    table, columns = drawn
    edges = [0, *(min(place, len(table)) for place in places), len(table)]
    shards = [
        engine("arrow")(MemoryTable("shard", table.slice(a, b - a)), MERGEABLE, silent)
        for a, b in itertools.pairwise(edges)
    ]
    (merged,) = merge(shards, MERGEABLE).datasets
    assert merged.num_examples == len(table)
    found = {tuple(feature.path.step): feature for feature in merged.features}
    for name, (kind, values) in columns.items():
        check(found, (name,), kind, values)


def same(one: dict[tuple[str, ...], Any], other: dict[tuple[str, ...], Any]) -> None:
    """Asserts that features are the same, sums to their last digits: numpy adds up in an order of its own."""
    assert set(one) == set(other)
    for path, feature in one.items():
        assert close(feature, other[path]), path
