"""Rows that cannot be read: refused by file and row, or left out, counted and told."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfx.errors import UsageError
from kfx.stats import bad_rows
from kfx.stats.generate import generate
from kfx.stats.options import StatsOptions
from kfx.stats.sources import TextReading, open_source
from kfx.stats.sources._blocks import BLOCK
from kfx.stats.sources._quotes import OpenQuotes

SKIP = StatsOptions(on_bad_rows="skip")


def read(path: Path, **reading: Any) -> tuple[list[dict[str, Any]], list[str], int]:
    """Returns the rows that are read with `on_bad_rows="skip"`, where the others are, and how many they are."""
    source = open_source(str(path), TextReading(on_bad_rows="skip", **reading))
    rows = pa.Table.from_batches(source.batches(), source.schema()).to_pylist()
    left_out = source.bad_rows  # type: ignore[attr-defined]
    return rows, [place.replace(f" of {path}", "") for place in left_out.places], left_out.count


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


RAGGED = b'a,b\n1,x\n2\n\n3,y,z\n"4\n",w\n5,"v\n6,u\n7,t\n'


def test_ragged_rows_and_open_quotes_are_left_out(tmp_path: Path) -> None:
    """Rows with too few or too many cells, and a line that opens a quote for good, are left out; the others stay."""
    rows, places, count = read(write(tmp_path / "t.csv", RAGGED))
    assert rows == [{"a": "1", "b": "x"}, {"a": "4\n", "b": "w"}, {"a": "6", "b": "u"}, {"a": "7", "b": "t"}]
    assert places == [
        "row 3 is ragged: Expected 2 columns, got 1",
        "row 4 is ragged: Expected 2 columns, got 3",
        "row 6 opens a quote that is never closed (a quoted value takes up to 32 MiB)",
    ]
    assert count == 3


LATIN = b'name,n\nann,1\nren\xe9,2\nb\n,3\n"\xfc\n""",4\n"",5\nz\xe9,6,\xe9\n'
CONVERT = "(convert the file, such as: iconv -f LATIN1 -t UTF-8)"


@pytest.mark.parametrize("before", [b"", ("zoë" * 1000 + ",0\n").encode() * 1100], ids=["first block", "later block"])
@pytest.mark.parametrize("late", [b"", b'q,7\nr,8\n"s'])
def test_csv_rows_that_are_not_utf8(tmp_path: Path, before: bytes, late: bytes) -> None:
    """They are an error by row and column; or left out, with the ragged ones, in readings of other columns as well."""
    header, rest = LATIN.split(b"\n", 1)
    path = write(tmp_path / "t.csv", header + b"\n" + before + rest + late)
    row = 3 + before.count(b"\n")
    with pytest.raises(UsageError, match=rf"Row {row} of .*t\.csv is not UTF-8 \(convert .* in column 'name'"):
        generate(str(path))
    rows, places, count = read(path)
    kept = [("ann", 1), (None, 3), (None, 5), *([("q", 7), ("r", 8)] if late else [])]
    assert [(row["name"], row["n"]) for row in rows if row["n"]] == kept
    assert len(rows) == len(kept) + before.count(b"\n")
    assert places[:4] == [
        f"row {row} is not UTF-8 {CONVERT} in column 'name'",
        f"row {row + 1} is ragged: Expected 2 columns, got 1",
        f"row {row + 3} is not UTF-8 {CONVERT} in column 'name'",
        f"row {row + 5} is ragged: Expected 2 columns, got 3",
    ]
    assert count == (5 if late else 4)
    source = open_source(str(path), TextReading(on_bad_rows="skip"))
    source.schema()
    assert sum(batch.num_rows for batch in source.batches(["n"])) == len(rows)


def test_a_column_of_numbers_keeps_its_type_without_the_rows_that_are_not_utf8(tmp_path: Path) -> None:
    """A cell that is left out does not make text of the others."""
    content = b"a,b\n" + (b"1," + b"x" * 4000 + b"\n") * 1100 + b"\xe9,y\n3,z\n"
    rows, places, _ = read(write(tmp_path / "t.csv", content))
    assert (rows[0]["a"], rows[-1], len(rows)) == (1, {"a": 3, "b": "z"}, 1101)
    assert places == [f"row 1102 is not UTF-8 {CONVERT} in column 'a'"]


def test_json_lines_that_are_not_utf8(tmp_path: Path) -> None:
    """They are an error by row, or left out."""
    path = write(tmp_path / "t.jsonl", '{"a": "x"}\n{"a": "é"}\n{"a": "y"}\n'.encode("latin-1"))
    with pytest.raises(UsageError, match=r"Row 2 of .*t\.jsonl cannot be read as JSON lines: not UTF-8 \(convert"):
        generate(str(path))
    assert read(path) == ([{"a": "x"}, {"a": "y"}], [f"row 2 cannot be read as JSON lines: not UTF-8 {CONVERT}"], 1)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'a,b\n1,2\n3,"x\n4,5\n', r"Row 3 of .* opens a quote that is never closed"),
        (b'a,b\n1,2\n3,"x', r"Row 3 of .* opens a quote that is never closed"),
        (b'a,b\n"x\n', r"Row 2 of .* opens a quote that is never closed"),
        (b'a,b\n1,"x""\n', r"Row 2 of .* opens a quote that is never closed"),
    ],
)
def test_an_open_quote_is_an_error(tmp_path: Path, content: bytes, says: str) -> None:
    """A quote that nothing closes would swallow the rest of the file; the row that opens it is named instead."""
    with pytest.raises(UsageError, match=says):
        generate(str(write(tmp_path / "t.csv", content)))


@pytest.mark.parametrize("content", [b'a,b\n5" pipe,1\n', b'a,b\n"5"" pipe",1', b'a,b\n1,"x"y"z\n', b'a,b\n1," "\n'])
def test_quotes_that_are_only_odd_are_read(tmp_path: Path, content: bytes) -> None:
    """A quote inside an unquoted value, or after a closing one, belongs to the value and closes nothing."""
    (dataset,) = generate(str(write(tmp_path / "t.csv", content))).datasets
    assert dataset.num_examples == 1


CELLS = st.text(st.sampled_from('ab,;"\n\r é'), max_size=4)
GOOD = st.lists(CELLS, min_size=2, max_size=2)
RAGGED_ROWS = st.lists(CELLS, min_size=3, max_size=4)


@settings(deadline=None)
@given(st.lists(GOOD | RAGGED_ROWS, max_size=20))
def test_rows_read_and_left_out_are_the_rows_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, written: list[list[str]]
) -> None:
    """Of any file, the rows read are those of the header's length, and those left out are all others."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["a", "b"], *written])
    path = write(tmp_path_factory.mktemp("any") / "t.csv", text.getvalue().encode())
    rows, _, count = read(path)
    good = [row for row in written if len(row) == 2]
    assert (len(rows), count) == (len(good), len(written) - len(good))
    assert OpenQuotes(",").first(path.read_bytes()) is None


def test_places_are_right_megabytes_down_the_file(tmp_path: Path) -> None:
    """Rows are numbered through the whole file, across blocks, and only the first few places are kept."""
    block = BLOCK // 4
    content = b"a,b\n" + b"1,2\n" * block + b"3\n" + b"1,2\n" * block + b"4\n" * 10 + b"5,6\n"
    rows, places, count = read(write(tmp_path / "t.csv.gz", gzip.compress(content, 1)))
    assert (len(rows), count, len(places)) == (2 * block + 1, 11, bad_rows.SHOWN)
    assert [place.split(" is ")[0] for place in places[:2]] == [f"row {block + 2}", f"row {2 * block + 3}"]


@pytest.mark.parametrize("bad", [b"", b"3\n", b"\xe9,4\n", b"3\n\xe9,4\n"])
def test_a_row_longer_than_what_is_parsed_at_a_time_is_read(tmp_path: Path, bad: bytes) -> None:
    """Rows of a megabyte are rows like others, with bad ones beside them too."""
    content = b"a,b\n" + b"x" * (1 << 20) + b",1\n" + bad + b"y,2\n" * 1000
    rows, _, count = read(write(tmp_path / "t.csv", content))
    assert ([len(row["a"]) for row in rows], [row["b"] for row in rows]) == ([1 << 20] + [1] * 1000, [1] + [2] * 1000)
    assert count == bad.count(b"\n")


def test_a_type_that_widens_late_counts_no_row_twice(tmp_path: Path) -> None:
    """A file that is read again because a type widened tells each bad row once."""
    content = b"a,b\n3\n" + b"1,2\n" * (BLOCK // 2) + b"x,y\n4\n"
    assert read(write(tmp_path / "t.csv", content))[2] == 2


JSON_LINES = b"""{"a": 1, "b": {"c": 1}}
{"a": 2
not json

null
[1]
{"a": "text"}
{"a": 2.5, "b": {"c": "x", "d": 1}}
{"a": 3, "b": {"d": 2}}
{"a": 4, "a": 5}
"""


def test_bad_json_lines_are_left_out(tmp_path: Path) -> None:
    """Lines that are no JSON object, or hold a value of another kind than the column's first, are left out."""
    rows, places, count = read(write(tmp_path / "t.jsonl", JSON_LINES))
    assert rows == [{"a": 1.0, "b": {"c": 1, "d": None}}, {"a": 3.0, "b": {"c": None, "d": 2}}]
    assert count == 7
    assert [place.split(" cannot be read as JSON lines: ")[0] for place in places] == [
        f"row {at}" for at in range(2, 7)
    ]
    assert [place.split(": ")[1] for place in places[:3]] == [
        "Expecting ',' delimiter at character 8", "Expecting value at character 1", "no JSON object",
    ]  # fmt: skip
    assert "number to string" in places[4]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"null\n", "Row 1 of .* no JSON object"),
        (b'{"a": 1}\n \tnull\n', "Row 2 of .* no JSON object"),
        (b'{"a": 1}\n\n{"a": 2}}\n', "Row 2 of .* cannot be read as JSON lines"),
        (b'{"a": 1}\n' * BLOCK + b'{"a": true}\n', rf"Row {BLOCK + 1} of .*number to boolean"),
        (b"{}\n{}\n", "has no columns: its objects have no keys"),
    ],
)
def test_json_errors_name_the_row(tmp_path: Path, content: bytes, says: str) -> None:
    """The first line that cannot be read is named by its number, however far down it is."""
    with pytest.raises(UsageError, match=says):
        generate(str(write(tmp_path / "t.jsonl", content)))


@given(st.lists(st.sampled_from([b'{"a": 1}', b'{"a": 2.5}', b'{"b": null}', b"{", b"null", b"7", b'{"a": "x"}'])))
@settings(deadline=None, max_examples=40)
def test_json_rows_read_and_left_out_are_the_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    """Of any lines, those read and those left out are all of them."""
    path = write(tmp_path_factory.mktemp("any") / "t.jsonl", b'{"a": 0, "b": null}\n' + b"\n".join(lines))
    rows, _, count = read(path)
    good = [json.loads(line) for line in lines if line not in {b"{", b"null", b"7", b'{"a": "x"}'}]
    assert [row["a"] for row in rows] == [0, *(row.get("a") for row in good)]
    assert count == len(lines) - len(good)


def test_the_statistics_say_what_they_leave_out(tmp_path: Path) -> None:
    """The figures are of the rows that were read; count and places stand in the proto, in words for people too."""
    path = write(tmp_path / "t.csv", b"a,b\n1,x\n2\n3,y\n")
    (dataset,) = generate(str(path), SKIP).datasets
    assert (dataset.num_examples, dataset.features[0].num_stats.mean) == (2, 2)
    place = f"row 3 of {path} is ragged: Expected 2 columns, got 1"
    assert bad_rows.noted(dataset) == (1, [place])
    assert bad_rows.sentences(dataset) == ["1 bad row was skipped; every figure is of the others:", place]
    (whole,) = generate(str(write(tmp_path / "good.csv", b"a,b\n1,x\n")), SKIP).datasets
    assert bad_rows.noted(whole) == (0, [])
    assert bad_rows.sentences(whole) == []


def test_a_table_of_bad_rows_only_is_an_error(tmp_path: Path) -> None:
    """Skipping everything is no table: most likely the delimiter is wrong."""
    path = write(tmp_path / "t.csv", b"a,b\n1\n2\n")
    with pytest.raises(UsageError, match=r"None of the 2 rows of .* can be read; row 2 of .*Expected 2 columns, got 1"):
        generate(str(path), SKIP)


def test_damage_is_no_bad_row(tmp_path: Path) -> None:
    """A file that ends in the middle of its compression is an error even where bad rows are skipped."""
    cut = gzip.compress(b"a,b\n" + bytes(range(256)).hex().encode() * 500)[:-9]
    for name in ("t.csv.gz", "t.jsonl.gz"):
        with pytest.raises(UsageError, match="is damaged: Truncated"):
            generate(str(write(tmp_path / name, cut)), SKIP)
