"""String views as plain strings: Arrow can neither filter nor take them, alone or inside a struct or list."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def has_views(schema: pa.Schema) -> bool:
    """Says whether a column holds views."""
    return any(_stored(field.type) != field.type for field in schema)


def without_views(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the rows with strings and binaries where there were views of them."""
    import pyarrow as pa

    if not has_views(batch.schema):
        return batch
    return batch.cast(pa.schema([field.with_type(_stored(field.type)) for field in batch.schema]))


def _stored(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    types = pa.types
    if types.is_string_view(kind):
        return pa.large_string()
    if types.is_binary_view(kind):
        return pa.large_binary()
    if types.is_struct(kind):
        return pa.struct([field.with_type(_stored(field.type)) for field in kind])
    if types.is_map(kind):
        return pa.map_(_stored(kind.key_type), _stored(kind.item_type))
    if types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_stored(kind.value_type)), kind.list_size)
    if types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_stored(kind.value_type)))
    if types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_stored(kind.value_type)))
    return kind
