"""One column: its nesting levels, its leaf values, and for a struct the columns inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.engines._buffers import Weights, is_valid, to_numpy
from kfx.stats.engines._numbers import unit
from kfx.stats.engines._numeric import NumericValues
from kfx.stats.engines._strings import StringValues
from kfx.stats.figures import Feature, FeatureType, Numbers, Valency, WeightedValency, Words
from kfx.stats.histograms import CountedValues, equal_width_buckets, outline, quantile_buckets
from kfx.stats.proto import RANK_ERROR

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from kfx.stats.options import StatsOptions


class FeatureColumn:
    """Collects one column of a table, or one field of a struct."""

    def __init__(self, path: tuple[str, ...], kind: pa.DataType, options: StatsOptions, allowance: int) -> None:
        """Prepares for a column.

        Args:
            path: The column's name, then those of the fields down to here.
            kind: Its Arrow type.
            options: What to compute.
            allowance: Bytes the values may take before they are summed up or go to disk.
        """
        import pyarrow as pa

        self._path = path
        self._levels: list[_Level] = []
        kind = storage(kind)
        while is_list(kind):
            self._levels.append(_Level(options))
            kind = storage(kind.value_type) if not pa.types.is_map(kind) else entries(kind)
        # A flat value counts as a list of one, as TFDV reads it.
        self._flat = not self._levels
        if self._flat:
            self._levels.append(_Level(options))
        # Where lists are nested, TFDV's common statistics count the leaf values of a row.
        self._row = _Level(options) if len(self._levels) > 1 else None
        self._unit = unit(kind)
        self._type = feature_type(path, kind)
        self._fields: list[FeatureColumn] = []
        self._values: NumericValues | StringValues | None = None
        if self._type == "STRUCT":
            fields = [kind.field(at) for at in range(kind.num_fields)]
            self._fields = [FeatureColumn((*path, f.name), f.type, options, allowance) for f in fields]
        elif self._type == "STRING":
            self._values = StringValues(options, allowance)
        else:
            self._values = NumericValues(options.of_feature(path), allowance)
        if not isinstance(self._values, NumericValues):
            refuse_choice(path, self._type, options)
        self._again = False

    def add(self, array: pa.Array, weights: Weights | None = None) -> None:
        """Takes in a chunk of the column.

        Args:
            array: The chunk.
            weights: How much each of its rows counts; None without a weight feature.
        """
        array = plain(array)
        if self._flat:
            if not self._again:
                self._levels[0].add_flat(array, weights)
            weights = weights if weights is None or not array.null_count else weights[is_valid(array)]
            array = array.drop_null() if array.null_count else array
        else:
            if self._row is not None and not self._again:
                self._row.add_counts(leaf_counts(array, len(self._levels)), array, weights)
            for level in self._levels:
                if not self._again:
                    level.add(array, weights)
                weights = None if weights is None else _of_items(array, weights)
                array = plain(array.flatten())
        self._add_leaves(array, weights)

    def _add_leaves(self, array: pa.Array, weights: Weights | None) -> None:
        import pyarrow as pa

        if self._fields:
            for field, values in zip(self._fields, array.flatten(), strict=True):
                field.add(values, weights)
        elif self._values is None or pa.types.is_null(array.type):
            return
        elif not self._again or isinstance(self._values, NumericValues):
            try:
                self._values.add(array, weights)
            except UsageError as error:
                raise UsageError(f"Column {'.'.join(self._path)!r}: {error}") from error

    def needs_second_reading(self) -> bool:
        """Ends the first reading, and says whether every chunk must be added once more."""
        own = isinstance(self._values, NumericValues) and self._values.needs_second_reading()
        fields = [field.needs_second_reading() for field in self._fields]
        self._again = own or any(fields)
        return self._again

    def close(self) -> None:
        """Removes what is on disk, where nobody will ask for the figures."""
        if isinstance(self._values, StringValues):
            self._values.close()
        for field in self._fields:
            field.close()

    def features(self) -> list[Feature]:
        """Returns the column's figures, then those of the fields inside it."""
        valency = tuple(level.finish() for level in self._levels)
        notes: list[tuple[str, float | str]] = [("unit", self._unit)] if self._unit else []
        values: Numbers | Words | None = None
        if isinstance(self._values, NumericValues):
            values, error = self._values.finish()
            if error:
                notes.append(("approximate", f"median and quantiles, by up to {100 * error:.2g} % of ranks"))
                notes.append((RANK_ERROR, error))
        elif self._values is not None:
            values = self._values.finish()
        row = self._row.finish() if self._row is not None else None
        own = Feature(self._path, self._type, valency, values, row, tuple(notes))
        return [own, *(feature for field in self._fields for feature in field.features())]


def refuse_choice(path: tuple[str, ...], kind: FeatureType, options: StatsOptions) -> None:
    """Raises UsageError when a histogram is chosen for a feature that is not numeric.

    Args:
        path: The feature's column, then the names of fields down to it.
        kind: Its type.
        options: Hold the choices.
    """
    name = ".".join(path)
    if any(choice.feature == name for choice in options.histograms):
        raise UsageError(f"A histogram was chosen for {name!r}, which is {kind}; only numeric features have a choice.")


class _Level:
    """One nesting level: how many lists, how long."""

    def __init__(self, options: StatsOptions) -> None:
        self._options = options
        self._missing = 0
        self._lengths: Counter[int] = Counter()
        self._weighted = WeightedValency(0.0, 0.0, 0.0) if options.weight_feature is not None else None

    def add_flat(self, array: pa.Array, weights: Weights | None) -> None:
        """Takes in values that count as lists of one."""
        self._missing += array.null_count
        self._lengths[1] += len(array) - array.null_count
        if weights is not None:
            present = float(weights[is_valid(array)].sum())
            self._weigh(present, float(weights.sum()) - present, present)

    def add(self, array: pa.Array, weights: Weights | None) -> None:
        """Takes in lists."""
        self.add_counts(list_lengths(array), array, weights)

    def add_counts(self, counts: npt.NDArray[Any], array: pa.Array, weights: Weights | None) -> None:
        """Takes in how many values each list holds.

        Args:
            counts: One a list, 0 for a missing one.
            array: The lists, which say what is missing.
            weights: How much each list counts.
        """
        import numpy as np

        valid = is_valid(array)
        self._missing += array.null_count
        for length, lists in zip(*np.unique(counts[valid], return_counts=True), strict=True):
            self._lengths[int(length)] += int(lists)
        if weights is not None:
            present = float(weights[valid].sum())
            self._weigh(present, float(weights.sum()) - present, float((weights * counts).sum()))

    def _weigh(self, non_missing: float, missing: float, total: float) -> None:
        if self._weighted is not None:
            w = self._weighted
            self._weighted = WeightedValency(w.non_missing + non_missing, w.missing + missing, w.total + total)

    def finish(self) -> Valency:
        """Returns the figures."""
        return valency(self._lengths, self._missing, self._weighted, self._options)


def valency(
    lengths: Mapping[int, int], missing: int, weighted: WeightedValency | None, options: StatsOptions
) -> Valency:
    """Describes the lists of one nesting level.

    Args:
        lengths: Number of values -> how many lists hold so many.
        missing: Lists that are null.
        weighted: The counts by weight; None without a weight feature.
        options: Numbers of buckets.
    """
    import numpy as np

    pairs = sorted((length, count) for length, count in lengths.items() if count)
    if not pairs:
        return Valency(non_missing=0, missing=missing, weighted=weighted)
    of_length, counts = np.array(pairs, dtype=np.int64).T
    ordered = CountedValues(of_length, np.cumsum(counts, dtype=np.float64))
    buckets = options.num_values_histogram_buckets
    return Valency(
        non_missing=int(counts.sum()),
        missing=missing,
        min=int(of_length[0]),
        max=int(of_length[-1]),
        total=int((of_length * counts).sum()),
        quantiles=quantile_buckets(ordered, buckets),
        widths=equal_width_buckets(ordered, buckets),
        weighted=weighted,
        outline=outline(ordered) if options.mergeable and pairs != [(1, counts[0])] else (),
    )


def _of_items(array: pa.Array, weights: Weights) -> Weights:
    """Returns the weight of each item of some lists: that of its list."""
    import numpy as np

    return np.repeat(weights, list_lengths(array))


def list_lengths(array: pa.Array) -> npt.NDArray[Any]:
    """Returns how many items each list holds, 0 for a missing one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return to_numpy(pc.fill_null(pc.list_value_length(array).cast(pa.int64()), 0))


def leaf_counts(array: pa.Array, depth: int) -> npt.NDArray[Any]:
    """Returns how many leaf values each row of lists nested `depth` deep holds."""
    import numpy as np

    lengths = list_lengths(array)
    if depth == 1:
        return lengths
    running = np.concatenate([[0], np.cumsum(leaf_counts(plain(array.flatten()), depth - 1))])
    ends = np.cumsum(lengths)
    return np.asarray(running[ends] - running[ends - lengths])


def is_list(kind: pa.DataType) -> bool:
    """Says whether a type is a list, or a map, which is a list of entries."""
    import pyarrow as pa

    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_map)
    return any(test(kind) for test in tests)


def entries(kind: pa.MapType) -> pa.DataType:
    """Returns the type of a map's entries."""
    import pyarrow as pa

    return pa.struct([pa.field("key", kind.key_type), pa.field("value", kind.item_type)])


def storage(kind: pa.DataType) -> pa.DataType:
    """Returns what an extension type stores; any other type as it is."""
    import pyarrow as pa

    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def plain(array: pa.Array) -> pa.Array:
    """Returns extension arrays as what they store, maps as lists of entries, views as text, dictionaries decoded."""
    import pyarrow as pa

    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_map(array.type):
        return array.cast(pa.list_(entries(array.type)))
    if pa.types.is_dictionary(array.type) and not is_text(array.type.value_type):
        return array.dictionary_decode()
    # Arrow computes nothing on views of text.
    if pa.types.is_string_view(array.type):
        return array.cast(pa.large_string())
    return array.cast(pa.large_binary()) if pa.types.is_binary_view(array.type) else array


def is_text(kind: pa.DataType) -> bool:
    """Says whether a type is text or bytes."""
    import pyarrow as pa

    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary,
             pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)  # fmt: skip
    return any(test(kind) for test in tests)


def feature_type(path: tuple[str, ...], kind: pa.DataType) -> FeatureType:
    """Maps an Arrow type to TFDV's; dates and times are INT, decimals FLOAT, a column without any value STRING."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "FLOAT"
    temporal = pa.types.is_temporal(kind) and not pa.types.is_interval(kind)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or temporal:
        return "INT"
    if is_text(kind) or pa.types.is_null(kind):
        return "STRING"
    if pa.types.is_struct(kind):
        return "STRUCT"
    raise UsageError(
        f"Column {'.'.join(path)!r} has the Arrow type {kind}, of which kfx makes no statistics. "
        "Leave it out: name the columns wanted in feature_allowlist (--feature)."
    )
