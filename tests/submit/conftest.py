"""The Google APIs on loopback, and a project folder with nobody's settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from google_double import GoogleDouble, serve


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleDouble]:
    """A running double; Cloud Storage is reached through STORAGE_EMULATOR_HOST as with Google's own clients."""
    double = GoogleDouble()
    server = serve(double)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", double.url)
    yield double
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory without settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("KFX_", "BASE_KFX_", "GOOGLE_CLOUD_"))]:
        monkeypatch.delenv(name)
    return tmp_path
