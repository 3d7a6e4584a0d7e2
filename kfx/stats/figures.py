"""The figures of one feature, between an engine that computes them and the proto that carries them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FeatureType = Literal["INT", "FLOAT", "STRING", "STRUCT"]


@dataclass(frozen=True)
class Bucket:
    """One bucket of a histogram over numbers."""

    low: float
    """Lowest value, inclusive."""

    high: float
    """Highest value; exclusive, but inclusive in the last bucket."""

    count: float
    """Values in the bucket; fractional where one value spans several quantile buckets."""


@dataclass(frozen=True)
class WeightedValency:
    """The counts of one nesting level, each list counting as much as its row."""

    non_missing: float
    """Weight of the lists that are present."""

    missing: float
    """Weight of the lists that are null."""

    total: float
    """Weight of all values."""


@dataclass(frozen=True)
class WeightedNumbers:
    """Figures of a numeric feature's values, each counting as much as its row."""

    mean: float = 0.0
    """Weighted mean."""

    std_dev: float = 0.0
    """Weighted population standard deviation."""

    median: float = 0.0
    """Value at half of the weight."""

    standard: tuple[Bucket, ...] = ()
    """Equal-width buckets that hold weights."""

    quantiles: tuple[Bucket, ...] = ()
    """Buckets of about equal weight."""


@dataclass(frozen=True)
class Valency:
    """How many lists of one nesting level are there, and how many values they hold.

    A flat column counts as lists of one value, as in TFDV.
    """

    non_missing: int
    """Lists that are present; an empty list is."""

    missing: int
    """Lists that are null."""

    min: int = 0
    """Fewest values of a present list."""

    max: int = 0
    """Most values of a present list."""

    total: int = 0
    """Values of all lists together, nulls among them."""

    quantiles: tuple[Bucket, ...] = ()
    """Quantile histogram of the lists' lengths."""

    widths: tuple[Bucket, ...] = ()
    """Equal-width histogram of the lists' lengths."""

    weighted: WeightedValency | None = None
    """The counts by weight; None without a weight feature."""

    outline: tuple[Bucket, ...] = ()
    """The lengths' distribution for merging; empty unless asked for."""


@dataclass(frozen=True)
class Numbers:
    """Figures of a numeric feature's values that are not NaN."""

    count: int = 0
    """Values that are not NaN."""

    nan: int = 0
    """Values that are NaN, and nulls inside lists."""

    mean: float = 0.0
    """Arithmetic mean; infinite or NaN where infinite values make it so."""

    std_dev: float = 0.0
    """Population standard deviation."""

    zeros: int = 0
    """Values equal to zero."""

    min: float = 0.0
    """Smallest value."""

    median: float = 0.0
    """Middle value, or the mean of the two middle values."""

    max: float = 0.0
    """Largest value."""

    standard: tuple[Bucket, ...] = ()
    """Equal-width buckets over the finite values, infinite ones in buckets of their own."""

    quantiles: tuple[Bucket, ...] = ()
    """Buckets that hold about the same number of values each."""

    weighted: WeightedNumbers | None = None
    """The figures by weight; None without a weight feature."""

    outline: tuple[Bucket, ...] = ()
    """The distribution for merging; empty unless asked for."""


@dataclass(frozen=True)
class Words:
    """Figures of a string feature's values."""

    count: int = 0
    """Values, nulls not among them."""

    unique: int = 0
    """Distinct values."""

    total_bytes: int = 0
    """Length of all values together."""

    invalid_utf8: int = 0
    """Values that are not UTF-8."""

    ranked: tuple[tuple[bytes, int], ...] = ()
    """The most frequent values with their counts, ties by value descending."""

    weighted: tuple[tuple[bytes, float], ...] | None = None
    """The values of the largest weight with their weights, ties by value descending; None without a weight feature."""


@dataclass(frozen=True)
class Feature:
    """All figures of one feature."""

    path: tuple[str, ...]
    """Column name, then the names of the fields of a struct."""

    type: FeatureType
    """The feature's type, as TFDV knows it."""

    valency: tuple[Valency, ...]
    """One entry a nesting level, outermost first."""

    values: Numbers | Words | None
    """The leaf values' figures; None for a struct."""

    row: Valency | None = None
    """Where lists are nested, how many leaf values a row holds; None where the only level says it."""

    notes: tuple[tuple[str, float | str], ...] = ()
    """What the proto has no field for: name and number or text, written as custom statistics."""
