"""What to compute, with TFDV's names and defaults."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from kfx.errors import UsageError
from kfx.stats.beam import BeamOptions

OnBadRows = Literal["error", "skip"]
"""What to do with a row of a text file that cannot be read: refuse the table, or leave the row out and report it."""

SampleBy = Literal["auto", "rows", "blocks"]
"""How the engine bigquery samples: rows by chance, or whole blocks of a table, of which only the chosen are billed.

`auto` takes blocks where a table has so many that they make a fair sample. Other engines sample rows."""

EVERY_OTHER = "*"
"""Stands for every numeric feature without a choice of its own."""

MOST_BUCKETS = 10_000
"""Most buckets of a histogram; more are a mistake, and take minutes."""

MOST_RANKED = 100_000
"""Most values in a list of ranked ones."""

_HISTOGRAM = re.compile(r"(standard|quantiles)(?::(\d+))?")


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
            UsageError: A column is named twice or not at all, or a value is empty.
        """
        pairs = [part.partition("=") for part in text.split(",")]
        columns = tuple(column for column, _, _ in pairs)
        if not all(columns) or len(set(columns)) < len(columns):
            raise UsageError(f"{text!r} is no slice. Write a column, column=value|value, or several with commas.")
        values = tuple(frozenset(chosen.split("|")) if equals else None for _, equals, chosen in pairs)
        if any(chosen is not None and "" in chosen for chosen in values):
            raise UsageError(f"{text!r} names an empty value. Write column=value|value, or column for every value.")
        return cls(columns, values)


@dataclass(frozen=True)
class HistogramChoice:
    """Which histograms a numeric feature has; TFDV's `per_feature_stats_config`, which knows all or none."""

    feature: str
    """The feature's name, the names down to a struct's field joined by dots, or `*`."""

    standard: int | None = None
    """Equal-width buckets; 0 for no such histogram, None for as many as other features have."""

    quantiles: int | None = None
    """Quantile buckets; 0 and None likewise. Without any histogram there is no median either, as in TFDV."""

    @classmethod
    def parse(cls, text: str) -> HistogramChoice:
        """Reads `x=50` (of both), `x=none`, `x=standard:50`, `x=quantiles` or `x=standard,quantiles:100`.

        Raises:
            UsageError: The text is nothing of that.
        """
        feature, _, choice = text.rpartition("=")
        if not feature:
            raise UsageError(f"{text!r} chooses no histogram. Write {_HISTOGRAM_FORMS}.")
        if choice == "none":
            return cls(feature, 0, 0)
        if choice.isdecimal() and int(choice):
            return cls(feature, int(choice), int(choice))
        chosen: dict[str, int | None] = {"standard": 0, "quantiles": 0}
        for part in choice.split(","):
            match = _HISTOGRAM.fullmatch(part)
            if not match or match[2] == "0":
                raise UsageError(f"{text!r}: {part!r} is no histogram. Write {_HISTOGRAM_FORMS}.")
            chosen[match[1]] = int(match[2]) if match[2] else None
        return cls(feature, **chosen)


_HISTOGRAM_FORMS = "x=50, x=none, x=standard:50, x=quantiles or x=standard:50,quantiles:100; * is every other feature"


_BOUNDS = {
    "num_top_values": (0, MOST_RANKED),
    "num_rank_histogram_buckets": (0, MOST_RANKED),
    "num_values_histogram_buckets": (1, MOST_BUCKETS),
    "num_histogram_buckets": (0, MOST_BUCKETS),
    "num_quantiles_histogram_buckets": (0, MOST_BUCKETS),
}


def _check_number(name: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise UsageError(f"{name} is {number}; it must be at least {least} and at most {most:,}.")


@dataclass(frozen=True)
class StatsOptions:
    """Settings of one computation; names and defaults are those of TFDV 1.21's `StatsOptions` where it has them."""

    feature_allowlist: tuple[str, ...] | None = None
    """Only these columns, in the table's order; None for all."""

    sample_rate: float | None = None
    """Share of the rows to describe, above 0 and at most 1, chosen at random; None for all."""

    sample_seed: int = 0
    """The same seed chooses the same rows of a table; BigQuery's chance takes no seed."""

    sample_by: SampleBy = "auto"
    """What the engine bigquery samples."""

    maximum_bytes_billed: int | None = None
    """Bytes all queries of the engine bigquery together may be billed for; None for KFX_BIGQUERY_MAX_BYTES, else
    100 GiB."""

    weight_feature: str | None = None
    """Numeric column that says how much a row counts; weighted figures stand beside the plain ones."""

    slice_features: tuple[Slice, ...] = ()
    """Each adds a data set for every value (or combination of values) of some columns."""

    slice_sqls: tuple[str, ...] = ()
    """SQL that names slices, as TFDV's `experimental_slice_sqls`: `SELECT STRUCT(country) FROM example.country`. Only
    the engine bigquery takes them."""

    num_top_values: int = 20
    """Most frequent values kept of a string feature, at most 100,000."""

    num_rank_histogram_buckets: int = 1000
    """Values in a string feature's rank histogram, at most 100,000."""

    num_values_histogram_buckets: int = 10
    """Quantile buckets of the number of values an example has; 1 to 10,000."""

    num_histogram_buckets: int = 10
    """Equal-width buckets of a numeric feature, at most 10,000; 0 for no such histogram."""

    num_quantiles_histogram_buckets: int = 10
    """Quantile buckets of a numeric feature, at most 10,000; 0 for no such histogram."""

    histograms: tuple[HistogramChoice, ...] = ()
    """Numeric features with other histograms than these; the last choice of a feature counts."""

    on_bad_rows: OnBadRows = "error"
    """A row of CSV, TSV or JSON lines that cannot be read is an error, or is left out, counted and reported."""

    delimiter: str = ""
    """What stands between two cells of a text file, one character; empty for the comma of CSV and the tab of TSV."""

    mergeable: bool = False
    """Keep in the proto what merging needs: about 1,000 points of every numeric feature's distribution, and up to
    100,000 counted values of every string feature, as custom statistics."""

    memory_limit: int = 2 << 30
    """Bytes the computation may hold; larger tables go to disk and are computed a few columns at a time."""

    beam: BeamOptions = field(default_factory=BeamOptions)
    """Where and how Beam runs the engine tfdv; no other engine takes them."""

    def __post_init__(self) -> None:
        """Refuses settings that cannot be computed."""
        for name, (least, most) in _BOUNDS.items():
            _check_number(name, getattr(self, name), least, most)
        for choice in self.histograms:
            for buckets in (choice.standard, choice.quantiles):
                _check_number(f"The number of buckets of {choice.feature!r}", buckets or 0, 0, MOST_BUCKETS)
        if self.sample_by not in get_args(SampleBy):
            raise UsageError(f"sample_by is {self.sample_by!r}; it must be one of {', '.join(get_args(SampleBy))}.")
        if self.maximum_bytes_billed is not None and self.maximum_bytes_billed < 0:
            raise UsageError(f"maximum_bytes_billed is {self.maximum_bytes_billed}; it must not be negative.")
        if self.on_bad_rows not in get_args(OnBadRows):
            raise UsageError(f"on_bad_rows is {self.on_bad_rows!r}; it must be error or skip.")
        if self.delimiter and not (
            self.delimiter.isascii() and len(self.delimiter) == 1 and self.delimiter not in '"\r\n'
        ):
            raise UsageError(f"The delimiter is {self.delimiter!r}; it must be one ASCII character, and no quote.")
        if self.sample_rate is not None and not 0 < self.sample_rate <= 1:
            raise UsageError(f"The sample rate is {self.sample_rate}; it must be above 0 and at most 1.")
        if self.memory_limit < 256 << 20:
            raise UsageError(f"The memory limit is {self.memory_limit >> 20} MiB; kfx needs at least 256 MiB.")

    def of_feature(self, path: Sequence[str]) -> StatsOptions:
        """Returns these options with the numbers of histogram buckets one numeric feature has.

        Args:
            path: The feature's column, then the names of fields down to it.
        """
        by_feature = {choice.feature: choice for choice in self.histograms}
        choice = by_feature.get(".".join(path)) or by_feature.get(EVERY_OTHER)
        if choice is None:
            return self
        standard, quantiles = choice.standard, choice.quantiles
        return replace(
            self,
            num_histogram_buckets=self.num_histogram_buckets if standard is None else standard,
            num_quantiles_histogram_buckets=self.num_quantiles_histogram_buckets if quantiles is None else quantiles,
        )
