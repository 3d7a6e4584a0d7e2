"""How far two distributions are apart: TFDV's three measures, from statistics alone.

- L-infinity: the largest difference of a string value's share.
- Jensen-Shannon divergence in bits, 0 to 1: of string values, or of two histograms cut at each other's edges, the
  values of a bucket spread evenly over it.
- Normalised absolute difference: the largest difference of a string value's count, over the counts of both together.

They are TFDV's (`anomalies/metrics.cc`) but for NaN and infinities, which are values like any other here. TFDV counts
them as if no two were ever the same, so that a column with NaN drifts from itself.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

Counts = Mapping[Any, float]


def l_infinity(counts: Counts, control: Counts) -> tuple[str, float]:
    """Returns the value whose share differs most, and by how much.

    Of several the last by name is returned, as TFDV does.
    """
    return _largest(_shares(counts), _shares(control))


def normalized_absolute_difference(counts: Counts, control: Counts) -> tuple[str, float]:
    """Returns the value whose count differs most, and by how much of the sum of all counts of both."""
    total = sum(counts.values()) + sum(control.values())
    return _largest(_scaled(counts, total), _scaled(control, total))


def jensen_shannon(counts: Counts, control: Counts) -> float:
    """Returns the Jensen-Shannon divergence of two distributions over the same values, in bits.

    JSD(P, Q) = (D(P || M) + D(Q || M)) / 2 with M = (P + Q) / 2 (Lin, 1991: Divergence measures based on the Shannon
    entropy).
    """
    p, q = _shares(counts), _shares(control)
    total = 0.0
    for value in {**p, **q}:
        middle = (p.get(value, 0.0) + q.get(value, 0.0)) / 2
        total += sum(share * math.log2(share / middle) for share in (p.get(value, 0.0), q.get(value, 0.0)) if share)
    return min(max(total / 2, 0.0), 1.0)


def aligned(histogram: Any, control: Any) -> tuple[Counts, Counts]:
    """Cuts two histograms at the edges of both and returns the counts of the pieces.

    Values that make a bucket of their own (both edges the same) stay apart from the buckets around them, and so do
    NaN and infinities.
    """
    edges = sorted(
        {
            edge
            for one in (histogram, control)
            for bucket in one.buckets
            if _is_wide(bucket)
            for edge in (bucket.low_value, bucket.high_value)
        }
    )
    pieces = list(itertools.pairwise(edges))
    return _cut(histogram, pieces), _cut(control, pieces)


def _cut(histogram: Any, pieces: list[tuple[float, float]]) -> Counts:
    counts: Counter[Any] = Counter({"NaN": histogram.num_nan} if histogram.num_nan else {})
    for bucket in histogram.buckets:
        low, high = bucket.low_value, bucket.high_value
        if not _is_wide(bucket):
            counts[high if math.isinf(high) else low] += bucket.sample_count
            continue
        for left, right in pieces:
            if low <= left and right <= high:
                counts[left, right] += bucket.sample_count * (right - left) / (high - low)
    return {piece: count for piece, count in counts.items() if count > 0}


def _is_wide(bucket: Any) -> bool:
    finite = math.isfinite(bucket.low_value) and math.isfinite(bucket.high_value)
    return finite and bucket.low_value < bucket.high_value


def _shares(counts: Counts) -> Counts:
    return _scaled(counts, sum(counts.values()))


def _scaled(counts: Counts, total: float) -> Counts:
    return {value: count / total for value, count in counts.items()} if total else {}


def _largest(counts: Counts, control: Counts) -> tuple[str, float]:
    value, largest = "", 0.0
    for name in sorted({*counts, *control}):
        difference = abs(counts.get(name, 0.0) - control.get(name, 0.0))
        if difference >= largest:
            value, largest = name, difference
    return value, largest
