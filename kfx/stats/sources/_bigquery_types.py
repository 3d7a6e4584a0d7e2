"""BigQuery's column types as Arrow types.

The mapping is the Storage Read API's (https://cloud.google.com/bigquery/docs/reference/storage#arrow_schema_details);
rows that came over REST are given the same types. GEOGRAPHY and JSON are text. An INTERVAL has a type, so that a table
with such a column is known, and no values: kfx does not read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_schema(uri: str, columns: Sequence[Any]) -> pa.Schema:
    """Returns the Arrow schema of BigQuery columns (google.cloud.bigquery.SchemaField).

    Raises:
        UsageError: A column has a type kfx does not know.
    """
    import pyarrow as pa

    return pa.schema([_field(uri, column) for column in columns])


def check_readable(uri: str, columns: Sequence[Any]) -> None:
    """Refuses columns whose values are wanted and cannot be read.

    Raises:
        UsageError: A column is an INTERVAL or has one inside, which Google's clients give in other forms over REST and
            over the Storage Read API.
    """
    for column in columns:
        if _has_interval(column):
            raise _unread(uri, column, "INTERVAL")


def _has_interval(column: Any) -> bool:
    return column.field_type.upper() == "INTERVAL" or any(_has_interval(part) for part in column.fields)


def _unread(uri: str, column: Any, kind: str) -> UsageError:
    return UsageError(
        f"Column {column.name!r} of {uri} has the type {kind}, which kfx does not read. Leave it "
        "out (--feature names the columns wanted) or turn it into text with a bq-query: source: "
        f"CAST({column.name} AS STRING) AS {column.name}."
    )


def _field(uri: str, column: Any) -> pa.Field:
    import pyarrow as pa

    kind = _type(uri, column)
    return pa.field(column.name, pa.list_(kind) if column.mode == "REPEATED" else kind)


def _type(uri: str, column: Any) -> pa.DataType:
    import pyarrow as pa

    name = column.field_type.upper()
    if name in {"RECORD", "STRUCT"}:
        return pa.struct([_field(uri, part) for part in column.fields])
    if name == "RANGE":
        bound = _scalars()[column.range_element_type.element_type.upper()]
        return pa.struct([pa.field("start", bound), pa.field("end", bound)])
    if name not in _scalars():
        raise _unread(uri, column, name)
    return _scalars()[name]


def _scalars() -> dict[str, pa.DataType]:
    import pyarrow as pa

    return {
        "INTEGER": pa.int64(), "INT64": pa.int64(), "FLOAT": pa.float64(), "FLOAT64": pa.float64(),
        "BOOLEAN": pa.bool_(), "BOOL": pa.bool_(), "STRING": pa.string(), "BYTES": pa.binary(),
        "NUMERIC": pa.decimal128(38, 9), "BIGNUMERIC": pa.decimal256(76, 38), "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us", "UTC"), "DATETIME": pa.timestamp("us"), "TIME": pa.time64("us"),
        "GEOGRAPHY": pa.string(), "JSON": pa.string(),
        "INTERVAL": pa.month_day_nano_interval(),
    }  # fmt: skip


def as_schema(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Gives a batch the columns of a schema, in its order, and their types."""
    import pyarrow as pa

    columns = [_as_type(batch.column(batch.schema.get_field_index(field.name)), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _as_type(column: pa.Array, kind: pa.DataType) -> pa.Array:
    plain = column.storage if hasattr(column, "storage") else column  # JSON comes as an extension of string
    return plain if plain.type.equals(kind) else plain.cast(kind)
