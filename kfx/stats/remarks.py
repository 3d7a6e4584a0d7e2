"""What to tell a person about statistics that are right but may not be what was meant: lines for stderr."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from kfx.stats import bad_rows
from kfx.stats.schema.view import whole

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from kfx.stats.options import Slice, StatsOptions

_MOST_VALUES = 20  # values named that no row has


def remarks(statistics: statistics_pb2.DatasetFeatureStatisticsList, options: StatsOptions) -> list[str]:
    """Returns what was left out, what was asked for and not found, and that there are no rows.

    Args:
        statistics: What was computed.
        options: What was asked for.
    """
    table = whole(statistics)
    lines = bad_rows.sentences(table)
    if options.sample_rate is not None and not table.num_examples:
        lines.append(f"The sample is empty: a sample rate of {options.sample_rate:g} chose no row. Take a larger one.")
        return lines
    if not table.num_examples:
        return [*lines, "The table has no rows, so there is nothing its statistics could tell."]
    names = {dataset.name for dataset in statistics.datasets} - {table.name}
    for by in options.slice_features:
        lines += [f"No row has {column}={value}: there is no such slice." for column, value in _absent(by, names)]
    return lines


def left_out(statistics: statistics_pb2.DatasetFeatureStatisticsList, kept_in: str) -> list[str]:
    """Returns that a comparison leaves out the slices that were asked for, if there are any.

    Args:
        statistics: What was computed, and is shown beside others.
        kept_in: The folder that has them nevertheless; empty where none is written.
    """
    slices = len(statistics.datasets) - 1
    if not slices:
        return []
    where = f"are in the statistics in {kept_in} alone" if kept_in else "are not shown; ask for them without --compare"
    return [f"A comparison shows whole tables: slices ({slices:,} of them) {where}."]


def _absent(by: Slice, names: Collection[str]) -> list[tuple[str, str]]:
    """Returns columns and values that were named and make no slice; the first, where there are very many."""
    return [pair for pair in _named(by) if not any(_pattern(by, *pair).fullmatch(name) for name in names)][
        :_MOST_VALUES
    ]


def _named(by: Slice) -> Iterator[tuple[str, str]]:
    for column, values in zip(by.columns, by.values, strict=True):
        for value in sorted(values or ()):
            yield column, value


def _pattern(by: Slice, column: str, value: str) -> re.Pattern[str]:
    """Returns what the names of slices look like in which a column has a value: TFDV's, `column_value` joined."""
    values = [".*" if other != column else re.escape(value) for other in by.columns]
    pairs = zip(by.columns, values, strict=True)
    return re.compile("_".join(f"{re.escape(name)}_{wanted}" for name, wanted in pairs), re.DOTALL)
