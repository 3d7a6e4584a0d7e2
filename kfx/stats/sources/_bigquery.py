"""BigQuery's clients, and what BigQuery refuses said in one sentence with the way out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kfx.errors import KfxError, MissingExtraError, PermanentError, TransientError, UsageError
from kfx.gcp import LOGIN, SCOPE, credentials, is_loopback
from kfx.unreachable import unreachable

EMULATOR = "BIGQUERY_EMULATOR_HOST"
STORAGE_EMULATOR = "BIGQUERY_STORAGE_EMULATOR_HOST"
RETRY_S = 60.0  # a server that is down for a minute is reported; the client's own default is ten minutes

_TABLE_READER = "roles/bigquery.dataViewer"
_SESSION_READER = "roles/bigquery.readSessionUser"
_JOB_USER = "roles/bigquery.jobUser"

_PLACE = re.compile(r"Not found: (?:Table|Dataset) (\S+):(\w+)")
_REQUEST = re.compile(r"^[A-Z]+ https?://\S+: ")  # the clients put the request before what the server said


def connect(project: str = "", location: str | None = None, *, otherwise: str = "") -> Any:
    """Returns a google.cloud.bigquery.Client with application default credentials.

    Args:
        project: Project that queries and read sessions are billed to. Empty: GOOGLE_CLOUD_PROJECT, then
            CLOUD_ML_PROJECT_ID (on Vertex AI the credentials name a tenant project of Google's), then the
            credentials' own project.
        location: Where queries run, such as `EU`; None lets BigQuery find out from the tables.
        otherwise: The project when nothing else names one.

    Raises:
        MissingExtraError: google-cloud-bigquery is not installed.
        PermanentError: There are no application default credentials.
        UsageError: Nothing names a project.
    """
    try:
        from google.cloud import bigquery
    except ImportError as error:
        raise MissingExtraError("BigQuery sources", "gcp") from error
    signed_in, own_project = _credentials()
    named = project or os.environ.get("GOOGLE_CLOUD_PROJECT") or os.environ.get("CLOUD_ML_PROJECT_ID")
    billed = named or own_project or otherwise
    if not billed:
        raise UsageError("No project is set to bill the query to. Set GOOGLE_CLOUD_PROJECT, or give project=P;.")
    return bigquery.Client(project=billed, credentials=signed_in, location=location)


def _credentials() -> tuple[Any, str | None]:
    if os.environ.get(EMULATOR):
        return credentials(anonymous=True), None
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        found: tuple[Any, str | None] = google.auth.default(scopes=[SCOPE])
    except DefaultCredentialsError as error:
        raise PermanentError(f"There are no Google Cloud credentials for BigQuery here. Sign in: {LOGIN}") from error
    return found


def has_storage_api() -> bool:
    """Whether rows can come over the Storage Read API; over the slower REST API otherwise.

    They cannot without google-cloud-bigquery-storage, nor from an emulator whose gRPC address
    `BIGQUERY_STORAGE_EMULATOR_HOST` does not name.
    """
    try:
        import google.cloud.bigquery_storage_v1  # noqa: F401
    except ImportError:
        return False
    return bool(os.environ.get(STORAGE_EMULATOR)) or not os.environ.get(EMULATOR)


def storage_client(client: Any) -> Any:
    """Returns a client of the Storage Read API with the credentials of a BigQuery client.

    Raises:
        UsageError: The emulator's address is not on this machine: rows would cross the network in the clear.
    """
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    read_client: Any = BigQueryReadClient  # its constructor has no types
    emulator = os.environ.get(STORAGE_EMULATOR)
    if not emulator:
        return read_client(credentials=client._credentials)  # noqa: SLF001 - the client has no other way to give them
    import grpc  # type: ignore[import-untyped]

    is_loopback(f"http://{emulator}")
    return read_client(transport=BigQueryReadGrpcTransport(channel=grpc.insecure_channel(emulator)))


def retry() -> Any:
    """Returns how often BigQuery is asked again: until it has failed for `RETRY_S` seconds."""
    from google.cloud.bigquery.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_timeout(RETRY_S)


@contextmanager
def refusals(what: str, project: str) -> Iterator[None]:
    """Turns the errors of Google's clients inside the block into kfx's.

    Args:
        what: The table or query, as the user wrote it.
        project: Project that is billed, which needs the right to run jobs and read sessions.
    """
    import requests
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
        raise refusal(what, project, error) from error


def refusal(what: str, project: str, error: Exception) -> KfxError:
    """Returns the error that says what BigQuery refused and the way out."""
    from google.api_core import exceptions as api
    from google.auth.exceptions import GoogleAuthError, TransportError

    # Asked again and again, the client raises that time is up; what was wrong is the last answer.
    if isinstance(error, api.RetryError) and isinstance(error.cause, Exception):
        error = error.cause
    said = _REQUEST.sub("", getattr(error, "message", None) or str(error))
    if isinstance(error, (GoogleAuthError, api.Unauthorized)) and not isinstance(error, TransportError):
        return PermanentError(f"Google refused the credentials for {what}: {said} They may have expired. "
                              f"Sign in again: {LOGIN}")  # fmt: skip
    if isinstance(error, api.NotFound):
        return _not_found(what, said)
    if isinstance(error, api.Forbidden):
        return _forbidden(what, project, said)
    if isinstance(error, api.BadRequest):
        return UsageError(f"BigQuery refused {what}: {said}")
    if isinstance(error, api.GoogleAPICallError) and error.code is not None and error.code < 500 and error.code != 429:
        return PermanentError(f"BigQuery refused {what}: {said}")
    reason = (unreachable(error) or said).rstrip(" .")
    return TransientError(f"BigQuery did not answer for {what}: {reason}. Try again later.")


def find_table(uri: str, client: Any, reference: Any) -> Any:
    """Returns the google.cloud.bigquery.Table of a TableReference.

    Raises:
        UsageError: There is no such project, dataset or table; the message tells which.
        PermanentError: No permission, or no valid credentials.
        TransientError: BigQuery does not answer.
    """
    from google.api_core.exceptions import NotFound

    with refusals(repr(uri), client.project):
        try:
            return client.get_table(reference, retry=retry())
        except NotFound as error:
            said = _REQUEST.sub("", error.message)
            if not said.lower().startswith("not found: table"):
                raise
            raise _absent(uri, client, reference, said) from error


def _absent(uri: str, client: Any, reference: Any, said: str) -> UsageError:
    """Tells a missing dataset from a missing table: the answer to the table's request may not say which."""
    from google.api_core.exceptions import Forbidden, NotFound

    place = f"{reference.project}:{reference.dataset_id}"
    try:
        client.get_dataset(f"{reference.project}.{reference.dataset_id}", retry=retry())
    except NotFound as error:
        if _REQUEST.sub("", error.message).lower().startswith(("not found: dataset", "not found: project")):
            return _no_dataset(uri, client, reference, said)
    except Forbidden:  # a table may be shared without its dataset
        pass
    return UsageError(f"The table of {uri!r} does not exist ({said}). List the dataset's tables: bq ls {place}")


def _no_dataset(uri: str, client: Any, reference: Any, said: str) -> UsageError:
    from google.api_core.exceptions import Forbidden, NotFound

    project = reference.project
    try:
        others = list(client.list_datasets(project, max_results=1, retry=retry()))
    except (NotFound, Forbidden):
        others = []
    if others:
        return UsageError(
            f"The dataset {reference.dataset_id!r} of {uri!r} does not exist ({said}). List the datasets: "
            f"bq ls --project_id={project}"
        )
    return UsageError(
        f"The project {project!r} of {uri!r} does not exist, has no dataset, or is not yours to see ({said}). "
        "List yours: gcloud projects list"
    )


def _not_found(what: str, said: str) -> KfxError:
    place = _PLACE.search(said)
    project, dataset = (place[1], place[2]) if place else ("PROJECT", "DATASET")
    if "Not found: Project" in said:
        return UsageError(f"The project of {what} does not exist or is not yours to see ({said}). "
                          "Check it: gcloud projects list")  # fmt: skip
    if "Not found: Dataset" in said:
        return UsageError(f"The dataset of {what} does not exist ({said}). "
                          f"List the datasets: bq ls --project_id={project}")  # fmt: skip
    return UsageError(f"The table of {what} does not exist ({said}). "
                      f"List the tables: bq ls {project}:{dataset}")  # fmt: skip


def _forbidden(what: str, project: str, said: str) -> KfxError:
    if "uota" in said or "rateLimitExceeded" in said:
        return TransientError(f"BigQuery's quota is used up for {what}: {said} Try again later.")
    if "has not enabled BigQuery" in said or "SERVICE_DISABLED" in said or "has not been used" in said:
        enable = f"gcloud services enable bigquery.googleapis.com --project {project}"
        return PermanentError(f"BigQuery is not enabled for {what}: {said} Enable it: {enable}")
    if "jobs.create" in said:
        role, on = _JOB_USER, f"project {project}"
    elif "readsessions" in said:
        role, on = _SESSION_READER, f"project {project}"
    else:
        role, on = _TABLE_READER, "the dataset or table"
    return PermanentError(f"You may not read {what}: it takes {role} on {on} ({said}).")
