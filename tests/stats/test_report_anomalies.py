"""What validation found, in the report: at the top, on each feature, behind a filter."""

from __future__ import annotations

from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2

from kfx.stats import artifact
from kfx.stats.report.anomalies import anomalies_of_dataset, anomalies_of_features, drift_of_features
from kfx.stats.schema import files
from kfx.stats.schema.compare import WARNINGS, compare
from kfx.stats.schema.findings import findings

from .browser import Browser
from .pages import OPEN_ALL, VISIBLE, customers, found, statistics, write_page

LINES = "[...document.querySelectorAll('#anomaly-list li')].map(n => n.textContent)"


def test_anomalies_head_the_page_errors_first(browser: Browser, tmp_path: Path) -> None:
    """Every anomaly is listed with its descriptions, errors above warnings, and counted in the overview."""
    browser.open(write_page(tmp_path, statistics(customers()), "Customers", found()))
    assert browser.run(LINES) == [
        "plan Unexpected string values Not in the schema: team (~10%).",
        "plan High Linfty distance The distance is 0.2, above the threshold 0.05.",
        "home \u203a zip Out-of-range values 499 > 400.",
        "phone Column dropped Column is completely missing",
        "The whole data set Low num examples There are 500 examples, fewer than 1000.",
        "often_missing Missing values Too few.",
    ]
    assert browser.run("document.querySelector('#overview .bad dd').textContent") == "4 errorsand 2 warnings"
    browser.run("document.querySelector('#anomaly-list a').click()")
    assert browser.run("document.querySelector('.open .name b').textContent") == "plan"
    assert browser.complaints == []


def test_each_feature_bears_its_anomalies(browser: Browser, tmp_path: Path) -> None:
    """A badge stands in the feature's row, the long description and TFDV's name for it in what opens."""
    browser.open(write_page(tmp_path, statistics(customers()), "Customers", found()))
    browser.run(OPEN_ALL)
    assert browser.run("document.querySelector('#f3 .badge').textContent") == "Unexpected string values +1"
    assert browser.run("document.querySelector('#f3 .badge').className") == "badge error"
    assert browser.run("[...document.querySelectorAll('#f3 .detail code')].map(n => n.textContent)") == [
        "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "COMPARATOR_L_INFTY_HIGH",
    ]  # fmt: skip
    assert browser.run("document.querySelector('#f0 .badge')") is None


def test_the_page_says_what_the_gate_says(browser: Browser, tmp_path: Path) -> None:
    """Each reason is the gate's sentence with its severity; the word on the feature never contradicts it."""
    before = statistics({"area": [1.5] * 1000, "colour": ["red"] * 1000})
    now = statistics({"area": [1.5, None] * 500, "colour": ["red"] * 700 + ["blue"] * 300})
    anomalies = compare(now, before)
    lines = findings(anomalies, now, before, WARNINGS)
    files.write(anomalies, lines, tmp_path, "after and before", {"after": now, "before": before})
    browser.open(tmp_path / "report.html")
    assert browser.run(LINES) == [
        "area: null rate of area 0 % -> 50 %",
        "colour: share of 'red' in colour 100 % -> 70 % (L-infinity 0.3, above 0.1)",
        "colour: new value 'blue' in colour (30 % of values)",
    ]
    signs = "[...document.querySelectorAll('#anomaly-list li')].map(n => n.className)"
    assert browser.run(signs) == ["anomaly error", "anomaly error", "anomaly warning"]
    browser.run(OPEN_ALL)
    badges = "[...document.querySelectorAll('.badge')].map(n => n.textContent)"
    assert browser.run(badges)[0] == "Missing values"
    assert browser.run("document.querySelector('#f0 .detail li').textContent").startswith("null rate of area 0 % -> 50")
    told = browser.run("document.body.textContent.replace(document.getElementById('data').textContent, '')")
    assert "schema" not in told.split('"use strict"')[0].lower()
    assert browser.complaints == []


def test_a_missing_column_is_a_feature_too(browser: Browser, tmp_path: Path) -> None:
    """A column that the schema wants and the data lacks has a row that says so."""
    browser.open(write_page(tmp_path, statistics(customers()), "Customers", found()))
    browser.run(OPEN_ALL)
    assert browser.run(VISIBLE)[-1] == "phone"
    assert "not in the data" in browser.run("document.querySelector('#f12').textContent")
    assert browser.run("document.querySelectorAll('#overview dd')[1].firstChild.textContent") == "12"
    assert browser.complaints == []


def test_the_filter_keeps_features_with_anomalies(browser: Browser, tmp_path: Path) -> None:
    """Filters keep what has anomalies or drifted, and "problems first" puts errors above warnings."""
    browser.open(write_page(tmp_path, statistics(customers()), "Customers", found()))

    def choose(control: str, value: str) -> list[str]:
        browser.run(f"{{const c = document.getElementById('{control}'); c.value = '{value}';"
                    " c.dispatchEvent(new Event('change'))}")  # fmt: skip
        return list(browser.run(VISIBLE))

    assert choose("show", "anomalies") == ["plan", "often_missing", "home \u203a zip", "phone"]
    assert choose("sort", "problems") == ["plan", "home \u203a zip", "phone", "often_missing"]
    assert choose("show", "drift") == ["plan"]
    assert browser.run("[...document.getElementById('show').options].map(o => o.textContent)") == [
        "All features", "With anomalies (4)", "Drifted or skewed (1)", "Likely faults (5)",
    ]  # fmt: skip


def test_drift_stands_beside_its_threshold(browser: Browser, tmp_path: Path) -> None:
    """Measures of drift are listed at the top, farthest above its threshold first, and on the feature."""
    browser.open(write_page(tmp_path, statistics(customers()), "Customers", found()))
    browser.run(OPEN_ALL)
    lines = "[...document.querySelectorAll('#drift-list tr')].map(r => [...r.cells].map(c => c.textContent).join('|'))"
    assert browser.run(lines) == [
        "plan Drift, L-infinity||0.2|above 0.05", "age Drift, L-infinity||0.01|of 0.05",
    ]  # fmt: skip
    assert browser.run("document.querySelector('#f3 .drift .n').textContent") == "0.2"
    assert browser.run("document.querySelectorAll('.drift .over').length") == 2 * 2


def test_valid_data_are_said_to_be_valid(browser: Browser, tmp_path: Path) -> None:
    """Validation without a finding is told; without validation nothing is said of anomalies."""
    shown = statistics(customers())
    browser.open(write_page(tmp_path, shown, "Customers", anomalies_pb2.Anomalies()))
    assert browser.run("document.querySelector('#overview .good').textContent") == "Anomaliesnonevalidated"
    assert browser.run("document.getElementById('anomalies').hidden") is True
    browser.open(write_page(tmp_path, shown))
    assert "Anomalies" not in browser.run("document.getElementById('overview').textContent")


def test_descriptions_are_text(browser: Browser, tmp_path: Path) -> None:
    """Descriptions quote values from the data, and are shown as they are."""
    anomalies = anomalies_pb2.Anomalies()
    info = anomalies.anomaly_info["<i>x</i>"]
    info.severity, info.short_description = anomalies_pb2.AnomalyInfo.ERROR, "<b>short</b>"
    info.description = "value <img src=x onerror='window.owned=1'> is new"
    browser.open(write_page(tmp_path, statistics({"x": [1]}), "t", anomalies))
    browser.run(OPEN_ALL)
    assert browser.run("window.owned") is None
    assert "<img src=x onerror" in browser.run(LINES)[0]
    assert browser.run("document.querySelector('#f1 .badge').textContent") == "<b>short</b>"


def test_anomalies_find_their_features_by_path_or_name() -> None:
    """An anomaly without a path belongs to the feature its key names; without reasons it is one entry."""
    anomalies = anomalies_pb2.Anomalies(data_missing=True)
    anomalies.anomaly_info["home.zip"].short_description = "Old"
    by_path = anomalies.anomaly_info["anything"]
    by_path.path.step.extend(["home", "zip"])
    by_path.severity = anomalies_pb2.AnomalyInfo.ERROR
    by_path.short_description, by_path.description = "New", "newer"
    entries = anomalies_of_features(anomalies, [("home", "zip"), ("home",)])
    assert entries == {
        ("home", "zip"): [
            {"severity": "error", "short": "New", "text": "newer", "types": []},
            {"severity": "unknown", "short": "Old", "text": "", "types": []},
        ]
    }
    assert [entry["short"] for entry in anomalies_of_dataset(anomalies)] == ["No data"]


def test_skew_is_told_from_drift() -> None:
    """Skew between training and serving and drift between spans are measures of their own."""
    anomalies = anomalies_pb2.Anomalies()
    info = anomalies.drift_skew_info.add()
    info.path.step.append("x")
    kind = anomalies_pb2.DriftSkewInfo.Measurement
    info.drift_measurements.add(type=kind.JENSEN_SHANNON_DIVERGENCE, value=0.1, threshold=0.2)
    info.skew_measurements.add(type=kind.NORMALIZED_ABSOLUTE_DIFFERENCE, value=0.3, threshold=0.2)
    assert drift_of_features(anomalies)[("x",)] == [
        {"kind": "drift", "measure": "Jensen-Shannon", "value": 0.1, "threshold": 0.2},
        {"kind": "skew", "measure": "normalised absolute difference", "value": 0.3, "threshold": 0.2},
    ]


def test_the_artifact_passes_anomalies_on(tmp_path: Path) -> None:
    """The report that is written beside the statistics shows what validation found."""
    written = artifact.write(statistics(customers()), tmp_path, "Customers", anomalies=found())
    assert "Unexpected string values" in written[artifact.REPORT].read_text(encoding="utf-8")
