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
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats import bad_rows, proto
from kfx.stats.figures import Feature, FeatureType, Numbers, Words
from kfx.stats.merge_figures import common_of, merged_levels, merged_numbers, merged_rows, merged_words
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
    common = common_of(feature)
    return int(common.num_non_missing + common.num_missing)


def _feature(path: Path, parts: Sequence[Any], absent: int, options: StatsOptions) -> Feature:
    kind = _type(path, parts)
    notes: dict[str, float | str] = {c.name: c.str for part in parts for c in part.custom_stats if c.name in _CARRIED}
    values: Numbers | Words | None = None
    with_values = [part for part in parts if common_of(part).num_non_missing]
    if kind in {"INT", "FLOAT"}:
        numeric = [part for part in with_values if part.HasField("num_stats")]
        values, error = merged_numbers(numeric, options.of_feature(path))
        if error:
            notes["approximate"] = f"median, quantiles and bucket counts, by up to {100 * error:.2g} % of values"
            notes[proto.RANK_ERROR] = error
    elif kind == "STRING":
        values, complete = merged_words([part for part in with_values if part.HasField("string_stats")], options)
        if not complete:
            notes["approximate"] = "distinct values and ranks: a shard did not keep all its values"
    row = merged_rows(parts, absent, options)
    deeper = merged_levels(parts, absent)
    return Feature(path, kind, deeper or (row,), values, row if deeper else None, tuple(notes.items()))


def _type(path: Path, parts: Sequence[Any]) -> FeatureType:
    """Returns the type all parts with values agree on; whole numbers and fractions together are fractions."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    name = statistics_pb2.FeatureNameStatistics.Type.Name
    kinds = {name(part.type) for part in parts if common_of(part).num_non_missing} or {name(parts[0].type)}
    if kinds == {"INT", "FLOAT"}:
        return "FLOAT"
    if len(kinds) > 1 or not kinds <= {"INT", "FLOAT", "STRING", "STRUCT"}:
        raise UsageError(f"The feature {'.'.join(path)!r} cannot be merged: it is {' and '.join(sorted(kinds))}.")
    kind: FeatureType = kinds.pop()
    return kind
