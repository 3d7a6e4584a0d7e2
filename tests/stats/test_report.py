"""The report, opened in a real browser."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from kfx.stats.artifact import side_by_side
from kfx.stats.engines import engine
from kfx.stats.generate import silent
from kfx.stats.options import StatsOptions
from kfx.stats.report import render
from kfx.stats.sources._memory import MemoryTable
from tests.conftest import require_module, require_program

from .browser import Browser

NASTY = "</script><script>window.owned=1</script><img src=x onerror='window.owned=1'>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = require_program("chromium", "chromium-browser", "google-chrome")
    require_module("websocket")
    with Browser(program) as running:
        yield running


def page(folder: Path, columns: dict[str, object], title: str = "Customers") -> Path:
    statistics = engine("arrow")(MemoryTable("t", pa.table(columns)), StatsOptions(), silent)
    path = folder / "report.html"
    path.write_text(render(statistics, title), encoding="utf-8")
    return path


def customers() -> dict[str, object]:
    return {
        "age": [i % 70 + 18 for i in range(500)],
        "income": [float(i * i) if i else math.inf for i in range(500)],
        "seen": [dt.datetime(2026, 1, 1) + dt.timedelta(hours=i) for i in range(500)],
        "plan": [("free", "pro", "team")[min(i % 20 // 9, 2)] for i in range(500)],
        "email": [f"person{i}@example.org" for i in range(500)],
        "gone": pa.nulls(500, pa.string()),
        "often_missing": [None if i % 3 else 1.5 * i for i in range(500)],
        "active": [i % 4 > 0 for i in range(500)],
        "tags": [["new"] * (i % 3) for i in range(500)],
        "home": [{"city": "Lyon", "zip": i} for i in range(500)],
    }


VISIBLE = "[...document.querySelectorAll('.feature .name b')].map(n => n.textContent)"


def test_page_shows_every_feature_without_complaint_or_network(browser: Browser, tmp_path: Path) -> None:
    """Every feature has a row, the console stays silent, and the file itself is the only thing loaded."""
    browser.open(page(tmp_path, customers()))
    assert browser.run("document.title") == "Customers"
    assert browser.run(VISIBLE) == [
        "age", "income", "seen", "plan", "email", "gone", "often_missing", "active", "tags", "home", "home \u203a city",
        "home \u203a zip",
    ]  # fmt: skip
    assert browser.run("document.querySelector('#overview dd').textContent") == "500"
    assert browser.complaints == []
    assert [url for url in browser.requests if not url.startswith("file:")] == []


def test_worst_problems_come_first(browser: Browser, tmp_path: Path) -> None:
    """What is likely a fault stands above what may be one, and a click opens the feature."""
    browser.open(page(tmp_path, customers()))
    lines = browser.run("[...document.querySelectorAll('#problem-list li')].map(n => n.textContent)")
    assert lines[:3] == [
        "income holds 1 infinite value", "gone has no value at all", "often_missing is missing in 66.6 % of rows",
    ]  # fmt: skip
    browser.run("document.querySelector('#problem-list a').click()")
    assert browser.run("document.querySelector('.open .name b').textContent") == "income"


def test_search_type_and_order(browser: Browser, tmp_path: Path) -> None:
    """Search finds names and values, the type filter keeps one type, the order follows the choice."""
    browser.open(page(tmp_path, customers()))

    def enter(control: str, event: str, text: str) -> None:
        browser.run(f"{{const c = document.getElementById('{control}'); c.value = '{text}';"
                    f" c.dispatchEvent(new Event('{event}'))}}")  # fmt: skip

    enter("search", "input", "PERSON99")
    assert browser.run(VISIBLE) == ["email"]
    enter("search", "input", "nothing like this")
    assert browser.run(VISIBLE) == []
    assert browser.run("document.getElementById('nothing').hidden") is False
    enter("search", "input", "")
    enter("type", "change", "string")
    assert browser.run(VISIBLE) == ["plan", "email", "gone", "tags", "home \u203a city"]
    enter("type", "change", "")
    enter("sort", "change", "missing")
    assert browser.run(VISIBLE)[:2] == ["gone", "often_missing"]
    enter("sort", "change", "name")
    assert browser.run(VISIBLE)[:2] == ["active", "age"]
    assert browser.complaints == []


def test_details_and_histogram_switches(browser: Browser, tmp_path: Path) -> None:
    """Opening all draws a chart for each numeric feature; quantile edges and log heights redraw it."""
    browser.open(page(tmp_path, customers()))
    browser.run("document.getElementById('expand').click()")
    assert browser.run("document.querySelectorAll('.detail').length") == 12
    size = "r => r.getAttribute('width') + r.getAttribute('height')"
    shape = f"[...document.querySelectorAll('#f0 .chart rect.mark')].map({size})"
    plain = browser.run(shape)
    assert len(plain) == 10
    browser.run("document.getElementById('log').click()")
    logarithmic = browser.run(shape)
    assert logarithmic != plain
    browser.run("document.querySelector('[data-buckets=quantiles]').click()")
    assert browser.run(shape) != logarithmic
    figures = browser.run("[...document.querySelectorAll('#f0 .figures td')].map(n => n.textContent)")
    assert figures[:2] == ["500", "0"]
    assert "2026-01-01 00:00:00" in browser.run("document.querySelector('#f2 .figures').textContent")
    assert browser.complaints == []


def test_names_and_values_from_the_data_are_text(browser: Browser, tmp_path: Path) -> None:
    """Markup in names, values and the title is shown as it is and never runs."""
    path = page(
        tmp_path, {NASTY: [NASTY, "{{style}}"], "{{data}}": ["<!--", "\u2028\u202e"]}, title=f"{{{{data}}}}{NASTY}"
    )
    browser.open(path)
    browser.run("document.getElementById('expand').click()")
    assert browser.run("window.owned") is None
    assert browser.run(VISIBLE) == [NASTY, "{{data}}"]
    assert browser.run("document.querySelector('h1').textContent") == f"{{{{data}}}}{NASTY}"
    assert NASTY in browser.run("document.querySelector('#f0 .top').textContent")
    assert browser.complaints == []


def test_phone_needs_no_sideways_scrolling(browser: Browser, tmp_path: Path) -> None:
    """At the width of a phone nothing is wider than the screen, closed or open."""
    browser.open(page(tmp_path, {**customers(), "a_very_long_name_" * 8: ["x" * 300] * 500}), width=360, height=740)
    for _ in range(2):
        assert browser.run("document.documentElement.scrollWidth") <= 360
        browser.run("document.getElementById('expand').click()")


def test_two_hundred_columns_stay_under_a_megabyte(browser: Browser, tmp_path: Path) -> None:
    """Two hundred columns, half of them with long strings, make a page below 1 MB."""
    columns: dict[str, object] = {f"number_{i}": [j * 1.37 + i for j in range(60)] for i in range(100)}
    columns |= {f"text_{i}": [f"{j} {'long value ' * 8}" for j in range(60)] for i in range(100)}
    path = page(tmp_path, columns)
    assert path.stat().st_size < 1_000_000
    browser.open(path)
    assert browser.run("document.querySelectorAll('.feature').length") == 200


def test_two_data_sets_side_by_side(browser: Browser, tmp_path: Path) -> None:
    """Two data sets share every row and chart, in colours of their own; a feature only one has is shown too."""
    compute = engine("arrow")
    one, other = (
        compute(MemoryTable("t", pa.table(columns)), StatsOptions(), silent)
        for columns in ({"x": [1.0, 2, 3], "s": ["a", "b", "b"]}, {"x": [2.0, 4, 9], "new": [1, 2, None]})
    )
    path = tmp_path / "report.html"
    path.write_text(render(side_by_side({"this": one, "last week": other}), "Compared"), encoding="utf-8")
    browser.open(path)
    browser.run("document.getElementById('expand').click()")
    assert browser.run(VISIBLE) == ["x", "s", "new"]
    assert browser.run("[...document.querySelectorAll('#f0 thead th')].map(n => n.textContent)") == [
        "this",
        "last week",
    ]
    assert browser.run("document.querySelectorAll('#f0 .chart .step.line0').length") > 0
    assert browser.run("document.querySelectorAll('#f0 .chart .step.line1').length") > 0
    assert browser.complaints == []


def test_empty_table_and_no_columns(browser: Browser, tmp_path: Path) -> None:
    """A table without rows, and one without columns, still make a page."""
    browser.open(page(tmp_path, {"a": pa.array([], pa.int64()), "s": pa.array([], pa.string())}))
    browser.run("document.getElementById('expand').click()")
    assert browser.run(VISIBLE) == ["a", "s"]
    browser.open(page(tmp_path, {}))
    assert browser.run(VISIBLE) == []
    assert browser.complaints == []


def test_data_cannot_end_the_script_element() -> None:
    """In the page's source the data holds no angle bracket that could close its element."""
    table = pa.table({NASTY: [NASTY]})
    statistics = engine("arrow")(MemoryTable("t", table), StatsOptions(), silent)
    source = render(statistics, NASTY)
    start = source.index('id="data">') + len('id="data">')
    assert "<" not in source[start : source.index("</script>", start)]
    assert source.count("<script") == 2
