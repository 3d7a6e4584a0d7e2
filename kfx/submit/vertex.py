"""Creates, reads and stops runs on Vertex AI Pipelines over its REST API.

    api = Api(endpoint("europe-west4"))
    created = create(api, job)
    ended = watch(api, created["name"])

google-cloud-aiplatform's own `submit()` would create a missing bucket, look the project up for up to a minute and log
a traceback when that fails, and its `wait()` takes a cancelled run for a good one; none of that happens here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kfx.errors import PermanentError, TransientError, UsageError
from kfx.gcp import Api, ApiError, is_loopback, storage_address
from kfx.runs import vertex as runs
from kfx.submit.job import Job

_NETWORK_NAME = re.compile(r"^(?:projects/([^/]+)/global/networks/)?([a-z][-a-z0-9]{0,62})$")
_POLL_S = 5.0
_LOST_POLLS = 20
_RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com"
_LISTED = "name,displayName,state,createTime,startTime,endTime,labels,error"


def endpoint(region: str, override: str = "") -> str:
    """Returns the address of Vertex AI's API.

    Args:
        region: Such as `europe-west4`.
        override: Another address: a Private Service Connect endpoint, an emulator. Empty for the public one.
    """
    return override or f"https://{region}-aiplatform.googleapis.com"


def storage() -> Api:
    """Returns Cloud Storage's API."""
    return Api(storage_address())


def check_bucket(api: Api, job: Job) -> str:
    """Refuses a pipeline root whose bucket does not exist. kfx never creates one.

    Args:
        api: Cloud Storage.
        job: The run.

    Returns:
        A warning, or an empty text. An account may write to a bucket without being allowed to look at it
        (roles/storage.objectAdmin), and that is no error.

    Raises:
        UsageError: There is no such bucket; the message has the command that makes it.
    """
    bucket = job.pipeline_root.removeprefix("gs://").partition("/")[0]
    try:
        api.get(f"/storage/v1/b/{bucket}", fields="name,location,projectNumber")
    except ApiError as error:
        if error.status == 404:
            raise UsageError(
                f"There is no bucket gs://{bucket}. Create it with: "
                f"gcloud storage buckets create gs://{bucket} --project={job.project} --location={job.region}"
            ) from error
        if error.status == 403:
            return f"You may not look at gs://{bucket} (storage.buckets.get), so whether it exists was not checked."
        raise
    return ""


def full_network(network: str, project: str, api_endpoint: str = "") -> str:
    """Returns a network as Vertex takes it, with the project's number: `projects/NUMBER/global/networks/NAME`.

    Args:
        network: The full form, or the name alone, as the original KFX's `--network` took it.
        project: Project the name belongs to.
        api_endpoint: Vertex's address when it is not the public one; an emulator answers this look-up as well.

    Raises:
        UsageError: Not a network, or its project's number cannot be found out.
    """
    found = _NETWORK_NAME.match(network)
    if found is None:
        raise UsageError(f"The network {network!r} must be NAME or projects/NUMBER/global/networks/NAME.")
    owner = found[1] or project
    if not owner.isdigit():
        emulated = bool(api_endpoint) and is_loopback(api_endpoint)
        api = Api(api_endpoint if emulated else _RESOURCE_MANAGER)
        try:
            owner = str(api.get(f"/v3/projects/{owner}")["name"]).rpartition("/")[2]
        except (ApiError, TransientError) as error:
            raise UsageError(
                f"The number of project {owner!r} cannot be looked up ({error}). Give the network in full, "
                f"projects/NUMBER/global/networks/{found[2]}, with the number from: "
                f"gcloud projects describe {owner} --format='value(projectNumber)'"
            ) from error
    return f"projects/{owner}/global/networks/{found[2]}"


def create(api: Api, job: Job) -> dict[str, Any]:
    """Creates the run.

    The job id makes the request safe to repeat: when an answer is lost on the way the request is sent again, and a run
    that is there by then is the one just created.

    Args:
        api: Vertex AI, of the job's region.
        job: The run, checked.

    Returns:
        The PipelineJob as Vertex answers it.

    Raises:
        UsageError: A run of that id exists.
        PermanentError: Vertex refused.
        TransientError: Vertex cannot be reached.
    """
    path = f"/v1/{job.parent}/pipelineJobs"
    body = job.body()
    try:
        return api.post(path, body, pipelineJobId=job.job_id)
    except TransientError:
        return _create_again(api, path, body, job)
    except ApiError as error:
        if error.status == 409:
            raise UsageError(f"There is a run {job.job_id} in {job.parent} already. Give another --job-id.") from error
        if error.status == 403:
            raise PermanentError(
                f"{error} You need roles/aiplatform.user on the project, and roles/iam.serviceAccountUser on "
                f"{job.service_account or 'the Compute Engine default service account'}."
            ) from error
        raise


def _create_again(api: Api, path: str, body: Mapping[str, Any], job: Job) -> dict[str, Any]:
    try:
        return api.post_again(path, body, pipelineJobId=job.job_id)
    except ApiError as error:
        if error.status != 409:
            raise
        return api.get(f"/v1/{job.name}")


def get(api: Api, name: str) -> dict[str, Any]:
    """Returns a PipelineJob.

    Args:
        api: Vertex AI.
        name: `projects/P/locations/L/pipelineJobs/J`.

    Raises:
        UsageError: There is no such run.
    """
    try:
        return api.get(f"/v1/{name}")
    except ApiError as error:
        if error.status == 404:
            raise UsageError(f"There is no run {name}.") from error
        raise


def list_jobs(api: Api, parent: str, only: str = "") -> Iterator[dict[str, Any]]:
    """Lists runs, newest first, without their specifications.

    Args:
        api: Vertex AI.
        parent: `projects/P/locations/L`.
        only: A filter of the API's: `state="PIPELINE_STATE_FAILED"`, `display_name="x"`, `labels.team="search"`.
    """
    order = "create_time desc"
    path = f"/v1/{parent}/pipelineJobs"
    yield from api.pages(path, "pipelineJobs", filter=only or None, orderBy=order, readMask=_LISTED)


def cancel(api: Api, name: str) -> None:
    """Asks Vertex to stop a run. It stops its tasks; the run ends as cancelled some time later."""
    api.post_again(f"/v1/{name}:cancel", {})


def watch(
    api: Api, name: str, on_change: Callable[[Mapping[str, Any]], None] | None = None, poll_s: float = _POLL_S
) -> dict[str, Any]:
    """Waits until a run has ended.

    A service that cannot be reached for a while does not end the wait: the run goes on meanwhile.

    Args:
        api: Vertex AI.
        name: `projects/P/locations/L/pipelineJobs/J`.
        on_change: Called with every PipelineJob read.
        poll_s: Seconds between two reads.

    Returns:
        The PipelineJob in its last state, one of `kfx.runs.vertex.ENDED`; whether that is good is the caller's to say.

    Raises:
        TransientError: Vertex could not be reached many times in a row.
    """
    lost = 0
    while True:
        try:
            job = get(api, name)
            lost = 0
        except TransientError:
            lost += 1
            if lost >= _LOST_POLLS:
                raise
        else:
            if on_change:
                on_change(job)
            if job.get("state") in runs.ENDED:
                return job
        time.sleep(poll_s)
