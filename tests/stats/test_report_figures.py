"""Which figures the report shows of a feature, whoever computed them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import statistics_pb2

from kfx.stats.options import HistogramChoice, StatsOptions

from .browser import Browser
from .pages import OPEN_ALL, page, statistics, write_page

GOLDEN = Path(__file__).with_name("golden")
FIGURES = "[...document.querySelectorAll('#f%d .figures tr')].map(r => [...r.children].map(c => c.textContent))"


def test_approximate_figures_are_marked_with_their_bound(browser: Browser, tmp_path: Path) -> None:
    """Only the figures that are approximate carry the sign, and the bound stands below them."""
    shown = statistics({"x": list(range(100)), "s": [f"v{i % 50}" for i in range(100)]})
    bounds = ("median and quantiles, by up to 0.3 % of ranks", "distinct values and ranks, by up to 2 %")
    for feature, bound in zip(shown.datasets[0].features, bounds, strict=True):
        feature.custom_stats.add(name="approximate", str=bound)
    browser.open(write_page(tmp_path, shown))
    browser.run(OPEN_ALL)
    numbers = dict(browser.run(FIGURES % 0))
    assert {label for label, figure in numbers.items() if "\u2248" in figure} == {"Median", "10 % below", "90 % below"}
    assert browser.run("document.querySelector('#f0 .note').textContent").endswith(bounds[0])
    assert dict(browser.run(FIGURES % 1))["Distinct values"] == "\u2248 50"
    assert "\u2248" in browser.run("document.querySelector('#f1 .extent').textContent")


def test_features_with_other_histograms_are_drawn_as_they_are(browser: Browser, tmp_path: Path) -> None:
    """A feature may have one histogram only, or none: it is drawn from what there is, and its figures are shown."""
    values = [float(i * i) for i in range(100)]
    choices = ("both=standard:20,quantiles:20", "standard=standard:5", "quantiles=quantiles:20", "none=none")
    options = StatsOptions(histograms=tuple(HistogramChoice.parse(choice) for choice in choices))
    columns = dict.fromkeys(("both", "standard", "quantiles", "none"), values)
    browser.open(write_page(tmp_path, statistics(columns, options)))
    browser.run(OPEN_ALL)
    bars = "[0, 1, 2, 3].map(i => document.querySelectorAll(`#f${i} .chart rect.mark`).length)"
    assert browser.run(bars) == [20, 5, 20, 0]
    assert dict(browser.run(FIGURES % 0))["10 % below"] == "100"
    assert "10 % below" not in dict(browser.run(FIGURES % 1))
    assert dict(browser.run(FIGURES % 3))["Mean"] == "3,283.5"
    assert dict(browser.run(FIGURES % 3))["Median"] == "\u2013"
    browser.run("document.querySelector('[data-buckets=quantiles]').click()")
    assert browser.run(bars) == [20, 5, 20, 0]
    assert browser.complaints == []


def test_buckets_can_be_read_as_numbers(browser: Browser, tmp_path: Path) -> None:
    """Every bar's edges, count and share stand in a table that can be opened and copied."""
    browser.open(page(tmp_path, {"x": [0.0, 1, 1, 10]}))
    browser.run(OPEN_ALL)
    rows = browser.run(
        "[...document.querySelectorAll('#f0 .buckets tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    assert len(rows) == 10
    assert rows[:2] == [["0", "1", "1", "25.0 %"], ["1", "2", "2", "50.0 %"]]


def test_weighted_figures_stand_beside_the_plain_ones(browser: Browser, tmp_path: Path) -> None:
    """With a weight feature, the figures by weight are shown too."""
    columns = {"x": [1.0, 3.0, None], "s": ["a", "b", "b"], "w": [3.0, 1.0, 4.0]}
    browser.open(write_page(tmp_path, statistics(columns, StatsOptions(weight_feature="w"))))
    browser.run(OPEN_ALL)
    numbers = dict(browser.run(FIGURES % 0))
    assert (numbers["Mean"], numbers["Mean, weighted"]) == ("2", "1.5")
    assert (numbers["Missing"], numbers["Missing, weighted"]) == ("1  (33.3 %)", "50.0 %")
    assert dict(browser.run(FIGURES % 1))["Most weight"] == "b  (62.5 %)"


def test_statistics_of_ones_own_are_shown(browser: Browser, tmp_path: Path) -> None:
    """A custom statistic that somebody added has a line; those that kfx keeps for merging have none."""
    shown = statistics({"x": list(range(99))}, StatsOptions(mergeable=True))
    shown.datasets[0].features[0].custom_stats.add(name="entropy <b>", num=4.25)
    browser.open(write_page(tmp_path, shown))
    browser.run(OPEN_ALL)
    labels = browser.run("[...document.querySelectorAll('#f0 .figures th')].map(n => n.textContent)")
    assert labels[-1] == "entropy <b>"
    assert not [label for label in labels if label.startswith("merge")]


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.pbtxt")), ids=lambda path: path.stem)
def test_what_tfdv_wrote_makes_a_page_too(browser: Browser, tmp_path: Path, golden: Path) -> None:
    """TFDV's own statistics are shown without complaint, each feature open, in both views and scales."""
    made = text_format.Parse(golden.read_text(encoding="utf-8"), statistics_pb2.DatasetFeatureStatisticsList())
    browser.open(write_page(tmp_path, made))
    browser.run(OPEN_ALL)
    paths = {tuple(feature.path.step) for dataset in made.datasets for feature in dataset.features}
    assert browser.run("document.querySelectorAll('.detail').length") == len(paths)
    for control in ("[data-buckets=quantiles]", "#log", "[data-buckets=standard]"):
        browser.run(f"document.querySelector('{control}').click()")
    drawn = browser.run(
        "[...document.querySelectorAll('svg')].map(n => n.outerHTML.replace(/aria-label=.*?>/, '')).join()"
    )
    assert not {"NaN", "undefined", "Infinity"} & set(re.findall(r"[A-Za-z]+", drawn))
    assert "undefined" not in browser.run("document.querySelector('main').textContent")
    assert browser.complaints == []
