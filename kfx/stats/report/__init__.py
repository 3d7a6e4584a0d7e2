"""The statistics as one self-contained HTML page: no network, opened from a disk, an artifact store or a mail."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kfx.stats.datasets import whole_first
from kfx.stats.report.anomalies import Line
from kfx.stats.report.model import page_model, shorten

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

_SCRIPTS = ("values.js", "histogram.js", "charts.js", "figures.js", "feature.js", "found.js", "page.js")
_SHORTER = (80, 40)  # characters of a value, tried in turn
_LARGEST = 900_000  # bytes of data, above which values are cut shorter


def render(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    title: str,
    anomalies: anomalies_pb2.Anomalies | None = None,
    lines: Iterable[Line] = (),
) -> str:
    """Returns the page.

    Every name and value from the data travels as JSON, which the page's script only ever sets as text. A
    Content-Security-Policy without any source keeps the page from loading or sending anything.

    Args:
        statistics: What to show; several data sets are shown side by side, that of all rows before its slices.
        title: The page's heading, such as the table's name.
        anomalies: What validation of the first data set found: shown at the top and on each feature, with the measures
            of drift and skew. None if nobody looked; without any anomaly, the page says that there is none.
        lines: Its reasons in words, as the gate prints them, which the page shows in place of the anomalies' own.
    """
    folder = Path(__file__).parent  # importlib.resources would import zipfile
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", *_SCRIPTS)}
    script = "\n".join(texts[name] for name in _SCRIPTS)
    parts = {
        "title": html.escape(title),
        "style": texts["page.css"],
        "script": f'"use strict";\n(() => {{\n{script}}})();',
        # Inside <script> nothing but "<" can end the element or open a comment.
        "data": _data(page_model(whole_first(statistics), title, anomalies, lines)).replace("<", "\\u003c"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], texts["page.html"])


def _data(model: dict[str, Any]) -> str:
    """Returns the page's data as JSON; where it is large, values are cut shorter, in place."""
    document = _json(model)
    for characters in _SHORTER:
        if len(document.encode()) <= _LARGEST:
            break
        shorten(model, characters)
        document = _json(model)
    return document


def _json(model: object) -> str:
    return json.dumps(model, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
