"""Arrow tables loaded into BigQuery, with the types BigQuery has."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery as api


def stored(table: pa.Table) -> pa.Table:
    """Returns a table as BigQuery stores it: wide integers and floats, no null list."""
    fields = [pa.field(field.name, _stored_type(field.type)) for field in table.schema]
    columns = [
        pa.array([_stored_value(value, field.type) for value in table[field.name].to_pylist()], field.type)
        for field in fields
    ]
    return pa.table(dict(zip(table.schema.names, columns, strict=True))) if columns else table


def schema(table: pa.Table) -> list[api.SchemaField]:
    """Returns BigQuery's columns for a table as `stored` returns it."""
    return [_field(field.name, field.type) for field in table.schema]


def load(client: Any, name: str, table: pa.Table) -> str:
    """Loads a table by a load job of Parquet, and returns its URI."""
    config = api.LoadJobConfig(
        source_format="PARQUET",
        schema=schema(table),
        write_disposition="WRITE_TRUNCATE",
    )
    config.parquet_options = api.format_options.ParquetOptions()
    config.parquet_options.enable_list_inference = True
    file = io.BytesIO()
    pq.write_table(table, file)
    file.seek(0)
    client.load_table_from_file(file, f"proj.data.{name}", job_config=config).result()
    return f"bq://proj.data.{name}"


def _stored_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    if pa.types.is_list(kind):
        return pa.list_(_stored_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _stored_type(field.type)) for field in kind.fields])
    return kind


def _stored_value(value: Any, kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return [_stored_value(item, kind.value_type) for item in value or []]
    if pa.types.is_struct(kind) and value is not None:
        return {field.name: _stored_value(value[field.name], field.type) for field in kind.fields}
    return value


def _field(name: str, kind: pa.DataType) -> api.SchemaField:
    if pa.types.is_list(kind):
        inner = _field(name, kind.value_type)
        return api.SchemaField(name, inner.field_type, "REPEATED", fields=inner.fields)
    if pa.types.is_struct(kind):
        return api.SchemaField(name, "RECORD", fields=[_field(field.name, field.type) for field in kind.fields])
    return api.SchemaField(name, _NAMES[str(kind)])


_NAMES = {
    "int64": "INT64", "double": "FLOAT64", "bool": "BOOL", "string": "STRING", "binary": "BYTES", "date32[day]": "DATE",
    "timestamp[us]": "DATETIME", "timestamp[us, tz=UTC]": "TIMESTAMP", "time64[us]": "TIME",
    "decimal128(38, 9)": "NUMERIC",
}  # fmt: skip
