"""What the component `compare_statistics` does, as a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats import artifact, contents, place
from kfx.stats.schema import files, gate
from kfx.stats.schema.compare import MEASURES, Kind, compare, softened
from kfx.stats.schema.findings import Finding, findings
from kfx.stats.schema.task import NOTHING, metrics, publish
from kfx.stats.schema.thresholds import Sensitivity
from kfx.stats.schema.view import names

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2


def compare_task(
    statistics: Any,
    anomalies: Any,
    report: Any,
    *,
    previous: Any = None,
    previous_uri: str = "",
    serving: Any = None,
    serving_uri: str = "",
    schema_uri: str = "",
    store: bool = True,
    measure: str = MEASURES[0],
    sensitivity: Mapping[str, float] = NOTHING,
    fail_on: Sequence[str] = ("error",),
    severity_overrides: Mapping[str, str] = NOTHING,
) -> dict[str, Any]:
    """Compares an artifact of statistics with the run before and with serving data, and writes the artifacts.

    Args:
        statistics: The kfp artifact of `statistics_gen`.
        anomalies: The kfp artifact whose path becomes a folder with anomalies.pbtxt, .json, .txt and report.html.
        report: The kfp artifact whose path becomes the page.
        previous: The kfp artifact of other statistics, or None.
        previous_uri: Folder of the last accepted run's statistics, which is stored there; none is a first run.
        serving: The kfp artifact of statistics of serving data, or None.
        serving_uri: Address of such statistics.
        schema_uri: Address of a schema whose comparators are used.
        store: Whether to store accepted statistics at `previous_uri`.
        measure: As `compare`.
        sensitivity: Fields of `Sensitivity`.
        fail_on: As `gate.failing`.
        severity_overrides: As `compare`.

    Returns:
        The component's metrics.

    Raises:
        AnomaliesError: The gate is shut. Nothing is stored then.
        UsageError: Two of a kind are given, something cannot be read, or an argument is wrong.
    """
    if previous_uri:
        _check_place(previous_uri, store=store)
    computed = artifact.load(Path(statistics.path))
    terms = {
        "measure": measure,
        "sensitivity": _sensitivity(sensitivity),
        "schema": files.load_schema(schema_uri) if schema_uri else None,
        "severity_overrides": severity_overrides,
    }
    others: dict[Kind, statistics_pb2.DatasetFeatureStatisticsList | None] = {
        "drift": _other("previous", previous, previous_uri, first_run=True),
        "skew": _other("serving", serving, serving_uri, first_run=False),
    }
    found, lines, shown = _compared(computed, others, terms)
    publish(found, lines, anomalies, report, str(statistics.metadata.get("source") or "statistics"), shown)
    if len(shown) == 1:
        print("There is nothing to compare with yet: this run passes.")
    compared = " and ".join(name for name in shown if name != _THIS)
    every = {name for one in shown.values() for name in names(one)}
    gate.check(lines, fail_on, every, compared, f"{anomalies.uri}/{artifact.REPORT}")
    if previous_uri and store:
        accept(computed, previous_uri)
    return metrics("drift", lines) if len(shown) > 1 else {}


def accept(statistics: statistics_pb2.DatasetFeatureStatisticsList, address: str) -> None:
    """Stores statistics as those of the last accepted run.

    One file is written, whole or not at all. Of two runs that end at the same time the later one's stay: both were
    accepted, and the next run is compared with either.

    Raises:
        PermanentError: The place cannot be written.
    """
    name = f"{address.rstrip('/')}/{artifact.BINARY}"
    place.write(name, statistics.SerializeToString(deterministic=True))
    print(f"Accepted: the statistics are at {name} for the next run.")


def _check_place(address: str, *, store: bool) -> None:
    """Raises UsageError where statistics cannot be kept, or would stand beside files of other statistics."""
    folder = address.rstrip("/")
    if folder.endswith(contents.SUFFIXES) or Path(folder).is_file():
        raise UsageError(
            f"previous_uri is a folder, in which this component keeps {artifact.BINARY}; {address!r} names a file. "
            "Give a folder of its own, which need not exist yet."
        )
    if store and place.read(f"{folder}/{artifact.TFRECORD}") is not None:
        raise UsageError(
            f"previous_uri must be a folder of its own, and {address!r} is one of kfx stats or TFDV: it holds "
            f"{artifact.TFRECORD}, which would stay while {artifact.BINARY} is replaced. To begin with its statistics, "
            f"copy {artifact.BINARY} alone into another folder and name that. Only to compare with them: store=False"
        )


_THIS = "this run"
_NAMES: dict[Kind, str] = {"drift": "the previous run", "skew": "the serving data"}


def _compared(
    computed: statistics_pb2.DatasetFeatureStatisticsList,
    others: Mapping[Kind, statistics_pb2.DatasetFeatureStatisticsList | None],
    terms: Mapping[str, Any],
) -> tuple[anomalies_pb2.Anomalies, list[Finding], dict[str, statistics_pb2.DatasetFeatureStatisticsList]]:
    """Compares with each that is given; of two, the anomalies are joined."""
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    joined, shown = anomalies_pb2.Anomalies(), {_THIS: computed}
    lines: list[Finding] = []
    for kind, other in others.items():
        if other is None:
            continue
        found = compare(computed, other, kind=kind, **terms)
        told = findings(found, computed, other, softened(terms["severity_overrides"]))
        if None not in others.values():
            told = [_against(line, _NAMES[kind]) for line in told]
        lines += [line for line in told if line not in lines]
        shown[_NAMES[kind]] = other
        joined = _joined(joined, found) if len(shown) > 2 else found
    return joined, sorted(lines, key=lambda line: line.severity != "error"), shown


def _against(line: Finding, other: str) -> Finding:
    """Says in a line what the data was compared with, where it was compared at all."""
    return line if line.type == "NO_DATA" else replace(line, text=f"{line.text}, against {other}")


def _joined(one: anomalies_pb2.Anomalies, other: anomalies_pb2.Anomalies) -> anomalies_pb2.Anomalies:
    """Joins drift and skew: a feature's reasons stand below each other."""
    for name, info in other.anomaly_info.items():
        known = one.anomaly_info[name]
        severity = max(known.severity, info.severity)
        texts = [text for text in (known.description, info.description) if text]
        short = "Multiple errors" if known.reason else info.short_description
        known.MergeFrom(info)
        known.path.CopyFrom(info.path)
        known.severity, known.description, known.short_description = severity, " ".join(texts), short
    one.drift_skew_info.extend(other.drift_skew_info)
    return one


def _other(
    name: str, given: Any, address: str, *, first_run: bool
) -> statistics_pb2.DatasetFeatureStatisticsList | None:
    if given is not None and address:
        raise UsageError(f"compare_statistics takes either {name} or {name}_uri, and got both.")
    if given is not None:
        return artifact.load(Path(given.path))
    found = files.load_statistics(address) if address else None
    if address and found is None and not first_run:
        raise UsageError(f"There are no statistics at {address!r}, which {name}_uri names.")
    return found


def _sensitivity(given: Mapping[str, float]) -> Sensitivity:
    known = [field.name for field in fields(Sensitivity)]
    strange = [name for name in given if name not in known]
    if strange:
        raise UsageError(f"The sensitivity has no {strange[0]!r}. It has: {', '.join(known)}.")
    return Sensitivity(**given)
