"""Servers that cannot be reached, and no credentials: one sentence, without a client library's own text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kfx.errors import TransientError, UsageError
from kfx.stats.sources import open_source
from kfx.unreachable import unreachable
from tests.conftest import require_module
from tests.google.refusing import Refusing
from tests.loopback import serving


def test_a_bucket_without_credentials_is_one_line(tmp_path: Path) -> None:
    """`kfx stats gs://` names the command that signs in, asks nobody and prints no traceback."""
    require_module("gcsfs")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "STORAGE_"))}
    environment = {**kept, "HOME": str(tmp_path), "CLOUDSDK_CONFIG": str(tmp_path), "NO_GCE_CHECK": "true"}
    command = [sys.executable, "-m", "kfx.cli.main", "stats", "gs://bk/t.csv"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: There are no Google Cloud credentials here. Sign in: gcloud auth application-default login\n"
    )


@pytest.mark.parametrize("uri", ["gs://", "gs:///x.csv", "gs://bucket", "gs://b*/x.csv"])
def test_an_address_without_an_object(uri: str) -> None:
    """What names no object is refused by its form, before anybody is asked."""
    with pytest.raises(UsageError, match=r"names no object. Write gs://BUCKET/PATH"):
        open_source(uri)


def test_a_storage_server_that_is_away(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """The sentence has the host and the system's reason; gcsfs' tracebacks do not come beside it."""
    require_module("gcsfs")
    monkeypatch.setattr("gcsfs.retry.min", lambda *_: 0, raising=False)  # its pauses, half a minute together
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    with pytest.raises(TransientError) as caught:
        open_source("gs://bk/t.csv")
    assert str(caught.value) == (
        "Cloud Storage did not answer for 'gs://bk/t.csv': 127.0.0.1:9 cannot be reached (Connection refused). "
        "Try again later."
    )
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("seconds", [0.5, 0])
def test_bigquery_that_is_away(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Whether or not the client tried again, the sentence tells the reason and not the client's time limit."""
    require_module("google.cloud.bigquery")
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr("kfx.stats.sources._bigquery.RETRY_S", seconds)
    with pytest.raises(TransientError) as caught:
        open_source("bq://p.d.t")
    assert str(caught.value) == (
        "BigQuery did not answer for 'bq://p.d.t': 127.0.0.1:9 cannot be reached (Connection refused). Try again later."
    )


def test_bigquery_that_stays_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server said last is told, as a sentence of its own."""
    require_module("google.cloud.bigquery")
    monkeypatch.setattr("kfx.stats.sources._bigquery.RETRY_S", 0.5)
    with serving(Refusing()) as double:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.url)
        double.answers = [(503, "Visibility check was unavailable.", "backendError")]
        with pytest.raises(TransientError, match=r"'bq://p\.d\.t': Visibility check was unavailable\. Try again"):
            open_source("bq://p.d.t")


def test_an_error_of_another_kind_is_not_explained() -> None:
    """A missing file is no matter of the network."""
    assert unreachable(FileNotFoundError(2, "No such file")) == ""
