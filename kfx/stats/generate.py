"""Statistics of a table in one call: source, engine, proto."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kfx.stats.engines import DEFAULT, Progress, engine
from kfx.stats.options import StatsOptions
from kfx.stats.sources import open_source

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2


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
        UsageError: The table cannot be read, or a column has a type without statistics.
        MissingExtraError: The source or the engine needs a package that is not installed.
    """
    compute = engine(engine_name)
    return compute(open_source(uri), options or StatsOptions(), progress)
