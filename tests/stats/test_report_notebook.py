"""The report in a notebook: run by a real kernel, and its output opened in a real browser."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

import kfx.stats
from kfx.errors import UsageError
from kfx.stats import artifact
from kfx.stats.notebook import report
from tests.conftest import require_module

from .browser import Browser
from .pages import customers, found, statistics


def outputs(code: str) -> list[Any]:
    """Runs one cell in a fresh kernel and returns its outputs."""
    for module in ("nbclient", "nbformat", "ipykernel"):
        require_module(module)
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return list(notebook.cells[0].outputs)


def test_display_shows_a_page_wherever_in_a_cell_it_is_called(browser: Browser, tmp_path: Path) -> None:
    """Two calls in a loop are two frames, whose scripts run although neither's styles nor data reach the other."""
    for name, rows in (("a", 2), ("b", 3)):
        artifact.write(statistics({"x": list(range(rows))}), tmp_path / name, name)
    shown = outputs(
        "from kfx.stats import display\n"
        f"for name in ('a', 'b'):\n    display({str(tmp_path)!r} + '/' + name, title='table ' + name)"
    )
    assert [output["output_type"] for output in shown] == ["display_data"] * 2
    assert shown[0]["data"]["text/plain"].startswith("<report 'table a', ")
    frames = "".join(output["data"]["text/html"] for output in shown)
    outer = tmp_path / "notebook.html"
    outer.write_text(f"<!doctype html><style>* {{ color: red !important }}</style><p>cell</p>{frames}")
    browser.open(outer)
    titles = [browser.run("document.querySelector('h1').textContent", frame=frame) for frame in browser.frames()]
    assert sorted(titles) == ["table a", "table b"]
    frame = browser.frames()[0]
    assert browser.run("getComputedStyle(document.querySelector('h1')).color", frame=frame) != "rgb(255, 0, 0)"
    assert browser.run("document.querySelectorAll('.feature').length", frame=frame) == 1
    assert browser.run("document.querySelector('iframe').contentDocument") is None
    assert browser.complaints == []


def test_a_report_is_a_cells_value_too() -> None:
    """`report(...)` as a cell's last expression is shown once, as HTML."""
    code = """
        from kfx.stats.generate import generate
        from kfx.stats.notebook import report
        report(generate('sklearn:iris'))
    """
    (output,) = outputs(textwrap.dedent(code))
    assert output["output_type"] == "execute_result"
    assert output["data"]["text/html"].startswith('<iframe title="Statistics" sandbox="allow-scripts" ')


def test_report_takes_protos_paths_and_artifacts(tmp_path: Path) -> None:
    """A proto, a folder, a file, and a kfp artifact show the same page, named after where they are from."""
    computed = statistics(customers())
    written = artifact.write(computed, tmp_path / "out", "t")
    held = SimpleNamespace(path=str(tmp_path / "out"), metadata={"source": "gs://bucket/table"})
    pages = {
        report(given, title="t").page for given in (computed, tmp_path / "out", str(written[artifact.BINARY]), held)
    }
    assert len(pages) == 1
    assert report(held).title == "gs://bucket/table"
    assert report(tmp_path / "out").title == str(tmp_path / "out")


def test_report_compares_and_shows_anomalies(tmp_path: Path) -> None:
    """Other statistics stand beside, under their names, and anomalies are marked."""
    computed = statistics(customers())
    artifact.write(computed, tmp_path / "old", "t")
    page = report(computed, {"yesterday": tmp_path / "old"}, found(), height=400)
    assert '"name":"yesterday"' in page.page
    assert "Unexpected string values" in page.page
    assert "height:400px" in page._repr_html_()


def test_what_holds_no_statistics_is_refused(tmp_path: Path) -> None:
    """A wrong kind and an empty path are named."""
    with pytest.raises(UsageError, match="int holds no statistics"):
        report(3)
    with pytest.raises(UsageError, match="no statistics at"):
        report(tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"compared": {"a": "empty.pb"}}, r"'empty\.pb' is empty and holds no statistics"),
        ({"compared": "half"}, r"compared is 'half'; it is statistics by their names"),
        ({"anomalies": "va"}, r"anomalies is 'va'; it is the Anomalies"),
        ({"statistics": statistics_pb2.DatasetFeatureStatisticsList()}, "is empty: there is no data set in it"),
    ],
)
def test_what_a_report_cannot_show_is_told(
    given: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong kinds of arguments, and a file cut to nothing, are named in a sentence."""
    monkeypatch.chdir(tmp_path)
    Path("empty.pb").touch()
    with pytest.raises(UsageError, match=said):
        report(**{"statistics": statistics({"x": [1]}), **given})


def test_display_outside_a_notebook_says_what_to_do() -> None:
    """A plain program is told that there is no notebook, and how to get the page as a file."""
    with pytest.raises(UsageError, match=r"artifact\.write writes report\.html"):
        kfx.stats.display(statistics({"x": [1]}))


def test_importing_the_package_loads_nothing_heavy() -> None:
    """`import kfx.stats` leaves the notebook, protobuf and Arrow alone; an unknown name is an AttributeError."""
    code = (
        "import sys, kfx.stats; heavy = {'pyarrow', 'google.protobuf', 'IPython', 'kfx.stats.notebook'};"
        "assert not heavy & set(sys.modules); assert not hasattr(kfx.stats, 'nothing')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
