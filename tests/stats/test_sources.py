"""Where tables come from: formats, globs, storage, and the errors that name file and row."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfx.errors import UsageError
from kfx.stats import artifact
from kfx.stats.generate import generate
from kfx.stats.sources import TextReading, open_source, schemes
from kfx.stats.sources._blocks import BLOCK, blocks
from kfx.stats.sources.bq_query import byte_limit
from tests.conftest import require_module
from tests.loopback import serving

from .cloud_double import CloudDouble

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def rows(uri: object, columns: list[str] | None = None) -> list[dict[str, Any]]:
    source = open_source(str(uri))
    read = pa.Table.from_batches(source.batches(columns), source.schema() if columns is None else None)
    return read.to_pylist()


def types(uri: object) -> dict[str, str]:
    schema = open_source(str(uri)).schema()
    return dict(zip(schema.names, map(str, schema.types), strict=True))


def as_parquet(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


PARQUET = as_parquet(pa.table({"a": [1, 2], "b": ["x", None]}))
CONTENTS = {
    "t.csv": b"a,b\n1,x\n2,\n",
    "t.tsv": b"a\tb\n1\tx\n2\t\n",
    "t.csv.gz": gzip.compress(b"a,b\n1,x\n2,\n"),
    "t.csv.zst": pa.compress(b"a,b\n1,x\n2,\n", "zstd", asbytes=True),
    "t.jsonl": b'{"a": 1, "b": "x"}\n{"a": 2}\n',
    "t.parquet": PARQUET,
    "parquet_without_suffix": PARQUET,
    "csv_without_suffix": b"a,b\n1,x\n2,\n",
    "json_without_suffix": b'{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n',
    "windows.csv": b"\xef\xbb\xbfa,b\r\n1,x\r\n2,\r\n",
}


def test_schemes_are_found_by_their_files() -> None:
    """Every public module of the package is a scheme."""
    assert schemes() == ["bq", "bq-query", "file", "gs", "sklearn"]


@pytest.mark.parametrize("name", CONTENTS)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    """CSV, TSV, JSON lines and Parquet, compressed or without a suffix, read alike, as path and as file:// URI."""
    (tmp_path / name).write_bytes(CONTENTS[name])
    assert rows(tmp_path / name) == ROWS
    assert rows((tmp_path / name).as_uri()) == ROWS
    assert types(tmp_path / name) == {"a": "int64", "b": "string"}
    assert rows(tmp_path / name, ["b"]) == [{"b": "x"}, {"b": None}]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_globs_and_folders_join_files(tmp_path: Path, suffix: str) -> None:
    """A glob or a folder is one table, in the order of the names; what writers leave beside data is not data."""
    for name in ("b", "a"):
        (tmp_path / f"{name}.{suffix}").write_bytes(CONTENTS[f"t.{suffix}"])
    (tmp_path / "_SUCCESS").write_bytes(b"")
    (tmp_path / ".a.crc").write_bytes(b"x")
    assert rows(tmp_path / f"*.{suffix}") == ROWS * 2 == rows(tmp_path)


@pytest.mark.parametrize("out", ["stats", "."])
@pytest.mark.parametrize("uri", [".", "**", "*/*", "./**/*"])
def test_a_folder_of_tables_can_hold_their_statistics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, uri: str
) -> None:
    """Below the table or beside it; a file of such a name that kfx did not write is data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "day").mkdir()
    for name in ("1.jsonl", "2.jsonl", "metrics.json"):
        (tmp_path / "day" / name).write_text('{"a": 1}\n')
    expected = [{"a": 1}] * 3
    assert rows(uri) == expected
    artifact.write(generate("day"), tmp_path / out, "day")
    assert rows(uri) == expected


@pytest.mark.parametrize("uri", ["stats", "stats/*"])
def test_a_folder_of_nothing_but_statistics_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    """It is not said to be empty."""
    monkeypatch.chdir(tmp_path)
    artifact.write(generate("sklearn:wine"), tmp_path / "stats", "wine")
    with pytest.raises(UsageError, match="There is no table, but statistics that kfx wrote, in 'stats"):
        open_source(uri)


def test_text_types_are_those_of_tfdv(tmp_path: Path) -> None:
    """Numbers are numbers; dates, booleans and words for nothing are strings; only an empty cell is missing."""
    (tmp_path / "t.csv").write_text(
        'i,f,s,d,b,n,e,q\n1,1.5,x,2026-01-01,true,NA,,"a, ""b""\nc"\n2,inf,7,2026-01-02,false,null,,\n'
    )
    assert types(tmp_path / "t.csv") == {
        "i": "int64", "f": "double", "s": "string", "d": "string", "b": "string", "n": "string", "e": "null",
        "q": "string",
    }  # fmt: skip
    first, second = rows(tmp_path / "t.csv")
    assert (first["n"], first["e"], first["q"], second["q"]) == ("NA", None, 'a, "b"\nc', None)


@pytest.mark.parametrize(
    ("late", "kind", "first"),
    [("1.5", "double", 1.0), ("x", "string", "1")],
)
def test_a_late_value_widens_its_column(tmp_path: Path, late: str | bytes, kind: str, first: object) -> None:
    """A value megabytes down the file that is no integer changes the type of the whole column, from its first row."""
    many = BLOCK // 4 + 1000
    last = late if isinstance(late, bytes) else late.encode()
    (tmp_path / "t.csv").write_bytes(b"a,b\n" + b"1,2\n" * many + last + b",3\n")
    source = open_source(str(tmp_path / "t.csv"))
    assert [str(t) for t in source.schema().types] == [kind, "int64"]
    read = pa.Table.from_batches(source.batches())
    assert (read.num_rows, read["a"][0].as_py()) == (many + 1, first)
    assert read["a"][-1].as_py() == (late if kind != "double" else 1.5)


def test_types_hold_across_files(tmp_path: Path) -> None:
    """Files of one glob whose columns differ in type or order are read with the wider type, by name."""
    (tmp_path / "1.csv").write_text("a,b\n1,\n")
    (tmp_path / "2.csv").write_text("b,a\nx,2.5\n")
    assert rows(tmp_path / "*.csv") == [{"a": 1.0, "b": None}, {"a": 2.5, "b": "x"}]


def test_quoted_line_ends_at_block_borders(tmp_path: Path) -> None:
    """A value with line ends is never cut, wherever the border of a block falls."""
    row = b'"line\nline ""quoted""\n",7\n'
    count = 3 * BLOCK // len(row)
    (tmp_path / "t.csv").write_bytes(b"s,n\n" + row * count)
    read = pa.Table.from_batches(open_source(str(tmp_path / "t.csv")).batches())
    assert (read.num_rows, set(read["s"].to_pylist())) == (count, {'line\nline "quoted"\n'})


@pytest.mark.parametrize("line", ['5" pipe,1\n', '"a ""b"" c",5" pipe\n'])
def test_a_stray_quote_does_not_swallow_the_rest(line: str) -> None:
    """A quote inside an unquoted value leaves blocks that end at line ends."""
    text = line.encode() + b'x,"y"\n' * (3 * BLOCK)
    cut = [block.rows for block in blocks(io.BytesIO(text), quotes=True)]
    assert b"".join(cut) == text
    assert len(cut) > 3
    assert all(block[-1:] == b"\n" for block in cut)


def test_a_value_longer_than_a_block(tmp_path: Path) -> None:
    """A quoted value of several blocks, line ends and quotes inside, is one value."""
    value = 'line ""one""\n' * (3 * BLOCK // 13)
    (tmp_path / "t.csv").write_text(f'a,b\n1,x\n2,"{value}"\n3,z\n')
    assert [len(row["b"]) for row in rows(tmp_path / "t.csv")] == [1, len(value) - 2 * value.count("\n"), 1]


@given(st.lists(st.lists(st.text(st.sampled_from('ab",\n\r'), max_size=5), min_size=2, max_size=2), max_size=30))
@settings(deadline=None)
def test_blocks_end_where_rows_end(written: list[list[str]]) -> None:
    """Whatever values hold, a block's rows are whole: read apart, blocks give the rows of the file."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(written)

    class Slow(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            return super().readinto(memoryview(buffer)[:7])

    cut = blocks(Slow(text.getvalue().encode()), quotes=True)
    apart = [row for block in cut for row in csv.reader(io.StringIO(bytes(block.rows).decode(), newline=""))]
    assert apart == written


def test_a_file_without_a_last_line_end(tmp_path: Path) -> None:
    """The last row counts whether or not a line end follows it."""
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,x\n2,y")
    assert len(rows(tmp_path / "t.csv")) == 2


def test_header_without_rows(tmp_path: Path) -> None:
    """A header alone is a table with columns and no rows."""
    (tmp_path / "t.csv").write_text("a,b\n")
    assert rows(tmp_path / "t.csv") == []
    assert list(types(tmp_path / "t.csv")) == ["a", "b"]


MANY = b"1,2\n" * (BLOCK // 2)
TRUNCATED = gzip.compress(b"a,b\n" + bytes(range(256)).hex().encode() * 500)[:-9]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", r"empty\.csv is empty"),
        ("ragged.csv", b"a,b\n1,2\n3\n", r"Row 3 of .*ragged\.csv is ragged: Expected 2 columns, got 1"),
        ("deep.csv", b"a,b\n" + MANY + b"3\n", rf"Row {BLOCK // 2 + 2} of .*deep\.csv is ragged"),
        ("cut.csv.gz", TRUNCATED, r"cut\.csv\.gz is damaged: Truncated"),
        (
            "cut.csv.zst",
            pa.compress(b"a,b\n" + MANY, "zstd", asbytes=True)[:-9],
            r"cut\.csv\.zst is damaged: Truncated",
        ),
        ("cut.jsonl.zst", pa.compress(MANY, "zstd", asbytes=True)[:-9], r"cut\.jsonl\.zst is damaged: Truncated"),
        ("start.csv.gz", gzip.compress(b"a,b\n1,2\n")[:12], r"start\.csv\.gz is damaged: Truncated"),
        ("utf16.csv", "a,b\n1,2\n".encode("utf-16"), r"utf16\.csv is UTF-16 text \(convert it: iconv"),
        (
            "bare_utf16.csv",
            "a,b\n1,2\n".encode("utf-16-le"),
            r"is no text: its header holds NUL bytes. If it is UTF-16",
        ),
        ("latin.csv", "a,é\n1,2\n".encode("latin-1"), r"header of .*latin\.csv is not UTF-8"),
        ("open.csv", b'"a,b\n1,2\n', r"header of .*open\.csv opens a quote that is never closed"),
        ("old_mac.csv", b"a,b\r1,2\r", r"lines of .*old_mac\.csv end in CR alone"),
        (
            "semicolons.csv",
            b"a;b\n1;2\n",
            r"is one column, 'a;b'. If ';' stands between columns, say so .--delimiter ';'",
        ),
        ("commas.tsv", b"a,b\n1,2\n", r"is one column, 'a,b'. If ',' stands between columns"),
        ("junk.parquet", b"\x00\x01\x02\x03junk", r"junk\.parquet is no Parquet file: it begins with b'\\x00\\x01"),
        ("secret.parquet", b"PARE....", r"secret\.parquet is no Parquet file.*an encrypted one"),
        ("book.csv", b"PK\x03\x04....", r"book\.csv is a ZIP archive or an Excel workbook; kfx reads CSV"),
        ("none.parquet", as_parquet(pa.table({})), r"none\.parquet has no columns"),
        ("array.json", b'[{"a": 1}]', r"array\.json is a JSON array, and not JSON lines. Convert it: jq"),
        ("blank.csv", b"\n\n", r"blank\.csv has no header"),
        ("cut.parquet", PARQUET[:-20], r"cut\.parquet cannot be read as Parquet"),
        ("bad.jsonl", b'{"a": 1}\n{"a"\n', r"Row 2 of .*bad\.jsonl cannot be read as JSON lines"),
        ("mixed.jsonl", b'{"a": 1}\n{"a": [1]}\n', r"Row 2 of .*mixed\.jsonl cannot be read.*number to array"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    """Each kind of damage is an error of the caller that names the file, and the row where it is known."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=says):
        rows(tmp_path / name)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("", "source is empty"),
        ("no/such/file.csv", "There is no file or folder 'no/such/file.csv'"),
        ("no/such/*.csv", "No file matches"),
        (
            "s3://bucket/key",
            "'s3://bucket/key' has a scheme kfx does not read. It reads: bq, bq-query, file, gs, sklearn",
        ),
        ("bq://project.table", "does not name a table. Write bq://project.dataset.table"),
        ("sklearn:nothing", "It has: breast_cancer, diabetes, digits, iris, wine"),
    ],
)
def test_bad_uris_say_the_way_out(uri: str, says: str) -> None:
    """What cannot be opened is refused at once with what would work."""
    with pytest.raises(UsageError, match=says.replace(".", r"\.").replace("(", r"\(")):
        open_source(uri)


def test_any_delimiter_can_be_named(tmp_path: Path) -> None:
    """Cells told apart by another character are read when it is named; one column with such a name stays one."""
    (tmp_path / "t.csv").write_text("a;b\n1;x,y\n")
    named = open_source(str(tmp_path / "t.csv"), TextReading(delimiter=";"))
    assert pa.Table.from_batches(named.batches()).to_pylist() == [{"a": 1, "b": "x,y"}]
    (tmp_path / "one.csv").write_text("a;b\n1;2\n")
    one = open_source(str(tmp_path / "one.csv"), TextReading(delimiter=","))
    assert one.schema().names == ["a;b"]
    for name, says in (("t.jsonl", "is JSON lines, which have no delimiter"), ("t.parquet", "has no delimiter")):
        (tmp_path / name).write_bytes(CONTENTS[name])
        with pytest.raises(UsageError, match=says):
            open_source(str(tmp_path / name), TextReading(delimiter=";"))


def test_mixed_types_become_the_wider_one(tmp_path: Path) -> None:
    """A column of numbers and words is text, whichever comes first; the numbers keep their spelling."""
    (tmp_path / "t.csv").write_text("a,b\n1.50,x\nNA,2\n")
    assert types(tmp_path / "t.csv") == {"a": "string", "b": "string"}
    assert rows(tmp_path / "t.csv") == [{"a": "1.50", "b": "x"}, {"a": "NA", "b": "2"}]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that is there and cannot be opened is an error with its name and the system's reason."""
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("t.csv")
        with pytest.raises(UsageError, match=r"t\.csv cannot be opened: .*No such device"):
            open_source("t.csv")


def test_mixed_formats_and_columns_are_refused(tmp_path: Path) -> None:
    """Files that cannot be one table are named with what differs."""
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b.csv").write_text("a,c\n1,2\n")
    with pytest.raises(UsageError, match=r"b\.csv does not have the columns of .*a\.csv: 'b' differs"):
        rows(tmp_path / "*.csv")
    (tmp_path / "c.parquet").write_bytes(PARQUET)
    with pytest.raises(UsageError, match=r"mixes formats: .*a\.csv is csv, .*c\.parquet is parquet"):
        open_source(str(tmp_path))


def test_parquet_files_of_other_types_are_cast_or_refused(tmp_path: Path) -> None:
    """A later file's narrower type is cast to the first file's; one that does not fit is an error with its name."""
    (tmp_path / "1.parquet").write_bytes(as_parquet(pa.table({"a": [1]})))
    (tmp_path / "2.parquet").write_bytes(as_parquet(pa.table({"a": pa.array([2], pa.int8())})))
    assert rows(tmp_path / "*.parquet") == [{"a": 1}, {"a": 2}]
    (tmp_path / "3.parquet").write_bytes(as_parquet(pa.table({"a": ["x"]})))
    with pytest.raises(UsageError, match=r"3\.parquet has other column types than the first file"):
        rows(tmp_path / "*.parquet")


@pytest.mark.parametrize("first", [[1, 2], [1.5, 2.5], [True, False]])
def test_text_in_a_later_parquet_file_is_refused_however_it_is_stored(tmp_path: Path, first: list[Any]) -> None:
    """Few different texts come as dictionaries; those are no numbers either."""
    (tmp_path / "1.parquet").write_bytes(as_parquet(pa.table({"a": first})))
    (tmp_path / "2.parquet").write_bytes(as_parquet(pa.table({"a": ["u", "v"] * 500})))
    with pytest.raises(UsageError, match=r"2\.parquet has other column types than the first file"):
        generate(f"{tmp_path}/*.parquet")


@pytest.mark.parametrize(
    "known", [[f"v{at}" for at in range(1000)], ["u", "v"], [1, 2], [1.5], [["x"], []], [{"f": "x"}]]
)
def test_parquet_columns_of_nulls_have_the_type_another_file_knows(tmp_path: Path, known: list[Any]) -> None:
    """An all-null day gives the same figures wherever it stands, as does one of empty lists."""
    empty = [{"f": None}] if isinstance(known[0], dict) else [[]] if isinstance(known[0], list) else [None]
    tables = {"null": pa.table({"x": [None, None]}), "empty": pa.table({"x": empty}), "known": pa.table({"x": known})}
    found = []
    for number, order in enumerate(itertools.permutations(tables)):
        (tmp_path / str(number)).mkdir()
        for place, name in enumerate(order):
            (tmp_path / str(number) / f"{place}.parquet").write_bytes(as_parquet(tables[name]))
        found.append(generate(str(tmp_path / str(number))))
    assert found == found[:1] * len(found)
    (tmp_path / "alone.parquet").write_bytes(as_parquet(tables["known"]))
    assert types(tmp_path / "0") == types(tmp_path / "alone.parquet")


def test_a_parquet_column_without_any_value_stays_one_of_nulls(tmp_path: Path) -> None:
    """No file knows its type."""
    for name in ("1", "2"):
        (tmp_path / f"{name}.parquet").write_bytes(as_parquet(pa.table({"x": [None], "y": [1]})))
    assert types(f"{tmp_path}/*") == {"x": "null", "y": "int64"}


def test_damage_inside_a_parquet_file_is_placed(tmp_path: Path) -> None:
    """Pages that cannot be read are named with their column and the rows that were read before them."""
    path = tmp_path / "t.parquet"
    table = pa.table({"a": range(3_000_000), "b": range(3_000_000)})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, row_group_size=500_000)
    chunk = pq.read_metadata(path).row_group(5).column(1)
    content = bytearray(path.read_bytes())
    content[chunk.data_page_offset + 40 : chunk.data_page_offset + 440] = bytes(400)
    path.write_bytes(content)
    source = open_source(str(path))
    assert sum(batch.num_rows for batch in source.batches(["a"])) == 3_000_000
    with pytest.raises(UsageError, match=r"t\.parquet is damaged .*, in column 'b', after row 2,097,152: "):
        list(source.batches(["b"]))


def test_a_limit_of_bytes_that_is_no_size_is_named_as_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable, the flag or the setting of a query."""
    with pytest.raises(UsageError, match=r"^max_bytes is 'abc'; write a size"):
        byte_limit("abc")
    with pytest.raises(UsageError, match=r"^--maximum-bytes-billed is 'abc'"):
        byte_limit("abc", "--maximum-bytes-billed")
    monkeypatch.setenv("KFX_BIGQUERY_MAX_BYTES", "abc")
    with pytest.raises(UsageError, match=r"^KFX_BIGQUERY_MAX_BYTES is 'abc'"):
        byte_limit("", "--maximum-bytes-billed")


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    """In a file of one column neither, as TFDV has it; two quotes are a row without a value."""
    (tmp_path / "t.csv").write_text('a\n1\n\n""\n\n2\n')
    assert rows(tmp_path / "t.csv") == [{"a": 1}, {"a": None}, {"a": 2}]


def test_scikit_learn_data_sets() -> None:
    """Bundled data sets come with feature names and class names; a measured label stays a number."""
    require_module("sklearn")
    assert types("sklearn:iris")["target"] == "string"
    iris = rows("sklearn:iris")
    assert (len(iris), iris[0]["sepal length (cm)"], iris[0]["target"]) == (150, 5.1, "setosa")
    assert types("sklearn:diabetes")["target"] == "double"


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudDouble]:
    require_module("gcsfs")
    require_module("google.cloud.bigquery")
    with serving(CloudDouble()) as double:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", double.url)
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.url)
        yield double


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "t.jsonl"])
def test_objects_read_like_files(cloud: CloudDouble, name: str) -> None:
    """An object, a glob and a prefix of a bucket give the rows of the files."""
    cloud.objects["beans"] = {
        f"daily/1/{name}": CONTENTS[name],
        f"daily/2/{name}": CONTENTS[name],
        "daily/1/_SUCCESS": b"",
    }
    assert rows(f"gs://beans/daily/1/{name}") == ROWS
    assert rows(f"gs://beans/daily/*/{name}") == ROWS * 2
    assert rows("gs://beans/daily/") == ROWS * 2


def test_statistics_in_a_bucket_are_no_table(cloud: CloudDouble, tmp_path: Path) -> None:
    """As on a disk; a file of such a name where kfx did not write is data."""
    artifact.write(generate("sklearn:wine"), tmp_path, "wine")
    written = {f"day/stats/{path.name}": path.read_bytes() for path in tmp_path.iterdir()}
    cloud.objects["beans"] = {"day/metrics.json": b'{"a": 1}\n', **written}
    assert rows("gs://beans/day/") == rows("gs://beans/day/**/*.json") == [{"a": 1}]
    with pytest.raises(UsageError, match="No object of a table matches 'gs://beans/day/stats/'"):
        open_source("gs://beans/day/stats/")


def test_absent_objects_are_named(cloud: CloudDouble) -> None:
    """An object that does not exist is an error with its URI."""
    cloud.objects["beans"] = {}
    for uri in ("gs://beans/x.csv", "gs://beans/*.csv", "gs://nowhere/x.csv"):
        with pytest.raises(UsageError, match=uri.replace("*", r"\*")):
            open_source(uri)


def test_tables_are_read_page_by_page(cloud: CloudDouble) -> None:
    """A BigQuery table's rows and types arrive, all pages of them, and only the columns asked for travel."""
    fields = [{"name": "a", "type": "INTEGER"}, {"name": "f", "type": "FLOAT"}, {"name": "b", "type": "STRING"}]
    cloud.tables["proj.data.beans"] = fields, [[str(i), str(i / 2), f"v{i}" if i % 2 else None] for i in range(5)]
    assert types("bq://proj.data.beans") == {"a": "int64", "f": "double", "b": "string"}
    assert rows("bq://proj.data.beans") == [{"a": i, "f": i / 2, "b": f"v{i}" if i % 2 else None} for i in range(5)]
    assert rows("bq://proj.data.beans", ["b"])[1] == {"b": "v1"}


def test_absent_tables_and_columns_are_named(cloud: CloudDouble) -> None:
    """A table or a column that does not exist is an error with its name."""
    with pytest.raises(UsageError, match=r"The table of .bq://proj\.data\.none. does not exist .Not found"):
        open_source("bq://proj.data.none")
    cloud.tables["proj.data.beans"] = [{"name": "a", "type": "INTEGER"}], [["1"]]
    with pytest.raises(UsageError, match="no column 'z'"):
        rows("bq://proj.data.beans", ["z"])
