"""`kfx schema`, `kfx validate` and `kfx compare` as a shell sees them: 0 ok, 1 gate shut, 2 wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from .test_main import kfx

GOOD = "colour,size\n" + "red,1\ngreen,2\nblue,3\n" * 400
BAD = "colour,size\n" + "red,1\ngreen,2\nblau,\n" * 400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two tables, the statistics of the first and its schema."""
    (tmp_path / "good.csv").write_text(GOOD)
    (tmp_path / "bad.csv").write_text(BAD)
    assert kfx("stats", "good.csv", "-o", "good", cwd=tmp_path).returncode == 0
    assert kfx("schema", "infer", "good.csv", cwd=tmp_path).returncode == 0
    return tmp_path


def test_a_schema_is_the_same_from_a_table_and_from_its_statistics(folder: Path) -> None:
    """A table, a folder of statistics and a file of them name the same."""
    expected = (folder / "schema.pbtxt").read_text()
    for given in ("good", "good/stats.pb", "good/stats.tfrecord"):
        more = ("--max-string-domain-size", "100", "--overwrite")
        done = kfx("schema", "infer", given, "-o", "other.pbtxt", *more, cwd=folder)
        assert (done.returncode, done.stderr) == (0, "2 features, 1 string domain: other.pbtxt\n")
        assert (folder / "other.pbtxt").read_text() == expected


def test_a_table_passes_its_schema_and_another_does_not(folder: Path) -> None:
    """Exit codes 0 and 1, and a line for each reason."""
    done = kfx("validate", "good", "--schema", "schema.pbtxt", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "No anomalies.\n")
    done = kfx("validate", "bad.csv", "--schema", "schema.pbtxt", "-o", "found", cwd=folder)
    assert done.returncode == 1
    assert "error    new value 'blau' in colour (33.3 % of values)\n" in done.stdout
    assert "The gate is shut: 3 of 3 findings." in done.stderr
    names = {path.name for path in (folder / "found").iterdir()}
    assert names == {"anomalies.pbtxt", "anomalies.json", "anomalies.txt", "report.html"}


def test_the_gate_s_options_decide(folder: Path) -> None:
    """`--fail-on` and `--severity` open and shut it."""
    command = ("validate", "bad.csv", "--schema", "schema.pbtxt")
    assert kfx(*command, "--fail-on", "never", cwd=folder).returncode == 0
    assert kfx(*command, "--fail-on", "SCHEMA_NEW_COLUMN", cwd=folder).returncode == 0
    assert kfx(*command, "--fail-on", "colour", cwd=folder).returncode == 1
    soft = [
        word
        for kind in ("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "FEATURE_TYPE_LOW_FRACTION_PRESENT", "INVALID_FEATURE_SHAPE")
        for word in ("--severity", f"{kind}=warning")
    ]
    assert kfx(*command, *soft, cwd=folder).returncode == 0
    assert kfx(*command, *soft, "--fail-on", "warning", cwd=folder).returncode == 1


def test_json_is_for_programs(folder: Path) -> None:
    """The findings and TFDV's message, whether the gate is shut or not."""
    done = kfx("validate", "bad.csv", "--schema", "schema.pbtxt", "--format", "json", cwd=folder)
    said = json.loads(done.stdout)
    assert (done.returncode, said["failed"]) == (1, True)
    assert {finding["feature"] for finding in said["findings"]} == {"colour", "size"}
    assert said["anomalies"]["anomalyInfo"]["colour"]["severity"] == "ERROR"


def test_a_widened_schema_lets_the_table_pass_and_says_what_changed(folder: Path) -> None:
    """The update prints a difference and writes only where it was told to."""
    before = (folder / "schema.pbtxt").read_text()
    done = kfx("schema", "update", "schema.pbtxt", "bad.csv", "-o", "wider.pbtxt", cwd=folder)
    assert done.returncode == 0
    assert '+  value: "blau"' in done.stdout
    assert (folder / "schema.pbtxt").read_text() == before
    assert kfx("validate", "bad.csv", "--schema", "wider.pbtxt", cwd=folder).returncode == 0
    again = kfx("schema", "update", "wider.pbtxt", "bad.csv", cwd=folder)
    assert again.stdout == "Nothing to change: the table conforms.\n"


def test_the_difference_shows_what_would_reorder_it(folder: Path) -> None:
    """A value that turns the direction of writing, or moves the cursor, is shown with signs."""
    (folder / "odd.csv").write_text("colour,size\n" + "red\u202e,1.5\nno\x1b[2Jne,2.5\n" * 20)
    done = kfx("schema", "update", "schema.pbtxt", "odd.csv", "-o", "wider.pbtxt", cwd=folder)
    assert '+  value: "red\u241a"' in done.stdout
    assert not {"\u202e", "\x1b"} & set(done.stdout)


def test_a_schema_that_is_there_is_not_replaced(folder: Path) -> None:
    """Someone may have written into it; the ways out are told before the table (which is not there) is looked at."""
    curated = "# Owner: data team.\n" + (folder / "schema.pbtxt").read_text()
    (folder / "schema.pbtxt").write_text(curated)
    done = kfx("schema", "infer", "none.csv", cwd=folder)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "'schema.pbtxt' is there already" in done.stderr
    assert "kfx schema update schema.pbtxt none.csv" in done.stderr
    assert "--overwrite" in done.stderr
    assert (folder / "schema.pbtxt").read_text() == curated
    assert kfx("schema", "infer", "bad.csv", "--overwrite", cwd=folder).returncode == 0
    assert '"blau"' in (folder / "schema.pbtxt").read_text()


def test_a_schema_that_fits_is_left_as_it_is(folder: Path) -> None:
    """Where nothing changes nothing is written; where something does, comments are lost and that is told."""
    curated = "# Owner: data team.\n" + (folder / "schema.pbtxt").read_text()
    (folder / "schema.pbtxt").write_text(curated)
    done = kfx("schema", "update", "schema.pbtxt", "good.csv", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "Nothing to change: the table conforms.\n")
    assert done.stderr == ""
    assert (folder / "schema.pbtxt").read_text() == curated
    done = kfx("schema", "update", ".", "bad.csv", cwd=folder)
    assert (done.returncode, done.stderr.splitlines()) == (
        0,
        ["The comments of ./schema.pbtxt are not kept in ./schema.pbtxt.", "Schema: ./schema.pbtxt"],
    )
    again = kfx("schema", "update", "schema.pbtxt", "good.csv", "-o", "copy.pbtxt", cwd=folder)
    assert (again.returncode, again.stderr) == (0, "Schema: copy.pbtxt\n")
    assert (folder / "copy.pbtxt").read_text() == (folder / "schema.pbtxt").read_text()


def test_a_binary_schema_stays_binary(folder: Path) -> None:
    """Inferred, updated and left alone under a name that ends in .pb, it is read by kfx and TFX."""
    assert kfx("schema", "infer", "good.csv", "-o", "schema.pb", cwd=folder).returncode == 0
    before = (folder / "schema.pb").read_bytes()
    assert schema_pb2.Schema.FromString(before).feature[0].name == "colour"
    assert kfx("schema", "update", "schema.pb", "good", cwd=folder).returncode == 0
    assert (folder / "schema.pb").read_bytes() == before
    done = kfx("schema", "update", "schema.pb", "bad.csv", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "Schema: schema.pb\n")
    assert "blau" in schema_pb2.Schema.FromString((folder / "schema.pb").read_bytes()).string_domain[0].value
    assert kfx("validate", "bad.csv", "--schema", "schema.pb", cwd=folder).returncode == 0


def test_two_tables_are_compared(folder: Path) -> None:
    """What changed beyond chance, from the first to the second; nothing from a table to itself."""
    done = kfx("compare", "good", "bad.csv", "-o", "changed", cwd=folder)
    assert done.returncode == 1
    assert "null rate of size 0 % -> 33.3 %" in done.stdout
    page = (folder / "changed" / "report.html").read_text(encoding="utf-8")
    assert '"before"' in page
    assert '"after"' in page
    done = kfx("compare", "good", "good.csv", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "No anomalies.\n")
    coarse = ("--share", "0.5", "--missing", "0.5", "--divergence", "0.5", "--new-value", "0.5")
    assert kfx("compare", "good", "bad.csv", *coarse, cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("validate", "none.csv", "--schema", "schema.pbtxt"), "none.csv"),
        (("validate", "good.csv", "--schema", "none.pbtxt"), "kfx schema infer"),
        (("validate", "good.csv", "--schema", "bad.csv"), "no schema"),
        (("validate", "good.csv", "--schema", "schema.pbtxt", "--fail-on", "colur"), "Did you mean colour"),
        (("validate", "good.csv", "--schema", "schema.pbtxt", "--severity", "X"), "TYPE=warning"),
        (("validate", "good.csv", "--schema", "schema.pbtxt", "--validator", "tfx"), "kfx, tfdv"),
        (("validate", "good/none.pb", "--schema", "schema.pbtxt"), "good/none.pb"),
        (("compare", "good.csv", "good.csv", "--measure", "kl"), "jensen_shannon"),
        (("compare", "good.csv", "good.csv", "--share", "2"), "from 0 to 1"),
        (("schema", "update", "none.pbtxt", "good.csv"), "none.pbtxt"),
        (("schema", "infer", "good.csv", "-o", "good"), "'good' is a folder; name the file"),
        (("schema", "infer", "good.csv", "-o", "good", "--overwrite"), "'good' is a folder; name the file"),
        (("schema", "update", "schema.pbtxt", "bad.csv", "-o", "good"), "'good' is a folder; name the file"),
        (("compare", "good.csv", "schema.pbtxt"), "holds a schema"),
        (("compare", "good.csv", "good.csv", "--rows", "nan"), "at least 1"),
        (("compare", "good.csv", "good.csv", "--rows", "inf"), "at least 1"),
        (("compare", "good.csv", "good.csv", "--rows", "-2"), "at least 1"),
        (("compare", "good.csv", "good.csv", "--share", "nan"), "from 0 to 1"),
        (("compare", "good.csv", "good.csv", "--missing=-0.1"), "from 0 to 1"),
        (("schema", "infer", "good.csv", "-o", "x.pbtxt", "--max-string-domain-size", "-1"), "must not be negative"),
        (("schema", "update", "schema.pbtxt", "bad.csv", "--max-string-domain-size", "-1"), "must not be negative"),
    ],
)
def test_wrong_input_is_exit_code_2_with_the_way_out(folder: Path, command: tuple[str, ...], said: str) -> None:
    """A gate that could not look is not a gate that is open; nothing is written."""
    before = sorted(folder.rglob("*"))
    done = kfx(*command, cwd=folder)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(folder.rglob("*")) == before
