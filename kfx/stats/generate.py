"""Statistics of a table in one call: source, engine, proto."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from kfx.errors import UsageError
from kfx.stats.bad_rows import BadRows, Skipping, note
from kfx.stats.engines import DEFAULT, Progress, engine
from kfx.stats.options import StatsOptions
from kfx.stats.sources import TextReading, open_source

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from kfx.stats.beam import BeamOptions


def chosen_engine(name: str, beam: BeamOptions, *, automatic: Collection[str] = ()) -> str:
    """Returns the engine's name; for `auto`, tfdv where Beam runs outside this process, else the default.

    Args:
        name: A module of `kfx.stats.engines`, or `auto`.
        beam: Where Beam would run.
        automatic: Settings of Beam's that nobody gave, so that an engine may leave them unused.

    Raises:
        UsageError: A runner, or a setting of Beam's, is given for an engine that is not on Beam.
    """
    if name == "auto":
        return DEFAULT if beam.is_direct else "tfdv"
    if name != "tfdv" and not beam.is_direct:
        raise UsageError(f"The engine {name!r} does not run on Beam, and the runner is {beam.runner}. Take 'tfdv'.")
    unused = [setting for setting in beam.given if setting not in automatic]
    if name != "tfdv" and unused:
        extra = [argument.removeprefix("--").partition("=")[0] for argument in beam.extra]
        named = [each for setting in unused for each in (extra if setting == "extra" else [setting])]
        raise UsageError(
            f"The engine {name!r} does not run on Beam and takes no Beam option ({', '.join(named)}). Leave that out, "
            "or take the engine 'tfdv' (or 'auto', which is tfdv where the runner is not DirectRunner)."
        )
    return name


def silent(_what: str, _done: int, _total: int) -> None:
    """A progress callback that tells nobody."""


def generate(
    uri: str,
    options: StatsOptions | None = None,
    *,
    engine_name: str = DEFAULT,
    progress: Progress = silent,
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Computes the statistics of a table.

    Args:
        uri: What `kfx.stats.sources.open_source` opens.
        options: What to compute; TFDV's defaults if not given.
        engine_name: A module of `kfx.stats.engines`.
        progress: Told now and then how far the computation is.

    Raises:
        UsageError: The table cannot be read (or no row of it), or a column has a type without statistics.
        MissingExtraError: The source or the engine needs a package that is not installed.
    """
    options = options or StatsOptions()
    compute = engine(engine_name)
    if engine_name != "bigquery" and (options.sample_by == "blocks" or options.maximum_bytes_billed is not None):
        raise UsageError(
            f"sample_by=blocks and maximum_bytes_billed are for the engine bigquery, and this is {engine_name}. "
            "A query that another engine reads has its limit in the source: bq-query:max_bytes=2TiB;SELECT ..."
        )
    source = open_source(uri, TextReading(options.delimiter, options.on_bad_rows))
    computed = compute(source, options, progress)
    if isinstance(source, Skipping) and source.bad_rows.count:
        _note(computed, uri, source.bad_rows)
    return computed


def _note(computed: statistics_pb2.DatasetFeatureStatisticsList, uri: str, found: BadRows) -> None:
    """Says in the statistics what they leave out; nothing is left of a table none of whose rows can be read."""
    whole = computed.datasets[0]
    if not whole.num_examples:
        raise UsageError(f"None of the {found.count:,} rows of {uri!r} can be read; {found.places[0]}.")
    note(whole, found.count, found.places)
