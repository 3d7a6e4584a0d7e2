"""Runs a training until it has ended, and finds its model.

`CustomContainerTrainingJob`'s own wait takes a cancelled job for a good one without a model and stops at the first
lost connection; this one does neither, and a task that is stopped (SIGTERM) cancels the training it pays for.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from kfx.errors import MissingExtraError, PermanentError, UsageError
from kfx.gcp import Api, ApiError, credentials, is_loopback, storage_address
from kfx.termination import on_terminate
from kfx.training.training import Trained, Training

_log = logging.getLogger(__name__)

_POLL_S = 10.0
_LOST_POLLS = 30
_SUCCEEDED = "PIPELINE_STATE_SUCCEEDED"
_ENDED = {_SUCCEEDED, "PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED", "PIPELINE_STATE_PAUSED"}


def train(training: Training, dataset: str, *, say: Callable[[str], None] = print, poll_s: float = _POLL_S) -> Trained:
    """Runs a training and waits for its end. SIGTERM meanwhile cancels it.

    Args:
        training: What to run.
        dataset: Resource name of a Vertex tabular dataset.
        say: Told each new state.
        poll_s: Seconds between two looks at the job.

    Raises:
        UsageError: A setting is wrong; nothing was started.
        PermanentError: Vertex refused, or the training failed or was cancelled; the message has Vertex's reason.
    """
    training.check(dataset)
    stop = threading.Event()
    with on_terminate(stop.set), _google_errors():
        job = _start(training, dataset)
        say(f"Training {job.resource_name}: {console_url(job.resource_name)}")
        state = _wait(job, stop, say, poll_s)
        if state != _SUCCEEDED:
            reason = job.gca_resource.error.message
            raise PermanentError(f"The training {job.resource_name} ended as {_word(state)}. {reason}".rstrip())
        return _trained(training, job)


def record(trained: Trained, model: Any, metrics: Any) -> None:
    """Writes what a training left into a task's artifacts.

    Args:
        trained: What it left.
        model: A `google.VertexModel` artifact. Google's components read its `resourceName`; its uri is the model's in
            the registry, or the folder of its files when it was not registered.
        metrics: A `system.Metrics` artifact.
    """
    model.metadata.update({"artifactUri": trained.model_uri, "trainingPipeline": trained.job})
    model.uri = trained.model_uri
    if trained.model:
        region = trained.model.split("/")[3]
        model.metadata.update({"resourceName": trained.model, "version": trained.model_version})
        model.uri = f"https://{region}-aiplatform.googleapis.com/v1/{trained.model}"
    for name, value in trained.metrics.items():
        metrics.log_metric(name, value)


def console_url(job: str) -> str:
    """Returns the console's page of a training.

    Args:
        job: `projects/P/locations/L/trainingPipelines/T`.
    """
    _, project, _, region, _, number = job.split("/")
    return f"https://console.cloud.google.com/vertex-ai/locations/{region}/training/{number}?project={project}"


def _start(training: Training, dataset: str) -> Any:
    """Creates the training pipeline and returns the SDK's job."""
    try:
        from google.cloud import aiplatform
    except ImportError as error:
        raise MissingExtraError("Vertex AI trainings", "gcp") from error
    emulated = bool(training.api_endpoint) and is_loopback(training.api_endpoint)
    try:
        aiplatform.init(
            project=training.project,
            location=training.region,
            credentials=credentials(anonymous=emulated),
            api_endpoint=training.api_endpoint or None,
            api_transport="rest" if emulated else None,
        )
        job = aiplatform.CustomContainerTrainingJob(**_job_settings(training))
        source = aiplatform.TabularDataset(dataset)
    except ValueError as error:
        raise UsageError(f"The training cannot be started: {error}") from error
    try:
        job.submit(dataset=source, **_run_settings(training))
    except Exception as error:
        # submit() looks at the new job before it returns; when that look fails the job runs all the same.
        if not _exists(job):
            raise
        _log.warning("The training %s was created, and a first look at it failed: %s", job.resource_name, error)
    return job


def _exists(job: Any) -> bool:
    try:
        return bool(job.resource_name)
    except RuntimeError:
        return False


def _job_settings(training: Training) -> dict[str, Any]:
    return {
        "display_name": training.display_name,
        "container_uri": training.container_uri,
        "command": list(training.command) or None,
        "model_serving_container_image_uri": training.serving_container_image_uri or None,
        "labels": dict(training.labels) or None,
        "training_encryption_spec_key_name": training.encryption_key or None,
        "model_encryption_spec_key_name": training.encryption_key or None,
        "staging_bucket": training.base_output_dir,
    }


def _run_settings(training: Training) -> dict[str, Any]:
    served = bool(training.serving_container_image_uri)
    bucket = training.base_output_dir.removeprefix("gs://").partition("/")[0]
    accelerated = {"accelerator_type": training.accelerator_type, "accelerator_count": training.accelerator_count}
    return {
        "base_output_dir": training.base_output_dir,
        "args": list(training.args) or None,
        "environment_variables": {"GCS_BUCKET": bucket, **training.environment_variables},
        "replica_count": training.replica_count,
        "machine_type": training.machine_type,
        **(accelerated if training.accelerator_type else {}),
        "training_fraction_split": training.training_fraction,
        "validation_fraction_split": training.validation_fraction,
        "test_fraction_split": training.test_fraction,
        "bigquery_destination": training.bigquery_destination or None,
        "service_account": training.service_account or None,
        "network": training.network or None,
        "model_display_name": (training.model_display_name or training.display_name) if served else None,
        "model_labels": dict(training.labels) or None if served else None,
        "parent_model": training.parent_model or None,
        "timeout": training.timeout_s or None,
        "sync": True,
    }


def _wait(job: Any, stop: threading.Event, say: Callable[[str], None], poll_s: float) -> str:
    """Polls until the job has ended, or cancels it when told to stop. Returns its last state."""
    from google.api_core import exceptions
    from requests import exceptions as http

    said, lost = "", 0
    while not stop.is_set():
        try:
            state, lost = str(job.state.name), 0
        except (exceptions.ServerError, exceptions.TooManyRequests, exceptions.RetryError, http.ConnectionError):
            lost += 1
            if lost >= _LOST_POLLS:
                raise
        else:
            if state != said:
                say(_word(state))
                said = state
            if state in _ENDED:
                return state
        stop.wait(poll_s)
    job.cancel()
    raise PermanentError(f"The task was stopped, and the training {job.resource_name} with it.")


def _trained(training: Training, job: Any) -> Trained:
    model = job.gca_resource.model_to_upload
    model_uri = f"{training.base_output_dir.rstrip('/')}/model"
    return Trained(
        job=job.resource_name,
        model=model.name,
        model_version=model.version_id,
        model_uri=model_uri,
        metrics=read_metrics(model_uri),
    )


def read_metrics(model_uri: str) -> dict[str, float]:
    """Reads the numbers of `metrics.json` beside a model; {} when there is none or it may not be read.

    kfx's trainer writes `{"splits": {"test": {"rows": 1, "metrics": {"accuracy": 0.9}}}}`, which becomes `test_rows`
    and `test_accuracy`; of any other object the numbers at its top are taken.

    Args:
        model_uri: `gs://BUCKET/PATH`.
    """
    bucket, _, path = model_uri.removeprefix("gs://").partition("/")
    name = quote(f"{path}/metrics.json".lstrip("/"), safe="")
    try:
        found = Api(storage_address()).get(f"/storage/v1/b/{bucket}/o/{name}", alt="media")
    except ApiError as error:
        if error.status in (403, 404):
            return {}
        raise
    flat: dict[str, Any] = dict(found)
    for split, scores in found.get("splits", {}).items():
        flat[f"{split}_rows"] = scores.get("rows")
        flat.update({f"{split}_{metric}": value for metric, value in scores.get("metrics", {}).items()})
    return {
        key: value for key, value in flat.items() if isinstance(value, (int, float)) and not isinstance(value, bool)
    }


def _word(state: str) -> str:
    return state.removeprefix("PIPELINE_STATE_").lower()


@contextlib.contextmanager
def _google_errors() -> Iterator[None]:
    """Tells Google's refusals as errors of ours."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.startswith(("google.api_core", "google.auth")):
            raise PermanentError(f"Vertex AI refused: {error}") from error
        raise
