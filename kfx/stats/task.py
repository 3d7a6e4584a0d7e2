"""What the component `statistics_gen` does, as a function."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from kfx.errors import UsageError
from kfx.stats import artifact, memory, place
from kfx.stats.beam import BeamOptions
from kfx.stats.engines import DEFAULT
from kfx.stats.generate import chosen_engine, generate
from kfx.stats.options import HistogramChoice, OnBadRows, SampleBy, Slice, StatsOptions
from kfx.stats.remarks import remarks
from kfx.stats.sources.bq_query import byte_limit


def describe(
    source: str,
    dataset: Any,
    statistics: Any,
    report: Any,
    *,
    features: Sequence[str] = (),
    slices: Sequence[str] = (),
    weight_feature: str = "",
    sample_rate: float = 1.0,
    title: str = "",
    memory_limit: str = "",
    histograms: Sequence[str] = (),
    slice_sqls: Sequence[str] = (),
    on_bad_rows: str = "error",
    delimiter: str = "",
    log: Callable[[str, int | float], object] = lambda _name, _figure: None,
    mergeable: bool = False,
    top_values: int = 20,
    rank_buckets: int = 1000,
    buckets: int = 10,
    quantile_buckets: int = 10,
    engine: str = DEFAULT,
    beam: Mapping[str, Any] = MappingProxyType({}),
    sample_by: str = "auto",
    maximum_bytes_billed: str = "",
) -> dict[str, int | float]:
    """Computes a table's statistics and writes the component's artifacts.

    Args:
        source: The table's URI, or empty when `dataset` is given.
        dataset: A kfp Dataset artifact, or None when `source` is given.
        statistics: The kfp artifact whose path becomes a folder.
        report: The kfp artifact whose path becomes the page.
        features: Columns to describe; all when empty.
        slices: Columns whose values are described apart, each as `kfx.stats.options.Slice.parse` reads it.
        weight_feature: Column that says how much a row counts; empty for none.
        sample_rate: Share of the rows to describe; 1 for all.
        title: Heading of the report; the source's name when empty.
        memory_limit: As `kfx.stats.memory.parse` reads it.
        histograms: As `kfx.stats.options.HistogramChoice.parse` reads each.
        slice_sqls: SQL that names slices, for the engine bigquery alone.
        on_bad_rows: `error` or `skip`; what was skipped is told on stderr, in the metrics and in the report.
        delimiter: What stands between two cells of a text file; empty for what its name says.
        log: Told each metric's name and figure.
        mergeable: Whether to keep what merging needs.
        top_values: Most frequent values kept of a string feature.
        rank_buckets: Values in a string feature's rank histogram.
        buckets: Equal-width buckets of a numeric feature.
        quantile_buckets: Quantile buckets of a numeric feature.
        engine: A module of `kfx.stats.engines`, or `auto`: tfdv where Beam runs elsewhere, else the default.
        beam: Settings of `kfx.stats.beam.BeamOptions`.
        sample_by: `auto`, `rows` or `blocks`, for the engine bigquery.
        maximum_bytes_billed: Such as 2TiB, for all queries of the engine bigquery; empty for its default.

    Returns:
        The metrics of `kfx.stats.artifact.metrics`.

    Raises:
        UsageError: Both or none of source and dataset are given, or the table cannot be read.
        PermanentError: The artifacts cannot be written.
    """
    if bool(source) == (dataset is not None):
        given = "both" if source else "neither"
        raise UsageError(f"statistics_gen takes either a source or a dataset, and got {given}.")
    facts: dict[str, str] = {}
    runs = _beam(beam, statistics.uri, facts)
    uri = source or _place(dataset, runs)
    # The folder has a default, and the image may come with the compiled pipeline.
    chosen = chosen_engine(engine, runs, automatic=("temp_location", "sdk_container_image"))
    options = StatsOptions(
        feature_allowlist=tuple(features) or None,
        slice_features=tuple(map(Slice.parse, slices)),
        weight_feature=weight_feature or None,
        sample_rate=None if sample_rate == 1 else sample_rate,
        memory_limit=memory.parse(memory_limit),
        histograms=tuple(map(HistogramChoice.parse, histograms)),
        slice_sqls=tuple(slice_sqls),
        on_bad_rows=cast("OnBadRows", on_bad_rows),  # StatsOptions checks it
        delimiter=delimiter,
        mergeable=mergeable,
        num_top_values=top_values,
        num_rank_histogram_buckets=rank_buckets,
        num_histogram_buckets=buckets,
        num_quantiles_histogram_buckets=quantile_buckets,
        beam=runs,
        sample_by=cast("SampleBy", sample_by),
        maximum_bytes_billed=(
            byte_limit(maximum_bytes_billed, "maximum_bytes_billed") if maximum_bytes_billed else None
        ),
    )
    for output in (Path(statistics.path), Path(report.path).parent):
        place.check_folder(output)
    computed = generate(uri, options, engine_name=chosen)
    for line in remarks(computed, options):
        print(line, file=sys.stderr)
    heading = title or source or _title(dataset)
    written = artifact.write(computed, Path(statistics.path), heading)
    # A browser shows a file of this name as a page and not as its source.
    report.uri = f"{report.uri.removesuffix('.html')}.html"
    page = Path(report.path)
    page.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(written[artifact.REPORT], page)
    figures = artifact.metrics(computed)
    statistics.metadata.update({"source": heading, "engine": chosen, **facts, **figures})
    for name, figure in figures.items():
        log(name, figure)
    return figures


def _beam(settings: Mapping[str, Any], uri: str, facts: dict[str, str]) -> BeamOptions:
    """Reads Beam's settings; what a job writes on the way goes beside the statistics where no other place is given."""
    beside = f"{uri.rstrip('/')}-beam" if uri.startswith("gs://") else ""
    given = {**settings, "temp_location": settings.get("temp_location") or beside}
    return BeamOptions(**given, on_job=facts.update)


def _place(dataset: Any, beam: BeamOptions) -> str:
    """Returns where a data set's files are, as whoever reads them sees them: this task, or workers elsewhere."""
    return str(dataset.path if beam.is_direct or not dataset.uri.startswith("gs://") else dataset.uri)


def _title(dataset: Any) -> str:
    """What to call a data set that an earlier task made: where it came from, and which part of it this is."""
    name = str(dataset.metadata.get("source") or dataset.name or dataset.path)
    split = dataset.metadata.get("split", "")
    return f"{name}, {split} split" if split else name
