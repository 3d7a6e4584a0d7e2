"""Rows of a text file that could not be read and were left out: collected by a source, told by the proto.

The proto has no field for what concerns a whole table, so the custom statistics `num_bad_rows` and `bad_rows` (the
first places, as text) stand with the first feature of each data set that holds all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

NUM_BAD_ROWS, BAD_ROWS = "num_bad_rows", "bad_rows"
"""Names of the custom statistics."""

SHOWN = 5
"""Places that are named; the others are only counted."""


@dataclass
class BadRows:
    """What a source left out, file by file; a file that is read again is counted anew."""

    _counts: dict[str, int] = field(default_factory=dict)
    _places: dict[str, list[str]] = field(default_factory=dict)

    def begin(self, path: str) -> None:
        """Forgets what an earlier reading of a file left out."""
        self._counts[path] = 0
        self._places[path] = []

    def add(self, path: str, row: int, why: str) -> None:
        """Counts a row.

        Args:
            path: Its file.
            row: Its number in the file, from 1; a header is row 1.
            why: What is wrong with it, as the end of a sentence about the row.
        """
        self._counts[path] += 1
        if len(self._places[path]) < SHOWN:
            self._places[path].append(f"row {row} of {path} {why}")

    @property
    def count(self) -> int:
        """Rows left out of all files."""
        return sum(self._counts.values())

    @property
    def places(self) -> list[str]:
        """Where the first of them are, and why."""
        return [place for places in self._places.values() for place in places][:SHOWN]


@runtime_checkable
class Skipping(Protocol):
    """A source that can leave rows out."""

    @property
    def bad_rows(self) -> BadRows:
        """What the latest reading left out."""


def note(dataset: statistics_pb2.DatasetFeatureStatistics, count: int, places: Sequence[str]) -> None:
    """Writes into a data set how many rows of its table were left out, and where the first of them are."""
    if count and dataset.features:
        dataset.features[0].custom_stats.add(name=NUM_BAD_ROWS, num=count)
        dataset.features[0].custom_stats.add(name=BAD_ROWS, str="\n".join(places[:SHOWN]))


def noted(dataset: statistics_pb2.DatasetFeatureStatistics) -> tuple[int, list[str]]:
    """Returns how many rows were left out of a data set's table, and where the first of them are."""
    found = {custom.name: custom for custom in _customs(dataset) if custom.name in {NUM_BAD_ROWS, BAD_ROWS}}
    if NUM_BAD_ROWS not in found:
        return 0, []
    places = found[BAD_ROWS].str.splitlines() if BAD_ROWS in found else []
    return int(found[NUM_BAD_ROWS].num), places


def _customs(dataset: statistics_pb2.DatasetFeatureStatistics) -> Iterator[statistics_pb2.CustomStatistic]:
    # Another program may have put the features into another order.
    return (custom for feature in dataset.features for custom in feature.custom_stats)


def sentences(dataset: statistics_pb2.DatasetFeatureStatistics) -> list[str]:
    """Returns what to tell a person about rows that were left out: nothing, or the count and a line a place."""
    count, places = noted(dataset)
    if not count:
        return []
    more = [f"... and {count - len(places):,} more"] if count > len(places) else []
    skipped = "bad row was" if count == 1 else "bad rows were"
    return [f"{count:,} {skipped} skipped; every figure is of the others:", *places, *more]
