"""BigQuery's extract jobs in front of bqemulator, which knows neither shards nor a bucket's server.

Everything but an extract job goes on to the emulator. An extract job is carried out here: the table's rows are written
to the bucket in as many Parquet files as the test says, named as BigQuery names them; then the job may fail.
"""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyarrow.parquet as pq
import requests


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


@contextlib.contextmanager
def serving(double: Extracting) -> Iterator[Extracting]:
    """Serves until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            job = json.loads(sent) if self.command == "POST" and "/jobs" in self.path else {}
            if "extract" in job.get("configuration", {}):
                status, answer = 200, json.dumps(double.run(job)).encode()
            else:
                onward = requests.request(
                    self.command, double.emulator + self.path, data=sent, timeout=60,
                    headers={"Content-Type": self.headers.get("Content-Type", "application/json")},
                )  # fmt: skip
                status, answer = onward.status_code, onward.content
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
