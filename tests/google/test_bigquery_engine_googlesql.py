"""The engine bigquery's SQL on Google's own implementation of GoogleSQL, the language of BigQuery.

ZetaSQL is the analyzer BigQuery uses, and its reference implementation says what a query means: an overflow that is an
error in BigQuery is one here, names and types are resolved as there. bqemulator, on DuckDB, is milder in both.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kfx.stats.engines import engine
from kfx.stats.generate import generate, silent
from kfx.stats.options import Slice, StatsOptions
from kfx.stats.sources._memory import MemoryTable
from tests.conftest import absent
from tests.google.googlesql import GoogleSql
from tests.google.loading import schema, stored
from tests.google.same import assert_same
from tests.loopback import serving
from tests.stats.golden.tables import SLICES, TABLES, WEIGHTS

NOT_IN_BIGQUERY = {"nested_lists", "odd_names"}  # arrays of arrays; a name that is empty
TOO_LARGE = {"many_ranks", "strings", "nasty_strings", "empty"}  # for literals in SQL, or too small


@pytest.fixture(scope="module")
def googlesql() -> Iterator[GoogleSql]:
    """The double, on the Python with zetasql that tests/google/install-emulators made."""
    program = shutil.which(os.environ.get("KFX_TEST_BQEMULATOR", "bqemulator")) or "bqemulator"
    python = os.environ.get("KFX_TEST_GOOGLESQL", str(Path(program).parent.parent / "googlesql" / "bin" / "python"))
    if not Path(python).is_file():
        absent("there is no Python with zetasql (tests/google/install-emulators makes one)")
    with GoogleSql(python) as double, serving(double):
        yield double


def compare(googlesql: GoogleSql, monkeypatch: pytest.MonkeyPatch, table: pa.Table, options: StatsOptions) -> None:
    """Asserts that the engine gives what the engine arrow gives of the same table."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", googlesql.url)
    table = stored(table)
    googlesql.tables["t"] = schema(table), table
    found = generate("bq://p.d.t", options, engine_name="bigquery")
    assert_same(found, engine("arrow")(MemoryTable("t", table), options, silent))


@pytest.mark.parametrize("name", [name for name in TABLES if name not in NOT_IN_BIGQUERY | TOO_LARGE])
def test_golden_tables(googlesql: GoogleSql, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Every field is that of the engine arrow."""
    sliced = (Slice.parse(SLICES[name]),) if name in SLICES else ()
    options = StatsOptions(weight_feature=WEIGHTS.get(name), slice_features=sliced)
    compare(googlesql, monkeypatch, pa.table(TABLES[name]), options)


def test_numbers_at_the_ends_of_their_range(googlesql: GoogleSql, monkeypatch: pytest.MonkeyPatch) -> None:
    """No sum, difference or square of the largest numbers overflows, which GoogleSQL refuses."""
    table = pa.table({
        "huge": [1.7e308, 1.6e308, 1e308, 1.5e308], "both": [1.7e308, math.inf, -1.7e308, 0.0],
        "tiny": [1e-300, 2e-300, 3e-300, 5e-300], "whole": [2**62, 2**62 - 1, -(2**62), 2**61],
    })  # fmt: skip
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", googlesql.url)
    googlesql.tables["t"] = schema(table), table
    (dataset,) = generate("bq://p.d.t", engine_name="bigquery").datasets
    huge, both, tiny, whole = (feature.num_stats for feature in dataset.features)
    assert huge.mean == pytest.approx(1.45e308, rel=1e-9)
    assert huge.std_dev == pytest.approx(math.sqrt(0.0725) * 1e308, rel=1e-9)
    assert (both.mean, both.max, math.isnan(both.std_dev)) == (math.inf, math.inf, True)
    assert tiny.std_dev == pytest.approx(math.sqrt(2.1875) * 1e-300, rel=1e-9)
    assert whole.mean == pytest.approx((2**62 + 2**61 - 1) / 4, rel=1e-9)


def test_slices_weights_lists_and_structs(googlesql: GoogleSql, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it together: slices by values and by SQL over nested columns, weighted."""
    struct = pa.struct([("n", pa.int64()), ("t", pa.list_(pa.string()))])
    table = pa.table({
        "x": [1.5, None, 2.5, 0.5], "country": ["DE", "FR", None, "DE"], "w": [1, 2, 0, 3],
        "many": pa.array([[{"n": 1, "t": ["a", "b"]}], [], [{"n": 2, "t": []}] * 2, []], pa.list_(struct)),
        "l": pa.array([[1, 2], [], [3], [3]], pa.list_(pa.int64())), "day": pa.array([1, 2, 3, None], pa.date32()),
        "s": pa.array([{"n": 1, "t": ["a"]}, None, {"n": None, "t": []}, {"n": 3, "t": ["b", "c"]}], struct),
    })  # fmt: skip
    options = StatsOptions(weight_feature="w", slice_features=(Slice.parse("country=DE,day"), Slice.parse("country")))
    compare(googlesql, monkeypatch, table, options)
    googlesql.tables["t"] = schema(table), table
    sqls = ("SELECT STRUCT(v AS l, country) FROM example.l AS v, example.country WHERE v > 1",)
    found = generate("bq://p.d.t", StatsOptions(slice_sqls=sqls), engine_name="bigquery")
    assert [dataset.name for dataset in found.datasets] == ["All Examples", "l_2_country_DE", "l_3_country_DE"]


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("real", [1e17, 1 / 3, 123456789012345680.0, -2.0, 1e-7, math.inf], pa.float64()),
        ("exact", [decimal.Decimal(text) for text in ("0", "2.25", "-100", "0.000000001")], pa.decimal128(38, 9)),
        ("moment", [dt.datetime(1, 1, 1), dt.datetime(2026, 1, 2, 3, 4, 5, 6)], pa.timestamp("us", "UTC")),
    ],
)
def test_named_slices_are_written_as_googlesql_writes_them(
    googlesql: GoogleSql, monkeypatch: pytest.MonkeyPatch, name: str, values: list[Any], kind: pa.DataType
) -> None:
    """Every value is found by the name the engine arrow gives its slice."""
    table = pa.table({"x": list(range(len(values))), name: pa.array(values, kind)})
    for value in table[name].to_pylist():
        options = StatsOptions(slice_features=(Slice.parse(f"{name}={value}"),), feature_allowlist=("x",))
        compare(googlesql, monkeypatch, table, options)
        found = generate("bq://p.d.t", options, engine_name="bigquery")
        assert [dataset.name for dataset in found.datasets] == ["All Examples", f"{name}_{value}"]
