"""`statistics_gen` on Dataflow, without Google: the real runner of Beam, in the task's own image, against stand-ins.

`dataflow_server.py` takes the job as Dataflow's API does and runs what Beam staged for the workers, reading from and
writing to the Cloud Storage emulator. What only Google has is missing: machines, quotas, permissions, networks.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import requests

from kfx.components import statistics_gen
from kfx.stats import artifact
from kfx.stats.generate import generate
from tests.google.extracting import Extracting
from tests.kfx_image import Container, Image, built
from tests.loopback import serving

HERE = Path(__file__).parent
WORKERS = "europe-west4-docker.pkg.dev/my-project/kfx/kfx:1.0-dataflow"
EVERY_OPTION = {
    "engine": "tfdv",
    "beam_runner": "DataflowRunner",
    "project": "my-project",
    "region": "europe-west4",
    "job_name": "Bean Statistics",
    "service_account": "workers@my-project.iam.gserviceaccount.com",
    "network": "vpc",
    "subnetwork": "sub",
    "machine_type": "n2-standard-4",
    "num_workers": 2,
    "max_num_workers": 8,
    "autoscaling": "THROUGHPUT_BASED",
    "disk_size_gb": 50,
    "public_ips": False,
    "labels": {"team": "search"},
    "sdk_container_image": WORKERS,
    "encryption_key": "projects/my-project/locations/europe-west4/keyRings/r/cryptoKeys/k",
}


@dataclass(frozen=True)
class Dataflow:
    """The stand-in for Dataflow's API."""

    url: str

    def seen(self, method: str) -> list[dict[str, Any]]:
        """The requests of a method."""
        given: list[dict[str, Any]] = requests.get(f"{self.url}/seen", timeout=10).json()
        return [request for request in given if request["method"] == method]

    def worker(self, job: str) -> str:
        """What a job's worker printed."""
        return requests.get(f"{self.url}/worker/{job}", timeout=10).text


@pytest.fixture(scope="module")
def image(container_engine: str) -> Image:
    """The full image, of the working copy."""
    return Image(str(built("full", container_engine).content))


@pytest.fixture
def dataflow(image: Image, storage_server: str) -> Iterator[Dataflow]:
    """Dataflow's API on loopback, as Beam wants it: `localhost` in its name makes Beam use REST."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--network=host", f"--env=STORAGE_EMULATOR_HOST={storage_server}", f"--volume={HERE}:/double:ro"]
    with image.started(["python3", "/double/dataflow_server.py", str(port)], options) as container:
        _until(lambda: _answers(f"http://localhost:{port}/seen"), container.logs)
        yield Dataflow(f"http://localhost:{port}")


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def _until(happened: Callable[[], bool], told: Callable[[], str]) -> None:
    """Waits for something; if it does not come, shows what was told."""
    for _ in range(1200):
        if happened():
            return
        time.sleep(0.1)
    raise AssertionError(told())


@pytest.fixture
def step(image: Image, dataflow: Dataflow, bucket: Any, storage_server: str, tmp_path: Path) -> Any:
    """Starts the component as a cluster does: the compiled command, in the image, with an executor input."""
    tmp_path.chmod(0o777)

    @contextmanager
    def start(source: str, **changes: Any) -> Iterator[Container]:
        task = {**EVERY_OPTION, "source": source, "temp_location": f"gs://{bucket.name}/temp", **changes}
        task.setdefault("beam_options", []).append(f"--dataflow_endpoint={dataflow.url}")
        container = statistics_gen.full.component_spec.implementation.container
        executor_input = json.dumps({"inputs": {"parameterValues": task}, "outputs": _outputs()})
        script = [str(part) for part in container.command]
        arguments = ["--executor_input", executor_input, "--function_to_execute", "statistics_gen"]
        variables = {name: os.environ[name] for name in os.environ if name.startswith("BIGQUERY_")}
        options = ["--network=host", f"--volume={tmp_path}:/out"]
        for name, value in {**variables, "STORAGE_EMULATOR_HOST": storage_server}.items():
            options.append(f"--env={name}={value}")
        with image.started([*script, *arguments], options) as started:
            yield started

    return start


def _outputs() -> dict[str, Any]:
    schemas = {"statistics": "system.Artifact", "report": "system.HTML", "metrics": "system.Metrics"}
    made = {
        name: {"artifacts": [{"name": name, "uri": f"/out/{name}", "metadata": {}, "type": {"schemaTitle": schema}}]}
        for name, schema in schemas.items()
    }
    return {"artifacts": made, "outputFile": "/out/executor_output.json"}


@pytest.fixture
def beans(bucket: Any, dry_bean: Path) -> str:
    """The real table as three objects."""
    header, *rows = dry_bean.read_text(encoding="utf-8").splitlines(keepends=True)
    for number in range(3):
        bucket.blob(f"beans/{number}.csv").upload_from_string(header + "".join(rows[number::3]))
    return f"gs://{bucket.name}/beans/*.csv"


def _objects(bucket: Any) -> list[str]:
    return [blob.name for blob in bucket.client.list_blobs(bucket.name)]


def test_a_job_describes_the_table(step: Any, dataflow: Dataflow, bucket: Any, beans: str, tmp_path: Path) -> None:
    """Every row of three files, TFDV's figures, the job's page in the artifact, and nothing left in the bucket."""
    graph = f"gs://{bucket.name}/graph/job.json"
    with step(beans, beam_options=[f"--dataflow_job_file={graph}"]) as container:
        assert container.wait() == 0, container.logs()
        printed = container.logs()
    (created,) = dataflow.seen("POST")
    # What Beam wrote to the bucket is what it sent.
    assert json.loads(bucket.blob("graph/job.json").download_as_bytes())["name"] == created["body"]["name"]
    _check_job(created)

    (ours,) = artifact.load(tmp_path / "statistics").datasets
    (expected,) = generate(beans).datasets
    assert ours.num_examples == expected.num_examples == 13_611
    for theirs, mine in zip(expected.features, ours.features, strict=True):
        assert (mine.path, mine.type) == (theirs.path, theirs.type)
        assert mine.num_stats.mean == pytest.approx(theirs.num_stats.mean, rel=1e-12)
        assert mine.string_stats.top_values == theirs.string_stats.top_values
    output = json.loads((tmp_path / "executor_output.json").read_text(encoding="utf-8"))
    metadata = output["artifacts"]["statistics"]["artifacts"][0]["metadata"]
    page = f"https://console.cloud.google.com/dataflow/jobs/europe-west4/{metadata['dataflow_job']}?project=my-project"
    assert (metadata["engine"], metadata["dataflow_page"]) == ("tfdv", page)
    assert page in printed
    assert _objects(bucket) == ["beans/0.csv", "beans/1.csv", "beans/2.csv", "graph/job.json"]


def _check_job(created: dict[str, Any]) -> None:
    """Every setting is where Dataflow's API wants it, and the workers are given nothing to install."""
    assert created["path"].startswith("/v1b3/projects/my-project/locations/europe-west4/jobs")
    job = created["body"]
    environment = job["environment"]
    (pool,) = environment["workerPools"]
    assert job["name"].startswith("bean-statistics-")
    assert job["labels"] == {"team": "search"}
    assert environment["serviceAccountEmail"] == EVERY_OPTION["service_account"]
    assert environment["serviceKmsKeyName"] == EVERY_OPTION["encryption_key"]
    assert f"/temp/{job['name']}/temp/" in environment["tempStoragePrefix"]
    options = environment["sdkPipelineOptions"]["options"]
    assert f"/temp/{job['name']}/staging/" in options["pipelineUrl"]
    assert (pool["machineType"], pool["numWorkers"], pool["diskSizeGb"]) == ("n2-standard-4", 2, 50)
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 8
    assert pool["autoscalingSettings"]["algorithm"] == 2  # AUTOSCALING_ALGORITHM_BASIC
    assert (pool["network"], pool["ipConfiguration"]) == ("vpc", 2)  # WORKER_IP_PRIVATE
    networks = "https://www.googleapis.com/compute/v1/projects/my-project/regions/europe-west4/subnetworks/sub"
    assert pool["subnetwork"] == networks
    assert [one["containerImage"] for one in pool["sdkHarnessContainerImages"]] == [WORKERS]
    assert "packages" not in pool
    assert not {"setup_file", "requirements_file", "extra_packages"} & set(options)


@pytest.mark.usefixtures("beans")
def test_a_failed_job_fails_the_step_with_its_reason(step: Any, dataflow: Dataflow, bucket: Any) -> None:
    """The workers' own error, not the traceback around it; what the job wrote is removed."""
    with step(f"gs://{bucket.name}/beans/*.csv", labels={"test": "failing"}) as container:
        assert container.wait() == 1
        last = container.logs().strip().splitlines()[-1]
    name = dataflow.seen("POST")[0]["body"]["name"]
    assert last.startswith(f"PermanentError: The Dataflow job {name} (https://console.cloud.google.com/dataflow/jobs/")
    assert last.endswith("failed. gs://b/x.csv is damaged: row 7.")
    assert _objects(bucket) == ["beans/0.csv", "beans/1.csv", "beans/2.csv"]


@pytest.mark.usefixtures("beans")
def test_stopping_the_step_cancels_the_job(step: Any, dataflow: Dataflow, bucket: Any) -> None:
    """SIGTERM to the task, as Vertex and Kubernetes send it, is a request for JOB_STATE_CANCELLED."""
    with step(f"gs://{bucket.name}/beans/*.csv", labels={"test": "stuck"}) as container:
        _until(lambda: "Dataflow job " in container.logs(), container.logs)
        container.stop()
        assert container.wait() == 1
        last = container.logs().strip().splitlines()[-1]
    (cancelled,) = dataflow.seen("PUT")
    assert cancelled["body"]["requestedState"] == 5  # JOB_STATE_CANCELLED
    assert last.startswith("PermanentError: The task was stopped, and the Dataflow job bean-statistics-")
    assert last.endswith("was cancelled.")


def test_a_bigquery_table_goes_through_parquet_files(
    step: Any, bigquery: Any, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An extract job writes them, the workers read them, nothing of them stays; nested columns are kept."""
    rows = pa.table({"i": list(range(10)), "many": [[i, i] for i in range(10)], "one": [{"a": i} for i in range(10)]})
    select = "SELECT i, [i, i] AS many, STRUCT(i AS a) AS one FROM UNNEST(GENERATE_ARRAY(0, 9)) AS i"
    bigquery.query(f"CREATE OR REPLACE TABLE data.dataflow AS {select}").result()
    with serving(Extracting(os.environ["BIGQUERY_EMULATOR_HOST"], rows, bucket)) as double:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.url)
        with step("bq://proj.data.dataflow") as container:
            assert container.wait() == 0, container.logs()
    (dataset,) = artifact.load(tmp_path / "statistics").datasets
    assert dataset.num_examples == 10
    assert [".".join(feature.path.step) for feature in dataset.features] == ["i", "many", "one", "one.a"]
    assert dataset.features[1].num_stats.common_stats.tot_num_values == 20
    assert _objects(bucket) == []
