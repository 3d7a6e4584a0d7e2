"""The figures of one feature in several shards as those of the whole: rows and lists, numbers, strings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kfx.errors import UsageError
from kfx.stats import proto
from kfx.stats.figures import Bucket, Numbers, Valency, Words
from kfx.stats.histograms import CountedValues, equal_width_buckets, outline, quantile_buckets
from kfx.stats.moments import Moments, midpoint
from kfx.stats.options import StatsOptions


def common_of(feature: Any) -> Any:
    """Returns presence and valency, of whichever kind of statistics a feature has."""
    return getattr(feature, feature.WhichOneof("stats")).common_stats


def merged_rows(parts: Sequence[Any], absent: int, options: StatsOptions) -> Valency:
    """Merges how many rows have the feature, and how many values they have.

    Args:
        parts: The feature in each shard that has it.
        absent: Rows of the shards that do not.
        options: Numbers of buckets, and whether to keep what merging again needs.
    """
    commons = [common_of(part) for part in parts]
    lengths = [bucket for part in parts for bucket in _kept(part, proto.MERGE_LENGTHS, _lengths(common_of(part)))]
    ordered = _ordered(lengths) if lengths else None
    present = [common for common in commons if common.num_non_missing]
    flat = all(common.min_num_values == common.max_num_values == 1 for common in present)
    buckets = options.num_values_histogram_buckets
    return Valency(
        non_missing=sum(common.num_non_missing for common in commons),
        missing=sum(common.num_missing for common in commons) + absent,
        min=min((common.min_num_values for common in present), default=0),
        max=max((common.max_num_values for common in present), default=0),
        total=sum(common.tot_num_values for common in commons),
        quantiles=() if ordered is None else quantile_buckets(ordered, buckets),
        outline=outline(ordered) if ordered is not None and options.mergeable and not flat else (),
    )


def merged_levels(parts: Sequence[Any], absent: int) -> tuple[Valency, ...]:
    """Merges the nesting levels, outermost first; there are none where lists are not nested.

    Args:
        parts: As in `merged_rows`.
        absent: As in `merged_rows`.
    """
    commons = [common_of(part) for part in parts]
    depth = max(len(common.presence_and_valency_stats) for common in commons)
    levels = [
        _deeper([c.presence_and_valency_stats[at] for c in commons if len(c.presence_and_valency_stats) > at])
        for at in range(depth)
    ]
    return (replace(levels[0], missing=levels[0].missing + absent), *levels[1:]) if levels else ()


def _deeper(levels: Sequence[Any]) -> Valency:
    """Merges a nesting level; its histogram of lengths is not kept, so that it has none."""
    present = [level for level in levels if level.num_non_missing]
    return Valency(
        non_missing=sum(level.num_non_missing for level in levels),
        missing=sum(level.num_missing for level in levels),
        min=min((level.min_num_values for level in present), default=0),
        max=max((level.max_num_values for level in present), default=0),
        total=sum(level.tot_num_values for level in levels),
    )


def _lengths(common: Any) -> Sequence[Any]:
    if common.num_non_missing and common.min_num_values == common.max_num_values:
        return [
            common.num_values_histogram.Bucket(high_value=common.max_num_values, sample_count=common.num_non_missing)
        ]
    buckets: Sequence[Any] = common.num_values_histogram.buckets
    return buckets


def _kept(part: Any, name: str, otherwise: Sequence[Any]) -> Sequence[Any]:
    """Returns the buckets kept for merging, or what there is without them."""
    for custom in part.custom_stats:
        if custom.name == name:
            kept: Sequence[Any] = (custom.histogram if name != proto.MERGE_VALUES else custom.rank_histogram).buckets
            return kept
    return otherwise


def _ordered(buckets: Sequence[Any], extremes: Sequence[float] = ()) -> CountedValues:
    """Returns buckets as values with counts, each bucket's count standing at its high end, and the extremes."""
    import numpy as np

    highs = np.array([*extremes, *(bucket.high_value for bucket in buckets)], np.float64)
    counts = np.array([*(0.0 for _ in extremes), *(bucket.sample_count for bucket in buckets)])
    values, places = np.unique(highs, return_inverse=True)
    return CountedValues(values, np.cumsum(np.bincount(places, counts)))


def merged_numbers(parts: Sequence[Any], options: StatsOptions) -> tuple[Numbers, float]:
    """Merges numeric figures; returns with them the largest share of values whose place is not known.

    Args:
        parts: The feature in each shard that has numeric figures of it.
        options: Numbers of buckets, and whether to keep what merging again needs.

    Raises:
        UsageError: A shard has no quantile histogram of it.
    """
    nan = sum(map(_nan, parts))
    filled = [part for part in parts if _leaves(common_of(part)) > _nan(part)]
    if not filled:
        return Numbers(nan=nan), 0.0
    stats = [part.num_stats for part in filled]
    buckets = [bucket for part in filled for bucket in _kept(part, proto.MERGE_NUMBERS, _quantiles(part))]
    minimum, maximum = min(s.min for s in stats), max(s.max for s in stats)
    ordered = _ordered(buckets, (minimum, maximum))
    both = sum((_moments(part) for part in filled), Moments())
    return Numbers(
        count=int(both.count),
        nan=nan,
        mean=both.mean,
        std_dev=both.std_dev,
        zeros=sum(s.num_zeros for s in stats),
        min=minimum,
        median=_median(ordered),
        max=maximum,
        standard=equal_width_buckets(ordered, options.num_histogram_buckets),
        quantiles=_from(minimum, quantile_buckets(ordered, options.num_quantiles_histogram_buckets)),
        outline=_from(minimum, outline(ordered)) if options.mergeable else (),
    ), _uncertain(filled) / both.count


def _from(minimum: float, buckets: tuple[Bucket, ...]) -> tuple[Bucket, ...]:
    """Lets the first bucket begin at the minimum, which stands in no bucket's high end."""
    first, *rest = buckets
    return (replace(first, low=minimum), *rest) if first.low != first.high else buckets


def _quantiles(part: Any) -> Sequence[Any]:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    for histogram in part.num_stats.histograms:
        if histogram.type == statistics_pb2.Histogram.QUANTILES:
            buckets: Sequence[Any] = histogram.buckets
            return buckets
    if _kept(part, proto.MERGE_NUMBERS, ()):
        return ()
    raise UsageError(
        f"The feature {'.'.join(part.path.step) or part.name!r} has no quantile histogram and cannot be merged. "
        "Compute it with one, or with --mergeable."
    )


def _nan(part: Any) -> int:
    """Returns how many values are not a number; histograms say so, and what was kept for merging."""
    leaves: int = _leaves(common_of(part))
    if not leaves:
        return 0
    if part.num_stats.histograms:
        return int(part.num_stats.histograms[0].num_nan)
    kept = sum(b.sample_count for b in _kept(part, proto.MERGE_NUMBERS, _quantiles(part)))
    return leaves - round(float(kept))


def _moments(part: Any) -> Moments:
    stats = part.num_stats
    count = _leaves(stats.common_stats) - _nan(part)
    return Moments.told(float(count), stats.mean, stats.std_dev)


def _leaves(common: Any) -> int:
    """Returns the number of values at the deepest level, nulls among them."""
    levels = common.presence_and_valency_stats
    return int(levels[-1].tot_num_values if levels else common.tot_num_values)


def _median(ordered: CountedValues) -> float:
    """Returns the middle value, or the mean of the two middle values."""
    total = round(ordered.total)
    low, high = (
        float(ordered.values[min(int(ordered.cumulative.searchsorted(rank, side="right")), len(ordered.values) - 1)])
        for rank in ((total - 1) // 2, total // 2)
    )
    return midpoint(low, high)


def _uncertain(parts: Sequence[Any]) -> float:
    """Returns how many values at most are on one side of a place where they may be on the other.

    Of each part those of its largest bucket, and those that were misplaced when the part itself was made.
    """
    misplaced = 0.0
    for part in parts:
        kept = _kept(part, proto.MERGE_NUMBERS, _quantiles(part))
        total = sum(bucket.sample_count for bucket in kept)
        largest = max((bucket.sample_count for bucket in kept if bucket.low_value != bucket.high_value), default=0.0)
        own = sum(custom.num for custom in part.custom_stats if custom.name == proto.RANK_ERROR)
        misplaced += min(total, largest + own * total)
    return misplaced


def merged_words(parts: Sequence[Any], options: StatsOptions) -> tuple[Words, bool]:
    """Merges string figures; says with them whether every value of every shard is known.

    Args:
        parts: The feature in each shard that has string figures of it.
        options: How many values are kept.
    """
    counted: Counter[str] = Counter()
    complete = True
    total = total_bytes = with_long = 0
    for part in parts:
        stats = part.string_stats
        buckets = _kept(part, proto.MERGE_VALUES, stats.rank_histogram.buckets)
        for bucket in buckets:
            counted[bucket.label] += int(bucket.sample_count)
        # Values that are not text share one placeholder, so that how many differ is not known.
        is_complete = len(buckets) == stats.unique and not stats.invalid_utf8_count
        complete &= is_complete
        with_long += any(bucket.label == proto.TOO_LONG.decode() for bucket in buckets)
        # The leaves count nulls inside lists as well, which have no length.
        count = round(sum(bucket.sample_count for bucket in buckets)) if is_complete else _leaves(stats.common_stats)
        total += count
        total_bytes += round(stats.avg_length * count)
    number = max(
        options.num_top_values, options.num_rank_histogram_buckets, proto.MOST_MERGED_VALUES if options.mergeable else 0
    )
    best = sorted(((text.encode(), count) for text, count in counted.items()), key=_by_count, reverse=True)[:number]
    return Words(
        count=total,
        unique=max([len(counted), *(part.string_stats.unique for part in parts)]),
        total_bytes=total_bytes,
        invalid_utf8=sum(part.string_stats.invalid_utf8_count for part in parts),
        ranked=tuple(best),
        # Long values share a placeholder too: of two shards it is not known whether they have the same ones.
    ), complete and with_long <= 1


def _by_count(pair: tuple[bytes, int]) -> tuple[int, bytes]:
    return pair[1], pair[0]
