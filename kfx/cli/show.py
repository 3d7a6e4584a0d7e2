"""`kfx show STATISTICS`: statistics that were computed before, as text or JSON."""

from __future__ import annotations

import click

from kfx.cli._gate import ADDRESS
from kfx.cli._load import load
from kfx.cli.stats import printed


@click.command()
@click.argument("statistics", type=ADDRESS)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="A table for people, or TFDV's message as JSON.")  # fmt: skip
def show(statistics: str, form: str) -> None:
    """Print STATISTICS, as kfx stats --format does those of a table.

    STATISTICS is a folder that kfx stats or the component wrote, or a file of statistics (TFDV's as well), local or
    gs://.
    """
    click.echo(printed(load(statistics), {}, form))
