"""The Google APIs on loopback, and a project folder with nobody's settings."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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


@pytest.fixture
def registry() -> Iterator[str]:
    """A registry (OCI distribution API) that holds kfx:1.0 and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            found = self.path == "/v2/team/kfx/manifests/1.0"
            self.send_response(200 if found else 404)
            if found:
                self.send_header("Docker-Content-Digest", f"sha256:{'0123456789abcdef' * 4}")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
