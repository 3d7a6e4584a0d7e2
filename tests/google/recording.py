"""bqemulator with what it lacks of BigQuery's jobs: estimates in bytes, and results that another query can read.

Every request goes on to the emulator and is written down. A dry run is answered with the estimate the test sets. The
result of a query is kept as a table, which the job names as its destination, as BigQuery keeps every result for a day.
"""

from __future__ import annotations

import json
from typing import Any

import requests

from tests.loopback import Asked

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

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        """Passes a request on and returns status and body of the answer."""
        path = asked.path.split("?")[0]
        self.requests.append((asked.method, path))
        if path.endswith("/cancel"):
            return 200, b'{"job": {}}'
        headers = {name: asked.headers[name] for name in ("Content-Type", "Content-Encoding") if name in asked.headers}
        onward = requests.request(
            asked.method, self.emulator + asked.path, data=asked.body, timeout=120, headers=headers
        )
        answer = onward.content
        if "/tables/" in path and asked.method == "GET" and self.rows is not None:
            answer = json.dumps({**json.loads(answer), "numRows": str(self.rows)}).encode()
        if "/jobs" in path and onward.ok and answer.startswith(b"{"):
            answer = json.dumps(self._job(asked.json.get("configuration", {}), json.loads(answer))).encode()
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
