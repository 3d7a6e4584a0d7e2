"""A double of the Google APIs kfx talks to, over plain HTTP on loopback: Vertex AI, Cloud Storage, Resource Manager.

It keeps what it is sent, refuses what Google refuses (ids, duplicates, missing resources), and walks each job through
the states a test gives it.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

PROJECT_NUMBER = "123456789012"
RUNNING, SUCCEEDED = "PIPELINE_STATE_RUNNING", "PIPELINE_STATE_SUCCEEDED"
RUNNER = (
    "roles/aiplatform.user",
    "roles/bigquery.dataViewer",
    "roles/bigquery.jobUser",
    "roles/bigquery.readSessionUser",
    "roles/artifactregistry.reader",
    "roles/dataflow.developer",
    "roles/dataflow.worker",
)
"""What a healthy project gives the account that tasks run as; the bucket gives roles/storage.objectAdmin."""
_JOB_ID = re.compile(r"^[a-z][-a-z0-9]{0,127}$")


@dataclass(frozen=True)
class Sent:
    """One request as it came over the wire."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


class RefusalError(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


@dataclass
class GoogleDouble:
    """The state of the double; change it before or between requests."""

    buckets: dict[str, dict[str, Any]] = field(default_factory=lambda: {"bucket": {"projectNumber": PROJECT_NUMBER}})
    states: list[str] = field(default_factory=lambda: [RUNNING, SUCCEEDED])
    details: list[dict[str, Any]] = field(default_factory=list)
    job_error: dict[str, Any] | None = None
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    refusals: list[tuple[str, RefusalError]] = field(default_factory=list)
    lost_answers: int = 0
    page: bytes = b""
    """What a proxy answers in Google's place, under status 200."""
    routes: list[tuple[str, str, Callable[[Sent, re.Match[str]], dict[str, Any]]]] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        parent = r"/v1/(projects/[^/]+/locations/[^/]+)"
        self.routes += [
            ("POST", f"{parent}/pipelineJobs$", self._create_job),
            ("GET", f"{parent}/pipelineJobs$", self._list("pipelineJobs")),
            ("GET", r"/v1/(projects/[^/]+/locations/[^/]+/pipelineJobs/[^/:]+)$", self._get_job),
            ("POST", r"/v1/(.*/pipelineJobs/[^/:]+):cancel$", self._cancel_job),
            ("POST", f"{parent}/metadataStores$", self._create("metadataStores", "metadataStoreId", done=True)),
            ("POST", f"{parent}/schedules$", self._create_schedule),
            ("GET", f"{parent}/schedules$", self._list("schedules")),
            ("POST", r"/v1/(projects/.*/schedules/\d+):(pause|resume)$", self._set_schedule),
            ("DELETE", r"/v1/(projects/.*/schedules/\d+)$", self._delete),
            ("POST", r"/v1/(.*/metadataStores/default)/contexts$", self._create("contexts", "contextId")),
            ("POST", r"/v1/(.*/contexts/[^/:]+):addContextChildren$", self._add_children),
            ("GET", r"/storage/v1/b/([^/]+)$", self._bucket),
            ("GET", r"/v3/projects/([^/]+)$", lambda sent, found: {"name": f"projects/{PROJECT_NUMBER}"}),
            ("GET", r"/v1/(projects/.+)$", self._get),
        ]

    def healthy(self, project: str, account: str) -> None:
        """Makes the project one where `kfx doctor` finds nothing missing.

        Args:
            project: Its id.
            account: The account that tasks run as.
        """
        from kfx.submit.doctor import APIS, BIGQUERY_PERMISSIONS, DATAFLOW_API

        def says(**answer: Any) -> Callable[[Sent, re.Match[str]], dict[str, Any]]:
            return lambda sent, found: answer

        services = [
            {"name": f"projects/{PROJECT_NUMBER}/services/{api}", "state": "ENABLED"} for api in (*APIS, DATAFLOW_API)
        ]
        bindings = [{"role": role, "members": [f"serviceAccount:{account}"]} for role in RUNNER]
        mine = ["aiplatform.pipelineJobs.create", "aiplatform.pipelineJobs.get", *BIGQUERY_PERMISSIONS.values()]
        mine.append("dataflow.jobs.create")
        owned = [{"role": "roles/storage.objectAdmin", "members": [f"serviceAccount:{account}"]}]
        objects = ["storage.objects.create", "storage.objects.get", "storage.objects.list"]
        accounts = rf"/v1/projects/-/serviceAccounts/{re.escape(account)}"
        self.routes[:0] = [
            ("GET", rf"/v1/projects/{project}/services:batchGet$", says(services=services)),
            ("POST", rf"/v3/projects/{project}:testIamPermissions$", says(permissions=mine)),
            ("POST", rf"/v3/projects/{project}:getIamPolicy$", says(bindings=bindings)),
            ("GET", r"/storage/v1/b/[^/]+/iam/testPermissions$", says(permissions=objects)),
            ("GET", r"/storage/v1/b/[^/]+/iam$", says(bindings=owned)),
            ("GET", rf"/bigquery/v2/projects/{project}/datasets$", says(datasets=[])),
            ("GET", f"{accounts}$", says(email=account)),
            ("POST", f"{accounts}:testIamPermissions$", says(permissions=["iam.serviceAccounts.actAs"])),
            ("GET", rf"/v1/projects/{project}/locations/[^/]+/repositories/[^/]+$", says(format="DOCKER")),
        ]

    def of(self, method: str, ending: str) -> list[Sent]:
        """The requests of a method whose path ends so."""
        return [sent for sent in self.sent if sent.method == method and sent.path.endswith(ending)]

    @property
    def created(self) -> Sent:
        """The one request that created a pipeline job."""
        (sent,) = self.of("POST", "/pipelineJobs")
        return sent

    def answer(self, sent: Sent) -> dict[str, Any]:
        """Handles one request."""
        with self._lock:
            self.sent.append(sent)
            for index, (ending, refusal) in enumerate(self.refusals):
                if f"{sent.method} {sent.path}".endswith(ending):
                    del self.refusals[index]
                    raise refusal
            for method, pattern, handler in self.routes:
                found = re.match(pattern, sent.path)
                if method == sent.method and found:
                    return handler(sent, found)
        raise RefusalError(404, f"no route for {sent.method} {sent.path}")

    def _create_job(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        job_id = sent.query["pipelineJobId"]
        if not _JOB_ID.match(job_id):
            raise RefusalError(400, f"invalid pipeline job id {job_id}")
        if not sent.body["runtimeConfig"]["gcsOutputDirectory"].startswith("gs://"):
            raise RefusalError(400, "gcs_output_directory must be a Cloud Storage path")
        name = f"{_numbered(found[1])}/pipelineJobs/{job_id}"
        if name in self.resources:
            raise RefusalError(409, f"pipeline job {job_id} already exists")
        created = {**sent.body, "name": name, "state": "PIPELINE_STATE_PENDING", "createTime": "2026-11-21T08:00:00.5Z"}
        self.resources[name] = created
        return created

    def _get_job(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        job = self._get(sent, found)
        ended = {"PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED"}
        if job["state"] not in ended and self.states:
            job["state"] = self.states.pop(0)
        if job["state"] == "PIPELINE_STATE_CANCELLING":
            job["state"] = "PIPELINE_STATE_CANCELLED"
        job["startTime"] = "2026-11-21T08:00:01.25Z"
        context = job["name"].replace("pipelineJobs", "metadataStores/default/contexts")
        job["jobDetail"] = {"taskDetails": self.details, "pipelineRunContext": {"name": context}}
        if job["state"] in ended and self.job_error:
            job["error"] = self.job_error
        return job

    def _cancel_job(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        self._get(sent, found)["state"] = "PIPELINE_STATE_CANCELLING"
        self.states = []
        return {}

    def _create_schedule(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        if "displayName" in sent.body["createPipelineJobRequest"]["pipelineJob"]:
            raise RefusalError(400, "the service names the runs of a schedule")
        name = f"{_numbered(found[1])}/schedules/{1000 + len(self.resources)}"
        self.resources[name] = {**sent.body, "name": name, "state": "ACTIVE"}
        return self.resources[name]

    def _set_schedule(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        self._get(sent, found)["state"] = "PAUSED" if found[2] == "pause" else "ACTIVE"
        return {}

    def _delete(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        name = self._get(sent, found)["name"]
        del self.resources[name]
        return {"name": f"{name}/operations/1", "done": True}

    def _get(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        name = _numbered(found[1])
        if name not in self.resources:
            raise RefusalError(404, f"{found[1]} not found")
        return self.resources[name]

    def _list(self, collection: str) -> Callable[[Sent, re.Match[str]], dict[str, Any]]:
        def listed(sent: Sent, found: re.Match[str]) -> dict[str, Any]:
            prefix = f"{_numbered(found[1])}/{collection}/"
            every = [item for name, item in self.resources.items() if name.startswith(prefix)][::-1]
            start = int(sent.query.get("pageToken") or 0)
            size = int(sent.query.get("pageSize") or 2)
            more = {"nextPageToken": str(start + size)} if start + size < len(every) else {}
            return {collection: every[start : start + size], **more}

        return listed

    def _create(
        self, collection: str, id_key: str, *, done: bool = False
    ) -> Callable[[Sent, re.Match[str]], dict[str, Any]]:
        def create(sent: Sent, found: re.Match[str]) -> dict[str, Any]:
            name = f"{_numbered(found[1])}/{collection}/{sent.query[id_key]}"
            self.resources[name] = {**(sent.body or {}), "name": name}
            return {"name": f"{name}/operations/1", "done": True} if done else self.resources[name]

        return create

    def _add_children(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        self._get(sent, found).setdefault("children", []).extend(sent.body["childContexts"])
        return {}

    def _bucket(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        if found[1] not in self.buckets:
            raise RefusalError(404, "The specified bucket does not exist.")
        return {"name": found[1], **self.buckets[found[1]]}


def _numbered(name: str) -> str:
    """Vertex answers resource names with the project's number, whatever was asked with."""
    return re.sub(r"^projects/[^/]+", f"projects/{PROJECT_NUMBER}", name)


def serve(double: GoogleDouble) -> ThreadingHTTPServer:
    """Starts the double on a free port; the caller shuts it down."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            url = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            sent = Sent(self.command, unquote(url.path), dict(parse_qsl(url.query)), body, dict(self.headers))
            status, headers, answer = 200, {}, {}
            try:
                answer = {} if double.page else double.answer(sent)
            except RefusalError as refusal:
                status, headers = refusal.status, refusal.headers
                answer = {"error": {"code": status, "message": refusal.message, "status": "REFUSED"}}
            if double.lost_answers and self.command == "POST":
                double.lost_answers -= 1
                self.close_connection = True
                return
            data = double.page or json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = do_PATCH = _handle  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    double.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server
