"""Doubles of Cloud Storage and BigQuery over HTTP on loopback, as far as kfx reads from them."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.loopback import Asked


class CloudDouble:
    """Objects and tables; fill them before reading."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, bytes]] = {}
        self.tables: dict[str, tuple[list[dict[str, str]], list[list[Any]]]] = {}
        self.page_rows = 2
        self.paths: list[str] = []
        self.url = ""

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        """Returns status and body of a GET request."""
        url = urlsplit(asked.path)
        path, query = url.path, {name: values[0] for name, values in parse_qs(url.query).items()}
        span = asked.headers.get("Range")
        self.paths.append(path)
        routes = [
            (r"/storage/v1/b/([^/]+)/o$", self._list),
            (r"/(?:download/)?storage/v1/b/([^/]+)/o/(.+)$", self._object),
            (r"/bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)$", self._table),
            (r"/bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)/data$", self._rows),
        ]
        for pattern, route in routes:
            if match := re.match(pattern, path):
                return route(query, span, *map(unquote, match.groups()))
        return _refused(404, f"no such path {path}")

    def _list(self, query: dict[str, str], _span: str | None, bucket: str) -> tuple[int, bytes]:
        if bucket not in self.objects:
            return _refused(404, "The specified bucket does not exist.")
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        found = [name for name in self.objects[bucket] if name.startswith(prefix)]
        folders = set()
        if delimiter:
            folders = {
                prefix + n[len(prefix) :].split(delimiter)[0] + delimiter
                for n in found
                if delimiter in n[len(prefix) :]
            }
            found = [name for name in found if delimiter not in name[len(prefix) :]]
        return _json({"items": [self._about(bucket, name) for name in found], "prefixes": sorted(folders)})

    def _about(self, bucket: str, name: str) -> dict[str, str]:
        size, now = len(self.objects[bucket][name]), "2026-01-01T00:00:00Z"
        fixed = {"kind": "storage#object", "generation": "1", "updated": now, "timeCreated": now}
        return {**fixed, "name": name, "bucket": bucket, "size": str(size)}

    def _object(self, query: dict[str, str], span: str | None, bucket: str, name: str) -> tuple[int, bytes]:
        content = self.objects.get(bucket, {}).get(name)
        if content is None:
            return _refused(404, f"No such object: {bucket}/{name}")
        if query.get("alt") != "media":
            return _json(self._about(bucket, name))
        if span:
            first, last = re.match(r"bytes=(\d+)-(\d*)", span).groups()  # type: ignore[union-attr]
            return 206, content[int(first) : int(last) + 1 if last else None]
        return 200, content

    def _table(self, _query: dict[str, str], _span: str | None, *names: str) -> tuple[int, bytes]:
        if ".".join(names) not in self.tables:
            return _refused(404, f"Not found: Table {'.'.join(names)}")
        fields, rows = self.tables[".".join(names)]
        reference = dict(zip(("projectId", "datasetId", "tableId"), names, strict=True))
        return _json(
            {"tableReference": reference, "schema": {"fields": fields}, "numRows": str(len(rows)), "type": "TABLE"}
        )

    def _rows(self, query: dict[str, str], _span: str | None, *names: str) -> tuple[int, bytes]:
        fields, rows = self.tables[".".join(names)]
        wanted = query["selectedFields"].split(",") if "selectedFields" in query else [f["name"] for f in fields]
        places = [at for at, f in enumerate(fields) if f["name"] in wanted]
        start = int(query.get("pageToken", "0"))
        end = min(start + self.page_rows, start + int(query.get("maxResults", self.page_rows)), len(rows))
        page: dict[str, Any] = {
            "totalRows": str(len(rows)),
            "rows": [{"f": [{"v": row[at]} for at in places]} for row in rows[start:end]],
        }
        if end < len(rows):
            page["pageToken"] = str(end)
        return _json(page)


def _json(body: dict[str, Any]) -> tuple[int, bytes]:
    return 200, json.dumps(body).encode()


def _refused(status: int, message: str) -> tuple[int, bytes]:
    return status, json.dumps(
        {"error": {"code": status, "message": message, "errors": [{"reason": "notFound"}]}}
    ).encode()
