"""BigQuery and Cloud Storage on loopback: bqemulator (REST and gRPC) and fake-gcs-server, each a program of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import require_module, require_program

PROJECT = "proj"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _start(command: list[str], url: str, log: Path, home: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "HOME": str(home)} if home.is_dir() else dict(os.environ)
    environment["BQEMU_ENABLE_FORMAT_EXTENSIONS"] = "false"  # they would be downloaded
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    for _ in range(600):
        if _answers(url):
            return process
        assert process.poll() is None, f"{command[0]} ended: {log.read_text()[-2000:]}"
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"{command[0]} does not answer: {log.read_text()[-2000:]}")


def _answers(url: str) -> bool:
    try:
        return bool(requests.get(url, timeout=5).ok)
    except requests.RequestException:
        return False


@pytest.fixture(scope="session")
def bigquery_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that lead to bqemulator."""
    require_module("google.cloud.bigquery")
    program = require_program(os.environ.get("KFX_TEST_BQEMULATOR", "bqemulator"))
    rest, grpc = _free_port(), _free_port()
    command = [program, "start", "--rest-port", str(rest), "--grpc-port", str(grpc), "--log-level", "error"]
    log = tmp_path_factory.mktemp("bqemulator") / "log"
    # tests/google/install-emulators puts DuckDB's spatial extension there.
    home = Path(program).parent.parent / "home"
    process = _start(command, f"http://127.0.0.1:{rest}/healthz", log, home)
    yield {
        "BIGQUERY_EMULATOR_HOST": f"http://127.0.0.1:{rest}",
        "BIGQUERY_STORAGE_EMULATOR_HOST": f"127.0.0.1:{grpc}",
        "GOOGLE_CLOUD_PROJECT": PROJECT,
    }
    process.kill()  # asked to end, bqemulator waits for clients that keep their connections
    process.wait()


@pytest.fixture(scope="session")
def bigquery_client(bigquery_server: dict[str, str]) -> Any:
    """Google's client on the emulator, to make tables with."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    client = bigquery.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": bigquery_server["BIGQUERY_EMULATOR_HOST"]},
    )
    dataset = bigquery.Dataset(f"{PROJECT}.data")
    dataset.location = "europe-west4"
    client.create_dataset(dataset)
    return client


@pytest.fixture
def bigquery(bigquery_server: dict[str, str], bigquery_client: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same client, with kfx led to the emulator."""
    require_module("google.cloud.bigquery_storage_v1")
    for name, value in bigquery_server.items():
        monkeypatch.setenv(name, value)
    return bigquery_client


@pytest.fixture
def make_table(bigquery: Any, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Makes the table `proj.data.NAME_OF_THE_TEST` of a schema, fills it by a SELECT, and returns its URI."""
    from google.cloud import bigquery as api

    def make(fields: list[Any], select: str = "") -> str:
        name = f"{PROJECT}.data.{request.node.originalname}"
        bigquery.create_table(api.Table(name, schema=fields))
        if select:
            bigquery.query(f"INSERT INTO `{name}` {select}").result()
        return f"bq://{name}"

    return make


@pytest.fixture(scope="session")
def storage_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of fake-gcs-server."""
    require_module("google.cloud.storage")
    program = require_program(os.environ.get("KFX_TEST_FAKE_GCS", "fake-gcs-server"))
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        program, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory",
        "-external-url", url, "-public-host", f"127.0.0.1:{port}", "-log-level", "error",
    ]  # fmt: skip
    process = _start(command, f"{url}/storage/v1/b", tmp_path_factory.mktemp("fake-gcs") / "log", Path("/nonexistent"))
    yield url
    process.kill()
    process.wait()


@pytest.fixture
def bucket(storage_server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A new google.cloud.storage Bucket, with kfx led to the emulator."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    require_module("gcsfs")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage_server)
    client = storage.Client(project=PROJECT, credentials=AnonymousCredentials())
    return client.create_bucket(f"b-{abs(hash(request.node.nodeid)):x}")
