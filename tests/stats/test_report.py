"""The report of one table, opened in a real browser."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa

from kfx.stats import artifact, bad_rows
from kfx.stats.report import render

from .browser import Browser
from .pages import OPEN_ALL, VISIBLE, customers, page, statistics, write_page

NASTY = "</script><script>window.owned=1</script><img src=x onerror='window.owned=1'>"


def enter(browser: Browser, control: str, event: str, text: str) -> None:
    """Sets a control of the page and tells the page so."""
    browser.run(f"{{const c = document.getElementById('{control}'); c.value = '{text}';"
                f" c.dispatchEvent(new Event('{event}'))}}")  # fmt: skip


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


def test_a_long_list_of_problems_opens_on_demand(browser: Browser, tmp_path: Path) -> None:
    """Eight problems are shown at first, all of them after a click."""
    browser.open(page(tmp_path, {f"c{i}": [1, 1] for i in range(30)}))
    rows = "document.querySelectorAll('#problem-list li').length"
    assert browser.run(rows) == 8
    browser.run("document.querySelector('#problems .more').click()")
    assert browser.run(rows) == 30
    assert browser.run("document.querySelector('#problems .more')") is None


def test_search_filters_and_order(browser: Browser, tmp_path: Path) -> None:
    """Search finds names and values, filters keep a type or what has problems, the order follows the choice."""
    browser.open(page(tmp_path, customers()))
    enter(browser, "search", "input", "PERSON99")
    assert browser.run(VISIBLE) == ["email"]
    enter(browser, "search", "input", "home.zip")
    assert browser.run(VISIBLE) == ["home \u203a zip"]
    enter(browser, "search", "input", "nothing like this")
    assert browser.run(VISIBLE) == []
    assert browser.run("document.getElementById('nothing').hidden") is False
    enter(browser, "search", "input", "")
    enter(browser, "type", "change", "string")
    assert browser.run(VISIBLE) == ["plan", "email", "gone", "tags", "home \u203a city"]
    enter(browser, "show", "change", "problems")
    assert browser.run(VISIBLE) == ["gone", "tags", "home \u203a city"]
    enter(browser, "type", "change", "")
    enter(browser, "show", "change", "")
    enter(browser, "sort", "change", "missing")
    assert browser.run(VISIBLE)[:2] == ["gone", "often_missing"]
    enter(browser, "sort", "change", "name")
    assert browser.run(VISIBLE)[:2] == ["active", "age"]
    assert browser.complaints == []


def test_details_and_histogram_switches(browser: Browser, tmp_path: Path) -> None:
    """Opening all draws a chart for each numeric feature; quantile edges and log heights redraw it."""
    browser.open(page(tmp_path, customers()))
    browser.run(OPEN_ALL)
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
    assert figures == ["500", "0", "51.9", "20.442", "18", "24", "52", "80", "87", "0"]
    assert "2026-01-01 00:00:00" in browser.run("document.querySelector('#f2 .figures').textContent")
    assert browser.complaints == []


def test_log_scale_keeps_bars_in_order(browser: Browser, tmp_path: Path) -> None:
    """On the logarithmic scale a bar of one value still shows, and more values never make a lower bar."""
    counts = [1, 3, 40, 1000]
    browser.open(page(tmp_path, {"x": [bucket for bucket, n in enumerate(counts) for _ in range(n)]}))
    browser.run("document.getElementById('log').click()")
    browser.run(OPEN_ALL)
    heights = browser.run("[...document.querySelectorAll('#f0 .chart rect.mark')].map(r => +r.getAttribute('height'))")
    assert len(heights) == 4
    assert heights == sorted(heights)
    assert heights[0] > 5


def test_names_and_values_from_the_data_are_text(browser: Browser, tmp_path: Path) -> None:
    """Markup in names, values and the title is shown as it is and never runs."""
    path = page(
        tmp_path, {NASTY: [NASTY, "{{style}}"], "{{data}}": ["<!--", "\u2028\u202e"]}, title=f"{{{{data}}}}{NASTY}"
    )
    browser.open(path)
    browser.run(OPEN_ALL)
    assert browser.run("window.owned") is None
    assert browser.run(VISIBLE) == [NASTY, "{{data}}"]
    assert browser.run("document.querySelector('h1').textContent") == f"{{{{data}}}}{NASTY}"
    assert NASTY in browser.run("document.querySelector('#f0 .top').textContent")
    assert browser.complaints == []


def test_data_cannot_end_the_script_element() -> None:
    """In the page's source the data holds no angle bracket that could close its element."""
    source = render(statistics({NASTY: [NASTY]}), NASTY)
    start = source.index('id="data">') + len('id="data">')
    assert "<" not in source[start : source.index("</script>", start)]
    assert source.count("<script") == 2


def test_rows_that_could_not_be_read_are_told(browser: Browser, tmp_path: Path) -> None:
    """Skipped rows are counted in the overview, and their places head what is worth a look."""
    shown = statistics({"x": [1, 2, 3]})
    bad_rows.note(shown.datasets[0], 7, ["row 2 of a.csv: 3 fields, not 2", "row 9 of a.csv: <b>"])
    browser.open(write_page(tmp_path, shown))
    assert "7 bad rows skipped" in browser.run("document.getElementById('overview').textContent")
    first = browser.run("document.querySelector('#problem-list li').textContent")
    assert first.startswith("The whole data set lacks 7 rows that could not be read")
    assert "row 9 of a.csv: <b>" in first


def test_two_hundred_columns_stay_under_a_megabyte(browser: Browser, tmp_path: Path) -> None:
    """Two hundred columns, most with 1,000 ranks and long values that are not ASCII, make a page below 1 MB."""
    columns: dict[str, Any] = {f"number_{i}": [j * 1.37 + i for j in range(1000)] for i in range(40)}
    text = [f"{j} {'長い値' * 60}" for j in range(1000)]
    columns |= {f"text_{i}": text for i in range(160)}
    path = page(tmp_path, columns)
    assert path.stat().st_size < 1_000_000
    assert len(gzip.compress(path.read_bytes())) < 300_000
    browser.open(path)
    assert browser.run("document.querySelectorAll('.feature').length") == 200
    browser.run(OPEN_ALL)
    assert browser.run("document.querySelector('#f199 .top td').textContent").startswith("999 長い値")


def test_two_thousand_columns_open_without_drawing_them_all(browser: Browser, tmp_path: Path) -> None:
    """All rows of a wide table are there at once; pictures are only drawn near the window, and on the way down."""
    browser.open(page(tmp_path, {f"c{i}": [i, i + 1, i + 3] for i in range(2000)}))
    assert browser.run("document.querySelectorAll('.feature').length") == 2000
    assert 0 < browser.run("document.querySelectorAll('.spark').length") < 200
    enter(browser, "search", "input", "c1999")
    drawn = "document.querySelectorAll('#f1999 .spark').length"
    assert (
        browser.run(f"(async () => {{ while (!{drawn}) await new Promise(requestAnimationFrame); return {drawn}; }})()")
        == 1
    )
    assert browser.complaints == []


def test_opening_a_long_list_unfolds_what_is_near(browser: Browser, tmp_path: Path) -> None:
    """All of 1,000 features are open at once, but only those near the window are drawn; a jump to one draws it."""
    browser.open(page(tmp_path, {f"c{i}": [i, i + 1, i + 3] for i in range(1000)}))
    browser.run("new Promise(requestAnimationFrame)")
    browser.run(OPEN_ALL)
    assert browser.run("document.querySelectorAll('[aria-expanded=true]').length") == 1000
    assert 0 < browser.run("document.querySelectorAll('.detail').length") < 200
    browser.run("document.getElementById('f999').scrollIntoView()")
    drawn = "document.querySelectorAll('#f999 .chart').length"
    assert browser.run(
        f"(async () => {{ while (!{drawn}) await new Promise(requestAnimationFrame); return {drawn}; }})()"
    )
    browser.run(OPEN_ALL)
    assert browser.run("document.querySelectorAll('.detail').length") == 0


def test_empty_table_and_no_columns(browser: Browser, tmp_path: Path) -> None:
    """A table without rows, one without columns, and a list without data sets still make a page."""
    browser.open(page(tmp_path, {"a": pa.array([], pa.int64()), "s": pa.array([], pa.string())}))
    browser.run(OPEN_ALL)
    assert browser.run(VISIBLE) == ["a", "s"]
    browser.open(page(tmp_path, {}))
    assert browser.run(VISIBLE) == []
    assert browser.complaints == []


def test_a_link_opens_the_page_at_a_feature(browser: Browser, tmp_path: Path) -> None:
    """The fragment names a feature by its path, so that a message can point at it."""
    path = page(tmp_path, customers())
    browser.open(path, fragment="home/zip")
    assert browser.run("document.querySelector('.open .name b').textContent") == "home \u203a zip"
    assert browser.run("document.activeElement.textContent") == "home \u203a zip"


def test_written_report_is_the_rendered_page(tmp_path: Path) -> None:
    """The artifact's report is what `render` makes of the same statistics."""
    shown = statistics({"x": [1, 2]})
    written = artifact.write(shown, tmp_path, "Title")
    assert written[artifact.REPORT].read_text(encoding="utf-8") == render(shown, "Title")
