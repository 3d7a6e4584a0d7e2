"""Statistics as the checks read them: features by path, weighted figures where there are any, values with counts.

The readings are TFDV's (`anomalies/statistics_view.cc`): where every feature carries weighted figures they are used
throughout, and string values are those of the rank histogram.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.proto import RANK_ERROR

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

Path = tuple[str, ...]

_PLAIN_STEP = re.compile(r"\([^()]*\)|[^().']+")

DEFAULT_SLICE = "All Examples"
"""What TFDV calls the data set of all rows where there are slices."""

WHOLE = ("", DEFAULT_SLICE)
"""Names of the data set of all rows: none where there are no slices, TFDV's where there are."""


@dataclass(frozen=True)
class FeatureView:
    """One feature's statistics."""

    path: Path
    """Its steps; one for a column, more inside a struct."""

    proto: statistics_pb2.FeatureNameStatistics
    """The figures."""

    rows: float
    """Examples of its data set, or their weight."""

    examples: int
    """Examples of its data set, whatever they weigh."""

    by_weight: bool
    """Whether weighted figures are read."""

    @property
    def type(self) -> str:
        """INT, FLOAT, STRING, BYTES or STRUCT."""
        return str(self.proto.DESCRIPTOR.enum_types_by_name["Type"].values_by_number[self.proto.type].name)

    @property
    def schema_type(self) -> str:
        """The schema's name of that type: a schema has BYTES for strings as well."""
        return "BYTES" if self.type == "STRING" else self.type

    @property
    def common(self) -> Any:
        """Presence and valency, of whichever kind of statistics there are."""
        return getattr(self.proto, self.proto.WhichOneof("stats")).common_stats

    @property
    def present(self) -> float:
        """Examples that have the feature."""
        common = self.common
        return float(common.weighted_common_stats.num_non_missing if self.by_weight else common.num_non_missing)

    @property
    def missing(self) -> float:
        """Examples that have not."""
        common = self.common
        return float(common.weighted_common_stats.num_missing if self.by_weight else common.num_missing)

    @property
    def fraction_present(self) -> float | None:
        """Share of the examples that have it; None without examples."""
        if self.rows <= 0:
            return None
        return 1.0 if self.missing == 0 else self.present / self.rows

    @property
    def values(self) -> float:
        """Number of values in all examples, or their weight."""
        common = self.common
        return float(common.weighted_common_stats.tot_num_values) if self.by_weight else self.sample

    @property
    def sample(self) -> float:
        """Number of values in all examples, whatever they weigh: what chance depends on."""
        common = self.common
        return float(common.tot_num_values or common.num_non_missing * common.avg_num_values)

    @property
    def missing_by_level(self) -> list[float]:
        """Missing lists at every nesting level."""
        common = self.common
        levels = common.weighted_presence_and_valency_stats if self.by_weight else common.presence_and_valency_stats
        return [level.num_missing for level in levels] or [self.missing]

    @property
    def lengths(self) -> list[tuple[int, int]]:
        """Least and most values of a list, at every nesting level."""
        levels = self.common.presence_and_valency_stats or [self.common]
        return [(max(int(level.min_num_values), 0), int(level.max_num_values)) for level in levels]

    @cached_property
    def counts(self) -> dict[str, float]:
        """String value -> how often it occurs (or its weight), in the order of the values; empty for numbers."""
        strings = self.proto.string_stats
        ranked = strings.weighted_string_stats.rank_histogram if self.by_weight else strings.rank_histogram
        found: dict[str, float] = {}
        for bucket in ranked.buckets:
            found.setdefault(bucket.label, bucket.sample_count)
        return dict(sorted(found.items()))

    @property
    def counted(self) -> float:
        """How often the values in `counts` occur, whatever they weigh."""
        return float(sum(bucket.sample_count for bucket in self.proto.string_stats.rank_histogram.buckets))

    @property
    def numbers(self) -> Any:
        """Mean, deviation and median of a numeric feature; None of any other."""
        if not self.proto.HasField("num_stats"):
            return None
        return self.proto.num_stats.weighted_numeric_stats if self.by_weight else self.proto.num_stats

    @property
    def invalid_utf8(self) -> bool:
        """Whether any value is not UTF-8."""
        return bool(self.proto.string_stats.invalid_utf8_count)

    @property
    def unique(self) -> int | None:
        """Number of distinct values; None where they were not counted."""
        return int(self.proto.string_stats.unique) if self.proto.HasField("string_stats") else None

    @property
    def unit(self) -> str:
        """What a number stands for where the type does not say it; empty where it does."""
        return next((str(found.str) for found in self.proto.custom_stats if found.name == "unit"), "")

    @property
    def rank_error(self) -> float:
        """Largest share of the values that may stand on the wrong side of a place; 0 where nothing says so."""
        return next((float(found.num) for found in self.proto.custom_stats if found.name == RANK_ERROR), 0.0)

    def histogram(self, kind: str) -> Any:
        """Returns the histogram of a kind, None where there is none.

        Args:
            kind: STANDARD or QUANTILES.
        """
        numbers = self.proto.num_stats
        histograms = numbers.weighted_numeric_stats.histograms if self.by_weight else numbers.histograms
        names = self.proto.DESCRIPTOR.file.message_types_by_name["Histogram"].enum_types_by_name["HistogramType"]
        number = names.values_by_name[kind].number
        return next((found for found in histograms if found.type == number), None)


@dataclass(frozen=True)
class DatasetView:
    """The statistics of one data set."""

    proto: statistics_pb2.DatasetFeatureStatistics
    """The data set."""

    by_weight: bool
    """Whether weighted figures are read."""

    @property
    def rows(self) -> float:
        """Number of examples, or their weight."""
        return float(self.proto.weighted_num_examples if self.by_weight else self.proto.num_examples)

    @cached_property
    def features(self) -> dict[Path, FeatureView]:
        """Features by path, in the order of the data set; those without figures are left out."""
        return {
            feature_path(feature): FeatureView(
                feature_path(feature), feature, self.rows, self.proto.num_examples, self.by_weight
            )
            for feature in self.proto.features
            if feature.WhichOneof("stats")
        }

    def roots(self) -> Iterator[FeatureView]:
        """Yields the features that stand in no struct."""
        return (feature for path, feature in self.features.items() if path[:-1] not in self.features)

    def children(self, of: FeatureView) -> list[FeatureView]:
        """Returns the features of a struct, by name."""
        return self._by_parent.get(of.path, [])

    @cached_property
    def _by_parent(self) -> dict[Path, list[FeatureView]]:
        found: dict[Path, list[FeatureView]] = {}
        for path in sorted(self.features):
            found.setdefault(path[:-1], []).append(self.features[path])
        return found


def by_name(features: Iterable[Any]) -> dict[str, Any]:
    """Returns features (or domains) of a schema by their names; of several the first, as TFDV takes it."""
    found: dict[str, Any] = {}
    for feature in features:
        found.setdefault(feature.name, feature)
    return found


def feature_path(feature: statistics_pb2.FeatureNameStatistics) -> Path:
    """Returns a feature's path; TFDV before 0.15 wrote a name instead."""
    return tuple(feature.path.step) or (feature.name,)


def whole(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> statistics_pb2.DatasetFeatureStatistics:
    """Returns the data set of all rows.

    Raises:
        UsageError: There is none: the list is empty, or has slices only.
    """
    if len(statistics.datasets) == 1:
        return statistics.datasets[0]
    for dataset in statistics.datasets:
        if dataset.name in WHOLE:
            return dataset
    names = ", ".join(repr(dataset.name) for dataset in statistics.datasets) or "nothing"
    raise UsageError(f"The statistics hold {names}, and no data set of all rows, which is named {DEFAULT_SLICE!r}.")


def serialized(path: Path) -> str:
    """Writes a path as TFDV does: steps joined by dots, and quoted where they hold a dot, bracket or quote."""
    return ".".join(step if _PLAIN_STEP.fullmatch(step) else "'" + step.replace("'", "''") + "'" for step in path)


def names(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> set[str]:
    """Returns the serialized paths of all features."""
    return {serialized(feature_path(feature)) for feature in whole(statistics).features}


def has_weights(dataset: statistics_pb2.DatasetFeatureStatistics) -> bool:
    """Whether every feature carries weighted figures, which TFDV then reads throughout."""
    if not dataset.weighted_num_examples:
        return False
    views = DatasetView(dataset, by_weight=True).features.values()
    return all(
        view.common.HasField("weighted_common_stats")
        and len(view.common.presence_and_valency_stats) == len(view.common.weighted_presence_and_valency_stats)
        for view in views
    )
