"""Several data sets in one report: two side by side, and many slices."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kfx.errors import UsageError
from kfx.stats.artifact import metrics, side_by_side, with_others
from kfx.stats.options import Slice, StatsOptions
from kfx.stats.report import text
from kfx.stats.report.changes import changes, difference
from kfx.stats.report.feature import feature_model
from kfx.stats.report.model import page_model

from .browser import Browser
from .pages import OPEN_ALL, VISIBLE, statistics, write_page

NAMES = "[...document.querySelectorAll('#f0 .figures thead th')].map(n => n.textContent)"


def model(values: Any) -> dict[str, Any]:
    """Returns one column's figures as the report has them."""
    (dataset,) = statistics({"x": values}).datasets
    return feature_model(dataset.features[0], dataset.num_examples)


def told(this: Any, other: Any) -> list[str]:
    """Returns what the report says changed between two columns."""
    return [finding.text for finding in changes(model(this), model(other), "last week")]


def test_two_data_sets_side_by_side(browser: Browser, tmp_path: Path) -> None:
    """Two data sets share every row and chart, in colours of their own; a feature only one has is shown too."""
    one = statistics({"x": [1.0, 2, 3], "s": ["a", "b", "b"]})
    other = statistics({"x": [2.0, 4, 9], "new": [1, 2, None]})
    browser.open(write_page(tmp_path, side_by_side({"this": one, "last week": other})))
    browser.run(OPEN_ALL)
    assert browser.run(VISIBLE) == ["x", "s", "new"]
    assert browser.run(NAMES) == ["this", "last week"]
    for colour in (0, 1):
        assert browser.run(f"document.querySelectorAll('#f0 .chart .step.line{colour}').length") == 1
    assert browser.run("[...document.querySelectorAll('#datasets tbody th')].map(n => n.textContent)") == [
        "this", "last week",
    ]  # fmt: skip
    assert "not there" in browser.run("document.querySelector('#f2 .cell').textContent")
    keys = "[...document.querySelectorAll('#f0 .cell:not(.miss) .key')].map(n => n.getBoundingClientRect().width)"
    assert browser.run(keys) == [9, 9, 9, 9]
    assert browser.complaints == []


def test_top_values_of_two_data_sets_stand_in_one_table(browser: Browser, tmp_path: Path) -> None:
    """A value has one line with its share in each data set; 0 where the list is complete, a dash where it is cut."""
    few = statistics({"s": ["a"] * 6 + ["b"] * 4})
    many = statistics({"s": ["a"] * 50 + [f"v{i}" for i in range(50)]})
    browser.open(write_page(tmp_path, side_by_side({"this": few, "other": many})))
    browser.run(OPEN_ALL)
    lines = "[...document.querySelectorAll('#f0 .top tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    rows = {name: shares for name, _, *shares in browser.run(lines)}
    assert rows["a"] == ["60.0 %", "50.0 %"]
    assert rows["b"] == ["40.0 %", "\u2013"]
    assert rows["v9"] == ["0 %", "1.0 %"]


def test_log_scale_works_on_shares(browser: Browser, tmp_path: Path) -> None:
    """Comparisons draw shares, which are all below 1, and the logarithmic scale redraws them too."""
    one, other = statistics({"x": [0.0] * 90 + [9.0] * 10}), statistics({"x": [0.0] * 50 + [9.0] * 50})
    browser.open(write_page(tmp_path, side_by_side({"this": one, "other": other})))
    browser.run(OPEN_ALL)
    shape = "document.querySelector('#f0 .chart .step').getAttribute('d')"
    linear = browser.run(shape)
    browser.run("document.getElementById('log').click()")
    assert browser.run(shape) != linear


def test_what_differs_most_comes_first_when_asked(browser: Browser, tmp_path: Path) -> None:
    """The order "most different" puts a shifted feature above one that stayed."""
    one = statistics({"same": list(range(100)), "moved": list(range(100))})
    other = statistics({"same": list(range(100)), "moved": list(range(60, 160))})
    browser.open(write_page(tmp_path, side_by_side({"this": one, "other": other})))
    browser.run(
        "{const c = document.getElementById('sort'); c.value = 'difference'; c.dispatchEvent(new Event('change'))}"
    )
    assert browser.run(VISIBLE) == ["moved", "same"]


def test_many_slices_are_a_table_with_a_line_each(browser: Browser, tmp_path: Path) -> None:
    """More data sets than one chart can hold get a line and a small picture each, and a matrix of shares."""
    table = {"plan": [f"p{i % 9}" for i in range(900)], "x": list(range(900))}
    shown = statistics(table, StatsOptions(slice_features=(Slice.parse("plan"),)))
    browser.open(write_page(tmp_path, shown))
    browser.run(OPEN_ALL)
    assert browser.run("document.querySelectorAll('#f1 .across tbody tr').length") == 10
    assert browser.run("document.querySelectorAll('#f1 .across .spark').length") == 10
    assert "the first 8 data sets" in browser.run("document.querySelector('#f0 .pictures .caption').textContent")
    assert browser.run("document.querySelectorAll('#datasets tbody tr').length") == 8
    browser.run("document.querySelector('#datasets .more').click()")
    assert browser.run("document.querySelectorAll('#datasets tbody tr').length") == 10
    assert browser.complaints == []


def test_what_data_sets_have_in_common_is_told_once() -> None:
    """A finding that several data sets share is one line, with the data sets that have it."""
    gone = statistics({"gone": pa.nulls(300, pa.string())})
    shown = page_model(side_by_side({"a": gone, "b": gone, "c": gone}), "")
    assert shown["features"][0]["findings"] == [[3, "has no value at all", [0, 1, 2]]]


@pytest.mark.parametrize("by", ["plan", "plan=p1"])
def test_what_slicing_makes_is_no_fault(by: str) -> None:
    """That a slice has one value of its column, or its rows alone, is no finding; what the whole table has is one."""
    table = {"plan": [f"p{i % 3}" for i in range(300)], "city": [f"c{i % 3}" for i in range(300)],
             "gone": pa.nulls(300, pa.string())}  # fmt: skip
    shown = statistics(table, StatsOptions(slice_features=(Slice.parse(by),)))
    assert len(shown.datasets) in {2, 4}
    told = {feature["path"][0]: feature["findings"] for feature in page_model(shown, "")["features"]}
    assert told == {"plan": [], "city": [], "gone": [[3, "has no value at all", []]]}
    assert text.tables(shown).count("Worth a look") == 1
    assert "one value only" not in text.tables(shown)


def test_the_whole_table_is_found_wherever_it_stands(browser: Browser, tmp_path: Path) -> None:
    """TFDV may write slices first: page, comparison, text and metrics still take the data set of all rows."""
    table = {"plan": [f"p{i % 4}" for i in range(400)], "x": list(range(400))}
    made = statistics(table, StatsOptions(slice_features=(Slice.parse("plan"),)))
    turned = type(made)(datasets=reversed(made.datasets))
    assert metrics(turned) == metrics(made)
    joined = with_others(turned, {"last": turned})
    assert [dataset.num_examples for dataset in joined.datasets] == [400, 400]
    assert text.tables(turned).splitlines()[0] == "All Examples: 400 rows, 2 features"
    browser.open(write_page(tmp_path, turned))
    first = browser.run("[...document.querySelectorAll('#datasets tbody tr')].map(r => r.cells[0].textContent)")
    assert first == ["All Examples", "plan_p3", "plan_p2", "plan_p1", "plan_p0"]


def test_changes_of_weighted_statistics_are_told_by_weight() -> None:
    """Where both tables have weights, what moved and how far is by weight; the page's figures count rows as before."""
    options = StatsOptions(weight_feature="w")
    even, odd = (statistics({"c": ["a", "b"] * 500, "w": [1.0, heavy] * 500}, options) for heavy in (1.0, 9.0))
    shown = page_model(side_by_side({"this": odd, "last": even}), "")["features"][0]
    assert shown["difference"] == pytest.approx(0.4)
    assert [text for _, text, _ in shown["findings"]] == ["has the value 'b' in 90 % of its weight, but 50 % in last"]
    assert [model["top"] for model in shown["of"]] == [[["b", 500], ["a", 500]]] * 2
    assert all("plain" not in model and model["weighted"] for model in shown["of"])


def test_slices_alone_are_not_taken_for_a_table() -> None:
    """A list without a data set of all rows has no metrics and cannot be compared; nor can one without a name."""
    table = {"plan": [f"p{i % 4}" for i in range(400)]}
    made = statistics(table, StatsOptions(slice_features=(Slice.parse("plan"),)))
    slices = type(made)(datasets=made.datasets[1:])
    with pytest.raises(UsageError, match="no data set of all rows"):
        metrics(slices)
    with pytest.raises(UsageError, match=r"'last' cannot be compared.*no data set of all rows, which is named 'All"):
        with_others(made, {"last": slices})
    for name in ("", "All Examples"):
        with pytest.raises(UsageError, match="is no name"):
            with_others(made, {name: made})


def test_changes_say_what_moved_and_from_where() -> None:
    """Missing values, shares of values, types and absent features are told with both sides' figures."""
    assert told([None] * 300 + [1.0, 2] * 350, [1.0, 2] * 500) == ["is missing in 30 % of rows, but 0 % in last week"]
    assert told(["a"] * 300 + ["b"] * 700, ["a"] * 800 + ["b"] * 200) == [
        "has the value 'a' in 30 % of its values, but 80 % in last week"
    ]
    assert told(["1"], [1]) == ["is string, but integer in last week"]
    assert told([float(i) for i in range(1000)], [float(i + 500) for i in range(1000)]) == [
        "is distributed differently from last week, by at least 50 % of values"
    ]
    assert [finding.text for finding in changes(None, model([1]), "last week")] == ["is only in last week"]
    assert [finding.text for finding in changes(model([1]), None, "last week")] == ["is not in last week"]


@pytest.mark.parametrize("rows", [50, 500, 5000])
def test_samples_of_one_distribution_do_not_differ(rows: int) -> None:
    """Two samples from the same numbers, counts and words are told to differ at no size."""
    chance = np.random.default_rng(rows)
    for draw in (
        lambda: chance.normal(0, 1),
        lambda: int(chance.exponential(1)),
        lambda: str(chance.choice(list("abcdefghij"))),
    ):
        assert told([draw() for _ in range(rows)], [draw() for _ in range(rows)]) == []


# Numbers that stand at edges of buckets: tenths, whose sums round.
COLUMN = st.lists(st.integers(-5, 40).map(lambda n: n / 10), min_size=1, max_size=80)


@settings(deadline=None)
@given(COLUMN, COLUMN)
@example([0.2, 0.4, 0.6, 4.2, 0.4, 0.4, 2.8, 0.7, 1.9, 0.5, 0.3, 1.1, 0.3, 0.6, 0.3], [1.7, 0.6, 1.2, 1.2, 1.1, 0.1])
def test_the_difference_is_never_more_than_the_true_one(one: list[float], other: list[float]) -> None:
    """Bounds from histograms are safe: the true largest distance of the distributions is at least what is told."""
    points = [*one, *other, math.inf]
    true = max(abs(sum(v < p for v in one) / len(one) - sum(v < p for v in other) / len(other)) for p in points)
    assert difference(model(one), model(other)) <= true + 1e-9
    assert difference(model(one), model(one)) == 0


def test_difference_finds_most_of_a_shift() -> None:
    """Ten buckets see a shift of a standard deviation, whose true distance is 0.38, to within a bucket."""
    chance = np.random.default_rng(1)
    one, other = ([chance.normal(mean, 1) for _ in range(20_000)] for mean in (0, 1))
    assert 0.25 < difference(model(one), model(other)) <= 0.39


def test_others_need_names_of_their_own() -> None:
    """The statistics looked at are called "this", so no other may be."""
    one = statistics({"x": [1]})
    with pytest.raises(UsageError, match="'this' names"):
        with_others(one, {"this": one})
    assert [d.name for d in with_others(one, {"a": one, "b": one}).datasets] == ["this", "a", "b"]
