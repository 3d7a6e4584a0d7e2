"""Statistics of shards as statistics of the whole, without reading the rows again.

Exact, whoever wrote the shards: counts, missing values, zeros, NaN, mean, standard deviation, minimum, maximum, numbers
of values, mean length (of strings in lists with nulls only where shards kept all values). The rest depends on what the
shards kept. Computed with `StatsOptions(mergeable=True)`:

- numeric features of at most 1,000 distinct values merge exactly; of others, ranks of quantiles and counts of
  equal-width buckets are off by at most 0.1 % of the values;
- string features merge exactly while no shard has more than 100,000 distinct values; beyond that, distinct values and
  the tail of the ranking are lower bounds.

Without it the shards' ten quantile buckets and thousand ranked values have to do. Whatever is not exact is marked in
the custom statistic `approximate` with its bound. Weighted figures are not merged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats import bad_rows, proto
from kfx.stats.figures import Bucket, Feature, FeatureType, Numbers, Valency, Words
from kfx.stats.histograms import CountedValues, equal_width_buckets, outline, quantile_buckets
from kfx.stats.moments import Moments, midpoint
from kfx.stats.options import StatsOptions

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

Path = tuple[str, ...]
_CARRIED = {"unit"}  # custom statistics that say the same of the whole as of a shard


def merge(
    shards: Sequence[statistics_pb2.DatasetFeatureStatisticsList], options: StatsOptions | None = None
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Merges statistics; data sets of one name (slices) with each other.

    Args:
        shards: At least one. One alone is returned as it is: nothing is gained by what merging costs.
        options: Numbers of buckets and values of the result; with `mergeable` it can be merged again.

    Raises:
        UsageError: There is no shard, one has no column that another has, a feature has values of different types, or
            figures are weighted, or only some are sliced.
    """
    from tensorflow_metadata.proto.v0 import statistics_pb2

    if not shards:
        raise UsageError("There are no statistics to merge.")
    if len(shards) == 1:
        return shards[0]
    _check_related(shards)
    _check_slices(shards)
    options = options or StatsOptions()
    by_name: dict[str, list[Any]] = {}
    for shard in shards:
        for dataset in shard.datasets:
            by_name.setdefault(dataset.name, []).append(dataset)
    merged = [_dataset(name, datasets, options) for name, datasets in by_name.items()]
    return statistics_pb2.DatasetFeatureStatisticsList(datasets=merged)


def differences(shards: Sequence[statistics_pb2.DatasetFeatureStatisticsList]) -> list[str]:
    """Returns a line for every column that some shards lack, in whose rows it then counts as missing.

    Args:
        shards: As given to `merge`.
    """
    having = Counter(column for columns in map(_columns, shards) for column in columns)
    return [
        f"Columns differ: {column!r} is in {number} of {len(shards)} shards; in the rows of the others it is missing."
        for column, number in having.items()
        if number < len(shards)
    ]


def _columns(shard: statistics_pb2.DatasetFeatureStatisticsList) -> dict[str, None]:
    """Returns a shard's columns, in their order."""
    features = shard.datasets[0].features if shard.datasets else ()
    return dict.fromkeys(feature.path.step[0] if feature.path.step else feature.name for feature in features)


def _check_related(shards: Sequence[statistics_pb2.DatasetFeatureStatisticsList]) -> None:
    """Raises UsageError for a shard that has no column that another has: it is of another table."""
    columns = [_columns(shard) for shard in shards]
    for at, own in enumerate(columns):
        others = {column for other in (*columns[:at], *columns[at + 1 :]) for column in other}
        if own and others and others.isdisjoint(own):
            raise UsageError(
                f"Shard {at + 1} of {len(shards)} has no column that another has: its first is {next(iter(own))!r}, "
                f"and theirs {min(others)!r}. Merge statistics of one table's parts."
            )


def _check_slices(shards: Sequence[statistics_pb2.DatasetFeatureStatisticsList]) -> None:
    """Raises UsageError when only some shards are sliced: the whole of all of them would be nowhere."""
    sliced = {at: [dataset.name for dataset in shard.datasets[1:]] for at, shard in enumerate(shards, 1)
              if shard.datasets and shard.datasets[0].name}  # fmt: skip
    if sliced and len(sliced) < sum(bool(shard.datasets) for shard in shards):
        other = next(at for at, shard in enumerate(shards, 1) if shard.datasets and at not in sliced)
        at, names = next(iter(sliced.items()))
        raise UsageError(
            f"Shard {at} of {len(shards)} is sliced ({', '.join(names[:3])}) and shard {other} is not. Compute all of "
            "them with the same slices, or without."
        )


def approximate(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> dict[str, str]:
    """Returns what is not exact in statistics: feature -> which figures, and by how much.

    Args:
        statistics: Merged or computed ones; a slice's features are named `slice: feature`.
    """
    found = {}
    for at, dataset in enumerate(statistics.datasets):
        for feature in dataset.features:
            name = ".".join(feature.path.step) or feature.name
            for custom in feature.custom_stats:
                if custom.name == "approximate":
                    found[f"{dataset.name}: {name}" if at else name] = custom.str
    return found


def _dataset(name: str, datasets: Sequence[Any], options: StatsOptions) -> statistics_pb2.DatasetFeatureStatistics:
    if any(dataset.weighted_num_examples for dataset in datasets):
        raise UsageError("Weighted statistics cannot be merged. Compute them again over all rows.")
    rows = sum(dataset.num_examples for dataset in datasets)
    found: dict[Path, list[Any]] = {}
    for dataset in datasets:
        for feature in dataset.features:
            found.setdefault(tuple(feature.path.step) or (feature.name,), []).append(feature)
    features = []
    for path, parts in found.items():
        # A shard that does not know a column lacks it in all its rows; a field is missing where its struct says so.
        absent = rows - sum(_rows(part) for part in parts) if len(path) == 1 else 0
        features.append(_feature(path, parts, absent, options))
    merged = proto.dataset(name, rows, features, options)
    left_out = [bad_rows.noted(dataset) for dataset in datasets]
    bad_rows.note(merged, sum(count for count, _ in left_out), [place for _, places in left_out for place in places])
    return merged


def _rows(feature: Any) -> int:
    common = _common(feature)
    return int(common.num_non_missing + common.num_missing)


def _common(feature: Any) -> Any:
    return getattr(feature, feature.WhichOneof("stats")).common_stats


def _feature(path: Path, parts: Sequence[Any], absent: int, options: StatsOptions) -> Feature:
    kind = _type(path, parts)
    notes: dict[str, float | str] = {c.name: c.str for part in parts for c in part.custom_stats if c.name in _CARRIED}
    values: Numbers | Words | None = None
    with_values = [part for part in parts if _common(part).num_non_missing]
    if kind in {"INT", "FLOAT"}:
        numeric = [part for part in with_values if part.HasField("num_stats")]
        values, error = _numbers(numeric, options.of_feature(path))
        if error:
            notes["approximate"] = f"median, quantiles and bucket counts, by up to {100 * error:.2g} % of values"
            notes[proto.RANK_ERROR] = error
    elif kind == "STRING":
        values, complete = _words([part for part in with_values if part.HasField("string_stats")], options)
        if not complete:
            notes["approximate"] = "distinct values and ranks: a shard did not keep all its values"
    row = _row(parts, absent, options)
    deeper = _levels(parts, absent)
    return Feature(path, kind, deeper or (row,), values, row if deeper else None, tuple(notes.items()))


def _type(path: Path, parts: Sequence[Any]) -> FeatureType:
    """Returns the type all parts with values agree on; whole numbers and fractions together are fractions."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    name = statistics_pb2.FeatureNameStatistics.Type.Name
    kinds = {name(part.type) for part in parts if _common(part).num_non_missing} or {name(parts[0].type)}
    if kinds == {"INT", "FLOAT"}:
        return "FLOAT"
    if len(kinds) > 1 or not kinds <= {"INT", "FLOAT", "STRING", "STRUCT"}:
        raise UsageError(f"The feature {'.'.join(path)!r} cannot be merged: it is {' and '.join(sorted(kinds))}.")
    kind: FeatureType = kinds.pop()
    return kind


def _row(parts: Sequence[Any], absent: int, options: StatsOptions) -> Valency:
    commons = [_common(part) for part in parts]
    lengths = [bucket for part in parts for bucket in _kept(part, proto.MERGE_LENGTHS, _lengths(_common(part)))]
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


def _levels(parts: Sequence[Any], absent: int) -> tuple[Valency, ...]:
    """Merges the nesting levels, outermost first; there are none where lists are not nested."""
    commons = [_common(part) for part in parts]
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


def _numbers(parts: Sequence[Any], options: StatsOptions) -> tuple[Numbers, float]:
    """Merges numeric figures; returns with them the largest share of values whose place is not known."""
    nan = sum(map(_nan, parts))
    filled = [part for part in parts if _leaves(_common(part)) > _nan(part)]
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
    leaves: int = _leaves(_common(part))
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


def _words(parts: Sequence[Any], options: StatsOptions) -> tuple[Words, bool]:
    """Merges string figures; says with them whether every value of every shard is known."""
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
