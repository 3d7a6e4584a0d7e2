"""The statistics as one self-contained HTML page: no network, opened from a disk, an artifact store or a mail."""

from __future__ import annotations

import html
import json
import re
from importlib import resources
from typing import TYPE_CHECKING

from kfx.stats.report.model import page_model

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2


def render(statistics: statistics_pb2.DatasetFeatureStatisticsList, title: str) -> str:
    """Returns the page.

    Every name and value from the data travels as JSON, which the page's script only ever sets as text. A
    Content-Security-Policy without any source keeps the page from loading or sending anything.

    Args:
        statistics: What to show; several data sets are shown side by side.
        title: The page's heading, such as the table's name.
    """
    files = resources.files(__name__)
    page = (files / "page.html").read_text(encoding="utf-8")
    document = json.dumps(page_model(statistics, title), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    parts = {
        "title": html.escape(title),
        "style": (files / "page.css").read_text(encoding="utf-8"),
        "script": (files / "page.js").read_text(encoding="utf-8"),
        # Inside <script> nothing but "<" can end the element or open a comment.
        "data": document.replace("<", "\\u003c"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], page)
