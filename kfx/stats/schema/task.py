"""What the components `schema_gen` and `validate_statistics` do, as functions, and what they write."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats import artifact
from kfx.stats.schema import files, gate, tfdv
from kfx.stats.schema.findings import Finding, findings
from kfx.stats.schema.infer import MAX_STRING_DOMAIN_SIZE, infer_schema
from kfx.stats.schema.validate import update_schema, validate
from kfx.stats.schema.view import names

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

_VALIDATORS = {"kfx": validate, "tfdv": tfdv.validate}

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""No settings."""


def make_schema(
    statistics: Any,
    schema: Any,
    *,
    schema_uri: str = "",
    update: bool = False,
    infer_feature_shape: bool = True,
    max_string_domain_size: int = MAX_STRING_DOMAIN_SIZE,
) -> None:
    """Writes the schema artifact: inferred from statistics, or the curated one at an address.

    Args:
        statistics: The kfp artifact of `statistics_gen`.
        schema: The kfp artifact whose path becomes a folder with `schema.pbtxt`.
        schema_uri: Address of a curated schema; empty to infer one.
        update: Widen the curated schema until the statistics conform to it.
        infer_feature_shape: As `infer_schema`.
        max_string_domain_size: As `infer_schema`.

    Raises:
        UsageError: There is no such schema, or `update` without one.
    """
    if update and not schema_uri:
        raise UsageError("update widens a curated schema; give its address as schema_uri.")
    computed = artifact.load(Path(statistics.path))
    if not schema_uri:
        made = infer_schema(
            computed, infer_feature_shape=infer_feature_shape, max_string_domain_size=max_string_domain_size
        )
    else:
        made = files.load_schema(schema_uri)
        if update:
            made = update_schema(made, computed, max_string_domain_size=max_string_domain_size)
    files.save_schema(made, str(Path(schema.path) / files.SCHEMA))
    origin = f"updated from {schema_uri}" if update else schema_uri or "inferred"
    schema.metadata.update({"origin": origin, "num_features": len(made.feature)})


def validator_named(name: str) -> Callable[..., anomalies_pb2.Anomalies]:
    """Returns the function that validates.

    Args:
        name: `kfx`, or `tfdv` for TFDV itself.

    Raises:
        UsageError: There is no such validator.
    """
    if name not in _VALIDATORS:
        raise UsageError(f"There is no validator {name!r}. Validators: {', '.join(_VALIDATORS)}.")
    return _VALIDATORS[name]


def validate_task(
    statistics: Any,
    schema: Any,
    anomalies: Any,
    report: Any,
    *,
    schema_uri: str = "",
    environment: str = "",
    fail_on: Sequence[str] = ("error",),
    severity_overrides: Mapping[str, str] = NOTHING,
    validator: str = "kfx",
) -> dict[str, Any]:
    """Validates an artifact of statistics against a schema and writes the component's artifacts.

    Args:
        statistics: The kfp artifact of `statistics_gen`.
        schema: The kfp artifact of a schema, or None.
        anomalies: The kfp artifact whose path becomes a folder with anomalies.pbtxt, .json, .txt and report.html.
        report: The kfp artifact whose path becomes the page.
        schema_uri: Address of a schema; empty where `schema` is given. Without either nothing can be wrong, which is
            said.
        environment: As `validate`.
        fail_on: As `gate.failing`.
        severity_overrides: As `validate`.
        validator: `kfx`, or `tfdv` for TFDV itself.

    Returns:
        The component's metrics.

    Raises:
        AnomaliesError: The gate is shut.
        UsageError: Both schemas are given, one of them cannot be read, or an argument is wrong.
    """
    if schema is not None and schema_uri:
        raise UsageError("validate_statistics takes either a schema or a schema_uri, and got both.")
    check = validator_named(validator)
    computed = artifact.load(Path(statistics.path))
    address = schema_uri or (schema.path if schema is not None else "")
    expected = files.load_schema(address) if address else infer_schema(computed)
    found = check(computed, expected, environment=environment, severity_overrides=severity_overrides)
    lines = findings(found, computed, severity_overrides=severity_overrides)
    title = str(statistics.metadata.get("source") or "statistics")
    publish(found, lines, anomalies, report, title, {title: computed})
    if not address:
        print("No schema was given, so nothing can contradict it. Infer one with schema_gen or kfx schema infer.")
    every = {*names(computed), *(feature.name for feature in expected.feature)}
    gate.check(lines, fail_on, every, "the schema", f"{anomalies.uri}/{artifact.REPORT}")
    return metrics("schema", lines) if address else {}


def publish(
    found: anomalies_pb2.Anomalies,
    lines: list[Finding],
    anomalies: Any,
    report: Any,
    title: str,
    shown: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList],
) -> None:
    """Writes the artifacts, before the gate may stop the step, and prints the lines.

    Args:
        found: The anomalies.
        lines: The same as lines.
        anomalies: The kfp artifact whose path becomes a folder.
        report: The kfp artifact whose path becomes the page.
        title: The page's heading.
        shown: The statistics on the page, by name.
    """
    written = files.write(found, lines, Path(anomalies.path), title, shown)
    # A browser shows a file of this name as a page and not as its source.
    report.uri = f"{report.uri.removesuffix('.html')}.html"
    page = Path(report.path)
    page.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(written[artifact.REPORT], page)
    anomalies.metadata.update(metrics("", lines))
    print(written[files.TEXT].read_text(encoding="utf-8"), end="")


def metrics(prefix: str, lines: Sequence[Finding]) -> dict[str, Any]:
    """Returns the numbers of errors and warnings, and their lines where there are any, as a run's message shows them.

    Args:
        prefix: What each name begins with, followed by an underscore; empty for nothing.
        lines: The findings, errors first.
    """
    start = f"{prefix}_" if prefix else ""
    errors = [line.text for line in lines if line.severity == "error"]
    warnings = [line.text for line in lines if line.severity == "warning"]
    counts = {f"{start}errors": len(errors), f"{start}warnings": len(warnings)}
    return {**counts, **({f"{start}findings": "; ".join([*errors, *warnings])} if lines else {})}
