"""Tables as TFDV takes them: every column a list column, every leaf a number or text.

TFDV reads a flat value as a list of one, as its own decoders make them, and knows no dates, decimals, booleans or
dictionaries; those become what the arrow engine takes them for, so that both describe the same values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kfx.errors import UsageError
from kfx.stats.engines._buffers import is_valid
from kfx.stats.engines._feature import entries, is_list, is_text, list_lengths, plain, storage
from kfx.stats.engines._numbers import as_numbers, unit

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


def listed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns a batch with list columns of the same names.

    Raises:
        UsageError: A list of text holds a null, which TFDV cannot count.
    """
    import pyarrow as pa

    columns = [_column(array, name) for array, name in zip(batch.columns, batch.schema.names, strict=True)]
    if not columns:  # a batch without columns keeps its rows only if it is taken whole
        return batch
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def units(path: tuple[str, ...], kind: pa.DataType) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yields the features of a column whose numbers stand for something else, and what for: dates, times, booleans.

    Args:
        path: The column's name, then those of the fields down to here.
        kind: Its Arrow type.
    """
    import pyarrow as pa

    kind = storage(kind)
    while is_list(kind):
        kind = storage(entries(kind) if pa.types.is_map(kind) else kind.value_type)
    if pa.types.is_struct(kind):
        for at in range(kind.num_fields):
            yield from units((*path, kind.field(at).name), kind.field(at).type)
    elif meaning := unit(kind):
        yield path, meaning


def _column(array: pa.Array, name: str) -> pa.Array:
    """Returns lists: those of a list column, or one value each."""
    import numpy as np

    array = _known(array)
    if is_list(array.type):
        return _inner(array, name)
    valid = is_valid(array)
    offsets = np.concatenate([[0], np.cumsum(valid)])
    return _lists(offsets, _inner(array.drop_null() if array.null_count else array, name), valid)


def _inner(array: pa.Array, name: str) -> pa.Array:
    """Returns what stands inside a list: lists, structs of columns, or leaves."""
    import numpy as np
    import pyarrow as pa

    array = _known(array)
    if is_list(array.type):
        offsets = np.concatenate([[0], np.cumsum(list_lengths(array))])
        return _lists(offsets, _inner(array.flatten(), name), is_valid(array))
    if pa.types.is_struct(array.type):
        names = [array.type.field(at).name for at in range(array.type.num_fields)]
        columns = [_column(column, name) for column in array.flatten()]
        missing = pa.array(~is_valid(array)) if array.null_count else None
        return pa.StructArray.from_arrays(columns, names, mask=missing)
    return _leaf(array, name)


def _known(array: pa.Array) -> pa.Array:
    """Returns text of one of the two types TFDV knows, and everything else as the arrow engine sees it."""
    import pyarrow as pa

    array = plain(array)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_null(kind):
        return array.cast(pa.large_string())
    return array.cast(pa.large_binary()) if pa.types.is_fixed_size_binary(kind) else array


def _lists(offsets: npt.NDArray[np.int64], values: pa.Array, valid: npt.NDArray[np.bool_]) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    missing = None if valid.all() else pa.array(~valid)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values, mask=missing)


def _leaf(array: pa.Array, name: str) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    kind = array.type
    if is_text(kind) and array.null_count:
        raise UsageError(
            f"Column {name!r} holds lists of text with null items, which TFDV cannot count. Leave it out (--feature), "
            "or take the engine arrow."
        )
    if is_text(kind) or pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind):
        return array
    try:
        numbers = as_numbers(array.drop_null() if array.null_count else array)
    except UsageError as error:
        raise UsageError(f"Column {name!r}: {error}") from error
    if numbers.dtype == np.float32:  # halves: TFDV would give their buckets edges of single precision
        numbers = numbers.astype(np.float64)
    if not array.null_count:
        return pa.array(numbers)
    valid = is_valid(array)
    filled = np.zeros(len(array), numbers.dtype)
    filled[valid] = numbers
    return pa.array(filled, mask=~valid)
