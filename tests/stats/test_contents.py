"""Statistics and schemas are told apart by their bytes, wherever one of them or a table is wanted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from kfx.errors import UsageError
from kfx.stats import artifact, contents, tfrecord
from kfx.stats.generate import generate
from kfx.stats.schema.files import load_schema, load_statistics, save_schema, statistics_of
from kfx.stats.schema.infer import infer_schema
from tests.conftest import absent

from .golden.cases import COLOURS, one, text

COMMENT = "# Owner: data team.\n# feature { name: 'in a comment' }\n\n"


def kfx(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kfx.cli.main", *arguments], capture_output=True, text=True, cwd=folder
    )


@pytest.fixture
def statistics() -> statistics_pb2.DatasetFeatureStatisticsList:
    return one(text(COLOURS), rows=102)


def every_form(statistics: statistics_pb2.DatasetFeatureStatisticsList, folder: Path) -> list[Path]:
    """Writes statistics in each form there is, and a TFRecord file under a binary proto's name."""
    binary = statistics.SerializeToString()
    written = {
        "written.pbtxt": text_format.MessageToString(statistics).encode(),
        "commented.txt": COMMENT.encode() + text_format.MessageToString(statistics).encode(),
        "framed.pb": tfrecord.record(binary),
        "no_suffix": tfrecord.record(binary),
        "binary.pb": binary,
    }
    for name, content in written.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in written]


def every_schema(folder: Path) -> list[Path]:
    schema = infer_schema(one(text(COLOURS), rows=102))
    save_schema(schema, str(folder / "schema.pbtxt"))
    save_schema(schema, str(folder / "schema.pb"))
    (folder / "commented.pbtxt").write_text(COMMENT + (folder / "schema.pbtxt").read_text())
    return [folder / name for name in ("schema.pbtxt", "schema.pb", "commented.pbtxt")]


def test_statistics_are_read_in_every_form(
    statistics: statistics_pb2.DatasetFeatureStatisticsList, tmp_path: Path
) -> None:
    """Text as tfdv.write_stats_text writes it, TFRecord and binary, whatever the name says."""
    for path in every_form(statistics, tmp_path):
        assert artifact.load(path) == load_statistics(str(path)) == statistics_of(str(path)) == statistics, path
        with pytest.raises(UsageError, match=rf"{path.name}' is no schema: it holds statistics"):
            load_schema(str(path))
        with pytest.raises(UsageError, match=rf"{path.name} is no table: it holds statistics already\. kfx show "):
            generate(str(path))


def test_a_schema_is_neither_statistics_nor_a_table(tmp_path: Path) -> None:
    """In text, in binary and below a comment; the sentence has the command that takes it."""
    for path in every_schema(tmp_path):
        load_schema(str(path))
        for use in (load_statistics, statistics_of, lambda name: artifact.load(Path(name))):
            with pytest.raises(UsageError, match=rf"{path.name}' holds a schema, and no statistics.*kfx validate"):
                use(str(path))
        with pytest.raises(UsageError, match=rf"{path.name} is no table: it holds a schema\..*kfx validate"):
            generate(str(path))


def test_a_binary_schema_comes_back_as_one(tmp_path: Path) -> None:
    """What ends in .pb is written binary; content decides when it is read."""
    text_file, binary, _ = every_schema(tmp_path)
    schema = load_schema(str(text_file))
    assert schema_pb2.Schema.FromString(binary.read_bytes()) == schema
    renamed = binary.rename(tmp_path / "renamed.pbtxt")
    moved = text_file.rename(tmp_path / "moved.pb")
    assert load_schema(str(renamed)) == load_schema(str(moved)) == schema


def test_a_schema_that_is_none_says_why(dry_bean: Path, tmp_path: Path) -> None:
    """A table of text, one of bytes: neither reason is empty."""
    (tmp_path / "half.parquet").write_bytes(b"PAR1\x15\x04\x15\xc0\xff\xff\xff\xff")
    with pytest.raises(UsageError, match=r"half\.parquet' is no schema: its bytes are neither text nor"):
        load_schema(str(tmp_path / "half.parquet"))
    with pytest.raises(UsageError, match=r"is no schema: 1:\d+ : .*Area"):
        load_schema(str(dry_bean))
    (tmp_path / "empty.pbtxt").touch()
    with pytest.raises(UsageError, match=r"empty\.pbtxt' is empty, which no schema is"):
        load_schema(str(tmp_path / "empty.pbtxt"))


@pytest.mark.parametrize("name", ["empty.pb", "empty.tfrecord", "empty.pbtxt"])
def test_an_empty_file_is_no_statistics(
    name: str, statistics: statistics_pb2.DatasetFeatureStatisticsList, tmp_path: Path
) -> None:
    """An interrupted upload is named, and counts as no shard."""
    (tmp_path / name).touch()
    (tmp_path / "full.pb").write_bytes(statistics.SerializeToString())
    for use in (statistics_of, load_statistics):
        with pytest.raises(UsageError, match=f"{name}' is empty and holds no statistics"):
            use(str(tmp_path / name))
    (tmp_path / "table.csv").write_text("colour\nred\n")
    for command in (("merge", name, "full.pb", "-o", "out"), ("stats", "table.csv", "-o", "out", "--compare", name)):
        done = kfx(tmp_path, *command)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert f"{name}' is empty" in done.stderr
        assert not (tmp_path / "out").exists()


def test_a_list_without_data_sets_is_no_statistics(tmp_path: Path) -> None:
    """It parses, and there is nothing in it."""
    (tmp_path / "nothing.tfrecord").write_bytes(tfrecord.record(b""))
    with pytest.raises(UsageError, match=r"nothing\.tfrecord' holds no statistics: there is no data set in it"):
        artifact.load(tmp_path / "nothing.tfrecord")


def test_a_folder_of_statistics_is_no_table(tmp_path: Path) -> None:
    """`kfx stats` says what shows it, and `kfx show` does, as `kfx stats --format` showed it."""
    (tmp_path / "table.csv").write_text("colour,size\nred,1\nblue,2\n")
    first = kfx(tmp_path, "stats", "table.csv", "-o", "out", "--format", "text")
    for given in ("out", "out/stats.pb"):
        again = kfx(tmp_path, "stats", given, "--format", "text")
        assert (again.returncode, again.stdout) == (2, "")
        assert f"kfx show {given}" in again.stderr
    shown = kfx(tmp_path, "show", "out")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "All rows: 2 rows, 2 features" in shown.stdout
    assert shown.stdout in first.stdout
    as_json = kfx(tmp_path, "show", "out/stats.tfrecord", "--format", "json")
    assert as_json.stdout == kfx(tmp_path, "stats", "table.csv", "--format", "json").stdout
    assert kfx(tmp_path, "show", "none").returncode == 2


def test_a_file_that_cannot_be_read_is_named() -> None:
    """Telling statistics from tables reads a file before anything else does."""
    address = "/proc/self/mem"  # a file of any user's, whose first byte nobody can read
    if not Path(address).is_file():
        absent(f"there is no {address}")
    with pytest.raises(UsageError, match=f"{address} cannot be opened"):
        statistics_of(address)


def test_records_of_examples_are_neither_statistics_nor_a_schema() -> None:
    """Other TFRecord files than those of statistics hold many records, or one of something else."""
    assert contents.kind(tfrecord.record(b"one") + tfrecord.record(b"two")) is None
    assert contents.kind(tfrecord.record(b"\x0a\x02\x08\x01")) is None


def test_a_table_with_braces_is_still_a_table(tmp_path: Path) -> None:
    """Columns may have any names, those of a proto's fields as well."""
    (tmp_path / "table.csv").write_text('feature,datasets\n{"a": 1},2\n')
    assert len(statistics_of(str(tmp_path / "table.csv")).datasets[0].features) == 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"# mine\nfeature {}", True),
        (b'feature { name: "a" } # the key', True),
        (b'feature { name: "#1" }', False),
        (b'feature { name: "\\"#1" }', False),
        (b"feature { name: '#' type: INT }", False),
        (b"\x0a\x05\x0a\x03#12", False),
    ],
)
def test_comments_are_told_from_values(content: bytes, expected: bool) -> None:
    """A number sign inside a value is none."""
    assert contents.has_comments(content) is expected
