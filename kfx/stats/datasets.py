"""Which data set of a list of statistics is the whole table, and which are its slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kfx.stats.schema.view import WHOLE

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2


def whole_first(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns the statistics with the data set of all rows before its slices: others than kfx write it anywhere.

    Args:
        statistics: Left as they are, and returned themselves where nothing is to be moved.
    """
    from tensorflow_metadata.proto.v0 import statistics_pb2

    ordered = sorted(statistics.datasets, key=lambda dataset: dataset.name not in WHOLE)
    if not ordered or ordered[0].name == statistics.datasets[0].name:
        return statistics
    return statistics_pb2.DatasetFeatureStatisticsList(datasets=ordered)


def has_slices(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> bool:
    """Whether this is a whole table and its slices, and not tables side by side.

    Args:
        statistics: As `whole_first` returns them.
    """
    return len(statistics.datasets) > 1 and statistics.datasets[0].name in WHOLE
