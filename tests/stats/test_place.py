"""Small files by their address: whole or not at all, whoever writes at the same time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kfx.errors import PermanentError, UsageError
from kfx.stats import place
from kfx.stats.schema.files import load_schema, load_statistics, save_schema
from kfx.stats.schema.infer import infer_schema

from .golden.cases import COLOURS, one, text

WRITER = """
import sys
from kfx.stats import place
for _ in range(50):
    place.write(sys.argv[1], sys.argv[2].encode() * 200_000)
"""


def test_a_reader_sees_one_writer_s_whole_file_whoever_writes_at_the_same_time(tmp_path: Path) -> None:
    """Two processes store at one place, as two runs that end together; every reading is one of theirs, whole."""
    address = str(tmp_path / "accepted" / "stats.pb")
    place.write(address, b"a" * 200_000)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, address, letter]) for letter in "ab"]
    while any(writer.poll() is None for writer in writers):
        assert place.read(address) in (b"a" * 200_000, b"b" * 200_000)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert [path.name for path in (tmp_path / "accepted").iterdir()] == ["stats.pb"]


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """Neither a missing file nor a missing folder is an error: there is a first run."""
    assert place.read(str(tmp_path / "none" / "stats.pb")) is None
    assert load_statistics(str(tmp_path / "none")) is None


def test_a_folder_and_a_foreign_scheme_are_refused(tmp_path: Path) -> None:
    """With what the address is."""
    with pytest.raises(UsageError, match="is a folder"):
        place.read(str(tmp_path))
    for use in (lambda: place.read("s3://b/x"), lambda: place.write("s3://b/x", b"")):
        with pytest.raises(UsageError, match=r"s3://b/x.*gs://"):
            use()


def test_what_cannot_be_written_says_so_and_leaves_what_was(tmp_path: Path) -> None:
    """A file where a folder should be; a folder where the file should be, which the caller named."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder" / "stats.pb").mkdir(parents=True)
    with pytest.raises(PermanentError, match="cannot be written"):
        place.write(str(tmp_path / "file" / "stats.pb"), b"x")
    with pytest.raises(UsageError, match=r"stats\.pb' is a folder; name the file\."):
        place.write(str(tmp_path / "folder" / "stats.pb"), b"x")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["stats.pb"]


def test_a_schema_comes_back_as_it_was_from_text_binary_and_a_folder(tmp_path: Path) -> None:
    """Values of any script stay readable in the text."""
    schema = infer_schema(one(text({**COLOURS, "grün": 1, 'a"b\n': 1}), 102))
    save_schema(schema, str(tmp_path / "schema.pbtxt"))
    (tmp_path / "schema.pb").write_bytes(schema.SerializeToString())
    for address in ("schema.pbtxt", "schema.pb", ""):
        assert load_schema(str(tmp_path / address)) == schema
    assert "grün" in (tmp_path / "schema.pbtxt").read_text(encoding="utf-8")


def test_statistics_are_no_schema(tmp_path: Path) -> None:
    """They parse as one, whose columns have no names."""
    (tmp_path / "stats.pb").write_bytes(one(text(COLOURS)).SerializeToString())
    with pytest.raises(UsageError, match=r"stats\.pb' is no schema: it holds statistics"):
        load_schema(str(tmp_path / "stats.pb"))


@pytest.mark.parametrize(
    ("name", "content"), [("s.pbtxt", b"no schema {"), ("s.pb", b"\xff\xff"), ("s.pbtxt", b"\xff")]
)
def test_a_damaged_schema_is_refused_with_its_name(tmp_path: Path, name: str, content: bytes) -> None:
    """As wrong input: the gate could not look."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=f"{name}.*no schema"):
        load_schema(str(tmp_path / name))
