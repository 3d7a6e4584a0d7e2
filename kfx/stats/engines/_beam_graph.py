"""The Beam pipeline: tables are read, described by TFDV and counted, and both results are written to a folder.

In this process one step reads the table. Elsewhere the parts' schemas come first, and each part is then read with them.
"""

from __future__ import annotations

import difflib
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import kfx
from kfx.errors import PermanentError, UsageError
from kfx.stats.engines import _beam_files
from kfx.stats.engines._beam_read import ROWS, Part, Schemas, all_schemas, in_order, read_part, read_table, schema_of

if TYPE_CHECKING:
    import pyarrow as pa
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from kfx.stats.beam import BeamOptions
    from kfx.stats.options import StatsOptions


@dataclass(frozen=True)
class Counted:
    """Rows as the readers counted them, apart from TFDV."""

    read: int
    """Rows of the table."""

    described: int
    """Rows handed to TFDV: those of the sample."""


@dataclass(frozen=True)
class Result:
    """What a pipeline wrote."""

    statistics: statistics_pb2.DatasetFeatureStatisticsList
    """What TFDV made."""

    counted: Counted
    """The rows."""

    schemas: tuple[pa.Schema, ...] = ()
    """Those of the parts, the first part's first; empty for a table of this process."""


@dataclass(frozen=True)
class Graph:
    """The steps, for any runner."""

    settings: Any
    """TFDV's `StatsOptions`."""

    options: StatsOptions
    """kfx's: columns, sample and slices are chosen while reading."""

    def run_here(self, token: str, beam: BeamOptions) -> Result:
        """Runs in this process and returns what came of it.

        Args:
            token: Of the table, as `kfx.stats.engines._beam_read.opened` gave it.
            beam: More arguments for Beam.
        """
        import apache_beam
        from apache_beam.runners.portability.fn_api_runner import FnApiRunner

        with tempfile.TemporaryDirectory(prefix="kfx-beam-") as folder:
            # What DirectRunner comes down to. It would first try Prism, a program that Beam downloads when it runs.
            with apache_beam.Pipeline(runner=FnApiRunner(), options=pipeline_options(beam, "")) as pipeline:
                tokens = pipeline | "Table" >> apache_beam.Create([token], reshuffle=False)
                self._describe(tokens, folder, apache_beam.FlatMap(read_table, options=self.options))
            return read_result(folder)

    def start(self, parts: Sequence[Part], beam: BeamOptions, name: str, folder: str) -> Any:
        """Starts on another runner and returns Beam's `PipelineResult`.

        Args:
            parts: Those of the table.
            beam: The runner and its settings.
            name: The job's.
            folder: Where workers write, and `read_result` reads.
        """
        import apache_beam

        pipeline = apache_beam.Pipeline(options=pipeline_options(beam, name))
        shared = pipeline | "Parts" >> apache_beam.Create(list(parts)) | "Share" >> apache_beam.Reshuffle()
        schemas = (
            shared | "Schemas" >> apache_beam.Map(schema_of) | "AllSchemas" >> apache_beam.CombineGlobally(all_schemas)
        )
        _ = schemas | "WriteSchemas" >> apache_beam.Map(_write_schemas, path=f"{folder}/schemas")
        reading = apache_beam.FlatMap(
            read_part, apache_beam.pvalue.AsSingleton(schemas), options=self.options, version=kfx.__version__
        )
        self._describe(shared, folder, reading)
        return pipeline.run()

    def _describe(self, tables: Any, folder: str, reading: Any) -> None:
        import apache_beam
        from tensorflow_data_validation.statistics.stats_impl import GenerateSlicedStatisticsImpl
        from tensorflow_data_validation.types import SlicedRecordBatch

        read = tables | "Read" >> reading.with_output_types(SlicedRecordBatch).with_outputs(ROWS, main="described")
        sliced = bool(self.options.slice_features)
        made = read.described | "Describe" >> GenerateSlicedStatisticsImpl(self.settings, is_slicing_enabled=sliced)
        _ = made | "WriteStatistics" >> apache_beam.Map(_write_statistics, path=f"{folder}/statistics")
        counts = read[ROWS] | "Count" >> apache_beam.CombineGlobally(_sums)
        _ = counts | "WriteRows" >> apache_beam.Map(_write_counts, path=f"{folder}/rows")


def pipeline_options(beam: BeamOptions, name: str) -> Any:
    """Returns Beam's `PipelineOptions`.

    Raises:
        UsageError: An argument is none of Beam's, where Beam knows them all.
    """
    from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

    arguments = beam.arguments(name)
    if beam.is_direct or beam.is_dataflow:
        parser = _BeamArgumentParser(allow_abbrev=False)
        for kind in PipelineOptions.__subclasses__():
            kind._add_argparse_args(parser)  # noqa: SLF001 - how Beam collects them itself
        _, unknown = parser.parse_known_args(arguments)
        if unknown:
            known = [flag for action in parser._actions for flag in action.option_strings]  # noqa: SLF001
            near = difflib.get_close_matches(unknown[0].partition("=")[0], known, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(f"Beam has no option {unknown[0]!r}.{hint}")
    return PipelineOptions(arguments)


def read_result(folder: str) -> Result:
    """Reads what a pipeline wrote.

    Args:
        folder: As given to it.

    Raises:
        PermanentError: Cloud Storage refuses, or the runner says it is done and the files are not there.
        OSError: The folder cannot be read.
    """
    import pyarrow as pa
    from tensorflow_metadata.proto.v0 import statistics_pb2

    statistics, rows = (_beam_files.read(f"{folder}/{name}") for name in ("statistics", "rows"))
    if not statistics or not rows:
        raise PermanentError(f"The job is done and wrote no statistics to {folder}.")
    schemas = _beam_files.read(f"{folder}/schemas")
    return Result(
        statistics_pb2.DatasetFeatureStatisticsList.FromString(statistics[0]),
        Counted(*json.loads(rows[0])),
        tuple(pa.ipc.read_schema(pa.py_buffer(schema)) for schema in schemas),
    )


def _write_statistics(statistics: statistics_pb2.DatasetFeatureStatisticsList, path: str) -> None:
    _beam_files.write(path, [statistics.SerializeToString()])


def _write_schemas(schemas: Schemas, path: str) -> None:
    _beam_files.write(path, [schema.serialize().to_pybytes() for schema in in_order(schemas)])


def _write_counts(counts: tuple[int, int], path: str) -> None:
    _beam_files.write(path, [json.dumps(counts).encode()])


def _sums(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    read = described = 0
    for one, other in pairs:
        read, described = read + one, described + other
    return read, described
