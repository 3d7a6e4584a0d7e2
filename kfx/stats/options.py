"""What to compute, with TFDV's names and defaults."""

from __future__ import annotations

from dataclasses import dataclass

from kfx.errors import UsageError


@dataclass(frozen=True)
class StatsOptions:
    """Settings of one computation; names and defaults are those of TFDV 1.21's `StatsOptions` where it has them."""

    feature_allowlist: tuple[str, ...] | None = None
    """Only these columns, in the table's order; None for all."""

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
        if self.memory_limit < 256 << 20:
            raise UsageError(f"The memory limit is {self.memory_limit >> 20} MiB; kfx needs at least 256 MiB.")
