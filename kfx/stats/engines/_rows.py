"""Which rows count, in which data set, and how much: sampling, slices and weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.engines._buffers import Weights, to_arrow, to_numpy
from kfx.stats.engines._numbers import as_numbers
from kfx.stats.sources._columns import check_columns

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from kfx.stats.options import Slice, StatsOptions

ALL = "All Examples"
"""TFDV's name for the whole table where there are slices; alone it has none."""

_SAMPLE_BLOCK = 1 << 16
_FAST_NUMBERS = 1 << 16  # numpy sorts numbers of two bytes by radix ...
_FEW_NUMBERS = 32  # ... and finds so few of them one by one in less time
MOST_SLICES = 1000
"""More slices than this, over the whole table, are a mistake."""


@dataclass(frozen=True)
class Part:
    """Rows of a batch that belong to one data set."""

    name: str
    """The data set's name."""

    rows: pa.Array | None
    """Positions of the rows in the batch; None for all."""

    weights: Weights | None
    """How much each of the rows counts; None without a weight feature."""


class RowSelection:
    """Deals the rows of a table out to data sets."""

    def __init__(self, uri: str, schema: pa.Schema, options: StatsOptions) -> None:
        """Checks the columns the options name.

        Raises:
            UsageError: A column does not exist or cannot serve.
        """
        self._options = options
        self.whole = ALL if options.slice_features else ""
        """Name of the data set of all rows."""
        weight = [options.weight_feature] if options.weight_feature is not None else []
        sliced = [column for by in options.slice_features for column in by.columns]
        self.columns = tuple(dict.fromkeys([*weight, *sliced]))
        """Columns that must be read with every group."""
        check_columns(uri, schema.names, self.columns)
        for column in self.columns:
            _check_kind(schema.field(column), is_weight=column in weight)

    @property
    def copies(self) -> int:
        """How often a row can be in a data set."""
        return 1 + len(self._options.slice_features)

    def check_number(self, slices: int) -> None:
        """Raises UsageError when a table turns out to have too many slices.

        Args:
            slices: How many were found so far, in all rows that were read.
        """
        if slices > MOST_SLICES:
            columns = "; ".join(",".join(by.columns) for by in self._options.slice_features)
            raise UsageError(
                f"Slicing by {columns} makes more than {MOST_SLICES:,} slices, which is the most. "
                "Name the values wanted, as in column=value|value."
            )

    def parts(self, batch: pa.RecordBatch, first_row: int) -> Iterator[Part]:
        """Yields the parts of a batch: the whole, then each slice that has rows in it.

        Args:
            batch: Rows with (at least) `columns`.
            first_row: Number of the batch's first row in the table, from 0.
        """
        import numpy as np

        rows: npt.NDArray[np.int64] | None = None
        if self._options.sample_rate is not None:
            rows = self._sampled(self._options.sample_rate, batch.num_rows, first_row)
        weights = self._weights(batch)
        yield _part(self.whole, rows, weights)
        slices: dict[str, npt.NDArray[np.int64]] = {}
        for by in self._options.slice_features:
            for name, members in _slices(batch, by):
                # `country` and `country=DE` name one slice; a row is in it once.
                slices[name] = np.union1d(slices[name], members) if name in slices else members
                self.check_number(len(slices))
        for name, members in slices.items():
            yield _part(name, members if rows is None else np.intersect1d(members, rows), weights)

    def _sampled(self, rate: float, length: int, first_row: int) -> npt.NDArray[np.int64]:
        """Returns the chosen rows. A row's fate hangs on its number alone, not on how the table is cut into batches."""
        import numpy as np

        seed = self._options.sample_seed
        first_block, last_block = first_row // _SAMPLE_BLOCK, (first_row + length) // _SAMPLE_BLOCK
        draws = [np.random.default_rng([seed, at]).random(_SAMPLE_BLOCK) for at in range(first_block, last_block + 1)]
        start = first_row - first_block * _SAMPLE_BLOCK
        return np.flatnonzero(np.concatenate(draws)[start : start + length] < rate)

    def _weights(self, batch: pa.RecordBatch) -> Weights | None:
        import numpy as np

        name = self._options.weight_feature
        if name is None:
            return None
        column = batch.column(name)
        if column.null_count:
            raise UsageError(f"The weight feature {name!r} is missing in some rows; every row needs a weight.")
        if not len(column):
            return np.zeros(0)
        weights = as_numbers(column).astype(np.float64)
        if not np.isfinite(weights).all() or (weights < 0).any():
            raise UsageError(f"The weight feature {name!r} holds values that are negative or not finite.")
        return weights


def _part(name: str, rows: npt.NDArray[np.int64] | None, weights: Weights | None) -> Part:
    if rows is None:
        return Part(name, None, weights)
    return Part(name, to_arrow(rows), None if weights is None else weights[rows])


def _check_kind(column: pa.Field, *, is_weight: bool) -> None:
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    # Of a file without rows, a day on which nothing happened, no type is known.
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if is_weight and not is_number and not pa.types.is_null(kind):
        raise UsageError(f"The weight feature {column.name!r} is {kind}; it must be a number.")
    if not is_weight and pa.types.is_nested(kind):
        raise UsageError(f"Rows cannot be sliced by {column.name!r}, which is {kind}.")


def _slices(batch: pa.RecordBatch, by: Slice) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Yields name and rows of each slice; rows in which a column is missing are in none."""
    coded = [_coded(batch.column(name), wanted) for name, wanted in zip(by.columns, by.values, strict=True)]
    for members in _together(*_combined([(len(values), codes) for values, codes in coded])):
        found = [_text(values[int(codes[members[0]])].as_py()) for values, codes in coded]
        # TFDV's names: column_value, crossed ones joined.
        yield "_".join(f"{column}_{value}" for column, value in zip(by.columns, found, strict=True)), members


def _combined(coded: Sequence[tuple[int, npt.NDArray[Any]]]) -> tuple[npt.NDArray[Any], int]:
    """Returns a number for each row, equal where all codes are, -1 where one is, and what all numbers are below."""
    import numpy as np

    below, numbers = coded[0]
    for size, codes in coded[1:]:
        numbers = np.where((numbers < 0) | (codes < 0), -1, numbers.astype(np.int64) * size + codes)
        below *= size
        if below > _FAST_NUMBERS:
            distinct, numbers = np.unique(numbers, return_inverse=True)
            missing = len(distinct) and distinct[0] == -1
            numbers, below = numbers - int(missing), len(distinct)
    return numbers, below


def _together(numbers: npt.NDArray[Any], below: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yields the rows of each number that some row has; those of -1 are left out."""
    import numpy as np

    if below <= _FEW_NUMBERS:
        yield from (rows for number in range(below) if len(rows := np.flatnonzero(numbers == number)))
        return
    rows = np.flatnonzero(numbers >= 0)
    if len(rows):
        kept = numbers[rows].astype(np.uint16 if below <= _FAST_NUMBERS else np.int64)
        order = np.argsort(kept, kind="stable")
        yield from np.split(rows[order], np.flatnonzero(np.diff(kept[order])) + 1)


def _coded(array: pa.Array, wanted: frozenset[str] | None) -> tuple[pa.Array, npt.NDArray[Any]]:
    """Returns a column's values, and each row's place among them, -1 where it is missing or not wanted."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    codes = to_numpy(pc.fill_null(encoded.indices, -1))
    if wanted is None:
        return encoded.dictionary, codes
    # The last place is that of missing values.
    kept = np.array([*(_text(value) in wanted for value in encoded.dictionary.to_pylist()), False])
    return encoded.dictionary, np.where(kept[codes], codes, -1)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
