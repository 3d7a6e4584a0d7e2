"""What `kfx schema`, `kfx validate` and `kfx compare` share: how tables are named, and how findings are shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kfx.errors import UsageError

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

    from kfx.stats.schema.findings import Finding


ADDRESS = click.Path()
"""A table or its statistics, local or not; shells complete paths."""


def gate_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of the gate and of what is shown."""
    options = [
        click.option("--fail-on", "fail_on", multiple=True, metavar="WORD",
                     help="error (default), warning, never, an anomaly type or a column; may be repeated."),
        click.option("--severity", "overrides", multiple=True, metavar="TYPE=warning|error",
                     help="Another severity for an anomaly type; may be repeated."),
        click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
                     help="Lines for people, or TFDV's message as JSON."),
        click.option("-o", "--out", "folder", type=click.Path(file_okay=False, path_type=Path),
                     help="Folder for anomalies.pbtxt, anomalies.json, anomalies.txt and report.html. Default: none."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def read_overrides(pairs: Sequence[str]) -> dict[str, str]:
    """Reads TYPE=SEVERITY pairs.

    Raises:
        UsageError: A pair has no `=`.
    """
    read = dict(pair.partition("=")[::2] for pair in pairs)
    if any("=" not in pair for pair in pairs):
        raise UsageError(f"A severity is TYPE=warning or TYPE=error, not {' '.join(pairs)!r}.")
    return read


def show(
    anomalies: anomalies_pb2.Anomalies,
    found: Sequence[Finding],
    shown: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList],
    *,
    title: str,
    form: str,
    folder: Path | None,
    fail_on: Sequence[str],
    features: Collection[str],
) -> None:
    """Prints the findings, writes the folder, and exits with 1 where they shut the gate.

    Args:
        anomalies: The message.
        found: The same as lines.
        shown: The statistics on the page, by name; those that were checked first.
        title: The page's heading.
        form: `text` or `json`.
        folder: Where to write; None to write nothing.
        fail_on: As `kfx.stats.schema.gate.failing`.
        features: All names of features.
    """
    from google.protobuf import json_format

    from kfx.stats.schema import files, gate
    from kfx.stats.schema.findings import table

    stopping = gate.failing(found, fail_on, features)
    if folder is not None:
        written = files.write(anomalies, list(found), folder, title, shown)
        click.echo(f"Report: {written['report.html']}", err=True)
    if form == "json":
        message = json_format.MessageToDict(anomalies)
        message.pop("baseline", None)
        lines = [vars(finding) for finding in found]
        click.echo(json.dumps({"failed": bool(stopping), "findings": lines, "anomalies": message}, indent=1))
    else:
        click.echo(table([*stopping, *(one for one in found if one not in stopping)]) or "No anomalies.")
    if stopping:
        first = ", which stand first" if len(stopping) < len(found) else ""
        click.echo(f"The gate is shut: {len(stopping)} of {len(found)} findings{first}.", err=True)
        sys.exit(1)
