"""The lines a gate prints: of weighted data, of drift beside skew, of dates, NaN and names from the data."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from kfx.stats.engines import engine
from kfx.stats.generate import silent
from kfx.stats.options import StatsOptions
from kfx.stats.schema.compare import compare
from kfx.stats.schema.findings import findings
from kfx.stats.schema.validate import validate
from kfx.stats.sources._memory import MemoryTable

Statistics = statistics_pb2.DatasetFeatureStatisticsList
RANDOM = np.random.default_rng(4)


def described(columns: dict[str, Any], weight: str | None = None) -> Statistics:
    return engine("arrow")(MemoryTable("table", pa.table(columns)), StatsOptions(weight_feature=weight), silent)


def compared(now: Statistics, before: Statistics) -> list[str]:
    return [finding.text for finding in findings(compare(now, before), now, before)]


def drawn(rows: int, weight: float, mean: float, share: float) -> Statistics:
    """Normal numbers and two words, the first of which has a share, each row with one weight."""
    words = np.where(RANDOM.random(rows) < share, "a", "b")
    columns = {"x": RANDOM.normal(mean, 1, rows), "c": pa.array(words.tolist()), "w": np.full(rows, weight)}
    return described(columns, "w")


@pytest.mark.parametrize("weight", [0.001, 1.0, 10_000.0])
def test_weighted_thresholds_count_rows(weight: float) -> None:
    """What chance does hangs on the number of rows: light ones still alarm, and few heavy ones do not."""
    said = compared(drawn(20_000, weight, 3.0, 0.7), drawn(20_000, weight, 0.0, 0.25))
    assert any(line.startswith("distribution of x moved: mean") and line.endswith(", by weight") for line in said)
    assert any(line.startswith("share of '") and "in c" in line for line in said)
    assert compared(drawn(200, weight, 0.0, 0.25), drawn(200, weight, 0.0, 0.25)) == []


def test_lines_about_weighted_data_have_the_figures_by_weight() -> None:
    """What was compared is what is told: the value that moved, the null rate and the sum of the weights."""
    words = pa.array(["a", "b", "c", None] * 1_000)
    one = described({"c": words, "w": [1.0, 1.0, 1.0, 1.0] * 1_000}, "w")
    other = described({"c": words, "w": [9.0, 1.0, 1.0, 1.0] * 1_000}, "w")
    assert compared(other, one)[:1] == ["share of 'a' in c 33.3 % -> 81.8 % (L-infinity 0.48, above 0.061), by weight"]
    assert compared(other, one)[-1] == "weight of the rows 4,000 -> 12,000 (3 times, above 2)"
    schema = text_format.Parse(
        'feature { name: "c" type: BYTES presence { min_fraction: 0.9 } } feature { name: "w" type: FLOAT }',
        schema_pb2.Schema(),
    )
    (said,) = findings(validate(one, schema), one)
    assert said.text == "null rate of c 25 % (the schema allows 10 %), by weight"
    light = described({"c": words, "w": [1.0, 1.0, 1.0, 3.0] * 1_000}, "w")
    (said,) = findings(validate(light, schema), light)
    assert said.text == "null rate of c 50 % (the schema allows 10 %), by weight"


def test_drift_and_skew_of_one_feature_each_have_their_own_distance() -> None:
    """A line of skew tells the share in the serving data, and not the one before."""
    now = described({"c": ["a"] * 500 + ["b"] * 500})
    before = described({"c": ["a"] * 700 + ["b"] * 300})
    serving = described({"c": ["a"] * 900 + ["b"] * 100})
    bounds = "{ infinity_norm { threshold: 0.1 } }"
    written = f'feature {{ name: "c" type: BYTES drift_comparator {bounds} skew_comparator {bounds} }}'
    schema = text_format.Parse(written, schema_pb2.Schema())
    anomalies = validate(now, schema, previous=before, serving=serving)
    assert [finding.text for finding in findings(anomalies, now, before, serving=serving)] == [
        "share of 'b' in c 30 % -> 50 % (L-infinity 0.2, above 0.1), against the previous data",
        "share of 'b' in c 10 % -> 50 % (L-infinity 0.4, above 0.1), against the serving data",
    ]


def test_dates_moments_and_times_are_written_as_such() -> None:
    """A mean of 20,469 days tells nobody that it is a day in January."""
    days = [dt.date(2026, 1, 1) + dt.timedelta(days=day) for day in range(1_000)]
    moments = [dt.datetime(2026, 1, 1, 12) + dt.timedelta(hours=hour) for hour in range(1_000)]
    times = [dt.time(8, minute % 60) for minute in range(1_000)]

    def table(later: int) -> Statistics:
        return described(
            {
                "d": [day + dt.timedelta(days=300 * later) for day in days],
                "m": [moment + dt.timedelta(days=30 * later) for moment in moments],
                "t": [time.replace(hour=8 + later) for time in times],
            }
        )

    said = compared(table(1), table(0))
    assert said[0].startswith("distribution of d moved: mean 2027-05-15 -> 2028-03-10, deviation 288.7 -> 288.7 days (")
    assert said[1].startswith("distribution of m moved: mean 2026-01-22 07:30 -> 2026-02-21 07:30, deviation 12.03 ->")
    assert said[2].startswith("distribution of t moved: mean 30,546 s -> 34,146 s, deviation 1,034 -> 1,034 s (")


def test_nan_and_infinities_are_told_where_they_moved() -> None:
    """A share of NaN that moved is said; where a mean is no number, the median stands for it."""
    numbers = RANDOM.normal(0, 1, 1_000)
    holed = np.where(np.arange(1_000) < 600, np.nan, numbers)
    (said,) = compared(described({"x": holed}), described({"x": numbers}))
    assert said.startswith("distribution of x moved: NaN 0 % -> 60 %, mean ")
    endless = np.append(numbers[1:], np.inf)
    (said,) = compared(described({"x": endless + 3}), described({"x": endless}))
    assert said.startswith("distribution of x moved: median ")
    assert "nan" not in said


def test_shares_of_values_are_called_so() -> None:
    """Where most rows are null, or hold several values, a share of the values is none of the rows."""
    before = described({"c": pa.array(["old"] * 100 + [None] * 900)})
    now = described({"c": pa.array(["old"] * 50 + ["new"] * 50 + [None] * 900)})
    assert "new value 'new' in c (50 % of values)" in compared(now, before)


def test_names_from_the_data_stay_on_one_short_line() -> None:
    """A column's name can forge no line and fill no screen."""
    name = "a\nerror    forged \x07\u202e" + "x" * 5_000
    said = findings(compare(described({"k": [1], name: [1]}), described({"k": [1]})), described({"k": [1], name: [1]}))
    assert [finding.feature for finding in said if finding.type == "SCHEMA_NEW_COLUMN"] != []
    for finding in said:
        assert finding.text.isprintable()
        assert len(finding.text) < 120
