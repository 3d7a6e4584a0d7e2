"""What to compute, with TFDV's names and defaults."""

from __future__ import annotations

from dataclasses import dataclass

from kfx.errors import UsageError


@dataclass(frozen=True)
class Slice:
    """Rows told apart by the values of some columns, as by TFDV's `get_feature_value_slicer`."""

    columns: tuple[str, ...]
    """The columns; several are crossed."""

    values: tuple[frozenset[str] | None, ...]
    """Per column, the values that make a slice, as text; None for every value."""

    @classmethod
    def parse(cls, text: str) -> Slice:
        """Reads `country`, `country=DE|FR` or `country=DE,device`.

        Raises:
            UsageError: A column is named twice or not at all.
        """
        pairs = [part.partition("=") for part in text.split(",")]
        columns = tuple(column for column, _, _ in pairs)
        if not all(columns) or len(set(columns)) < len(columns):
            raise UsageError(f"{text!r} is no slice. Write a column, column=value|value, or several with commas.")
        return cls(columns, tuple(frozenset(chosen.split("|")) if equals else None for _, equals, chosen in pairs))


@dataclass(frozen=True)
class StatsOptions:
    """Settings of one computation; names and defaults are those of TFDV 1.21's `StatsOptions` where it has them."""

    feature_allowlist: tuple[str, ...] | None = None
    """Only these columns, in the table's order; None for all."""

    sample_rate: float | None = None
    """Share of the rows to describe, above 0 and at most 1, chosen at random; None for all."""

    sample_seed: int = 0
    """The same seed chooses the same rows of a table."""

    weight_feature: str | None = None
    """Numeric column that says how much a row counts; weighted figures stand beside the plain ones."""

    slice_features: tuple[Slice, ...] = ()
    """Each adds a data set for every value (or combination of values) of some columns."""

    num_top_values: int = 20
    """Most frequent values kept of a string feature."""

    num_rank_histogram_buckets: int = 1000
    """Values in a string feature's rank histogram."""

    num_values_histogram_buckets: int = 10
    """Quantile buckets of the number of values an example has."""

    num_histogram_buckets: int = 10
    """Equal-width buckets of a numeric feature."""

    num_quantiles_histogram_buckets: int = 10
    """Quantile buckets of a numeric feature."""

    mergeable: bool = False
    """Keep in the proto what merging needs: about 1,000 points of every numeric feature's distribution, and up to
    100,000 counted values of every string feature, as custom statistics."""

    memory_limit: int = 2 << 30
    """Bytes the computation may hold; larger tables go to disk and are computed a few columns at a time."""

    def __post_init__(self) -> None:
        """Refuses settings that cannot be computed."""
        for name in ("num_histogram_buckets", "num_quantiles_histogram_buckets", "num_values_histogram_buckets"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        for name in ("num_top_values", "num_rank_histogram_buckets"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}; it must not be negative.")
        if self.sample_rate is not None and not 0 < self.sample_rate <= 1:
            raise UsageError(f"The sample rate is {self.sample_rate}; it must be above 0 and at most 1.")
        if self.memory_limit < 256 << 20:
            raise UsageError(f"The memory limit is {self.memory_limit >> 20} MiB; kfx needs at least 256 MiB.")
