"""Reasons, and how they become the anomalies of the proto.

One feature may have several reasons. Words, order and merging are TFDV's (`anomalies/schema_anomalies.cc`), so that a
reader of TFDV's anomalies finds what he knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kfx.errors import UsageError
from kfx.stats.schema.view import Path

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2

MULTIPLE = "Multiple errors"

_LEVELS = {"warning": 1, "error": 2}  # AnomalyInfo.Severity


@dataclass(frozen=True)
class Reason:
    """One thing that is not as it should be."""

    type: str
    """Name of an `AnomalyInfo.Type`."""

    short: str
    """Two or three words."""

    long: str = ""
    """A sentence with the figures; TFDV leaves it empty for a few faults of the schema itself."""


def severities(overrides: Mapping[str, str]) -> dict[str, int]:
    """Reads anomaly type -> `warning` or `error`, as TFDV's severity overrides.

    Raises:
        UsageError: A type or a severity is unknown.
    """
    for name, severity in overrides.items():
        check_type(name)
        if severity not in _LEVELS:
            raise UsageError(f"The severity of {name} is {severity!r}; it must be warning or error.")
    return {name: _LEVELS[severity] for name, severity in overrides.items()}


def check_type(name: str) -> None:
    """Refuses what is no anomaly type, naming the nearest.

    Raises:
        UsageError: There is no such type.
    """
    import difflib

    from tensorflow_metadata.proto.v0 import anomalies_pb2

    known = anomalies_pb2.AnomalyInfo.Type.keys()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"There is no anomaly type {name!r}.{meant} docs/validation.md lists them.")


def info(
    reasons: Sequence[Reason], overrides: Mapping[str, int], path: Path | None = None
) -> anomalies_pb2.AnomalyInfo:
    """Makes one feature's (or the data set's) anomaly of its reasons.

    Args:
        reasons: At least one.
        overrides: Anomaly type -> severity, as `severities` returns it; everything else is an error.
        path: The feature; None for the data set.
    """
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    if all(reason.type == "SCHEMA_NEW_COLUMN" for reason in reasons):
        reasons = reasons[:1]  # a new struct brings its fields with it
    made = anomalies_pb2.AnomalyInfo(severity=max(overrides.get(reason.type, _LEVELS["error"]) for reason in reasons))
    if path is not None:
        made.path.step.extend(path)
    for reason in reasons:
        number = anomalies_pb2.AnomalyInfo.Type.Value(reason.type)
        made.reason.add(type=number, short_description=reason.short, description=reason.long)
    told = [reason for reason in reasons if reason.long] or list(reasons[-1:])
    made.description = " ".join(reason.long for reason in told)
    made.short_description = told[0].short if len(told) == 1 else MULTIPLE
    return made


def six(number: float) -> str:
    """Writes a number with six significant digits, as `absl::SixDigits` does."""
    return f"{number:.6g}"
