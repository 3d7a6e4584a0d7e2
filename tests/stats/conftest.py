"""The browser that opens reports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import require_module, require_program

from .browser import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all tests that look at a page; its media settings are those of a light screen."""
    program = require_program("chromium", "chromium-browser", "google-chrome")
    require_module("websocket")
    with Browser(program) as running:
        yield running
