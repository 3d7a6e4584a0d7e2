"""`kfx merge STATISTICS... -o DIR`: statistics of shards, such as daily partitions, as those of the whole."""

from __future__ import annotations

import json
from pathlib import Path

import click

from kfx.cli._load import load


@click.command()
@click.argument("shards", nargs=-1, required=True, metavar="STATISTICS...")
@click.option("-o", "--out", "folder", type=click.Path(file_okay=False, path_type=Path), required=True,
              help="Folder for stats.tfrecord, stats.pb, report.html and metrics.json.")  # fmt: skip
@click.option("--top-values", default=20, show_default=True, help="Most frequent values kept of a string column.")
@click.option("--rank-buckets", default=1000, show_default=True, help="Values in a string column's rank histogram.")
@click.option("--buckets", default=10, show_default=True, help="Equal-width buckets of a numeric column.")
@click.option("--quantile-buckets", default=10, show_default=True, help="Quantile buckets of a numeric column.")
@click.option("--mergeable", is_flag=True, help="Keep what merging the result with others needs.")
@click.option("--title", default="", help="Heading of the report. Default: the shards.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="What to print when done.")  # fmt: skip
def merge(
    shards: tuple[str, ...],
    folder: Path,
    top_values: int,
    rank_buckets: int,
    buckets: int,
    quantile_buckets: int,
    mergeable: bool,
    title: str,
    output: str,
) -> None:
    """Merges STATISTICS of shards into statistics of the whole, without their rows.

    Each is a folder that `kfx stats` or the component wrote, or a file of statistics (TFDV's as well), local or gs://.
    Those made with `kfx stats --mergeable` merge exactly, but for quantiles and equal-width buckets of columns with
    more than 1,000 distinct values (0.1 % of the values). What is not exact is named when done, and marked in the
    statistics. One shard alone stays as it is. Columns that some shards lack are named.
    """
    from kfx.stats import artifact, place
    from kfx.stats import merge as merging
    from kfx.stats.options import StatsOptions
    from kfx.stats.wording import counted

    options = StatsOptions(
        num_top_values=top_values,
        num_rank_histogram_buckets=rank_buckets,
        num_histogram_buckets=buckets,
        num_quantiles_histogram_buckets=quantile_buckets,
        mergeable=mergeable,
    )
    place.check_folder(folder)
    parts = [load(shard) for shard in shards]
    merged = merging.merge(parts, options)
    for line in merging.differences(parts):
        click.echo(line, err=True)
    written = artifact.write(merged, folder, title or _title(shards))
    figures = artifact.metrics(merged)
    approximate = merging.approximate(merged)
    if output == "json":
        files = {name: str(path) for name, path in written.items()}
        click.echo(json.dumps({"files": files, "metrics": figures, "approximate": approximate}))
        return
    rows, features = counted(int(figures["num_examples"]), "row"), counted(int(figures["num_features"]), "feature")
    click.echo(f"{rows} of {counted(len(shards), 'shard')}, {features}.", err=True)
    for name, what in approximate.items():
        click.echo(f"Not exact: {name}: {what}", err=True)
    click.echo(f"Statistics: {written[artifact.TFRECORD]}")
    click.echo(f"Report: {written[artifact.REPORT]}")


def _title(shards: tuple[str, ...]) -> str:
    return shards[0] if len(shards) == 1 else f"{shards[0]} to {shards[-1]} ({len(shards)} shards)"
