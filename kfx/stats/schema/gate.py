"""The gate: which findings stop a run."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kfx.errors import PermanentError, UsageError
from kfx.stats.schema.findings import Finding, table

LEVELS = ("error", "warning", "never")

_MOST_LINES = 12  # of a step's error, which goes into messages


class AnomaliesError(PermanentError):
    """The data is not as it should be: the gate is shut."""


def failing(found: Sequence[Finding], fail_on: Sequence[str], features: Collection[str]) -> list[Finding]:
    """Returns the findings that stop the run.

    Args:
        found: What was found.
        fail_on: `error`, `warning` (warnings and errors), `never`, or names of anomaly types and features; a finding
            that any of them names stops the run.
        features: Names of all features there are, in the data or in the schema.

    Raises:
        UsageError: A word is none of these, or `never` is not alone.
    """
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    words = list(fail_on) or ["error"]
    if "never" in words:
        if len(words) > 1:
            raise UsageError(f"fail_on is {words!r}; never goes with nothing else.")
        return []
    types = {*anomalies_pb2.AnomalyInfo.Type.keys(), "NO_DATA"}
    for word in words:
        if word not in LEVELS and word not in types and word not in features:
            raise UsageError(f"fail_on names {word!r}, which is {_nothing(word, types, features)}")
    return [
        finding
        for finding in found
        if "warning" in words or finding.severity in words or finding.type in words or finding.feature in words
    ]


def _nothing(word: str, types: Collection[str], features: Collection[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, [*LEVELS, *types, *features], n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"neither {', '.join(LEVELS)} nor an anomaly type nor a feature.{meant}"


def check(found: Sequence[Finding], fail_on: Sequence[str], features: Collection[str], what: str, page: str) -> None:
    """Stops the run where the findings say so.

    Args:
        found: What was found.
        fail_on: As in `failing`.
        features: As in `failing`.
        what: What was checked against, such as "the schema"; part of the error's first line.
        page: Where the whole report is; empty for nowhere.

    Raises:
        AnomaliesError: Some of the findings stop the run; the message has a line for each, then for the others.
        UsageError: `fail_on` names nothing there is.
    """
    stopping = failing(found, fail_on, {*features, *(finding.feature for finding in found if finding.feature)})
    if stopping:
        count = f"{len(stopping)} {'anomaly' if len(stopping) == 1 else 'anomalies'}"
        where = f"\nReport: {page}" if page else ""
        passed = [finding for finding in found if finding not in stopping]
        raise AnomaliesError(f"{count} against {what}:\n{table([*stopping, *passed], _MOST_LINES)}{where}")
