"""The data sets that ship inside scikit-learn: `sklearn:breast_cancer`, `digits`, `diabetes`, `iris`, `wine`.

Columns are scikit-learn's feature names; the label is the column `target`, with class names as strings where the data
set has them.
"""

from __future__ import annotations

from kfx.errors import MissingExtraError, UsageError
from kfx.stats.sources import Source
from kfx.stats.sources._memory import MemoryTable

NAMES = ("breast_cancer", "diabetes", "digits", "iris", "wine")


def open_uri(uri: str) -> Source:
    """Opens one of scikit-learn's own data sets.

    Raises:
        UsageError: scikit-learn ships no data set of that name.
        MissingExtraError: scikit-learn is not installed.
    """
    name = uri.removeprefix("sklearn:").strip("/")
    if name not in NAMES:
        raise UsageError(f"{uri!r} names no data set that ships with scikit-learn. It has: {', '.join(NAMES)}.")
    try:
        from sklearn import datasets
    except ImportError as error:
        raise MissingExtraError("sklearn: sources", "sklearn") from error
    import pyarrow as pa

    bunch = getattr(datasets, f"load_{name}")()
    # diabetes' label is a measure, not a class: it has no names.
    has_classes = "target_names" in bunch
    label = [str(bunch.target_names[code]) for code in bunch.target] if has_classes else bunch.target
    columns = {str(column): bunch.data[:, at] for at, column in enumerate(bunch.feature_names)}
    return MemoryTable(uri, pa.table({**columns, "target": label}))
