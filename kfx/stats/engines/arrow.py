"""The embedded engine: Arrow reads and hashes, numpy sorts.

A table that is stored by column is read a column at a time, each by its own thread, so that a column is in memory only
while it is computed. A table that is stored by row (text, a database's rows) is read once and kept by column.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from kfx.errors import PermanentError
from kfx.stats import proto
from kfx.stats.engines import Progress
from kfx.stats.engines._columnar import ColumnarTable, columnar
from kfx.stats.engines._feature import FeatureColumn
from kfx.stats.sources._columns import check_columns

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from kfx.stats.figures import Feature
    from kfx.stats.options import StatsOptions
    from kfx.stats.sources import Source


def compute(source: Source, options: StatsOptions, progress: Progress) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Computes the statistics of a table; see `kfx.stats.engines`."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    with columnar(source, options, progress) as table:
        names = table.schema().names
        if options.feature_allowlist is not None:
            check_columns(source.uri, names, options.feature_allowlist)
            names = [name for name in names if name in options.feature_allowlist]
        groups = list(_groups(names))
        done = _Done(progress, len(names))
        with ThreadPoolExecutor(_workers()) as pool:
            computed = list(pool.map(lambda group: done.after(group, _features(table, group, options)), groups))
        features = [feature for group in computed for feature in group]
        dataset = proto.dataset("", table.num_rows, features, options)
    return statistics_pb2.DatasetFeatureStatisticsList(datasets=[dataset])


def _workers() -> int:
    # What this process may use: a container or taskset may leave fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _groups(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cuts the columns into tasks: one column each in narrow tables; in wide ones opening a file has its price too."""
    size = max(1, len(names) // 128)
    for start in range(0, len(names), size):
        yield names[start : start + size]


def _features(table: ColumnarTable, names: Sequence[str], options: StatsOptions) -> list[Feature]:
    schema = table.schema()
    columns = [FeatureColumn((name,), schema.field(name).type, options) for name in names]
    rows = 0
    for batch in table.batches(names, encoded=True):
        rows += batch.num_rows
        for column, array in zip(columns, batch.columns, strict=True):
            column.add(array)
    if rows != table.num_rows:
        raise PermanentError(f"{table.uri} has {table.num_rows} rows, but {rows} were read of {names[0]!r}.")
    return [feature for column in columns for feature in column.features()]


class _Done:
    """Reports finished columns."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self._lock = threading.Lock()

    def after(self, group: Sequence[str], features: list[Feature]) -> list[Feature]:
        with self._lock:
            self._done += len(group)
            self._progress("columns", self._done, self._total)
        return features
