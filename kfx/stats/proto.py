"""Figures as a `tensorflow_metadata` proto, shaped as TFDV 1.21 shapes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kfx.stats.figures import Bucket, Feature, Numbers, Valency, WeightedNumbers, WeightedValency, Words

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from kfx.stats.options import StatsOptions

MOST_MERGED_VALUES = 100_000
"""Counted values of a string feature that are kept for merging."""

MERGE_NUMBERS, MERGE_LENGTHS, MERGE_VALUES = "merge_numbers", "merge_lengths", "merge_values"
"""Names of the custom statistics that merging reads."""

RANK_ERROR = "quantile_rank_error"
"""Name of the custom statistic that says which share of the values may stand on the wrong side of a place."""

_LEAST_WEIGHT = 1.0  # TFDV's weighted_frequency_threshold: lighter values are not ranked

NON_UTF8 = b"__BYTES_VALUE__"
"""What TFDV ranks in place of values that are not UTF-8."""

TOO_LONG = b"__LARGE_BYTES__"
"""What TFDV ranks in place of very long values."""

LONGEST_RANKED = 1024
"""Bytes of the longest value that is ranked as it is."""


def dataset(
    name: str, rows: int, features: Iterable[Feature], options: StatsOptions, weight: float | None = None
) -> statistics_pb2.DatasetFeatureStatistics:
    """Builds one data set's statistics.

    Args:
        name: The data set's (or slice's) name; empty for the whole table, as TFDV has it.
        rows: Number of examples.
        features: Figures, in the order of the table's columns.
        options: Says how many ranked values go into each list.
        weight: Total weight of the examples; None without a weight feature.
    """
    from tensorflow_metadata.proto.v0 import statistics_pb2

    made = statistics_pb2.DatasetFeatureStatistics(name=name, num_examples=rows, weighted_num_examples=weight)
    for feature in features:
        _fill_feature(made.features.add(), feature, options)
    return made


def _fill_feature(target: Any, feature: Feature, options: StatsOptions) -> None:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    target.path.step.extend(feature.path)
    target.type = statistics_pb2.FeatureNameStatistics.Type.Value(feature.type)
    if feature.type == "STRUCT":
        common = target.struct_stats.common_stats
    elif feature.type == "STRING":
        common = target.string_stats.common_stats
    else:
        common = target.num_stats.common_stats
    common.SetInParent()
    _fill_common(common, feature.row or feature.valency[0], feature.valency)
    if isinstance(feature.values, Numbers):
        _fill_numbers(target.num_stats, feature.values, options.of_feature(feature.path))
    elif isinstance(feature.values, Words):
        _fill_words(target.string_stats, feature.values, options)
    _fill_custom(target, feature)
    if options.mergeable:
        _fill_merging(target, feature)


def _fill_common(common: Any, first: Valency, levels: tuple[Valency, ...]) -> None:
    common.num_non_missing = first.non_missing
    common.num_missing = first.missing
    common.tot_num_values = first.total
    if first.non_missing:
        common.min_num_values = first.min
        common.max_num_values = first.max
        common.avg_num_values = first.total / first.non_missing
        _fill_histogram(common.num_values_histogram, "QUANTILES", first.quantiles)
    if first.weighted is not None:
        _fill_weighted(common.weighted_common_stats, first.weighted)
    for level in levels if len(levels) > 1 else ():
        common.presence_and_valency_stats.add(
            num_non_missing=level.non_missing,
            num_missing=level.missing,
            min_num_values=level.min,
            max_num_values=level.max,
            tot_num_values=level.total,
        )
        if level.weighted is not None:
            _fill_weighted(common.weighted_presence_and_valency_stats.add(), level.weighted)


def _fill_weighted(target: Any, weighted: WeightedValency) -> None:
    target.num_non_missing, target.num_missing = weighted.non_missing, weighted.missing
    target.tot_num_values = weighted.total
    if weighted.non_missing > 0:
        target.avg_num_values = weighted.total / weighted.non_missing


def _fill_numbers(stats: Any, numbers: Numbers, options: StatsOptions) -> None:
    if numbers.count:
        stats.mean, stats.std_dev = numbers.mean, numbers.std_dev
        stats.num_zeros = numbers.zeros
        stats.min, stats.max = numbers.min, numbers.max
    if numbers.count or numbers.nan:
        _fill_histograms(stats, numbers, numbers.nan, options)
    if numbers.weighted is not None and numbers.count:
        weighted = stats.weighted_numeric_stats
        weighted.mean, weighted.std_dev = numbers.weighted.mean, numbers.weighted.std_dev
        _fill_histograms(weighted, numbers.weighted, numbers.nan, options)


def _fill_histograms(stats: Any, numbers: Numbers | WeightedNumbers, nan: int, options: StatsOptions) -> None:
    """Fills the histograms that are wanted, and the median, which TFDV leaves out with the last of them."""
    wanted = [
        ("STANDARD", numbers.standard, options.num_histogram_buckets),
        ("QUANTILES", numbers.quantiles, options.num_quantiles_histogram_buckets),
    ]
    for kind, buckets, number in wanted:
        if number:
            _fill_histogram(stats.histograms.add(num_nan=nan), kind, buckets)
    if stats.histograms:
        stats.median = numbers.median


def _fill_words(stats: Any, words: Words, options: StatsOptions) -> None:
    stats.unique = words.unique
    stats.invalid_utf8_count = words.invalid_utf8
    if words.count:
        stats.avg_length = words.total_bytes / words.count
    _fill_ranked(stats, words.ranked, options)
    if words.weighted is not None:
        heavy = [(value, weight) for value, weight in words.weighted if weight >= _LEAST_WEIGHT]
        _fill_ranked(stats.weighted_string_stats, heavy, options)


def _fill_ranked(stats: Any, ranked: Iterable[tuple[bytes, float]], options: StatsOptions) -> None:
    for rank, (value, count) in enumerate(ranked):
        text = value.decode()
        if rank < options.num_top_values:
            stats.top_values.add(value=text, frequency=count)
        if rank < options.num_rank_histogram_buckets:
            stats.rank_histogram.buckets.add(low_rank=rank, high_rank=rank, sample_count=count, label=text)


def is_text(value: bytes) -> bool:
    """Says whether bytes are UTF-8."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _fill_custom(target: Any, feature: Feature) -> None:
    for number, level in enumerate(feature.valency[1:], start=2):
        quantiles = target.custom_stats.add(name=f"level_{number}_value_list_length_quantiles")
        _fill_histogram(quantiles.histogram, "QUANTILES", level.quantiles)
        standard = target.custom_stats.add(name=f"level_{number}_value_list_length_standard")
        _fill_histogram(standard.histogram, "STANDARD", level.widths)
    for name, note in feature.notes:
        if isinstance(note, str):
            target.custom_stats.add(name=name, str=note)
        else:
            target.custom_stats.add(name=name, num=note)


def _fill_merging(target: Any, feature: Feature) -> None:
    first = feature.row or feature.valency[0]
    if first.outline:
        _fill_histogram(target.custom_stats.add(name=MERGE_LENGTHS).histogram, "QUANTILES", first.outline)
    if isinstance(feature.values, Numbers) and feature.values.outline:
        _fill_histogram(target.custom_stats.add(name=MERGE_NUMBERS).histogram, "QUANTILES", feature.values.outline)
    elif isinstance(feature.values, Words) and feature.values.ranked:
        buckets = target.custom_stats.add(name=MERGE_VALUES).rank_histogram.buckets
        for rank, (value, count) in enumerate(feature.values.ranked):
            buckets.add(low_rank=rank, high_rank=rank, sample_count=count, label=value.decode())


def _fill_histogram(histogram: Any, kind: str, buckets: tuple[Bucket, ...]) -> None:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    histogram.type = statistics_pb2.Histogram.HistogramType.Value(kind)
    for bucket in buckets:
        histogram.buckets.add(low_value=bucket.low, high_value=bucket.high, sample_count=bucket.count)
