"""`kfx stats SOURCE -o DIR`: statistics of a table, and a report."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kfx.errors import UsageError

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

    from kfx.stats.options import OnBadRows, SampleBy, StatsOptions


@click.command()
@click.argument("source")
@click.option("-o", "--out", "folder", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for stats.tfrecord, stats.pb, report.html and metrics.json. Default: stats, "
                   "or none with --format.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json"]), help="Print the statistics themselves.")
@click.option("--compare", "others", multiple=True, metavar="[NAME=]OTHER",
              help="Other statistics, their folder or file, or a table, shown beside these in the report; "
                   "repeatable.")  # fmt: skip
@click.option("--engine", default="arrow", show_default=True, help="What computes: a module of kfx.stats.engines.")
@click.option("--beam-runner", default="DirectRunner", show_default=True, metavar="RUNNER",
              help="Where engine tfdv runs: DirectRunner, DataflowRunner, FlinkRunner, SparkRunner, PortableRunner or "
                   "PrismRunner.")  # fmt: skip
@click.option("--beam-option", "beam_options", multiple=True, metavar="NAME=VALUE",
              help="project=P, region=R, temp_location=gs://B/F, sdk_container_image=I, labels=K=V and the other "
                   "settings of kfx.stats.beam, or any pipeline option of Beam's; may be repeated.")  # fmt: skip
@click.option("--feature", "features", multiple=True, metavar="COLUMN", help="Only this column; may be repeated.")
@click.option("--sample-rate", type=float, help="Describe this share of the rows, chosen at random.")
@click.option("--sample-by", type=click.Choice(["auto", "rows", "blocks"]), default="auto", show_default=True,
              help="What engine bigquery samples: rows, or blocks of a large table, which cost less to read.",
              )  # fmt: skip
@click.option("--maximum-bytes-billed", default="", metavar="SIZE",
              help="Most that all queries of engine bigquery together may be billed for, such as 2TiB. "
                   "Default: KFX_BIGQUERY_MAX_BYTES, else 100GiB.")  # fmt: skip
@click.option("--weight", default=None, metavar="COLUMN", help="Numeric column that says how much a row counts.")
@click.option("--slice", "slices", multiple=True, metavar="COLUMN[=VALUE|VALUE][,COLUMN...]",
              help="Describe the rows of each value (or combination) apart as well; may be repeated.")  # fmt: skip
@click.option("--top-values", default=20, show_default=True, help="Most frequent values kept of a string column.")
@click.option("--rank-buckets", default=1000, show_default=True, help="Values in a string column's rank histogram.")
@click.option("--buckets", default=10, show_default=True, help="Equal-width buckets of a numeric column.")
@click.option("--quantile-buckets", default=10, show_default=True, help="Quantile buckets of a numeric column.")
@click.option("--histogram", "histograms", multiple=True, metavar="COLUMN=CHOICE",
              help="Histograms of one numeric column (* for every other): 50 buckets, none, standard:50, quantiles:20 "
                   "or both with a comma; may be repeated.")  # fmt: skip
@click.option("--slice-sql", "slice_sqls", multiple=True, metavar="SQL",
              help="Describe apart what SQL selects, such as SELECT STRUCT(country) FROM example.country; for the "
                   "engine bigquery alone; may be repeated.")  # fmt: skip
@click.option("--on-bad-rows", type=click.Choice(["error", "skip"]), default="error", show_default=True,
              help="What to do with a row of CSV, TSV or JSON lines that cannot be read; skip counts and reports it.",
              )  # fmt: skip
@click.option("--delimiter", default="", metavar="CHARACTER",
              help="What stands between two cells. Default: the comma of CSV, the tab of TSV.")  # fmt: skip
@click.option("--mergeable", is_flag=True, help="Keep what kfx merge needs to join statistics of shards exactly.")
@click.option("--memory-limit", default="", metavar="SIZE", help="Such as 2GiB. Default: 60 % of the memory there is.")
@click.option("--title", default="", help="Heading of the report. Default: the source.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="What to print when done.")  # fmt: skip
def stats(
    source: str,
    folder: Path | None,
    form: str | None,
    others: tuple[str, ...],
    engine: str,
    beam_runner: str,
    beam_options: tuple[str, ...],
    features: tuple[str, ...],
    sample_rate: float | None,
    sample_by: SampleBy,
    maximum_bytes_billed: str,
    weight: str | None,
    slices: tuple[str, ...],
    top_values: int,
    rank_buckets: int,
    buckets: int,
    quantile_buckets: int,
    histograms: tuple[str, ...],
    slice_sqls: tuple[str, ...],
    on_bad_rows: OnBadRows,
    delimiter: str,
    mergeable: bool,
    memory_limit: str,
    title: str,
    output: str,
) -> None:
    """Computes statistics of SOURCE and writes them, with a report, into a folder.

    SOURCE is a path, glob or folder of CSV, TSV, JSON lines or Parquet (plain, gzip or zstd), local or gs://;
    bq://project.dataset.table; or sklearn:NAME. `tfdv.load_statistics` reads the statistics.
    """
    # Statistics multiply no matrices, and numpy's OpenBLAS would keep a core busy for a tenth of a second at its start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # A table's columns are filled once: clearing its memory in pages of 2 MiB instead of 4 KiB takes twice as long on
    # a virtual machine whose host has not given it that memory yet, and a tenth more is used.
    os.environ.setdefault("MIMALLOC_ALLOW_THP", "0")
    from kfx.cli._beam import parse as parse_beam
    from kfx.stats import memory, place
    from kfx.stats.generate import chosen_engine, generate
    from kfx.stats.options import HistogramChoice, Slice, StatsOptions
    from kfx.stats.remarks import left_out, remarks
    from kfx.stats.wording import counted

    options = StatsOptions(
        feature_allowlist=features or None,
        sample_rate=sample_rate,
        sample_by=sample_by,
        maximum_bytes_billed=_bytes(maximum_bytes_billed),
        weight_feature=weight,
        slice_features=tuple(map(Slice.parse, slices)),
        num_top_values=top_values,
        num_rank_histogram_buckets=rank_buckets,
        num_histogram_buckets=buckets,
        num_quantiles_histogram_buckets=quantile_buckets,
        histograms=tuple(map(HistogramChoice.parse, histograms)),
        slice_sqls=slice_sqls,
        on_bad_rows=on_bad_rows,
        delimiter=delimiter,
        mergeable=mergeable,
        memory_limit=memory.parse(memory_limit),
        beam=parse_beam(beam_runner, beam_options),
    )
    if folder is None and form is None:
        folder = Path("stats")
    if folder is not None:
        place.check_folder(folder)
    compared = _compared(others, options)
    with _Progress() as progress:
        computed = generate(source, options, engine_name=chosen_engine(engine, options.beam), progress=progress)
    apart = left_out(computed, str(folder or "")) if compared else []
    for line in [*remarks(computed, options), *apart]:
        click.echo(line, err=True)
    if form is not None:
        click.echo(printed(computed, compared, form))
    if folder is None:
        return
    from kfx.stats import artifact

    written = artifact.write(computed, folder, title or source, compared)
    figures = artifact.metrics(computed)
    if output == "json":
        files = {name: str(path) for name, path in written.items()}
        click.echo(json.dumps({"source": source, "files": files, "metrics": figures}), err=form is not None)
        return
    missing = f"{100 * figures['missing_share']:.2f} % of cells missing"
    rows, described = counted(int(figures["num_examples"]), "row"), counted(int(figures["num_features"]), "feature")
    click.echo(f"{rows}, {described}, {missing}.", err=True)
    click.echo(f"Statistics: {written[artifact.TFRECORD]}", err=form is not None)
    click.echo(f"Report: {written[artifact.REPORT]}", err=form is not None)


def _bytes(limit: str) -> int | None:
    if not limit:
        return None
    from kfx.stats.sources.bq_query import byte_limit

    return byte_limit(limit, "--maximum-bytes-billed")


def _compared(others: tuple[str, ...], options: StatsOptions) -> dict[str, DatasetFeatureStatisticsList]:
    """Reads the statistics to compare with, or computes those of a table read in the same way, by name."""
    if not others:
        return {}
    from kfx.stats import artifact
    from kfx.stats.options import StatsOptions
    from kfx.stats.schema.files import statistics_of

    reading = StatsOptions(
        memory_limit=options.memory_limit, delimiter=options.delimiter, on_bad_rows=options.on_bad_rows
    )
    compared = {}
    for other in others:
        name, equals, path = other.partition("=")
        if not equals:
            name, path = Path(other).stem if Path(other).is_file() else Path(other).name, other
        if name in compared:
            raise UsageError(f"Two statistics to compare with are named {name!r}; write NAME=STATISTICS.")
        compared[name] = statistics_of(path, reading)
    artifact.check_others(compared)  # before the table is read
    return compared


def printed(
    statistics: DatasetFeatureStatisticsList, compared: dict[str, DatasetFeatureStatisticsList], form: str
) -> str:
    """Returns the statistics as text as wide as the terminal, or as JSON; with others, all of them side by side.

    Args:
        statistics: What to print.
        compared: Others, by name.
        form: `text` or `json`.
    """
    from google.protobuf import json_format

    from kfx.stats import artifact
    from kfx.stats.report import text

    shown = artifact.with_others(statistics, compared) if compared else statistics
    if form == "json":
        return json_format.MessageToJson(shown, indent=1)
    width = shutil.get_terminal_size((text.WIDTH, 0)).columns
    if compared:
        return text.comparison(shown, width)
    return text.tables(shown, width)


class _Progress:
    """One line on a terminal's stderr, once the work has taken a while; nothing where stderr is a file."""

    _AFTER_S = 1.0
    _EVERY_S = 0.1

    def __init__(self) -> None:
        self._shown = False
        self._next = time.monotonic() + self._AFTER_S

    def __enter__(self) -> _Progress:
        """Returns what is called with how far the work is."""
        return self

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now < self._next or not sys.stderr.isatty():
            return
        self._next, self._shown = now + self._EVERY_S, True
        of = f" of {total:,}" if total else ""
        click.echo(f"\r\033[K{done:,}{of} {what}", err=True, nl=False)

    def __exit__(self, *_: object) -> None:
        """Clears the line, for what follows or for an error."""
        if self._shown:
            click.echo("\r\033[K", err=True, nl=False)
