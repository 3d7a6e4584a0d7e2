"""The columns of a table, read and described by threads that share the memory."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from kfx.errors import PermanentError, UsageError
from kfx.stats import proto
from kfx.stats.engines import Progress
from kfx.stats.engines._budget import Budget, Group
from kfx.stats.engines._columnar import ColumnarTable
from kfx.stats.engines._feature import FeatureColumn
from kfx.stats.engines._numeric import WEIGHT_BYTES
from kfx.stats.engines._rows import Part, RowSelection
from kfx.stats.engines._views import has_views, without_views
from kfx.stats.options import EVERY_OTHER
from kfx.stats.sources._columns import check_columns

if TYPE_CHECKING:
    import pyarrow as pa
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from kfx.stats.figures import Feature
    from kfx.stats.options import StatsOptions

_MANY_ROWS = 1 << 22


class Computation:
    """One table's columns, shared out to threads."""

    def __init__(self, table: ColumnarTable, options: StatsOptions, progress: Progress) -> None:
        self._table, self._options, self._progress = table, options, progress
        self._schema = table.schema()
        self._has_views = has_views(self._schema)
        self._names = self._schema.names
        _check_choices(table.uri, self._schema, options)
        if options.feature_allowlist is not None:
            check_columns(table.uri, self._names, options.feature_allowlist)
            self._names = [name for name in self._names if name in options.feature_allowlist]
        self._selection = RowSelection(table.uri, self._schema, options)
        self._check_columns()
        self._budget = Budget(options.memory_limit, table.held_bytes)
        self._finished = 0
        self._stopped = False
        self._lock = threading.Lock()

    def _check_columns(self) -> None:
        """Raises UsageError for a column that cannot be described, before any is."""
        try:
            for name in self._names:
                FeatureColumn((name,), self._schema.field(name).type, self._options, 0)
        except UsageError as error:
            raise UsageError(f"{self._table.uri}: {error}") from error

    def run(self) -> list[statistics_pb2.DatasetFeatureStatistics]:
        workers = _workers()
        rows, copies = self._table.num_rows, self._selection.copies
        beside = WEIGHT_BYTES if self._options.weight_feature is not None else 0
        groups = self._budget.groups(self._schema, self._names, rows, workers, copies, beside)
        # A table without columns still has rows to count.
        groups = groups or [Group((), ())]
        # What takes longest starts first, so that no thread works on alone at the end.
        order = sorted(range(len(groups)), key=lambda at: not self._has_text(groups[at]))
        with ThreadPoolExecutor(workers) as pool:
            try:
                computed = dict(zip(order, pool.map(self._group, [groups[at] for at in order]), strict=True))
            except BaseException:
                # The pool waits for its threads: after an error or a signal they need not read to the end.
                self._stopped = True
                raise
        made = [computed[at] for at in range(len(groups))]
        whole, *slices = made[0]
        return [self._joined(name, [datasets[name] for datasets in made]) for name in [whole, *sorted(slices)]]

    def _has_text(self, group: Group) -> bool:
        import pyarrow as pa

        return any(not pa.types.is_primitive(self._schema.field(name).type) for name in group.names)

    def _joined(self, name: str, parts: list[_Dataset]) -> statistics_pb2.DatasetFeatureStatistics:
        features = [feature for part in parts for feature in part.features]
        weight = parts[0].weight if self._options.weight_feature is not None else None
        return proto.dataset(name, parts[0].rows, features, self._options, weight)

    def _group(self, group: Group) -> dict[str, _Dataset]:
        """Computes a group's columns, and keeps the figures alone."""
        import pyarrow as pa

        with self._budget.taking(group.total):
            datasets = {self._selection.whole: _Dataset(self._schema, group, self._options)}
            try:
                self._read(group, datasets)
                again = [dataset.needs_second_reading() for dataset in datasets.values()]
                if any(again):
                    self._read(group, datasets)
                for dataset in datasets.values():
                    dataset.finish()
            finally:
                for dataset in datasets.values():
                    dataset.close()
            if self._table.num_rows > _MANY_ROWS:
                # Arrow's allocator keeps what it frees; with large columns that adds up.
                pa.default_memory_pool().release_unused()
        with self._lock:
            self._finished += len(group.names)
            self._progress("columns", self._finished, len(self._names))
        return datasets

    def _read(self, group: Group, datasets: dict[str, _Dataset]) -> None:
        rows = 0
        for batch in self._table.batches(list(dict.fromkeys([*group.names, *self._selection.columns])), encoded=True):
            if self._stopped:
                raise InterruptedError("another thread failed, or the program is to end")
            batch = without_views(batch) if self._has_views else batch
            for part in self._selection.parts(batch, rows):
                if part.name not in datasets:
                    self._selection.check_number(len(datasets))
                    datasets[part.name] = _Dataset(self._schema, group, self._options)
                datasets[part.name].add(batch, part)
            rows += batch.num_rows
        if rows != self._table.num_rows:
            raise PermanentError(f"{self._table.uri} has {self._table.num_rows} rows, but {rows} were read.")


def _check_choices(uri: str, schema: pa.Schema, options: StatsOptions) -> None:
    """Raises UsageError for an option that this engine does not take, or one of a column that does not exist."""
    if options.slice_sqls:
        raise UsageError(
            f"The arrow engine runs no SQL, and was given {options.slice_sqls[0]!r}. Slice by columns and values "
            "(--slice, or slices), or take the engine bigquery, the only one that slices by SQL (--slice-sql)."
        )
    for choice in options.histograms:
        # A field's path begins with its column's name, which may hold dots itself.
        if choice.feature != EVERY_OTHER and not any(
            choice.feature == name or choice.feature.startswith(f"{name}.") for name in schema.names
        ):
            check_columns(uri, schema.names, [choice.feature])


class _Dataset:
    """A group's columns over the rows of one data set."""

    def __init__(self, schema: pa.Schema, group: Group, options: StatsOptions) -> None:
        self._columns = {
            name: FeatureColumn((name,), schema.field(name).type, options, allowance)
            for name, allowance in zip(group.names, group.allowances, strict=True)
        }
        self._reading = dict(self._columns)
        self._again = False
        self.rows = 0
        self.weight = 0.0
        self.features: list[Feature] = []

    def add(self, batch: pa.RecordBatch, part: Part) -> None:
        if not self._again:
            self.rows += batch.num_rows if part.rows is None else len(part.rows)
            self.weight += 0.0 if part.weights is None else float(part.weights.sum())
        for name, column in self._reading.items():
            array = batch.column(name)
            column.add(array if part.rows is None else array.take(part.rows), part.weights)

    def needs_second_reading(self) -> bool:
        self._reading = {name: column for name, column in self._columns.items() if column.needs_second_reading()}
        self._again = True
        return bool(self._reading)

    def finish(self) -> None:
        self.features = [feature for column in self._columns.values() for feature in column.features()]
        self.close()

    def close(self) -> None:
        for column in self._columns.values():
            column.close()
        self._columns.clear()
        self._reading.clear()


def _workers() -> int:
    # What this process may use: a container or taskset may leave fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
