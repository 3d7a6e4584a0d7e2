"""Types and shapes that are easy to get wrong: full integer ranges, zones, views, odd names, very wide tables."""

from __future__ import annotations

import datetime as dt
import decimal
import random
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kfx.errors import UsageError
from kfx.stats.generate import generate
from kfx.stats.report.feature import feature_model
from kfx.stats.report.findings import findings

from .tables import FEW, buckets, describe, one, parquet, type_name


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("signed", [True, False])
def test_whole_ranges_of_integers(bits: int, signed: bool) -> None:
    """The smallest and largest value of every width are told apart and fall into the outermost buckets."""
    lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    kind = getattr(pa, f"{'' if signed else 'u'}int{bits}")()
    feature = one(pa.array([lowest, highest, highest, None], kind))
    stats = feature.num_stats
    assert (stats.min, stats.max, stats.median) == (float(lowest), float(highest), float(highest))
    assert stats.mean == pytest.approx((lowest + 2 * highest) / 3)
    assert [count for _, _, count in buckets(feature, "STANDARD")] == [1, 0, 2]


def test_unsigned_values_above_the_signed_range(tmp_path: Path) -> None:
    """Values of 2^63 and more stay positive, through Parquet too."""
    values = [2**63, 2**64 - 1, 2**63 + 2**62]
    (dataset,) = generate(parquet(tmp_path / "t.parquet", {"x": pa.array(values, pa.uint64())}), FEW).datasets
    stats = dataset.features[0].num_stats
    assert (stats.min, stats.median, stats.max) == (2.0**63, 2.0**63 + 2.0**62, 2.0**64)
    assert stats.mean == pytest.approx(sum(values) / 3)


def test_half_floats_keep_their_odd_values() -> None:
    """Half floats hold NaN, infinities and their smallest and largest numbers."""
    feature = one(pa.array([float("nan"), float("inf"), 65504.0, 6e-8, 0.0], pa.float16()))
    assert (feature.num_stats.histograms[0].num_nan, feature.num_stats.num_zeros) == (1, 1)
    assert buckets(feature, "STANDARD")[-1] == (float("inf"), float("inf"), 1)
    assert buckets(feature, "STANDARD")[-2][1] == 65504


@pytest.mark.parametrize(
    ("kind", "count", "most"),
    [
        (pa.timestamp("ms"), 922_337_203_685_477_580, 9_223_372_036_854_775),
        (pa.duration("s"), -(10**13), 9_223_372_036_854),
    ],
)
def test_times_beyond_64_bits_of_microseconds_are_refused(kind: pa.DataType, count: int, most: int) -> None:
    """Numpy would wrap them around; the column and the value are named. The last value that fits is described."""
    column = pa.array([0, count], pa.int64()).cast(kind)
    with pytest.raises(UsageError, match=rf"Column 's\.t': {count} {kind.unit} is a {re.escape(str(kind))}"):
        describe({"s": pa.StructArray.from_arrays([column], ["t"])})
    found = one(pa.array([-most, most], pa.int64()).cast(kind))
    factor = 1_000_000 if kind.unit == "s" else 1_000
    assert (found.num_stats.min, found.num_stats.max) == (-float(most * factor), float(most * factor))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "+05:30"])
def test_a_zone_changes_no_moment(zone: str) -> None:
    """A timestamp is the moment since 1970 in UTC, whatever zone it is shown in."""
    moment = dt.datetime(2026, 7, 1, 12, tzinfo=dt.timezone.utc)
    feature = one(pa.array([moment], pa.timestamp("ms", zone)))
    assert (type_name(feature), feature.num_stats.min) == ("INT", moment.timestamp() * 1e6)
    assert [(c.name, c.str) for c in feature.custom_stats] == [("unit", "microseconds since 1970-01-01")]


@pytest.mark.parametrize("kind", [pa.decimal128(38, 18), pa.decimal256(76, 18)])
def test_wide_decimals(kind: pa.DataType) -> None:
    """Decimals are doubles, of both widths, to a double's precision."""
    values = [decimal.Decimal("12345678901234567890.123456789012345678"), decimal.Decimal("-0.5"), None]
    feature = one(pa.array(values, kind))
    assert type_name(feature) == "FLOAT"
    assert (feature.num_stats.min, feature.num_stats.common_stats.num_missing) == (-0.5, 1)
    assert feature.num_stats.max == pytest.approx(12345678901234567890.1, rel=1e-15)


@pytest.mark.parametrize(
    ("width", "precision", "scale", "digits"),
    [
        (32, 7, 2, 7),
        (64, 18, 4, 18),
        (128, 12, 2, 5),
        (128, 12, 2, 12),
        (128, 38, 9, 15),
        (128, 38, 9, 38),
        (128, 38, 0, 38),
        (128, 38, 30, 20),
        (128, 5, -3, 5),
        (256, 40, 2, 6),
        (256, 76, 38, 76),
    ],
)
def test_decimals_are_the_doubles_next_to_them(width: int, precision: int, scale: int, digits: int) -> None:
    """The smallest and largest value are the doubles that Python makes of the same decimals, to the last bit."""
    if not hasattr(pa, f"decimal{width}"):
        pytest.skip(f"this pyarrow has no decimal{width}")
    kind = getattr(pa, f"decimal{width}")(precision, scale)
    draw = random.Random(digits)  # noqa: S311 - nothing secret
    for _ in range(100):
        lowest, highest = (
            decimal.Decimal(sign * draw.randint(1, 10**digits - 1)).scaleb(-scale, decimal.Context(prec=77))
            for sign in (-1, 1)
        )
        stats = one(pa.array([None, lowest, highest], kind)[1:]).num_stats
        assert (stats.min, stats.max) == (float(lowest), float(highest))


WORDS = ["a", "b", None, "a", "é"]
TEXTS = {
    "string": pa.array(WORDS),
    "large_string": pa.array(WORDS, pa.large_string()),
    "string_view": pa.array(WORDS, pa.string_view()),
    "dictionary": pa.array(WORDS).dictionary_encode(),
    "large_dictionary": pa.array(WORDS, pa.large_string()).dictionary_encode(),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_text_however_it_is_stored(tmp_path: Path, name: str) -> None:
    """Strings, large strings, views and dictionaries give the same feature, in memory and from Parquet."""
    expected = one(TEXTS["string"])
    assert one(TEXTS[name]) == expected
    (dataset,) = generate(parquet(tmp_path / "t.parquet", {"x": TEXTS[name]}), FEW).datasets
    assert dataset.features[0] == expected


def test_views_inside_structs_and_lists() -> None:
    """Views that Arrow cannot filter or take where they are nested are read all the same."""
    rows = [{"v": "a"}, None, {"v": None}]
    found = describe({
        "s": pa.array(rows, pa.struct([("v", pa.string_view())])),
        "l": pa.array([["a", None], None, []], pa.list_(pa.binary_view())),
        "m": pa.array([[("k", "v")], None, []], pa.map_(pa.string_view(), pa.string_view())),
    })  # fmt: skip
    assert found[("s", "v")].string_stats.common_stats.num_missing == 1
    assert found[("l",)].string_stats.top_values[0].value == "a"
    assert found[("m", "value")].string_stats.unique == 1


ODD_NAMES = ["", " ", "a.b", "a,b", 'quo"te', "line\nbreak", "é", "\U0001f600", "__proto__", "<script>", "a" * 300, "0"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_odd_column_names_are_kept(tmp_path: Path, suffix: str) -> None:
    """Any text is a column's name, the empty one included, and features stand in the table's order."""
    path = tmp_path / f"t.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_arrays([pa.array([1])] * len(ODD_NAMES), names=ODD_NAMES), path)
    else:
        quoted = (name.replace('"', '""') for name in ODD_NAMES)
        path.write_text(",".join(f'"{name}"' for name in quoted) + "\n" + ",".join("1" for _ in ODD_NAMES) + "\n")
    (dataset,) = generate(str(path)).datasets
    assert [list(feature.path.step) for feature in dataset.features] == [[name] for name in ODD_NAMES]
    assert all(feature.num_stats.mean == 1 for feature in dataset.features)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_five_thousand_columns(tmp_path: Path, suffix: str) -> None:
    """Every one of 5,000 columns has its figures, in order."""
    count, path = 5000, tmp_path / f"t.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.table({f"c{at}": [at, at + 2] for at in range(count)}), path)
    else:
        lines = [
            ",".join(f"c{at}" for at in range(count)),
            *(",".join(str(at + by) for at in range(count)) for by in (0, 2)),
        ]
        path.write_text("\n".join(lines))
    (dataset,) = generate(str(path)).datasets
    assert [(f.path.step[0], f.num_stats.mean) for f in dataset.features] == [(f"c{at}", at + 1) for at in range(count)]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (["1", "2.5", "NA", "-3e2", "NA", "7"], ["looks like a number but for 2 values 'NA'"]),
        (["1", "2", "null", "3", "n/a"], ["looks like a number but for 1 value 'null', 1 value 'n/a'"]),
        (["1", "2", "3"], []),
        (["red", "blue", "1"], []),
        (["2026-01-01", "2026-01-02", "NA"], []),
    ],
)
def test_a_column_of_numbers_and_a_few_words_is_pointed_at(tmp_path: Path, cells: list[str], says: list[str]) -> None:
    """As in TFDV one word makes a column text; what keeps it from being numbers is said for a person to see."""
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{cell},\n" for cell in cells))
    (dataset,) = generate(str(tmp_path / "t.csv")).datasets
    found = findings(feature_model(dataset.features[0], dataset.num_examples))
    assert [finding.text for finding in found if finding.kind == "words"] == [f"is text, and {what}" for what in says]


def test_what_is_said_of_a_feature_is_true_of_it(tmp_path: Path) -> None:
    """Values that differ in the tenth digit are not one; bytes are not one value; a field is in its structs only."""
    table = pa.table({
        "close": [1e9 + (at % 50) * 1e-4 for at in range(2000)],
        "bytes": pa.array([bytes([0xFF, at % 7]) for at in range(2000)], pa.binary()),
        "st": pa.array([None if at % 5 else {"b": 1 if at % 2 else None} for at in range(2000)]),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "t.parquet")
    (dataset,) = generate(str(tmp_path / "t.parquet")).datasets
    said = {
        ".".join(feature.path.step): [one.text for one in findings(feature_model(feature, dataset.num_examples))]
        for feature in dataset.features
    }
    assert said["close"] == []
    assert not [text for text in said["bytes"] if "one value" in text]
    assert said["st"] == ["is missing in 80 % of rows"]
    assert said["st.b"][0] == "is missing in 50 % of the structs it belongs to"
