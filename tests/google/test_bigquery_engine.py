"""The engine bigquery on bqemulator, beside the engine arrow on the same data, TFDV's figures and plain Python's.

bqemulator carries the queries out with DuckDB, into which it translates them by sqlglot's BigQuery dialect. Where
DuckDB is milder than BigQuery, Google's own implementation decides (test_bigquery_engine_googlesql.py). It cannot show
what follows, which is checked otherwise: APPROX_QUANTILES is exact there (a test takes the answer away, and quantiles
stay exact), every estimate is 0 bytes and no result can be queried (`recording.py` stands before it), TABLESAMPLE
chooses no blocks and partitions have no decorators (the SQL is compared with what Google documents), and BIGNUMERIC and
GEOGRAPHY columns.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kfx.stats.engines import engine
from kfx.stats.generate import generate, silent
from kfx.stats.options import HistogramChoice, Slice, StatsOptions
from kfx.stats.sources._memory import MemoryTable
from tests.google.loading import load, stored
from tests.google.same import assert_same
from tests.stats.golden.tables import SLICES, TABLES, WEIGHTS
from tests.stats.test_golden import compare_datasets, golden

NOT_IN_BIGQUERY = {"nested_lists", "odd_names"}  # an array of arrays; column names with blanks and brackets
NULL_LISTS = {"lists", "structs", "weighted"}  # BigQuery stores a null array as an empty one, TFDV tells them apart

DEFAULTS = StatsOptions()
Both = Callable[..., Any]


@pytest.fixture
def both(bigquery: Any, request: pytest.FixtureRequest) -> Both:
    """Loads a table and returns what the engine makes of it, after comparing that with the engine arrow."""

    def compare(table: pa.Table, options: StatsOptions = DEFAULTS) -> Any:
        table = stored(table)
        uri = load(bigquery, "".join(c if c.isalnum() else "_" for c in request.node.name), table)
        found = generate(uri, options, engine_name="bigquery")
        assert_same(found, engine("arrow")(MemoryTable(uri, table), options, silent))
        return found

    return compare


@pytest.mark.parametrize("name", [name for name in TABLES if name not in NOT_IN_BIGQUERY])
def test_golden_tables(name: str, both: Both) -> None:
    """Every field is that of the engine arrow, and every figure is TFDV's where BigQuery stores the same values."""
    sliced = (Slice.parse(SLICES[name]),) if name in SLICES else ()
    found = both(pa.table(TABLES[name]), StatsOptions(weight_feature=WEIGHTS.get(name), slice_features=sliced))
    if name not in NULL_LISTS:
        compare_datasets({dataset.name: dataset for dataset in found.datasets}, golden(name))


def test_dry_bean(bigquery: Any, dry_bean: Path) -> None:
    """Every field of the real table is the same, quantiles and medians to the bit."""
    import pyarrow.csv as pacsv

    table = pacsv.read_csv(dry_bean)
    uri = load(bigquery, "dry_bean", table)
    for options in (StatsOptions(), StatsOptions(histograms=(HistogramChoice("*", 50, 100),))):
        found = generate(uri, options, engine_name="bigquery")
        assert_same(found, engine("arrow")(MemoryTable(uri, table), options, silent))
