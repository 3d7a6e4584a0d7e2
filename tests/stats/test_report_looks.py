"""How the report looks: on a phone, on paper, in light and dark, from the keyboard, to a screen reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from kfx.stats.artifact import side_by_side
from kfx.stats.options import Slice, StatsOptions

from .browser import Browser
from .pages import JOINED, OPEN_ALL, VISIBLE, customers, found, page, statistics, write_page

# The lowest contrast of any text with what is painted behind it (WCAG 2.1's ratio), with that text.
CONTRAST = """(() => {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const pixel = (colours) => {
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.04 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  let worst = [99, ''];
  for (const node of document.querySelectorAll('body *')) {
    const text = [...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data).join('');
    if (!text.trim() || !node.checkVisibility() || ['SCRIPT', 'STYLE', 'OPTION'].includes(node.tagName)) continue;
    const behind = [];
    for (let at = node; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
    const style = getComputedStyle(node);
    const [a, b] = [pixel([...behind, node.closest('svg') ? style.fill : style.color]), pixel(behind)].map(luminance);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, `${node.tagName}.${node.className} ${text}`];
  }
  return worst;
})()"""


def compared(datasets: int) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns `customers()` several times over."""
    one = statistics(customers())
    return side_by_side({f"week {at}": one for at in range(datasets)})


@pytest.fixture(autouse=True)
def _light_screen(browser: Browser) -> None:
    browser.appear()


@pytest.mark.parametrize("datasets", [1, 2, 5])
def test_phone_needs_no_sideways_scrolling(browser: Browser, tmp_path: Path, datasets: int) -> None:
    """At the width of a phone nothing is wider than the screen, closed or open, with anomalies or many data sets."""
    table = {**customers(), "a_very_long_name_" * 8: ["x" * 300] * 500}
    one = statistics(table)
    shown = side_by_side({f"week {at}": one for at in range(datasets)}) if datasets > 1 else one
    browser.open(write_page(tmp_path, shown, "gs://bucket/" + "folder/" * 30, found()), width=360, height=740)
    assert browser.run("document.documentElement.scrollWidth") <= 360
    browser.run(OPEN_ALL)
    assert browser.run("document.documentElement.scrollWidth") <= 360
    assert browser.run("document.querySelector('.top tbody td:last-child').checkVisibility()") or datasets == 1
    smallest = "Math.min(...[...document.querySelectorAll('.chart text')].map(t => t.getBoundingClientRect().height))"
    assert datasets > 3 or browser.run(smallest) > 11


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("datasets", [1, 2, 5])
def test_all_text_has_contrast(browser: Browser, tmp_path: Path, scheme: str, datasets: int) -> None:
    """Every text stands out from its background by at least 4.5 to 1, in both colour schemes."""
    browser.appear(scheme=scheme)
    shown = compared(datasets) if datasets > 1 else statistics(customers())
    browser.open(write_page(tmp_path, shown, "Customers", found()))
    browser.run(OPEN_ALL)
    ratio, text = browser.run(CONTRAST)
    assert ratio >= 4.5, text


def test_dark_follows_the_system_and_can_be_chosen(browser: Browser, tmp_path: Path) -> None:
    """The page is as dark as the system asks, even when that changes, until a button is pressed."""
    paper = "getComputedStyle(document.body).backgroundColor"
    browser.open(page(tmp_path, customers()))
    light = browser.run(paper)
    browser.appear(scheme="dark")
    changed = (
        f"(async () => {{ while ({paper} === '{light}') await new Promise(requestAnimationFrame); return true; }})()"
    )
    assert browser.run(changed)
    browser.run("document.getElementById('theme').click()")
    assert browser.run(paper) == light


@pytest.mark.parametrize("datasets", [1, 2, 5])
def test_paper_shows_everything(browser: Browser, tmp_path: Path, datasets: int) -> None:
    """Printing opens every feature and every list, cuts nothing at the right, and leaves the page as it was."""
    shown = compared(datasets) if datasets > 1 else statistics(customers())
    browser.open(write_page(tmp_path, shown, "Customers", found()), width=688, height=1000)
    browser.appear(medium="print", scheme="dark")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("document.querySelectorAll('.detail').length") == 13
    assert browser.run("document.querySelectorAll('.more').length") == 0
    wide = "[...document.querySelectorAll('.feature, .detail, .wide, #datasets, .figures')]"
    assert browser.run(f"{wide}.filter(n => n.scrollWidth > n.clientWidth + 1).map(n => n.id || n.className)") == []
    assert (
        browser.run("[...document.querySelectorAll('#bar button, #bar select')].filter(n => n.checkVisibility())") == []
    )
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("document.querySelectorAll('.detail').length") == 0
    assert browser.pdf().startswith(b"%PDF")
    assert browser.complaints == []


@pytest.mark.parametrize(("columns", "open_on_paper"), [(200, 200), (201, 0)])
def test_paper_opens_no_more_than_two_hundred(
    browser: Browser, tmp_path: Path, columns: int, open_on_paper: int
) -> None:
    """A list of up to 200 features is printed open, as docs/statistics.md says; a longer one as it is."""
    browser.open(page(tmp_path, {f"c{at}": [at] for at in range(columns)}))
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("document.querySelectorAll('.detail').length") == open_on_paper


def test_cards_are_not_cut_by_the_end_of_a_page(browser: Browser, tmp_path: Path) -> None:
    """On paper no feature is taller than a page, and none is broken across two."""
    browser.open(page(tmp_path, customers()), width=688, height=1000)
    browser.appear(medium="print")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    cards = "[...document.querySelectorAll('.feature')]"
    assert browser.run(f"Math.max(...{cards}.map(n => n.getBoundingClientRect().height))") < 1000
    assert browser.run(f"[...new Set({cards}.map(n => getComputedStyle(n).breakInside))]") == ["avoid"]


def test_the_keyboard_reaches_everything(browser: Browser, tmp_path: Path) -> None:
    """A slash searches, Escape clears, arrows walk from there through the features, Enter opens one and says so."""
    browser.open(page(tmp_path, customers()))
    browser.press("/")
    assert browser.run("document.activeElement.id") == "search"
    for key in "pla":
        browser.press(key)
    assert browser.run(VISIBLE) == ["plan"]
    browser.press("ArrowDown")
    assert browser.run("document.activeElement.closest('.feature').id") == "f3"
    browser.press("ArrowUp")
    assert browser.run("document.activeElement.id") == "search"
    browser.press("Escape")
    assert len(browser.run(VISIBLE)) == 12
    browser.press("ArrowDown")
    browser.press("ArrowDown")
    browser.press("ArrowDown")
    browser.press("ArrowUp")
    assert browser.run("document.activeElement.closest('.feature').id") == "f1"
    browser.press("Enter")
    assert browser.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    assert browser.run("document.getElementById(document.activeElement.getAttribute('aria-controls')) !== null") is True


def test_long_names_are_cut_in_lists(browser: Browser, tmp_path: Path) -> None:
    """On a phone a name of thousands of characters takes a few lines of a list, and is whole in its title and place."""
    name = "".join(f"{at:05}" for at in range(1000))
    anomalies = anomalies_pb2.Anomalies()
    drift = anomalies.drift_skew_info.add()
    drift.path.step.append(name)
    drift.drift_measurements.add(type=anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY, value=0.2, threshold=0.1)
    one = statistics({name: [None, "a", "b"]})
    for others in (1, 5):
        shown = side_by_side({"now": one, **{f"{at}{name}": one for at in range(others)}})
        browser.open(write_page(tmp_path, shown, "Customers", anomalies), width=360, height=740)
        assert browser.run("Math.max(...[...document.querySelectorAll('.found, #datasets tbody tr')]"
                           ".map(n => n.getBoundingClientRect().height))") < 370  # fmt: skip
        for link in ("#drift-list a", "#problem-list a"):
            assert browser.run(f"document.querySelector('{link}').title") == name
        assert browser.run("document.querySelectorAll('#datasets tbody th')[1].title") == f"0{name}"
        browser.run(OPEN_ALL)
        assert browser.run("document.querySelector('#f0 .name b').textContent") == name
        assert (
            browser.run("Math.max(...[...document.querySelectorAll('.detail th')].map(n => n.textContent.length))") < 99
        )
    assert browser.complaints == []


def test_blanks_are_seen_and_joiners_kept(browser: Browser, tmp_path: Path) -> None:
    """A value of blanks alone shows open boxes; emoji and Persian keep the joiners they are written with."""
    values = ["   ", "\N{ZERO WIDTH SPACE}", *JOINED, "a b"]
    browser.open(page(tmp_path, {"x": [value for at, value in enumerate(values) for _ in range(9 - at)]}))
    browser.run(OPEN_ALL)
    shown = browser.run("[...document.querySelectorAll('#f0 .top tbody tr')].map(r => r.cells[0].textContent)")
    assert shown == ["\u2423\u2423\u2423", "\u2426", *JOINED, "a b"]


def test_focus_can_be_seen(browser: Browser, tmp_path: Path) -> None:
    """Whatever the Tab key reaches has an outline."""
    browser.open(page(tmp_path, customers()))
    for _ in range(16):
        browser.press("Tab")
        style = browser.run("getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid", browser.run("document.activeElement.outerHTML.slice(0, 99)")


def test_a_screen_reader_gets_names(browser: Browser, tmp_path: Path) -> None:
    """Controls and pictures have names, severity has words, and headings lead from feature to feature."""
    browser.open(write_page(tmp_path, statistics(customers()), "Customers", found()))
    browser.run(OPEN_ALL)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    spoken = {"button", "combobox", "searchbox", "link", "image", "heading"}
    named = [
        (n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"] and "role" in n
    ]
    assert [role for role, name in named if role in spoken and not name] == []
    assert ("image", "likely a fault") in named
    headings = {name for role, name in named if role == "heading"}
    assert headings >= {"Customers", "Anomalies", "Worth a look", "Features", "age", "home \u203a zip", "phone"}
    charts = [name for role, name in named if role == "image" and name.startswith("Histogram of age")]
    assert charts == ["Histogram of age. 18 to 87, fullest 18 to 24.9 with 11.2 % of values"]


def test_a_wide_table_of_slices_scrolls_in_its_own_frame(browser: Browser, tmp_path: Path) -> None:
    """Many figures of many slices scroll inside the feature and can be reached by keyboard."""
    table = {"x": [i * 1.5 for i in range(400)], "plan": [f"p{i % 4}" for i in range(400)]}
    shown = statistics(table, StatsOptions(slice_features=(Slice.parse("plan"),)))
    browser.open(write_page(tmp_path, shown), width=600)
    browser.run(OPEN_ALL)
    assert browser.run("document.documentElement.scrollWidth") <= 600
    assert (
        browser.run("document.querySelector('.wide').scrollWidth > document.querySelector('.wide').clientWidth") is True
    )
    assert browser.run("document.querySelector('.wide').tabIndex") == 0
