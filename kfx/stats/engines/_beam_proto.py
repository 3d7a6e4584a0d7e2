"""TFDV's statistics put into the order kfx writes them in, with what kfx says beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kfx.stats.engines import arrow
from kfx.stats.engines._beam_arrow import units
from kfx.stats.engines._feature import entries, is_list, storage
from kfx.stats.engines._rows import ALL
from kfx.stats.sources._memory import MemoryTable

if TYPE_CHECKING:
    import pyarrow as pa
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from kfx.stats.options import StatsOptions

Path = tuple[str, ...]


def finished(
    statistics: statistics_pb2.DatasetFeatureStatisticsList, schema: pa.Schema, options: StatsOptions
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns statistics with the whole table first and its columns in order; Beam gives them in any.

    Args:
        statistics: What TFDV made.
        schema: The table's columns.
        options: Says which columns were asked for; a weight that is none of them is left out.
    """
    from tensorflow_metadata.proto.v0 import statistics_pb2

    allowed = options.feature_allowlist
    columns = [column for column in schema if allowed is None or column.name in allowed]
    order = {path: at for at, path in enumerate(path for c in columns for path in _paths((c.name,), c.type))}
    meanings = dict(pair for column in columns for pair in units((column.name,), column.type))
    if not any(dataset.features for dataset in statistics.datasets):
        # Of a table without rows TFDV on Beam does not even give the columns.
        return arrow.compute(MemoryTable("", schema.empty_table()), options, lambda *_: None)
    made = statistics_pb2.DatasetFeatureStatisticsList()
    for dataset in sorted(statistics.datasets, key=lambda one: (one.name not in {"", ALL}, one.name)):
        target = made.datasets.add()
        target.CopyFrom(dataset)
        del target.features[:]
        known = [feature for feature in dataset.features if tuple(feature.path.step) in order]
        for feature in sorted(known, key=lambda one: order[tuple(one.path.step)]):
            target.features.add().CopyFrom(feature)
            _keep_wanted_histograms(target.features[-1], options)
            if meaning := meanings.get(tuple(feature.path.step)):
                target.features[-1].custom_stats.add(name="unit", str=meaning)
    return made


def _keep_wanted_histograms(feature: statistics_pb2.FeatureNameStatistics, options: StatsOptions) -> None:
    """Takes out the histograms that are not wanted of a numeric feature, and the median when none is."""
    from tensorflow_metadata.proto.v0.statistics_pb2 import Histogram

    chosen = options.of_feature(tuple(feature.path.step))
    wanted = {
        Histogram.STANDARD: chosen.num_histogram_buckets,
        Histogram.QUANTILES: chosen.num_quantiles_histogram_buckets,
    }
    if all(wanted.values()) or not feature.HasField("num_stats"):
        return
    numbers = [feature.num_stats]
    if feature.num_stats.HasField("weighted_numeric_stats"):
        numbers.append(feature.num_stats.weighted_numeric_stats)
    for stats in numbers:
        kept = [histogram for histogram in stats.histograms if wanted[histogram.type]]
        del stats.histograms[:]
        stats.histograms.extend(kept)
        if not any(wanted.values()):
            stats.ClearField("median")


def _paths(path: Path, kind: pa.DataType) -> Iterator[Path]:
    """Yields a column's own feature, then those of the fields inside it."""
    import pyarrow as pa

    yield path
    kind = storage(kind)
    while is_list(kind):
        kind = storage(entries(kind) if pa.types.is_map(kind) else kind.value_type)
    if pa.types.is_struct(kind):
        for at in range(kind.num_fields):
            yield from _paths((*path, kind.field(at).name), kind.field(at).type)
