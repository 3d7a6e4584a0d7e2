"""Takes the picture of a report that the documentation shows: `python -m docs.picture`.

It needs Chromium on PATH and scikit-learn, whose wine table is drawn: all of it beside its first two cultivars, so that
there is something to find.
"""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from sklearn.datasets import load_wine

from kfx.stats.artifact import side_by_side
from kfx.stats.engines import DEFAULT, engine
from kfx.stats.generate import silent
from kfx.stats.options import StatsOptions
from kfx.stats.report import render
from kfx.stats.schema.infer import infer_schema
from kfx.stats.schema.validate import validate
from kfx.stats.sources._memory import MemoryTable
from tests.stats.browser import Browser

PICTURE = Path(__file__).with_name("report.webp")
_OPENED = "flavanoids"
_WIDTH, _HEIGHT = 1160, 1300  # pixels
_QUALITY = 82  # of 100


def page() -> str:
    """Returns the report: wine, compared with the part of it that has two cultivars, and held against its schema."""
    wine = load_wine()
    columns = dict(zip(wine.feature_names, wine.data.T, strict=True))
    table = pa.table({**columns, "cultivar": [str(wine.target_names[kind]) for kind in wine.target]})
    part = table.filter(pc.not_equal(table["cultivar"], "class_2"))
    compute = engine(DEFAULT)
    this, other = (compute(MemoryTable("wine", rows), StatsOptions(), silent) for rows in (table, part))
    shown = side_by_side({"three cultivars": this, "two cultivars": other})
    return render(shown, "wine", validate(this, infer_schema(other)))


def main() -> int:
    """Writes the picture."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        sys.stderr.write("docs/picture.py needs chromium or google-chrome on PATH.\n")
        return 1
    with tempfile.TemporaryDirectory() as folder, Browser(program) as browser:
        report = Path(folder) / "report.html"
        report.write_text(page(), encoding="utf-8")
        browser.appear()
        browser.call("Emulation.setScrollbarsHidden", hidden=True)
        browser.open(report, width=_WIDTH, height=_HEIGHT)
        browser.run(
            "{const c = document.getElementById('sort'); c.value = 'difference'; c.dispatchEvent(new Event('change'))}"
            f"[...document.querySelectorAll('.name button')].find(b => b.textContent === '{_OPENED}').click()"
        )
        browser.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        taken = browser.call("Page.captureScreenshot", format="webp", quality=_QUALITY)
        PICTURE.write_bytes(base64.b64decode(taken["data"]))
    sys.stdout.write(f"{PICTURE.name}: {PICTURE.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
