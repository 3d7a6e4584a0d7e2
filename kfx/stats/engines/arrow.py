"""The embedded engine: Arrow reads and hashes, numpy sorts.

A table that is stored by column is read a few columns at a time, so that a column is in memory only while it is
computed. A table that is stored by row (text, a database's rows) is read once and kept by column, in memory or, when
that is too little, in a temporary Parquet file.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from kfx.stats.engines import Progress
from kfx.stats.engines._columnar import columnar

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from kfx.stats.options import StatsOptions
    from kfx.stats.sources import Source

_LATE = ("pyarrow.compute", "kfx.stats.engines._computation", "tensorflow_metadata.proto.v0.statistics_pb2")


def compute(source: Source, options: StatsOptions, progress: Progress) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Computes the statistics of a table; see `kfx.stats.engines`.

    The first data set is the whole table; slices follow in the order of their names.
    """
    late = iter(("", *_LATE))  # nothing at first, when other threads have no rows yet

    def reading(what: str, done: int, total: int) -> None:
        # What computes is imported while other threads parse rows; before them it would delay the reading.
        if name := next(late, ""):
            importlib.import_module(name)
        progress(what, done, total)

    with columnar(source, options, reading) as table:
        from kfx.stats.engines._computation import Computation

        datasets = Computation(table, options, progress).run()
    from tensorflow_metadata.proto.v0 import statistics_pb2

    return statistics_pb2.DatasetFeatureStatisticsList(datasets=datasets)
