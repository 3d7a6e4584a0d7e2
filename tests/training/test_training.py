"""Vertex custom container trainings with the real google-cloud-aiplatform against a double of its API."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google_double import PROJECT_NUMBER, RUNNING, SUCCEEDED, RefusalError
from training_double import TrainingDouble

from kfx.components import train_custom_container
from kfx.errors import PermanentError, UsageError
from kfx.training import Training, console_url, train

DATASET = f"projects/{PROJECT_NUMBER}/locations/europe-west4/datasets/77"
JOB = f"projects/{PROJECT_NUMBER}/locations/europe-west4/trainingPipelines/99"
MODEL = f"projects/{PROJECT_NUMBER}/locations/europe-west4/models/55"
NETWORK = f"projects/{PROJECT_NUMBER}/global/networks/default"
ACCOUNT = "sa@my-project.iam.gserviceaccount.com"


def training(google: TrainingDouble, **changes: Any) -> Training:
    settings = Training(
        container_uri="reg.example/trainer:1",
        project="my-project",
        region="europe-west4",
        display_name="beans-train",
        base_output_dir="gs://bucket/root/out",
        serving_container_image_uri="us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest",
        api_endpoint=google.url,
    )
    return dataclasses.replace(settings, **changes)


def run(settings: Training, said: list[str] | None = None) -> Any:
    return train(settings, DATASET, say=(said if said is not None else []).append, poll_s=0.01)


def test_every_setting_reaches_the_wire(google: TrainingDouble) -> None:
    """The TrainingPipeline that Vertex gets, field by field."""
    trained = run(
        training(
            google,
            args=("--label", "Class"),
            command=("python", "-m", "trainer.train"),
            environment_variables={"DEPTH": "3"},
            machine_type="n1-highmem-8",
            accelerator_type="NVIDIA_TESLA_T4",
            accelerator_count=1,
            training_fraction=0.7,
            validation_fraction=0.2,
            bigquery_destination="bq://my-project",
            service_account=ACCOUNT,
            network=NETWORK,
            model_display_name="beans",
            labels={"team": "search"},
            encryption_key="projects/k/locations/europe-west4/keyRings/r/cryptoKeys/c",
            timeout_s=3600,
        )
    )
    (sent,) = google.of("POST", "/trainingPipelines")
    assert sent.path == "/v1/projects/my-project/locations/europe-west4/trainingPipelines"
    key = {"kmsKeyName": "projects/k/locations/europe-west4/keyRings/r/cryptoKeys/c"}
    (pool,) = sent.body["trainingTaskInputs"].pop("worker_pool_specs")
    assert pool == {
        "replica_count": 1,
        "machine_spec": {"machine_type": "n1-highmem-8", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 1},
        "disk_spec": {"boot_disk_type": "pd-ssd", "boot_disk_size_gb": 100},
        "containerSpec": {
            "imageUri": "reg.example/trainer:1",
            "command": ["python", "-m", "trainer.train"],
            "args": ["--label", "Class"],
            "env": [{"name": "GCS_BUCKET", "value": "bucket"}, {"name": "DEPTH", "value": "3"}],
        },
    }
    assert sent.body["trainingTaskInputs"].pop("scheduling")["timeout"] == "3600s"
    assert sent.body == {
        "displayName": "beans-train",
        "labels": {"team": "search"},
        "encryptionSpec": key,
        "inputDataConfig": {
            "datasetId": "77",
            "fractionSplit": {"trainingFraction": 0.7, "validationFraction": 0.2, "testFraction": 0.1},
            "bigqueryDestination": {"outputUri": "bq://my-project"},
        },
        "trainingTaskDefinition": "gs://google-cloud-aiplatform/schema/trainingjob/definition/custom_task_1.0.0.yaml",
        "trainingTaskInputs": {
            "base_output_directory": {"output_uri_prefix": "gs://bucket/root/out"},
            "service_account": ACCOUNT,
            "network": NETWORK,
        },
        "modelToUpload": {
            "displayName": "beans",
            "labels": {"team": "search"},
            "encryptionSpec": key,
            "versionAliases": ["default"],
            "containerSpec": {"imageUri": "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"},
        },
    }
    assert trained.job == JOB
    assert (trained.model, trained.model_version) == (MODEL, "3")
    assert trained.model_uri == "gs://bucket/root/out/model"
    assert trained.metrics == {"test_rows": 1361, "test_accuracy": 0.93}


def test_states_are_said_and_metrics_may_be_absent(google: TrainingDouble) -> None:
    """A training image of another kind writes no metrics.json."""
    google.metrics = None
    google.states = [RUNNING, RUNNING, SUCCEEDED]
    said: list[str] = []
    assert run(training(google), said).metrics == {}
    assert said == [f"Training {JOB}: {console_url(JOB)}", "running", "succeeded"]


def test_without_a_serving_image_no_model_is_registered(google: TrainingDouble) -> None:
    """The files are there all the same."""
    trained = run(training(google, serving_container_image_uri=""))
    assert "modelToUpload" not in google.of("POST", "/trainingPipelines")[0].body
    assert (trained.model, trained.model_uri) == ("", "gs://bucket/root/out/model")


@pytest.mark.parametrize(
    ("state", "word"), [("PIPELINE_STATE_FAILED", "failed"), ("PIPELINE_STATE_CANCELLED", "cancelled")]
)
def test_a_training_that_ends_badly_is_an_error(google: TrainingDouble, state: str, word: str) -> None:
    """The SDK's own wait takes a cancelled training for a good one without a model."""
    google.states = [RUNNING, state]
    google.error = {"code": 3, "message": "The replica workerpool0-0 exited with a non-zero status of 2."}
    with pytest.raises(PermanentError) as error:
        run(training(google))
    assert f"{JOB} ended as {word}." in str(error.value)
    assert ("exited with a non-zero status of 2" in str(error.value)) == (word == "failed")


def test_a_service_that_is_away_for_a_while_does_not_end_the_wait(google: TrainingDouble) -> None:
    """Ten refused looks, then the end."""
    google.states = [RUNNING, RUNNING, SUCCEEDED]
    google.refusals = [("GET /v1/" + JOB, RefusalError(504, "away"))] * 10
    assert run(training(google)).model == MODEL
    assert not google.refusals


def test_a_training_that_was_started_is_never_left_alone(
    google: TrainingDouble, caplog: pytest.LogCaptureFixture
) -> None:
    """The SDK looks at a new training before it hands it over; a refusal there must not orphan it, and is logged."""
    google.refusals = [("GET /v1/" + JOB, RefusalError(403, "no look yet"))]
    assert run(training(google)).model == MODEL
    assert not google.refusals
    assert [message for message in caplog.messages if JOB in message and "no look yet" in message]


def test_a_refusal_of_googles_is_an_error_of_ours(google: TrainingDouble) -> None:
    """With Google's own message."""
    google.refusals = [("/trainingPipelines", RefusalError(403, "aiplatform.trainingPipelines.create denied"))]
    with pytest.raises(PermanentError, match=r"Vertex AI refused: .*trainingPipelines\.create denied"):
        run(training(google))


@pytest.mark.parametrize(
    ("changes", "dataset", "message"),
    [
        ({}, "datasets/77", "must be projects/P/locations/REGION/datasets/ID"),
        ({"region": "us-central1"}, DATASET, "The dataset is in europe-west4 and the training in 'us-central1'"),
        ({"container_uri": ""}, DATASET, "no image"),
        ({"base_output_dir": "/tmp/x"}, DATASET, "must be gs://BUCKET/PATH"),
        ({"training_fraction": 0.9}, DATASET, "add up to 1"),
        ({"training_fraction": 1.1, "test_fraction": -0.2}, DATASET, "0 or more"),
        ({"bigquery_destination": "my-project"}, DATASET, "must be bq://PROJECT"),
        ({"region": "mars-west1"}, DATASET.replace("europe-west4", "mars-west1"), "cannot be started"),
    ],
)
def test_a_wrong_setting_starts_nothing(
    google: TrainingDouble, changes: dict[str, Any], dataset: str, message: str
) -> None:
    """It is said in the first second, not after the machines came up."""
    with pytest.raises(UsageError) as error:
        train(training(google, **changes), dataset)
    assert message in str(error.value)
    assert not google.of("POST", "/trainingPipelines")


def executor_input(google: TrainingDouble, output: Path) -> str:
    """What Vertex hands kfp's executor for the component."""

    def artifact(name: str, kind: str, **metadata: str) -> dict[str, Any]:
        uri = f"gs://bucket/run/{name}"
        return {"artifacts": [{"name": name, "type": {"schemaTitle": kind}, "uri": uri, "metadata": metadata}]}

    given = {
        "container_uri": "reg.example/trainer:1",
        "project": "my-project",
        "region": "europe-west4",
        "serving_container_image_uri": "reg.example/serve:1",
        "api_endpoint": google.url,
    }
    dataset = artifact("dataset", "google.VertexDataset", resourceName=DATASET)
    left = {"model": artifact("model", "google.VertexModel"), "metrics": artifact("metrics", "system.Metrics")}
    return json.dumps(
        {
            "inputs": {"parameterValues": given, "artifacts": {"dataset": dataset}},
            "outputs": {"artifacts": left, "outputFile": str(output)},
        }
    )


def task(google: TrainingDouble, output: Path) -> subprocess.Popen[str]:
    """Starts the component's container command, as it is compiled, here."""
    container = train_custom_container.component_spec.implementation.container
    arguments = ["--executor_input", executor_input(google, output), "--function_to_execute", "train_custom_container"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [*container.command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def test_a_stopped_task_cancels_its_training(google: TrainingDouble, tmp_path: Path) -> None:
    """SIGTERM to the container's first process, as Vertex and Kubernetes send it, reaches the training."""
    google.states = [RUNNING] * 1000
    started = task(google, tmp_path / "output.json")
    assert started.stdout is not None
    while "running" not in started.stdout.readline():
        assert started.poll() is None
    started.send_signal(signal.SIGTERM)
    _, errors = started.communicate(timeout=30)
    assert started.returncode == 1
    assert f"The task was stopped, and the training {JOB} with it." in errors
    assert len(google.of("POST", "/trainingPipelines/99:cancel")) == 1


def test_the_component_leaves_a_model_google_takes(google: TrainingDouble, tmp_path: Path) -> None:
    """Run by kfp's own executor, as in the container: the model artifact has what ModelDeployOp reads."""
    assert train_custom_container.component_spec.outputs["model"].type == "google.VertexModel@0.0.1"
    output = tmp_path / "output.json"
    google.states = [SUCCEEDED]
    ended = task(google, output)
    _, errors = ended.communicate(timeout=120)
    assert ended.returncode == 0, errors
    left = json.loads(output.read_text(encoding="utf-8"))["artifacts"]
    (model,) = left["model"]["artifacts"]
    assert model["uri"] == f"https://europe-west4-aiplatform.googleapis.com/v1/{MODEL}"
    assert model["metadata"] == {
        "resourceName": MODEL,
        "version": "3",
        "artifactUri": "gs://bucket/run/model/model",
        "trainingPipeline": JOB,
    }
    assert left["metrics"]["artifacts"][0]["metadata"] == {"test_rows": 1361, "test_accuracy": 0.93}
    (sent,) = google.of("POST", "/trainingPipelines")
    assert sent.body["trainingTaskInputs"]["base_output_directory"] == {"output_uri_prefix": "gs://bucket/run/model"}
