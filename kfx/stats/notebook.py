"""The report in a notebook: Jupyter, Colab, VS Code.

from kfx.stats import display

display(statistics)                                   # a proto, a folder that kfx or TFDV wrote, a kfp artifact
display(today, compared={"yesterday": "out/yesterday"})
"""

from __future__ import annotations

import html
import importlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats import artifact
from kfx.stats.report import render

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2


@dataclass(frozen=True, repr=False)
class Report:
    """A report that a notebook shows as a page."""

    page: str
    """The whole page, as `kfx.stats.report.render` makes it."""

    title: str
    """Its heading."""

    height: int
    """Pixels the notebook gives it; the page scrolls inside."""

    def __repr__(self) -> str:
        """Returns what a console shows: the page itself would fill it."""
        return f"<report {self.title!r}, {len(self.page):,} characters>"

    def _repr_html_(self) -> str:
        """Returns what a notebook shows: the page in a frame of its own, so that neither's styles reach the other.

        The frame's sandbox lets the page's script run and keeps it from the notebook.
        """
        style = f"width:100%;height:{self.height}px;border:1px solid #8884;border-radius:4px"
        return (
            f'<iframe title="{html.escape(self.title)}" sandbox="allow-scripts" style="{style}" '
            f'srcdoc="{html.escape(self.page)}"></iframe>'
        )


def report(
    statistics: Any,
    compared: Mapping[str, Any] | None = None,
    anomalies: anomalies_pb2.Anomalies | None = None,
    *,
    title: str = "",
    height: int = 720,
) -> Report:
    """Returns the report as an object that a notebook shows when it is a cell's last expression.

    Args:
        statistics: A `DatasetFeatureStatisticsList`; a folder or file that kfx or TFDV wrote; or a kfp artifact whose
            path is one.
        compared: Other statistics, each of these kinds, shown beside these under their names.
        anomalies: What validation of `statistics` found.
        title: The heading; by default where the statistics are from.
        height: Pixels of the notebook's frame.

    Raises:
        UsageError: It is none of these kinds, or there are no statistics to be read.
    """
    _check_named(compared)
    _check_anomalies(anomalies)
    shown = _loaded(statistics)
    if compared:
        shown = artifact.with_others(shown, {name: _loaded(other) for name, other in compared.items()})
    heading = title or _origin(statistics)
    return Report(render(shown, heading, anomalies), heading, height)


def display(
    statistics: Any,
    compared: Mapping[str, Any] | None = None,
    anomalies: anomalies_pb2.Anomalies | None = None,
    *,
    title: str = "",
    height: int = 720,
) -> None:
    """Shows the report in a notebook, wherever in a cell it is called.

    Args:
        statistics: A `DatasetFeatureStatisticsList`; a folder or file that kfx or TFDV wrote; or a kfp artifact whose
            path is one.
        compared: Other statistics, each of these kinds, shown beside these under their names.
        anomalies: What validation of `statistics` found.
        title: The heading; by default where the statistics are from.
        height: Pixels of the notebook's frame.

    Raises:
        UsageError: This is no notebook, or there are no statistics to be read.
    """
    # A program that never imported IPython runs in no notebook.
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        raise UsageError(
            "display() shows a report in a notebook, and this is none. Elsewhere, kfx.stats.artifact.write writes "
            "report.html."
        )
    shown = report(statistics, compared, anomalies, title=title, height=height)
    importlib.import_module("IPython.display").display(shown)


def _check_named(compared: object) -> None:
    if compared is not None and not isinstance(compared, Mapping):
        raise UsageError(
            f"compared is {compared!r:.80}; it is statistics by their names, such as {{'yesterday': 'out/yesterday'}}."
        )


def _check_anomalies(anomalies: object) -> None:
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    if anomalies is not None and not isinstance(anomalies, anomalies_pb2.Anomalies):
        raise UsageError(
            f"anomalies is {anomalies!r:.80}; it is the Anomalies that kfx.stats.schema.validate.validate returns, or "
            "google.protobuf.text_format.Parse of an anomalies.pbtxt."
        )


def _loaded(statistics: Any) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns statistics from whatever holds them."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    if isinstance(statistics, statistics_pb2.DatasetFeatureStatisticsList):
        if not statistics.datasets:
            raise UsageError("The DatasetFeatureStatisticsList is empty: there is no data set in it.")
        return statistics
    path = _path(statistics)
    if path is None:
        raise UsageError(
            f"{type(statistics).__name__} holds no statistics: give a DatasetFeatureStatisticsList, a folder or file "
            "of statistics, or a kfp artifact."
        )
    return artifact.load(path)


def _path(statistics: Any) -> Path | None:
    """Returns the path of a file, folder or kfp artifact; None for anything else."""
    held = statistics if isinstance(statistics, (str, os.PathLike)) else getattr(statistics, "path", None)
    return Path(held) if isinstance(held, (str, os.PathLike)) else None


def _origin(statistics: Any) -> str:
    """Returns what to call statistics: the source an artifact names, else their path, else their kind."""
    metadata = getattr(statistics, "metadata", None)
    source = metadata.get("source") if isinstance(metadata, Mapping) else None
    return str(source or _path(statistics) or "Statistics")
