"""bqemulator with what it lacks of BigQuery's jobs: estimates in bytes, and results that another query can read.

Every request goes on to the emulator and is written down. A dry run is answered with the estimate the test sets. The
result of a query is kept as a table, which the job names as its destination, as BigQuery keeps every result for a day.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

DATASET = "_results"


class Recording:
    """What was asked, and what estimates to answer."""

    def __init__(self, emulator: str) -> None:
        self.emulator = emulator
        self.estimate = 0
        self.rows: int | None = None  # what tables say they have
        self.failing = ""  # a query with this in it fails, and those after it go on running
        self._statuses: dict[str, dict[str, Any]] = {}  # job -> what is answered in place of its status
        self.requests: list[tuple[str, str]] = []
        self.jobs: list[dict[str, Any]] = []  # configurations of query jobs, dry runs among them
        self.results: dict[str, dict[str, str]] = {}  # job -> its result's table
        self.url = ""

    @property
    def ran(self) -> list[dict[str, Any]]:
        """The queries that really ran, without dry runs."""
        return [job for job in self.jobs if not job.get("dryRun")]

    def forward(self, method: str, path: str, sent: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Passes a request on and returns status and body of the answer."""
        self.requests.append((method, path.split("?")[0]))
        if path.split("?")[0].endswith("/cancel"):
            return 200, b'{"job": {}}'
        onward = requests.request(method, self.emulator + path, data=sent, timeout=120, headers=headers)
        answer = onward.content
        if "/tables/" in path and method == "GET" and self.rows is not None:
            answer = json.dumps({**json.loads(answer), "numRows": str(self.rows)}).encode()
        if "/jobs" in path and onward.ok and answer.startswith(b"{"):
            asked = json.loads(sent) if sent.startswith(b"{") else {}
            answer = json.dumps(self._job(asked.get("configuration", {}), json.loads(answer))).encode()
        return onward.status_code, answer

    def _job(self, asked: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        job = answer.get("jobReference", {}).get("jobId", "")
        if "query" in asked:
            self.jobs.append(asked)
            if asked.get("dryRun"):
                answer.setdefault("statistics", {})["totalBytesProcessed"] = str(self.estimate)
                answer["statistics"].setdefault("query", {})["totalBytesProcessed"] = str(self.estimate)
            elif not asked["query"].get("queryParameters") and asked["query"]["query"].startswith("SELECT"):
                self.results[job] = self._keep(f"r{len(self.results)}", asked["query"]["query"])
            elif self.failing and (self._statuses or self.failing in asked["query"]["query"]):
                said = {"reason": "resourcesExceeded", "message": "Resources exceeded during query execution."}
                fails = {"state": "DONE", "errorResult": said, "errors": [said]}
                self._statuses[job] = {"state": "RUNNING"} if self._statuses else fails
        if job in self._statuses and "status" in answer:
            answer["status"] = self._statuses[job]
        if job in self.results and "configuration" in answer:
            answer["configuration"]["query"]["destinationTable"] = self.results[job]
        return answer

    def _keep(self, name: str, sql: str) -> dict[str, str]:
        base = f"{self.emulator}/bigquery/v2/projects/proj"
        requests.post(f"{base}/datasets", json={"datasetReference": {"datasetId": DATASET}}, timeout=60)
        made = requests.post(
            f"{base}/queries", json={"query": f"CREATE OR REPLACE TABLE `proj.{DATASET}.{name}` AS {sql}",
                                     "useLegacySql": False}, timeout=60)  # fmt: skip
        made.raise_for_status()
        return {"projectId": "proj", "datasetId": DATASET, "tableId": name}


@contextlib.contextmanager
def serving(double: Recording) -> Iterator[Recording]:
    """Serves until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: self.headers[name] for name in ("Content-Type", "Content-Encoding") if self.headers[name]}
            status, answer = double.forward(self.command, self.path, sent, headers)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
