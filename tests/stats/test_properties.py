"""Random tables of random types against plain Python."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfx.stats.options import StatsOptions

from .tables import FEW, buckets, describe, one

# Time is not what is tested, and the first example pays for imports.
without_deadline = settings(deadline=None, max_examples=80)

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64, min_value=-1e150, max_value=1e150)
ANY_FLOAT = st.floats(width=64)
WHOLE = st.integers(-(2**63), 2**63 - 1)
WORDS = st.text(max_size=6) | st.sampled_from(["", "a", "b", "é", "\U0001f600"])


def optional(values: st.SearchStrategy[Any], most: int = 40) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.none() | values, max_size=most)


def cut(array: pa.Array, places: list[int]) -> pa.ChunkedArray:
    edges = sorted({0, len(array), *(place % (len(array) + 1) for place in places)})
    chunks = [array[first:last] for first, last in itertools.pairwise(edges)]
    return pa.chunked_array(chunks, array.type)


@without_deadline
@given(optional(WHOLE | st.integers(-3, 3)), st.lists(st.integers(0, 100), max_size=4))
def test_integers(values: list[int | None], places: list[int]) -> None:
    """Counts, extremes and zeros are exact for any integers, the mean to a double's last digits."""
    present = sorted(value for value in values if value is not None)
    stats = one(cut(pa.array(values, pa.int64()), places)).num_stats
    common = stats.common_stats
    assert (common.num_non_missing, common.num_missing) == (len(present), len(values) - len(present))
    if not present:
        assert not stats.histograms
        return
    assert (stats.min, stats.max, stats.num_zeros) == (float(present[0]), float(present[-1]), present.count(0))
    largest = max(abs(present[0]), abs(present[-1]), 1)
    mean = Fraction(sum(present), len(present))
    assert abs(Fraction(stats.mean) - mean) <= largest * Fraction(1, 10**13)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in present) / len(present))
    assert stats.std_dev == pytest.approx(deviation, rel=1e-9, abs=largest * 1e-12)


@without_deadline
@given(optional(ANY_FLOAT), st.lists(st.integers(0, 100), max_size=4))
def test_floats(values: list[float | None], places: list[int]) -> None:
    """NaN is counted apart; extremes, zeros and the sums of both histograms are exact, infinities included."""
    present = sorted(value for value in values if value is not None and not math.isnan(value))
    nan = sum(1 for value in values if value is not None and math.isnan(value))
    feature = one(cut(pa.array(values, pa.float64()), places))
    stats = feature.num_stats
    assert stats.common_stats.num_non_missing == len(present) + nan
    assert [histogram.num_nan for histogram in stats.histograms] == [nan] * len(stats.histograms)
    if not present:
        return
    assert (stats.min, stats.max, stats.num_zeros) == (present[0], present[-1], present.count(0))
    for kind in ("STANDARD", "QUANTILES"):
        assert sum(count for _, _, count in buckets(feature, kind)) == pytest.approx(len(present))
    low, high = present[(len(present) - 1) // 2], present[len(present) // 2]
    assert math.isnan(stats.median) or low <= stats.median <= high or math.isinf(low + high)


@without_deadline
@given(st.lists(FINITE, min_size=1, max_size=60))
def test_equal_width_buckets_count_exactly(values: list[float]) -> None:
    """Every bucket's count is the number of values from its low to below its high, the last one's high included."""
    found = buckets(one(values), "STANDARD")
    for place, (low, high, count) in enumerate(found):
        last = place == len(found) - 1
        assert count == sum(1 for value in values if low <= value < high or (last and value == high)), (low, high)


@without_deadline
@given(st.lists(st.integers(0, 9) | st.integers(-1000, 1000), min_size=1, max_size=60))
def test_quantile_edges_stand_at_their_ranks(values: list[int]) -> None:
    """Edge i of k is the value at rank floor(n i / k), and a bucket holds what its edges enclose."""
    ordered = sorted(values)
    found = buckets(one(values), "QUANTILES")
    edges = [found[0][0], *(high for _, high, _ in found)]
    assert edges == [ordered[min(len(ordered) * place // 3, len(ordered) - 1)] for place in range(4)]
    assert sum(count for _, _, count in found) == pytest.approx(len(values))


@without_deadline
@given(optional(WORDS | st.binary(max_size=3)), st.lists(st.integers(0, 100), max_size=4), st.booleans())
def test_strings(values: list[str | bytes | None], places: list[int], coded: bool) -> None:
    """Distinct values, ranking and mean length are exact for any text and bytes, plain or as a dictionary."""
    raw = [value.encode() if isinstance(value, str) else value for value in values]
    counted = Counter(value for value in raw if value is not None)
    array = cut(pa.array(raw, pa.binary()), places)
    stats = one(array.dictionary_encode() if coded else array).string_stats
    assert stats.unique == len(counted)
    shared: Counter[str] = Counter()
    for value, count in counted.items():
        shared[text_of(value)] += count
    ranking = sorted(shared.items(), key=lambda pair: (pair[1], pair[0].encode()), reverse=True)
    assert [bucket.sample_count for bucket in stats.rank_histogram.buckets] == [count for _, count in ranking]
    shown = [(top.value, top.frequency) for top in stats.top_values]
    assert shown == ranking[:20]
    assert stats.invalid_utf8_count == shared["__BYTES_VALUE__"]
    if counted:
        assert stats.avg_length == pytest.approx(
            sum(len(v) * c for v, c in counted.items()) / counted.total(), rel=1e-6
        )


def text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "__BYTES_VALUE__"


@without_deadline
@given(st.lists(st.none() | st.lists(st.none() | st.integers(-5, 5), max_size=5), max_size=20))
def test_lists(values: list[list[int | None] | None]) -> None:
    """Presence, lengths and items of any lists agree with plain Python."""
    stats = one(pa.array(values, pa.list_(pa.int64()))).num_stats
    present = [value for value in values if value is not None]
    items = [item for value in present for item in value]
    numbers = [item for item in items if item is not None]
    common = stats.common_stats
    assert (common.num_non_missing, common.num_missing) == (len(present), len(values) - len(present))
    assert common.tot_num_values == len(items)
    if present:
        assert (common.min_num_values, common.max_num_values) == (min(map(len, present)), max(map(len, present)))
        assert sum(b.sample_count for b in common.num_values_histogram.buckets) == pytest.approx(len(present))
    if numbers:
        assert stats.mean == pytest.approx(sum(numbers) / len(numbers))
        assert stats.histograms[0].num_nan == len(items) - len(numbers)


TABLE = st.fixed_dictionaries({
    "x": st.lists(st.none() | FINITE, min_size=12, max_size=12),
    "s": st.lists(st.none() | WORDS, min_size=12, max_size=12),
    "l": st.lists(st.none() | st.lists(WORDS, max_size=3), min_size=12, max_size=12),
    "w": st.lists(st.floats(0, 8, width=16), min_size=12, max_size=12),
})  # fmt: skip


@without_deadline
@given(TABLE, st.permutations(["x", "s", "l", "w"]), st.lists(st.integers(0, 12), max_size=4))
def test_column_order_and_chunks_change_nothing(
    columns: dict[str, list[Any]], order: list[str], places: list[int]
) -> None:
    """However columns are ordered and rows are cut, every feature is the same, weighted figures included."""
    kinds = {"x": pa.float64(), "s": pa.string(), "l": pa.list_(pa.string()), "w": pa.float64()}
    whole = {name: pa.array(values, kinds[name]) for name, values in columns.items()}
    options = StatsOptions(weight_feature="w", num_histogram_buckets=FEW.num_histogram_buckets)
    expected = describe(pa.table(whole), options)
    shuffled = describe(pa.table({name: cut(whole[name], places) for name in order}), options)
    assert set(expected) == set(shuffled)
    for path, feature in expected.items():
        assert close(feature, shuffled[path]), path


def close(one_proto: Any, other: Any) -> bool:
    """Compares protos, sums of weights to their last digits."""
    return [str(v) if not isinstance(v, float) else f"{v:.9e}" for v in leaves(one_proto)] == [
        str(v) if not isinstance(v, float) else f"{v:.9e}" for v in leaves(other)
    ]


def leaves(message: Any) -> list[Any]:
    found: list[Any] = []
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        for item in values:
            found.extend([field.name, *leaves(item)] if field.message_type else [field.name, item])
    return found
