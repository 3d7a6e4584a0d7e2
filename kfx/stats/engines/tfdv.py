"""TFDV itself, on Apache Beam: in this process, or on Dataflow, Flink or Spark.

Take it where a team wants exactly TFDV's figures, or has its Beam cluster anyway; the engine arrow gives the same
statistics in a fraction of the time and memory, and bigquery where the table is in BigQuery. `StatsOptions.beam` names
the runner. Every row of the table is counted in the result, or the computation fails: Beam's multi-processing mode, in
which rows get lost, is refused.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import kfx
from kfx.errors import MissingExtraError, UsageError
from kfx.stats.beam import BeamOptions
from kfx.stats.engines import Progress
from kfx.stats.engines._beam_graph import Graph, Result
from kfx.stats.engines._beam_proto import finished
from kfx.stats.engines._beam_read import LostRowsError, opened
from kfx.stats.engines._beam_remote import run_remotely
from kfx.stats.engines._columnar import columnar

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from kfx.stats.options import StatsOptions
    from kfx.stats.sources import Source


def compute(source: Source, options: StatsOptions, progress: Progress) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Computes the statistics of a table; see `kfx.stats.engines`.

    Raises:
        MissingExtraError: TFDV is not installed.
        UsageError: An option is one that TFDV or the runner does not have, or the workers cannot read the table.
        LostRowsError: Not every row was counted.
        PermanentError: The job failed or was cancelled; the message has its reason.
    """
    beam = options.beam.complete()
    settings = _tfdv_options(options)
    # What travels to workers: no callback, and nothing that only the start of a job needs.
    graph = Graph(settings, replace(options, beam=BeamOptions()))
    rows: int | None
    if beam.is_direct:
        with columnar(source, options, progress) as table, opened(table, progress) as token:
            result, rows, schema = graph.run_here(token, beam), table.num_rows, table.schema()
    else:
        result, rows, schema = run_remotely(source, graph, beam)
    check_counts(source.uri, result, rows)
    return finished(result.statistics, schema, options)


def check_counts(uri: str, result: Result, expected: int | None) -> None:
    """Raises LostRowsError unless TFDV described each row that was read, and every row of the table was read.

    Args:
        uri: The table.
        result: What TFDV made, and what the readers counted.
        expected: Rows of the table; None where its storage does not say.
    """
    counted = result.counted
    described = max((dataset.num_examples for dataset in result.statistics.datasets), default=0)
    if described != counted.described or (expected is not None and counted.read != expected):
        of = f" of {expected:,}" if expected is not None else ""
        raise LostRowsError(
            f"TFDV counted {described:,} of {counted.described:,} rows of {uri!r}, and {counted.read:,}{of} were read. "
            "The statistics are not kept. Report this with the runner's name; the engine arrow counts every row."
        )


def _tfdv_options(options: StatsOptions) -> Any:
    """Returns TFDV's options.

    Raises:
        MissingExtraError: TFDV is not installed.
        UsageError: TFDV has no such option.
    """
    _check_supported(options)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's notes on this machine's processor
    # Beam reads annotations to find coders, and notes each that is a string.
    logging.getLogger("apache_beam.typehints.native_type_compatibility").setLevel(logging.WARNING)
    try:
        import tensorflow_data_validation as tfdv
    except ImportError as error:
        raise MissingTfdvError from error
    # Columns, sampling and slices are chosen before TFDV sees the rows.
    return tfdv.StatsOptions(
        weight_feature=options.weight_feature,
        num_top_values=options.num_top_values,
        num_rank_histogram_buckets=options.num_rank_histogram_buckets,
        num_values_histogram_buckets=options.num_values_histogram_buckets,
        # Histograms that are not wanted are taken out afterwards: TFDV 1.21 has an option for it and does not heed it.
        num_histogram_buckets=options.num_histogram_buckets or 1,
        num_quantiles_histogram_buckets=options.num_quantiles_histogram_buckets or 1,
    )


class MissingTfdvError(MissingExtraError):
    """TFDV is not in this environment."""

    def __init__(
        self,
        feature: str = "Statistics by the engine 'tfdv'",
        command: str = "kfx stats SOURCE -o DIR --engine tfdv",
    ) -> None:
        """Says both ways out: TFDV has wheels for few systems, and the image has it on all.

        Args:
            feature: What needs TFDV, as the start of a sentence.
            command: The same as a command in the image.
        """
        super().__init__(feature, "tfdv")
        self.args = (
            f"{self.args[0]} (Linux with glibc 2.39 or newer, macOS on arm64). Or run it in kfx's full image, which "
            'kfx build makes: docker run --rm -u "$(id -u)" -v "$PWD:/data" -w /data '
            f"localhost/kfx:{kfx.__version__} {command}",
        )


def _check_supported(options: StatsOptions) -> None:
    """Refuses by name what TFDV 1.21 or workers elsewhere do not have."""
    refused = {
        "on_bad_rows=skip outside this process": options.on_bad_rows == "skip" and not options.beam.is_direct,
        "mergeable": options.mergeable,
    }
    if options.slice_sqls:
        raise UsageError(
            "The engine 'tfdv' does not slice by SQL (--slice-sql, or slice_sqls). Slice by columns and values "
            "(--slice, or slices), or take the engine bigquery, the only one that slices by SQL."
        )
    names = [name for name, given in refused.items() if given]
    if names:
        raise UsageError(f"The engine 'tfdv' has no {', '.join(names)}. Leave it out, or take the engine arrow.")
    for choice in options.histograms:
        pairs = (
            (choice.standard, options.num_histogram_buckets),
            (choice.quantiles, options.num_quantiles_histogram_buckets),
        )
        if any(own not in {None, 0, general} for own, general in pairs):
            raise UsageError(
                f"The engine 'tfdv' has as many buckets for every feature, and {choice.feature!r} is to have others. "
                "Choose none for it, or take the engine arrow."
            )
