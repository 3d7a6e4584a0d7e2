"""Arrow arrays as numpy arrays and back, over the same memory.

pyarrow's own conversions (`Array.to_numpy`, `pa.array`) import pandas where it is installed, which takes longer than
the statistics of a small table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

Weights: TypeAlias = "npt.NDArray[np.float64]"
"""How much each row (or value) counts; shape (n,)."""

_DTYPES = {"halffloat": "float16", "float": "float32", "double": "float64"}


def to_numpy(array: pa.Array) -> npt.NDArray[Any]:
    """Returns an array of fixed-width numbers without nulls as numpy sees its memory (read-only).

    Args:
        array: Integers or floats, no nulls.
    """
    import numpy as np

    name = str(array.type)
    dtype = np.dtype(_DTYPES.get(name, name))
    if not len(array):
        return np.empty(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def to_arrow(numbers: npt.NDArray[Any]) -> pa.Array:
    """Returns 64-bit integers or floats as an Arrow array over the same memory."""
    import pyarrow as pa

    kind = pa.float64() if numbers.dtype.kind == "f" else pa.int64()
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(numbers)])


def is_valid(array: pa.Array) -> npt.NDArray[np.bool_]:
    """Returns which values are not null."""
    import numpy as np
    import pyarrow as pa

    if not array.null_count:
        return np.ones(len(array), np.bool_)
    return to_numpy(array.is_valid().cast(pa.uint8())).astype(np.bool_)
