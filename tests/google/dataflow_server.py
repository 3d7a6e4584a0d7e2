"""Dataflow's REST API on loopback, run inside kfx's full image, whose Beam executes the jobs that are submitted.

    python3 dataflow_server.py PORT

It takes what `projects.locations.jobs` (v1b3) takes, and nothing else: a body must be a Job of Google's own proto, with
a name no active job has. A job's staged pipeline is read from Cloud Storage (an emulator's) and run; the label `test`
makes it fail (`failing`) or never end (`stuck`). `/seen` tells the requests, `/worker/ID` the output of a job's worker.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from google.cloud import dataflow
from google.protobuf import json_format

_JOBS = re.compile(
    r"/v1b3/projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/jobs(/(?P<job>[^/?]+))?(?P<rest>/\w+)?$"
)
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,1022}[a-z0-9])?")
_FAILED = (
    'Traceback (most recent call last):\n  File "worker.py", line 1, in process\n'
    "kfx.errors.UsageError: gs://b/x.csv is damaged: row 7. [while running 'Read-ptransform-12']\n"
)


class Job:
    """A job and the process that runs it."""

    def __init__(self, number: int, given: Any, project: str, region: str) -> None:
        self.proto = given
        self.proto.id = f"2026-11-21_00_00_00-{number}"
        self.proto.project_id, self.proto.location = project, region
        self.state = dataflow.JobState.JOB_STATE_PENDING
        self.error = ""
        self.output = ""
        self._looks = 0
        self._process: subprocess.Popen[str] | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        kind = dict(self.proto.labels).get("test", "")
        self.state = dataflow.JobState.JOB_STATE_RUNNING
        if kind in {"stuck", "failing"}:
            return
        staged = dict(self.proto.environment.sdk_pipeline_options["options"])["pipelineUrl"]
        worker = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("dataflow_worker.py")), staged]
        self._process = subprocess.Popen(worker, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.output, _ = self._process.communicate()
        if self.state == dataflow.JobState.JOB_STATE_RUNNING:
            done = self._process.returncode == 0
            self.state = dataflow.JobState.JOB_STATE_DONE if done else dataflow.JobState.JOB_STATE_FAILED
            self.error = "" if done else self.output[-4000:]

    def cancel(self) -> None:
        """Ends the job, whatever its worker is doing."""
        self.state = dataflow.JobState.JOB_STATE_CANCELLED
        if self._process is not None:
            self._process.kill()

    def answer(self) -> Any:
        """Returns the job as the API gives it; one that is to fail has run for a while."""
        self._looks += 1
        if self._looks > 2 and dict(self.proto.labels).get("test") == "failing":
            self.state, self.error = dataflow.JobState.JOB_STATE_FAILED, _FAILED
        self.proto.current_state = self.state
        return self.proto


class Service(BaseHTTPRequestHandler):
    """The API."""

    jobs: dict[str, Job] = {}  # noqa: RUF012 - one server a process
    seen: list[dict[str, Any]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        """A job, its messages or its metrics."""
        if self.path == "/seen":
            self._send(200, json.dumps(self.seen))
        elif self.path.startswith("/worker/"):
            self._send(200, self.jobs[self.path.rpartition("/")[2]].output)
        elif match := self._matched():
            job = self.jobs.get(match["job"] or "")
            if job is None:
                self._refuse(404, f"There is no job {match['job']}.")
            elif match["rest"] == "/messages":
                self._send(200, json.dumps({"jobMessages": self._messages(job)}))
            elif match["rest"] == "/metrics":
                self._send(200, "{}")
            else:
                self._send_job(job)

    def do_POST(self) -> None:
        """A new job."""
        if (match := self._matched()) and (given := self._job()) is not None:
            if not _NAME.fullmatch(given.name):
                self._refuse(400, f"Invalid job name {given.name!r}.")
            elif any(job.proto.name == given.name for job in self.jobs.values()):
                self._refuse(409, f"There is already an active job named {given.name}.")
            else:
                job = Job(len(self.jobs) + 1, given, match["project"], match["region"])
                self.jobs[job.proto.id] = job
                self._send_job(job)

    def do_PUT(self) -> None:
        """A new state of a job."""
        if (match := self._matched()) and (given := self._job()) is not None:
            job = self.jobs[match["job"] or ""]
            if given.requested_state == dataflow.JobState.JOB_STATE_CANCELLED:
                job.cancel()
                self._send_job(job)
            else:
                self._refuse(400, f"The state {given.requested_state} cannot be asked for.")

    def _messages(self, job: Job) -> list[dict[str, str]]:
        if not job.error:
            return []
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return [{"id": "1", "time": now, "messageText": job.error, "messageImportance": "JOB_MESSAGE_ERROR"}]

    def _matched(self) -> re.Match[str] | None:
        match = _JOBS.match(self.path.partition("?")[0])
        if match is None:
            self._refuse(404, f"There is no {self.path}.")
        return match

    def _job(self) -> Any:
        """Returns the body as a Job; one that has a field Google does not know is refused."""
        text = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(text)
        self.seen.append({"method": self.command, "path": self.path, "body": body})
        if "Authorization" in self.headers:
            self._refuse(400, "Credentials were sent over plain http.")
            return None
        try:
            return dataflow.Job(json_format.Parse(text, dataflow.Job.pb(dataflow.Job())))
        except json_format.ParseError as error:
            self._refuse(400, f"Invalid JSON payload received: {error}")
            return None

    def _send_job(self, job: Job) -> None:
        self._send(200, dataflow.Job.to_json(job.answer(), use_integers_for_enums=False))

    def _refuse(self, status: int, message: str) -> None:
        self._send(status, json.dumps({"error": {"code": status, "message": message}}))

    def _send(self, status: int, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
