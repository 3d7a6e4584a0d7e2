"""Statistics against a schema: the gate that stops a run on bad data. TFX users know it as ExampleValidator.

Use it before training, and let training come after it. It finds what TFDV finds (missing and new columns, types,
missing values, numbers of values, domains, ranges, NaN, distinct values, numbers of rows), without TensorFlow. What
stops the run is its error, a line a feature, and so part of the run's message.

    checked = validate_statistics(
        statistics=described.outputs["statistics"],
        schema_uri="gs://bucket/beans/schema.pbtxt",
    )
    train_sklearn(train=..., label="Class").after(checked)
"""

from typing import Dict, List, Optional

from kfp.dsl import HTML, Artifact, Input, Metrics, Output

from kfx.components._image import component


@component("slim", full_for={"validator": ("tfdv",)})
def validate_statistics(
    statistics: Input[Artifact],
    anomalies: Output[Artifact],
    report: Output[HTML],
    metrics: Output[Metrics],
    schema: Optional[Input[Artifact]] = None,
    schema_uri: str = "",
    fail_on: List[str] = ["error"],  # noqa: B006
    environment: str = "",
    severity_overrides: Dict[str, str] = {},  # noqa: B006
    validator: str = "kfx",
) -> None:
    """Validates statistics. Give `schema` or `schema_uri`; without either nothing can be wrong.

    Args:
        statistics: Statistics of statistics_gen (or TFDV's), of the whole table.
        anomalies: Folder with anomalies.pbtxt (TFDV's proto), anomalies.json, anomalies.txt and report.html.
        report: The statistics with every anomaly at its feature, one self-contained HTML page.
        metrics: Numbers of errors and warnings, and their lines.
        schema: Schema of schema_gen.
        schema_uri: A schema, .pbtxt or .pb, a path or gs://.
        fail_on: What stops the run: error, warning (both), never, or names of anomaly types and features.
        environment: One of the schema's default environments, such as SERVING; empty for none.
        severity_overrides: Anomaly type -> warning or error, such as {"SCHEMA_NEW_COLUMN": "warning"}.
        validator: kfx, or tfdv for TFDV itself, in the full image.
    """
    from kfx.stats.schema.task import validate_task

    found = validate_task(
        statistics, schema, anomalies, report, schema_uri=schema_uri, environment=environment, fail_on=fail_on,
        severity_overrides=severity_overrides, validator=validator,
    )  # fmt: skip
    metrics.metadata.update(found)
