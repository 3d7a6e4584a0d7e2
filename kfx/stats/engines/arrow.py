"""The embedded engine: Arrow reads and hashes, numpy sorts.

A table that is stored by column is read a few columns at a time, so that a column is in memory only while it is
computed. A table that is stored by row (text, a database's rows) is read once and kept by column, in memory or, when
that is too little, in a temporary Parquet file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from kfx.errors import PermanentError
from kfx.stats import proto
from kfx.stats.engines import Progress
from kfx.stats.engines._budget import Budget, Group
from kfx.stats.engines._columnar import ColumnarTable, columnar
from kfx.stats.engines._feature import FeatureColumn
from kfx.stats.sources._columns import check_columns

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from kfx.stats.figures import Feature
    from kfx.stats.options import StatsOptions
    from kfx.stats.sources import Source

_MANY_ROWS = 1 << 22


def compute(source: Source, options: StatsOptions, progress: Progress) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Computes the statistics of a table; see `kfx.stats.engines`."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    with columnar(source, options, progress) as table:
        schema = table.schema()
        names = schema.names
        if options.feature_allowlist is not None:
            check_columns(source.uri, names, options.feature_allowlist)
            names = [name for name in names if name in options.feature_allowlist]
        budget = Budget(options.memory_limit, table.held_bytes)
        workers = _workers()
        groups = budget.groups(schema, names, table.num_rows, workers)
        done = _Done(progress, len(names))

        def features(group: Group) -> list[Feature]:
            with budget.taking(group.total):
                return done.after(group.names, _features(table, group, options))

        with ThreadPoolExecutor(workers) as pool:
            computed = [feature for made in pool.map(features, groups) for feature in made]
        dataset = proto.dataset("", table.num_rows, computed, options)
    return statistics_pb2.DatasetFeatureStatisticsList(datasets=[dataset])


def _workers() -> int:
    # What this process may use: a container or taskset may leave fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _features(table: ColumnarTable, group: Group, options: StatsOptions) -> list[Feature]:
    schema = table.schema()
    columns = {
        name: FeatureColumn((name,), schema.field(name).type, options, allowance)
        for name, allowance in zip(group.names, group.allowances, strict=True)
    }
    _read(table, columns)
    again = {name: column for name, column in columns.items() if column.needs_second_reading()}
    if again:
        _read(table, again)
    return [feature for column in columns.values() for feature in _finished(column, table.num_rows)]


def _read(table: ColumnarTable, columns: dict[str, FeatureColumn]) -> None:
    rows = 0
    for batch in table.batches(list(columns), encoded=True):
        rows += batch.num_rows
        for column, array in zip(columns.values(), batch.columns, strict=True):
            column.add(array)
    if rows != table.num_rows:
        raise PermanentError(f"{table.uri} has {table.num_rows} rows, but {rows} were read.")


def _finished(column: FeatureColumn, rows: int) -> list[Feature]:
    import pyarrow as pa

    features = column.features()
    if rows > _MANY_ROWS:
        # Arrow's allocator keeps what it frees; with large columns that adds up.
        pa.default_memory_pool().release_unused()
    return features


class _Done:
    """Reports finished columns."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self._lock = threading.Lock()

    def after(self, names: Sequence[str], features: list[Feature]) -> list[Feature]:
        with self._lock:
            self._done += len(names)
            self._progress("columns", self._done, self._total)
        return features
