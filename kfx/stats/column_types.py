"""What the types of a table's columns allow: to be kept in Parquet files, to be learned from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kfx.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa


def check_features(schema: pa.Schema, source: str, exclude_columns: Sequence[str] = ()) -> None:
    """Refuses a table that `trainer` cannot learn from, as it would itself after reading all rows.

    Args:
        schema: The table's columns.
        source: The table, in messages.
        exclude_columns: Columns that are not learned from.

    Raises:
        UsageError: An excluded column does not exist, or columns hold neither numbers, booleans, text, dates nor times;
            the message has all of them.
    """
    absent = [name for name in exclude_columns if name not in schema.names]
    if absent:
        raise UsageError(f"{source} has no column {absent[0]!r} to exclude. It has: {', '.join(schema.names)}.")
    odd = [field for field in schema if field.name not in exclude_columns and not _is_feature(field.type)]
    if odd:
        named = ", ".join(f"{field.name} ({field.type})" for field in odd)
        left_out = json.dumps([*exclude_columns, *(field.name for field in odd)])
        raise UsageError(
            f"No model takes what these columns of {source} hold: {named}. Models take numbers, booleans, text, dates "
            f"and times. Leave them out: exclude_columns={left_out}"
        )


def _is_feature(kind: pa.DataType) -> bool:
    import pyarrow.types as of

    if of.is_dictionary(kind):
        return _is_feature(kind.value_type)
    if of.is_temporal(kind):
        return not (of.is_duration(kind) or of.is_interval(kind))
    number = of.is_integer(kind) or of.is_floating(kind) or of.is_decimal(kind)
    text = of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind)
    return bool(number or text or of.is_boolean(kind) or of.is_null(kind))


def check_storable(schema: pa.Schema, source: str) -> None:
    """Refuses a table that Parquet files cannot hold.

    Args:
        schema: The table's columns.
        source: The table, in messages.

    Raises:
        UsageError: Columns hold intervals (BigQuery's INTERVAL); the message has all of them.
    """
    odd = [field.name for field in schema if _has_interval(field.type)]
    if odd:
        as_text = ", ".join(f"CAST({name} AS STRING) AS {name}" for name in odd)
        raise UsageError(
            f"{source}: Parquet files cannot hold the intervals of {', '.join(odd)}. Turn them into text with a "
            f"bq-query: source (SELECT * REPLACE({as_text}) ...), or leave them out of its SELECT."
        )


def _has_interval(kind: pa.DataType) -> bool:
    import pyarrow.types as of

    inner = [kind.field(at).type for at in range(kind.num_fields)]
    return bool(of.is_interval(kind)) or any(map(_has_interval, inner))
