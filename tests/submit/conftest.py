"""The Google APIs on loopback, and a project folder with nobody's settings."""

from __future__ import annotations

import importlib
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
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory without settings in the environment; what a command exports there goes with it.

    Components take their image when they are imported, so that is done before a command names another one.
    """
    importlib.import_module("kfx.components")
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    for name in before:
        if name.startswith(("KFX_", "BASE_KFX_", "GOOGLE_CLOUD_")) and not name.startswith(
            ("KFX_TEST_", "KFX_REQUIRE_")
        ):
            del os.environ[name]
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)
