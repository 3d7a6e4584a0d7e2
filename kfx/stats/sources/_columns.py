"""Column names: made unique, and checked when somebody asks for some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kfx.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa


def unique_names(names: Sequence[str]) -> list[str]:
    """Returns the names with repeated ones numbered as pandas numbers them: `x`, `x.1`, `x.2`.

    A statistics proto addresses a feature by its name, so two of one name could not be told apart.
    """
    taken = set(names)
    seen: set[str] = set()
    unique = []
    for name in names:
        candidate, number = name, 0
        while candidate in seen or (number and candidate in taken):
            number += 1
            candidate = f"{name}.{number}"
        seen.add(candidate)
        unique.append(candidate)
    return unique


def check_columns(uri: str, names: Sequence[str], wanted: Sequence[str] | None) -> None:
    """Raises UsageError when a wanted column does not exist."""
    for column in wanted or ():
        if column not in names:
            known = ", ".join(list(names)[:20]) + (", ..." if len(names) > 20 else "")
            raise UsageError(f"{uri} has no column {column!r}. It has: {known}.")


def pick(schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    """Returns the schema of some columns, in their order; of all for None."""
    import pyarrow as pa

    return schema if columns is None else pa.schema([schema.field(name) for name in columns])
