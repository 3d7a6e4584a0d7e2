"""Vertex AI on loopback: a dataset, and trainings that walk through the states a test gives them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from google_double import serve
from training_double import TrainingDouble


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[TrainingDouble]:
    double = TrainingDouble()
    double.add_routes()
    server = serve(double)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", double.url)
    yield double
    server.shutdown()
    server.server_close()
