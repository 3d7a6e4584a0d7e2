"""BigQuery's REST API before Google's reference implementation of GoogleSQL, ZetaSQL.

Tables and parameters become literals in the SQL. The reference implementation has no APPROX_QUANTILES: the extremes are
given in its place, which is all the engine needs to be exact.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
from google.cloud import bigquery as api

from tests.loopback import Asked

NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}


class GoogleSql:
    """Answers as BigQuery does."""

    def __init__(self, python: str) -> None:
        worker = str(Path(__file__).with_name("googlesql_worker.py"))
        self.process = subprocess.Popen([python, worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.tables: dict[str, tuple[list[api.SchemaField], pa.Table]] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self.url = ""
        self._lock = threading.Lock()

    def __enter__(self) -> GoogleSql:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def run(self, sql: str) -> dict[str, Any]:
        """Runs a query and returns columns and rows, or an error."""
        with self._lock:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.write(json.dumps({"sql": sql}) + "\n")
            self.process.stdin.flush()
            answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def answer(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        """Answers one request: tables.get, jobs.insert, jobs.get or jobs.getQueryResults."""
        path = asked.path.split("?")[0]
        if "/tables/" in path:
            fields, table = self.tables[path.rsplit("/", 1)[1]]
            reference = {"projectId": "p", "datasetId": "d", "tableId": path.rsplit("/", 1)[1]}
            return 200, {"tableReference": reference, "type": "TABLE", "numRows": str(table.num_rows),
                         "schema": {"fields": [field.to_api_repr() for field in fields]}}  # fmt: skip
        if asked.method == "POST":
            return self._insert(asked.json["configuration"])
        job = path.rsplit("/", 1)[1]
        if "/queries/" in path:
            return 200, self.results[job]
        return 200, self._job(job, {"query": {"query": ""}})

    def _insert(self, configuration: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        job = f"job{len(self.results)}"
        if not configuration.get("dryRun"):
            found = self.run(self._literal(configuration["query"]))
            if "error" in found:
                return 400, {"error": {"code": 400, "message": found["error"], "errors": []}}
            self.results[job] = {
                "jobComplete": True, "jobReference": {"projectId": "p", "jobId": job, "location": "EU"},
                "schema": {"fields": found["columns"]}, "rows": found["rows"], "totalRows": str(len(found["rows"])),
            }  # fmt: skip
        return 200, self._job(job, configuration)

    def _job(self, job: str, configuration: dict[str, Any]) -> dict[str, Any]:
        return {"jobReference": {"projectId": "p", "jobId": job, "location": "EU"}, "status": {"state": "DONE"},
                "configuration": configuration, "statistics": {"query": {"statementType": "SELECT"}}}  # fmt: skip

    def _literal(self, query: dict[str, Any]) -> str:
        sql = re.sub(r"`p`\.`d`\.`(\w+)`( FOR SYSTEM_TIME AS OF TIMESTAMP '[^']*')?", self._table, query["query"])
        sql = re.sub(r"APPROX_QUANTILES\((.*?), 1000\)", r"[MIN(\1), MAX(\1)]", sql)
        for parameter in query.get("queryParameters", ()):
            value = _parameter(parameter["parameterType"], parameter["parameterValue"])
            sql = re.sub(rf"@{parameter['name']}\b", lambda _match, value=value: value, sql)
        return sql

    def _table(self, match: re.Match[str]) -> str:
        fields, table = self.tables[match[1]]
        rows = [
            ", ".join(f"{_value(row[field.name], field)} AS `{field.name}`" for field in fields)
            for row in table.to_pylist()
        ]
        return f"({' UNION ALL '.join(f'SELECT {row}' for row in rows)})"


def _type(field: api.SchemaField, *, item: bool = False) -> str:
    if field.mode == "REPEATED" and not item:
        return f"ARRAY<{_type(field, item=True)}>"
    if field.fields:
        return f"STRUCT<{', '.join(f'`{part.name}` {_type(part)}' for part in field.fields)}>"
    return NAMES.get(field.field_type, field.field_type)


def _value(value: Any, field: api.SchemaField, *, item: bool = False) -> str:
    """Returns a literal of a column's type."""
    if field.mode == "REPEATED" and not item:
        return f"{_type(field)}[{', '.join(_value(one, field, item=True) for one in value)}]"
    kind = _type(field, item=item)
    if value is None:
        return f"CAST(NULL AS {kind})"
    if field.fields:
        return f"{kind}({', '.join(_value(value[part.name], part) for part in field.fields)})"
    if kind == "BYTES":
        return f"FROM_HEX('{value.hex()}')"
    return json.dumps(value) if kind == "STRING" else f"CAST('{value}' AS {kind})"


def _parameter(kind: dict[str, Any], value: dict[str, Any]) -> str:
    if kind["type"] == "ARRAY":
        items = ", ".join(_parameter(kind["arrayType"], item) for item in value.get("arrayValues", ()))
        return f"{_parameter_type(kind)}[{items}]"
    if kind["type"] == "STRUCT":
        parts = (_parameter(part["type"], value["structValues"][part["name"]]) for part in kind["structTypes"])
        return f"{_parameter_type(kind)}({', '.join(parts)})"
    return json.dumps(value["value"]) if kind["type"] == "STRING" else f"CAST('{value['value']}' AS {kind['type']})"


def _parameter_type(kind: dict[str, Any]) -> str:
    if kind["type"] == "ARRAY":
        return f"ARRAY<{_parameter_type(kind['arrayType'])}>"
    if kind["type"] == "STRUCT":
        return (
            f"STRUCT<{', '.join(part['name'] + ' ' + _parameter_type(part['type']) for part in kind['structTypes'])}>"
        )
    return str(kind["type"])
