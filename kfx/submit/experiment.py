"""Records a run in a Vertex AI experiment, as `PipelineJob.submit(experiment=...)` of google-cloud-aiplatform does.

An experiment is a context of schema `system.Experiment` in the region's default metadata store; a run belongs to it
when the run's own context is its child.
"""

from __future__ import annotations

import re
import time
from typing import Any

from kfx.errors import PermanentError, UsageError
from kfx.gcp import Api, ApiError
from kfx.runs import vertex as runs

_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,127}$")
_SCHEMA = "system.Experiment"
_SCHEMA_VERSION = "0.0.1"
_TENSORBOARD_ONLY = "tensorboard_link"
_OPERATION_POLL_S = 2.0
_OPERATION_LIMIT_S = 300.0


def check_name(name: str) -> None:
    """Refuses a name Vertex would refuse.

    Raises:
        UsageError: Not lower-case letters, digits and `-`, or over 128 characters.
    """
    if not _NAME.match(name):
        raise UsageError(f"The experiment {name!r} must be lower-case letters, digits and '-', at most 128 of them.")


def ensure(api: Api, parent: str, name: str) -> None:
    """Finds the experiment or creates it.

    Args:
        api: Vertex AI.
        parent: `projects/P/locations/L`.
        name: The experiment's id.

    Raises:
        UsageError: There is a context of that name which is no experiment.
        PermanentError: Vertex refused.
    """
    check_name(name)
    store = _store(parent)
    if _find(api, store) is None:
        _finish(api, api.post(f"/v1/{parent}/metadataStores", {}, metadataStoreId="default"))
    context = _find(api, f"{store}/contexts/{name}") or _create(api, store, name)
    if context.get("schemaTitle") != _SCHEMA or _TENSORBOARD_ONLY in context.get("metadata", {}):
        raise UsageError(f"{name!r} is not an experiment that runs can join, but a {context.get('schemaTitle')}.")


def associate(api: Api, parent: str, name: str, job_name: str, poll_s: float) -> None:
    """Makes a run part of the experiment. Vertex makes a run's context shortly after the run, so this waits for it.

    Args:
        api: Vertex AI.
        parent: `projects/P/locations/L`.
        name: The experiment's id.
        job_name: The run's resource name.
        poll_s: Seconds between two looks for the context.

    Raises:
        PermanentError: The run ended without a context, or Vertex refused.
    """
    while True:
        job = api.get(f"/v1/{job_name}")
        context = job.get("jobDetail", {}).get("pipelineRunContext", {}).get("name")
        if context:
            break
        if job.get("state") in runs.ENDED:
            raise PermanentError(f"{job_name} ended before it could join the experiment {name!r}. {runs.error(job)}")
        time.sleep(poll_s)
    experiment = f"{_store(parent)}/contexts/{name}"
    api.post_again(f"/v1/{experiment}:addContextChildren", {"childContexts": [context]})


def _store(parent: str) -> str:
    return f"{parent}/metadataStores/default"


def _find(api: Api, name: str) -> dict[str, Any] | None:
    try:
        return api.get(f"/v1/{name}")
    except ApiError as error:
        if error.status != 404:
            raise
        return None


def _create(api: Api, store: str, name: str) -> dict[str, Any]:
    body = {
        "displayName": name,
        "schemaTitle": _SCHEMA,
        "schemaVersion": _SCHEMA_VERSION,
        "metadata": {"experiment_deleted": False},
    }
    try:
        return api.post(f"/v1/{store}/contexts", body, contextId=name)
    except ApiError as error:
        if error.status != 409:
            raise
        return api.get(f"/v1/{store}/contexts/{name}")


def _finish(api: Api, operation: dict[str, Any]) -> None:
    """Waits for a long-running operation (google.longrunning.Operation)."""
    until = time.monotonic() + _OPERATION_LIMIT_S
    while not operation.get("done"):
        if time.monotonic() > until:
            raise PermanentError(f"{operation['name']} was not done within {_OPERATION_LIMIT_S:.0f} s.")
        time.sleep(_OPERATION_POLL_S)
        operation = api.get(f"/v1/{operation['name']}")
    if "error" in operation:
        raise PermanentError(f"Vertex AI could not create its metadata store: {operation['error'].get('message')}")
