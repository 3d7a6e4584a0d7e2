"""Statistics of Python values in plain Python: the referee of the property tests."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest

from .tables import buckets, type_name

EPOCH = dt.datetime(1970, 1, 1)


@dataclass(frozen=True)
class Kind:
    """A column's type, seen from Arrow and from Python."""

    arrow: pa.DataType
    """Its Arrow type."""

    feature: str
    """INT, FLOAT, STRING or STRUCT, of the leaves."""

    leaf: Callable[[Any], Any] = lambda value: value
    """What of a leaf is counted: a number or bytes."""

    items: Kind | None = None
    """Of a list: its items' kind."""

    fields: tuple[tuple[str, Kind], ...] = ()
    """Of a struct: its fields."""


def check(found: dict[tuple[str, ...], Any], path: tuple[str, ...], kind: Kind, rows: Sequence[Any]) -> None:
    """Asserts that a feature, and those inside it, say of the rows what plain Python says."""
    feature = found[path]
    assert type_name(feature) == kind.feature, path
    common = getattr(feature, feature.WhichOneof("stats")).common_stats
    present = [row for row in rows if row is not None]
    assert (common.num_non_missing, common.num_missing) == (len(present), len(rows) - len(present)), path
    depth, leaves = 0, present
    while kind.items is not None:
        depth, kind = depth + 1, kind.items
        leaves = [item for row in leaves if row is not None for item in row]
    _check_lengths(common, [_count(row, depth) for row in present])
    if kind.fields:
        # A struct that is missing in a list is a row of its fields; one that is a row itself is none.
        inside = leaves if depth else present
        for name, field in kind.fields:
            values = [None if struct is None else struct[name] for struct in inside]
            check(found, (*path, name), field, values)
        return
    values = [kind.leaf(leaf) for leaf in leaves if leaf is not None]
    if kind.feature == "STRING":
        _check_words(feature.string_stats, values)
    else:
        _check_numbers(feature, values, len(leaves) - len(values))


def _count(row: Any, depth: int) -> int:
    """Returns how many leaves a row of nested lists holds; a flat value is one."""
    if depth <= 1:
        return len(row) if depth else 1
    return sum(_count(item, depth - 1) for item in row if item is not None)


def _check_lengths(common: Any, lengths: list[int]) -> None:
    assert common.tot_num_values == sum(lengths)
    if not lengths:
        return
    assert (common.min_num_values, common.max_num_values) == (min(lengths), max(lengths))
    assert common.avg_num_values == pytest.approx(sum(lengths) / len(lengths), rel=1e-6)
    ordered, edges = sorted(lengths), common.num_values_histogram.buckets
    assert [bucket.high_value for bucket in edges] == [_at(ordered, place, len(edges)) for place in _places(edges)]
    assert sum(bucket.sample_count for bucket in edges) == pytest.approx(len(lengths))


def _check_words(stats: Any, values: list[bytes]) -> None:
    counted = Counter(values)
    assert stats.unique == len(counted)
    shown: Counter[str] = Counter()
    for value, count in counted.items():
        shown[_shown(value)] += count
    ranking = sorted(shown.items(), key=lambda pair: (pair[1], pair[0].encode()), reverse=True)
    assert [(b.label, b.sample_count) for b in stats.rank_histogram.buckets] == ranking
    assert [(top.value, top.frequency) for top in stats.top_values] == ranking[:20]
    assert stats.invalid_utf8_count == sum(not _is_utf8(value) for value in values)
    assert stats.avg_length == pytest.approx(sum(map(len, values)) / max(len(values), 1), rel=1e-6)


def _shown(value: bytes) -> str:
    if len(value) > 1024:
        return "__LARGE_BYTES__"
    return value.decode() if _is_utf8(value) else "__BYTES_VALUE__"


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_numbers(feature: Any, values: list[Any], nulls: int) -> None:
    stats = feature.num_stats
    numbers = sorted(value for value in values if not math.isnan(value))
    nan = nulls + len(values) - len(numbers)
    assert [histogram.num_nan for histogram in stats.histograms] == [nan] * (2 if values or nulls else 0)
    if not numbers:
        assert not any(histogram.buckets for histogram in stats.histograms)
        return
    middle = float(numbers[(len(numbers) - 1) // 2]), float(numbers[len(numbers) // 2])
    assert (stats.min, stats.max) == (float(numbers[0]), float(numbers[-1]))
    assert stats.num_zeros == numbers.count(0)
    assert stats.median == pytest.approx(sum(middle) / 2, nan_ok=True)
    _check_moments(stats, numbers)
    _check_quantiles(buckets(feature, "QUANTILES"), numbers)
    _check_widths(buckets(feature, "STANDARD"), numbers)


def _check_moments(stats: Any, numbers: list[Any]) -> None:
    if any(math.isinf(number) for number in numbers):
        assert stats.mean == pytest.approx(sum(number for number in numbers if math.isinf(number)), nan_ok=True)
        assert math.isnan(stats.std_dev)
        return
    exact = list(map(Fraction, numbers))
    largest = float(max(map(abs, exact))) or 1.0
    mean = sum(exact) / len(exact)
    assert stats.mean == pytest.approx(float(mean), rel=1e-9, abs=largest * 1e-13)
    variance = sum((number - mean) ** 2 for number in exact) / len(exact)
    if largest > 1e150:  # its square is no double
        return
    assert stats.std_dev == pytest.approx(math.sqrt(variance), rel=1e-9, abs=largest * 1e-12)


def _check_quantiles(found: list[tuple[float, float, float]], numbers: list[Any]) -> None:
    edges = [found[0][0], *(high for _, high, _ in found)]
    assert edges == [float(_at(numbers, place, len(found))) for place in range(len(edges))]
    assert sum(count for _, _, count in found) == pytest.approx(len(numbers))


def _check_widths(found: list[tuple[float, float, float]], numbers: list[Any]) -> None:
    for low, high, count in found:
        if math.isinf(low) and low == high:
            assert count == sum(1 for number in numbers if number == low)
    finite = [bucket for bucket in found if math.isfinite(bucket[0])]
    inside = [number for number in numbers if math.isfinite(number)]
    for place, (low, high, count) in enumerate(finite):
        # The outermost edges are the extremes as doubles, which may have rounded a whole number away.
        first, last = place == 0, place == len(finite) - 1
        assert count == sum(1 for number in inside if (first or number >= low) and (last or number < high))


def _places(edges: Any) -> range:
    return range(1, len(edges) + 1)


def _at(ordered: list[Any], place: int, number: int) -> Any:
    return ordered[min(len(ordered) * place // number, len(ordered) - 1)]
