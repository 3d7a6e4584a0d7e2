"""BigQuery's extract jobs in front of bqemulator, which knows neither shards nor a bucket's server.

Everything but an extract job goes on to the emulator. An extract job is carried out here: the table's rows are written
to the bucket in as many Parquet files as the test says, named as BigQuery names them; then the job may fail.
"""

from __future__ import annotations

import io
from typing import Any

import pyarrow.parquet as pq
import requests

from tests.loopback import Asked


class Extracting:
    """What extract jobs do, and what was asked of them."""

    def __init__(self, emulator: str, rows: Any, bucket: Any) -> None:
        self.emulator, self.rows, self.bucket = emulator, rows, bucket
        self.shards = 3
        self.lost_rows = 0
        self.error = ""
        self.jobs: list[dict[str, Any]] = []
        self.url = ""

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Carries out a job and returns it as jobs.insert does."""
        self.jobs.append(job)
        (destination,) = job["configuration"]["extract"]["destinationUris"]
        name = destination.removeprefix(f"gs://{self.bucket.name}/")
        rows = self.rows.slice(0, self.rows.num_rows - self.lost_rows)
        size = -(-rows.num_rows // self.shards)
        for number in range(self.shards):
            stream = io.BytesIO()
            pq.write_table(rows.slice(number * size, size), stream)
            self.bucket.blob(name.replace("*", f"{number:012}")).upload_from_string(stream.getvalue())
        status: dict[str, Any] = {"state": "DONE"}
        if self.error:
            status["errorResult"] = {"reason": "invalid", "message": self.error}
        return {**job, "status": status, "statistics": {"extract": {"destinationUriFileCounts": [str(self.shards)]}}}

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """Carries out an extract job, and passes on everything else."""
        job = asked.json if asked.method == "POST" and "/jobs" in asked.path else {}
        if "extract" in job.get("configuration", {}):
            return 200, self.run(job)
        onward = requests.request(
            asked.method, self.emulator + asked.path, data=asked.body, timeout=60,
            headers={"Content-Type": asked.headers.get("Content-Type", "application/json")},
        )  # fmt: skip
        return onward.status_code, onward.content
