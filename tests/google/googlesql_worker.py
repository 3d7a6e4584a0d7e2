"""Runs GoogleSQL by Google's own reference implementation (ZetaSQL), for an interpreter that has the package zetasql.

Reads a JSON object a line, `{"sql": ...}`, and answers with one: `{"columns": [...], "rows": [...]}` in the form of
BigQuery's REST API, or `{"error": ...}`.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from typing import Any

from zetasql.api import CatalogBuilder, PreparedQuery
from zetasql.types import AnalyzerOptions, LanguageOptions, TypeKind, ZetaSQLBuiltinFunctionOptions

NAMES = {
    TypeKind.TYPE_INT64: "INTEGER", TypeKind.TYPE_DOUBLE: "FLOAT", TypeKind.TYPE_STRING: "STRING",
    TypeKind.TYPE_BYTES: "BYTES", TypeKind.TYPE_TIMESTAMP: "TIMESTAMP",
}  # fmt: skip
FIELDS = {"INTEGER": "int64_value", "FLOAT": "double_value", "STRING": "string_value", "BYTES": "bytes_value"}


def scalar(value: Any, name: str) -> str | None:
    """Returns a value as BigQuery's REST API writes it; null is None."""
    if name == "TIMESTAMP":
        # The package drops what the timestamp is. The only one in a result is the moment of a query, and literal
        # tables are the same at every moment.
        return None if value.timestamp_value is None else "0"
    found = getattr(value, FIELDS[name])
    if found is None:
        return None
    if name == "BYTES":
        return base64.b64encode(found).decode()
    if name == "FLOAT" and not math.isfinite(found):
        return "NaN" if math.isnan(found) else "Infinity" if found > 0 else "-Infinity"
    return repr(found) if name == "FLOAT" else str(found)


def cell(value: Any, column: dict[str, str]) -> Any:
    if column["mode"] != "REPEATED":
        return {"v": scalar(value, column["type"])}
    items = value.array_value.element if value.array_value is not None else []
    return {"v": [{"v": scalar(item, column["type"])} for item in items]}


def described(column: Any) -> dict[str, str]:
    kind, mode = column.type, "NULLABLE"
    if kind.type_kind == TypeKind.TYPE_ARRAY:
        kind, mode = kind.array_type.element_type, "REPEATED"
    return {"name": column.name, "type": NAMES[TypeKind(kind.type_kind)], "mode": mode}


def main() -> None:
    """Answers until stdin ends."""
    language = LanguageOptions.maximum_features()
    language.product_mode = 1  # BigQuery's names of types
    functions = ZetaSQLBuiltinFunctionOptions(language_options=language)
    catalog = CatalogBuilder("").with_builtin_functions(functions).build()
    options = AnalyzerOptions(language_options=language)
    for line in sys.stdin:
        asked = PreparedQuery.builder().set_sql(json.loads(line)["sql"]).set_catalog(catalog)
        try:
            with asked.set_analyzer_options(options).prepare() as query:
                columns = [described(column) for column in query.columns]
                found = query.execute().content.table_data.row
            rows = [{"f": [cell(v, c) for v, c in zip(row.cell, columns, strict=True)]} for row in found]
            print(json.dumps({"columns": columns, "rows": rows}), flush=True)
        except Exception as error:  # noqa: BLE001 - whatever it refuses is the answer
            print(json.dumps({"error": str(error)}), flush=True)


if __name__ == "__main__":
    main()
