"""`kfx compare A B`: what changed from table A to table B."""

from __future__ import annotations

from pathlib import Path

import click

from kfx.cli._gate import ADDRESS, gate_options, read_overrides, show


@click.command()
@click.argument("before", type=ADDRESS)
@click.argument("after", type=ADDRESS)
@click.option("--skew", is_flag=True, help="BEFORE is what a model serves and AFTER what it trains on.")
@click.option("--schema", "schema_address", metavar="FILE", help="Its comparators replace thresholds by sample size.")
@click.option("--measure", default="l_infinity", show_default=True,
              help="How text is compared: l_infinity, jensen_shannon or normalized_absolute_difference.")  # fmt: skip
@click.option("--share", type=float, help="Change of a value's share that is too small to matter. Default: 0.05.")
@click.option("--new-value", type=float, help="Share of a new value that is too small to matter. Default: 0.01.")
@click.option("--missing", type=float, help="Rise of missing values that is too small to matter. Default: 0.02.")
@click.option("--divergence", type=float, help="Jensen-Shannon divergence, in bits, likewise. Default: 0.01.")
@click.option("--rows", type=float, help="Factor by which the number of rows may change. Default: 2.")
@gate_options
def compare(
    before: str,
    after: str,
    skew: bool,
    schema_address: str | None,
    measure: str,
    fail_on: tuple[str, ...],
    overrides: tuple[str, ...],
    form: str,
    folder: Path | None,
    **sensitivity: float | None,
) -> None:
    """Tell what changed from BEFORE to AFTER beyond chance.

    Each is a folder or file of statistics (kfx stats), or a table as kfx stats takes it. Thresholds follow both numbers
    of rows. Exits with 0 when nothing changed that matters, 1 when something did, 2 when an input is wrong.
    """
    from kfx.stats.schema.compare import compare as compared
    from kfx.stats.schema.compare import softened
    from kfx.stats.schema.files import load_schema, statistics_of
    from kfx.stats.schema.findings import findings
    from kfx.stats.schema.thresholds import Sensitivity
    from kfx.stats.schema.view import names

    terms = Sensitivity(**{name: value for name, value in sensitivity.items() if value is not None})
    schema = load_schema(schema_address) if schema_address else None
    control, statistics = statistics_of(before), statistics_of(after)
    severities = softened(read_overrides(overrides))
    anomalies = compared(
        statistics,
        control,
        kind="skew" if skew else "drift",
        measure=measure,
        sensitivity=terms,
        schema=schema,
        severity_overrides=severities,
    )
    show(
        anomalies,
        findings(anomalies, statistics, control, severities),
        {"after": statistics, "before": control},
        title=f"{before} and {after}",
        form=form,
        folder=folder,
        fail_on=fail_on,
        features=names(statistics) | names(control),
    )
