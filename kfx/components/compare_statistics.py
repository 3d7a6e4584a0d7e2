"""Statistics against those of the run before (drift) or of serving data (skew): what changed beyond chance.

Use it before training. `previous_uri` is a place of your own that stays the same from run to run: the last accepted
run's statistics are found there and, once this run is accepted, replaced by its own. The first run finds none and
passes. Thresholds follow both sample sizes, so that small tables do not alarm by chance nor large ones over trifles.
What stands at an address changes: turn the task's caching off.

    compared = compare_statistics(
        statistics=described.outputs["statistics"],
        previous_uri="gs://bucket/kfx-statistics/beans",
    ).set_caching_options(False)
    train_sklearn(train=..., label="Class").after(compared)
"""

from typing import Dict, List, Optional

from kfp.dsl import HTML, Artifact, Input, Metrics, Output

from kfx.components._image import component


@component("slim")
def compare_statistics(
    statistics: Input[Artifact],
    anomalies: Output[Artifact],
    report: Output[HTML],
    metrics: Output[Metrics],
    previous: Optional[Input[Artifact]] = None,
    previous_uri: str = "",
    serving: Optional[Input[Artifact]] = None,
    serving_uri: str = "",
    schema_uri: str = "",
    store: bool = True,
    measure: str = "l_infinity",
    sensitivity: Dict[str, float] = {},  # noqa: B006
    fail_on: List[str] = ["error"],  # noqa: B006
    severity_overrides: Dict[str, str] = {},  # noqa: B006
) -> None:
    """Compares statistics. Without anything to compare with the run passes, and says so.

    Args:
        statistics: Statistics of statistics_gen (or TFDV's), of the whole table.
        anomalies: Folder with anomalies.pbtxt (TFDV's proto), anomalies.json, anomalies.txt and report.html.
        report: The data sets side by side with every anomaly at its feature, one self-contained HTML page.
        metrics: Numbers of errors and warnings, and their lines.
        previous: Statistics of the data before, from another task.
        previous_uri: Folder of its own for the last accepted run's stats.pb, a path or gs://; none is a first run.
        serving: Statistics of the data that a model serves.
        serving_uri: Folder or file of such statistics, a path or gs://.
        schema_uri: A schema whose drift and skew comparators take the place of the thresholds by sample size.
        store: Keep this run's statistics at previous_uri when it is accepted.
        measure: How text columns are compared: l_infinity, jensen_shannon or normalized_absolute_difference.
        sensitivity: What is too small to matter: share (0.05), new_value (0.01), missing (0.02), divergence
            (0.01), rows (2).
        fail_on: What stops the run: error, warning (both), never, or names of anomaly types and features.
        severity_overrides: Anomaly type -> warning or error; new columns and numbers of rows are warnings.
    """
    from kfx.stats.schema.compare_task import compare_task

    found = compare_task(
        statistics, anomalies, report, previous=previous, previous_uri=previous_uri, serving=serving,
        serving_uri=serving_uri, schema_uri=schema_uri, store=store, measure=measure, sensitivity=sensitivity,
        fail_on=fail_on, severity_overrides=severity_overrides,
    )  # fmt: skip
    metrics.metadata.update(found)
