"""`kfx validate TABLE --schema S`: a table against a schema."""

from __future__ import annotations

from pathlib import Path

import click

from kfx.cli._gate import ADDRESS, gate_options, read_overrides, show


@click.command()
@click.argument("table", type=ADDRESS)
@click.option("--schema", "schema_address", required=True, metavar="FILE", help="A .pbtxt or .pb, a path or gs://.")
@click.option("--environment", default="", help="One of the schema's default environments, such as SERVING.")
@click.option("--previous", type=ADDRESS, help="Data before, for the schema's drift comparators.")
@click.option("--serving", type=ADDRESS, help="Data of serving, for the schema's skew comparators.")
@click.option("--validator", default="kfx", show_default=True, help="kfx, or tfdv for TFDV itself.")
@gate_options
def validate(
    table: str,
    schema_address: str,
    environment: str,
    previous: str | None,
    serving: str | None,
    validator: str,
    fail_on: tuple[str, ...],
    overrides: tuple[str, ...],
    form: str,
    folder: Path | None,
) -> None:
    """Check TABLE against a schema, as TFDV does.

    TABLE is a folder or file of statistics (kfx stats), or a table as kfx stats takes it. Exits with 0 when it passes,
    1 when the gate is shut, 2 when an input is wrong.
    """
    from kfx.stats.schema.files import load_schema, statistics_of
    from kfx.stats.schema.findings import findings
    from kfx.stats.schema.task import validator_named
    from kfx.stats.schema.view import names

    check = validator_named(validator)
    schema = load_schema(schema_address)
    statistics = statistics_of(table)
    before = statistics_of(previous) if previous else None
    served = statistics_of(serving) if serving else None
    severities = read_overrides(overrides)
    anomalies = check(
        statistics,
        schema,
        environment=environment,
        previous=before,
        serving=served,
        severity_overrides=severities,
    )
    show(
        anomalies,
        findings(anomalies, statistics, before, severities, served),
        {table: statistics, **({"previous": before} if before else {}), **({"serving": served} if served else {})},
        title=table,
        form=form,
        folder=folder,
        fail_on=fail_on,
        features={*names(statistics), *(feature.name for feature in schema.feature)},
    )
