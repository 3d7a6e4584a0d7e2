"""Tables and models in Cloud Storage and BigQuery, through Google's own clients, against a double on loopback."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import joblib
import pytest

from trainer.errors import TableError
from trainer.evaluation import evaluate_saved_model
from trainer.tables import read_table
from trainer.train import main

pytest.importorskip("google.cloud.storage")
pytest.importorskip("google.cloud.bigquery")

Rows = Callable[..., list[dict[str, Any]]]

COLUMNS = [("age", "INTEGER"), ("fare", "FLOAT"), ("port", "STRING"), ("child", "BOOLEAN"), ("fate", "STRING")]


class Google(ThreadingHTTPServer):
    """One bucket, `b`, and BigQuery tables in `p.d`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, bytes] = {}
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.uploads: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """The JSON API of Cloud Storage (list, get, upload) and BigQuery's tables.get and tabledata.list."""

    server: Google

    def do_GET(self) -> None:
        """Answers a read."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if match := re.fullmatch(r"/storage/v1/b/b/o", parts.path):
            names = [name for name in sorted(self.server.objects) if name.startswith(query.get("prefix", ""))]
            return self.answer({"items": [{"name": name, "bucket": "b", "generation": "1"} for name in names]})
        if match := re.fullmatch(r"(?:/download)?/storage/v1/b/b/o/(.+)", parts.path):
            content = self.server.objects.get(unquote(match[1]))
            return self.refuse(404) if content is None else self.answer(content)
        if match := re.fullmatch(r".*/projects/p/datasets/d/tables/(\w+)(/data)?", parts.path):
            rows = self.server.tables.get(match[1])
            if rows is None:
                return self.refuse(404)
            return self.answer(_rows(rows) if match[2] else _table(match[1], rows))
        return self.refuse(404)

    def do_POST(self) -> None:
        """Takes an upload: multipart/related of the object's resource and its content."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        boundary = re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])
        assert boundary
        _, resource, content, _ = body.split(b"--" + boundary[1].encode())
        name = json.loads(resource.partition(b"\r\n\r\n")[2])["name"]
        self.server.objects[name] = content.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        self.server.uploads.append(name)
        self.answer({"name": name, "bucket": "b"})

    def answer(self, body: Any) -> None:
        """Sends JSON or bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if body is content else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def refuse(self, status: int) -> None:
        """Sends an error as Google's APIs do."""
        content = json.dumps({"error": {"code": status, "message": "Not found"}}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


def _table(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    fields = [{"name": column, "type": kind, "mode": "NULLABLE"} for column, kind in COLUMNS]
    reference = {"projectId": "p", "datasetId": "d", "tableId": name}
    return {"tableReference": reference, "schema": {"fields": fields}, "numRows": str(len(rows)), "type": "TABLE"}


def _rows(rows: list[dict[str, Any]]) -> dict[str, Any]:
    def cell(value: Any) -> dict[str, Any]:
        return {"v": None if value is None else str(value).lower() if isinstance(value, bool) else str(value)}

    return {"totalRows": str(len(rows)), "rows": [{"f": [cell(row[name]) for name, _ in COLUMNS]} for row in rows]}


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    """The double, which Google's clients are pointed at by their own variables."""
    server = Google()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
    monkeypatch.delenv("CLOUD_ML_PROJECT_ID", raising=False)
    yield server
    server.shutdown()
    server.server_close()


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    lines = [",".join(rows[0])]
    lines += [",".join("" if value is None else str(value) for value in row.values()) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def vertex(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"AIP_{name}", value)


def test_a_training_job_reads_shards_from_the_bucket_and_leaves_the_model_there(
    google: Google, passengers: Rows, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Globs stop at a slash; the model is uploaded after its metrics, and evaluates from where it is."""
    rows = passengers(300)
    google.objects = {
        "data/training-00000-of-00002.csv": as_csv(rows[:100]),
        "data/training-00001-of-00002.csv": as_csv(rows[100:200]),
        "data/training-old/x.csv": b"not,of,this\n",
        "data/validation-00000-of-00001.csv": as_csv(rows[200:250]),
        "data/test-00000-of-00001.csv": as_csv(rows[250:]),
    }
    vertex(
        monkeypatch,
        DATA_FORMAT="csv",
        TRAINING_DATA_URI="gs://b/data/training-*",
        VALIDATION_DATA_URI="gs://b/data/validation-*",
        TEST_DATA_URI="gs://b/data/test-*",
        MODEL_DIR="gs://b/jobs/1/model/",
    )

    assert main(["--label=fate", "--model-kind=decision_tree"]) == 0

    assert google.uploads == ["jobs/1/model/metrics.json", "jobs/1/model/model.joblib"]
    written = json.loads(google.objects["jobs/1/model/metrics.json"])
    assert written["splits"]["train"]["rows"] == 200
    (tmp_path / "model.joblib").write_bytes(google.objects["jobs/1/model/model.joblib"])
    assert joblib.load(tmp_path / "model.joblib").predict([[30, 20.0, "Cork", True]]).shape == (1,)
    scores = evaluate_saved_model("gs://b/jobs/1/model", "gs://b/data/test-*", "fate")
    assert scores.metrics["accuracy"] == written["splits"]["test"]["metrics"]["accuracy"]


def test_a_training_job_reads_bigquery_tables(
    google: Google, passengers: Rows, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Typed rows with NULLs train like the same rows in CSV."""
    rows = passengers(300)
    google.tables = {"training": rows[:200], "validation": rows[200:250], "test": rows[250:]}
    vertex(
        monkeypatch,
        DATA_FORMAT="bigquery",
        TRAINING_DATA_URI="bq://p.d.training",
        VALIDATION_DATA_URI="bq://p.d.validation",
        TEST_DATA_URI="bq://p.d.test",
        MODEL_DIR=str(tmp_path / "model"),
    )

    assert main(["--label=fate"]) == 0

    written = json.loads((tmp_path / "model" / "metrics.json").read_text())
    assert written["columns"] == {"age": "numeric", "fare": "numeric", "port": "text", "child": "boolean"}
    assert {split: scores["rows"] for split, scores in written["splits"].items()} == {
        "train": 200,
        "validation": 50,
        "test": 50,
    }


@pytest.mark.usefixtures("google")
@pytest.mark.parametrize("uri", ["gs://b/none-*", "gs://b/none.csv", "bq://p.d.none"])
def test_what_is_not_there_is_named(uri: str) -> None:
    """The URI is in the sentence."""
    with pytest.raises(TableError, match=re.escape(uri)):
        read_table(uri)


@pytest.mark.usefixtures("google")
def test_an_absent_model_in_a_bucket_is_named() -> None:
    """The object's whole name is in the sentence."""
    with pytest.raises(TableError, match=r"gs://b/nowhere/model\.joblib cannot be read"):
        evaluate_saved_model("gs://b/nowhere", "gs://b/x", "fate")
