"""gs:// sources through gcsfs on fake-gcs-server; the refusals it cannot give, on a double."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from kfx.errors import PermanentError, UsageError
from kfx.stats.sources import open_source
from tests.google.refusing import Refusing
from tests.loopback import serving

CSV = b"a,b\n1,x\n2,\n"
ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def _parquet() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2], "b": ["x", None]}), stream)
    return stream.getvalue()


def _rows(uri: str) -> list[dict[str, Any]]:
    return pa.Table.from_batches(open_source(uri).batches()).to_pylist()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", CSV),
        ("t.csv.gz", gzip.compress(CSV)),
        ("t.parquet", _parquet()),
        ("t.jsonl", b'{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n'),
    ],
)
def test_each_format(bucket: Any, name: str, content: bytes) -> None:
    """An object reads as a local file of its format does."""
    bucket.blob(f"d/{name}").upload_from_string(content)
    assert _rows(f"gs://{bucket.name}/d/{name}") == ROWS


@pytest.mark.parametrize("uri", ["gs://{}/d/*.csv", "gs://{}/d/", "gs://{}/**/*.csv"])
def test_globs_and_prefixes(bucket: Any, uri: str) -> None:
    """A glob or a prefix is every object it matches, in the order of the names; markers are no data."""
    for name in ("d/2.csv", "d/1.csv"):
        bucket.blob(name).upload_from_string(CSV)
    bucket.blob("d/_SUCCESS").upload_from_string(b"")
    assert _rows(uri.format(bucket.name)) == ROWS * 2


@pytest.mark.parametrize("uri", ["gs://{}/none.csv", "gs://{}/none/*.csv", "gs://{}/none/", "gs://no-such-bucket/x"])
def test_what_is_not_there(bucket: Any, uri: str) -> None:
    """An object, glob, prefix or bucket that does not exist is an error of the user with its URI."""
    named = uri.format(bucket.name)
    with pytest.raises(UsageError, match=named.replace("*", r"\*")):
        open_source(named)


def test_a_pattern_that_is_no_glob(bucket: Any) -> None:
    """What the client does not take as a pattern is the user's error, in one sentence."""
    with pytest.raises(UsageError, match=r"\*\*\.json' is no glob that .*'\*\*' can only be an entire path component"):
        open_source(f"gs://{bucket.name}/d/**.json")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_command_ends_without_a_word_of_gcsfs(bucket: Any, tmp_path: Path, suffix: str) -> None:
    """Every object is closed, so that nothing is still being fetched when the program ends."""
    table = pa.table({name: np.random.default_rng(at).normal(size=300_000) for at, name in enumerate("abcd")})
    stream = io.BytesIO()
    pq.write_table(table, stream) if suffix == "parquet" else pacsv.write_csv(table, stream)
    bucket.blob(f"t.{suffix}").upload_from_string(stream.getvalue())
    command = [
        sys.executable,
        "-m",
        "kfx.cli.main",
        "stats",
        f"gs://{bucket.name}/t.{suffix}",
        "-o",
        str(tmp_path / "made"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "300,000 rows, 4 features, 0.00 % of cells missing.\n")


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Refusing]:
    with serving(Refusing()) as double:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", double.url)
        yield double


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (403, r"it takes roles/storage\.objectViewer on the bucket"),
        (401, "Sign in: gcloud auth application-default login"),
    ],
)
@pytest.mark.parametrize("uri", ["gs://b/x.csv", "gs://b/*.csv"])
def test_refusals(refusing: Refusing, status: int, says: str, uri: str) -> None:
    """No permission and no credentials each have their sentence, with the role or the command."""
    refusing.answers = [(status, "the caller does not have storage.objects.get access", "forbidden")]
    with pytest.raises(PermanentError, match=says):
        open_source(uri)
