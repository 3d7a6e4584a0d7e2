"""What Vertex AI needs before a pipeline runs, looked at one by one: each finding has the command that mends it.

Only reads and permission tests, which cost nothing and change nothing. The REST methods are named at each check.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kfx.errors import KfxError, PermanentError, TransientError
from kfx.gcp import LOGIN, Api, ApiError, credentials, is_loopback, storage_address
from kfx.submit.vertex import endpoint

APIS = (
    "aiplatform.googleapis.com",
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "bigquerystorage.googleapis.com",
    "compute.googleapis.com",
    "iam.googleapis.com",
    "storage.googleapis.com",
)
"""What a run on Vertex AI with BigQuery calls. Dataflow and Cloud Build are needed only where they are used."""

RUNNER_ROLES: dict[str, tuple[str, ...]] = {
    "roles/aiplatform.user": ("roles/aiplatform.admin",),
    "roles/bigquery.dataViewer": ("roles/bigquery.dataEditor", "roles/bigquery.dataOwner", "roles/bigquery.admin"),
    "roles/bigquery.jobUser": ("roles/bigquery.user", "roles/bigquery.admin"),
    "roles/bigquery.readSessionUser": ("roles/bigquery.user", "roles/bigquery.admin"),
    "roles/artifactregistry.reader": ("roles/artifactregistry.writer", "roles/artifactregistry.admin"),
}
"""Role that the account tasks run as needs on the project -> roles that include it. Owner and editor include all."""

_BASIC_ROLES = ("roles/owner", "roles/editor")
BIGQUERY_PERMISSIONS = {
    "roles/bigquery.dataViewer": "bigquery.tables.getData",
    "roles/bigquery.jobUser": "bigquery.jobs.create",
    "roles/bigquery.readSessionUser": "bigquery.readsessions.create",
}
"""Role that reading tables from this machine needs on the project -> the permission in it that is tested."""

_BUCKET_PERMISSIONS = ("storage.objects.create", "storage.objects.get", "storage.objects.list")
_CALLER_PERMISSIONS = ("aiplatform.pipelineJobs.create", "aiplatform.pipelineJobs.get")
_ARTIFACT_IMAGE = re.compile(r"^([a-z0-9-]+)-docker\.pkg\.dev/([^/]+)/([^/]+)/")


@dataclass(frozen=True)
class Setup:
    """What is to be looked at; an empty field skips its checks."""

    project: str = ""
    region: str = ""
    pipeline_root: str = ""
    service_account: str = ""
    image: str = ""

    api_endpoint: str = ""
    """Vertex AI's address, if not the public one. An emulator on this machine stands for every Google API."""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    name: str
    state: Literal["ok", "failed", "skipped"]
    detail: str
    fix: str = ""
    """The command that mends it; only of a failed one."""


def examine(setup: Setup) -> Iterator[Finding]:
    """Yields one finding a check, as each is done.

    Args:
        setup: What is to be looked at.
    """
    signed_in = _credentials(setup)
    yield signed_in
    missing = [name for name in ("project", "region", "pipeline_root") if not getattr(setup, name)]
    if missing:
        yield Finding("settings", "failed", f"not set: {', '.join(missing)}", "kfx init")
    else:
        yield Finding("settings", "ok", f"{setup.project}, {setup.region}, {setup.pipeline_root}")
    for name, needs, check in _CHECKS:
        absent = [field for field in needs if not getattr(setup, field)]
        if signed_in.state != "ok":
            yield Finding(name, "skipped", "needs credentials")
        elif absent:
            yield Finding(name, "skipped", f"needs {' and '.join(absent)}")
        else:
            yield from _guarded(name, check, setup)


def _guarded(name: str, check: Callable[[Setup], Iterator[Finding]], setup: Setup) -> Iterator[Finding]:
    """Turns what a check could not find out into a finding of its own."""
    try:
        yield from check(setup)
    except TransientError as error:
        yield Finding(name, "failed", str(error), "kfx doctor  # again, when the network is back")
    except ApiError as error:
        if error.status == 403:
            yield Finding(name, "skipped", f"you may not look: {error}")
            return
        # What Google takes for malformed or absent is a setting.
        yield Finding(name, "failed", str(error), LOGIN if error.status == 401 else "kfx init --force")
    except KfxError as error:
        # Google refuses credentials that were found only when they are used: expired or revoked.
        yield Finding(name, "failed", str(error), LOGIN)


def _emulated(setup: Setup) -> bool:
    return bool(setup.api_endpoint) and is_loopback(setup.api_endpoint)


def _api(setup: Setup, service: str) -> Api:
    return Api(setup.api_endpoint if _emulated(setup) else f"https://{service}.googleapis.com")


def _credentials(setup: Setup) -> Finding:
    try:
        found = credentials(anonymous=_emulated(setup))
    except PermanentError as error:
        return Finding("credentials", "failed", str(error), LOGIN)
    except KfxError as error:
        return Finding("credentials", "failed", str(error), "pip install 'kfx[gcp]'")
    who = getattr(found, "service_account_email", "") or type(found).__name__
    return Finding("credentials", "ok", "none, towards an emulator" if _emulated(setup) else f"found ({who})")


def _project(setup: Setup) -> Iterator[Finding]:
    """Cloud Resource Manager, projects.get."""
    try:
        found = _api(setup, "cloudresourcemanager").get(f"/v3/projects/{setup.project}")
    except ApiError as error:
        if error.status not in (403, 404):
            raise
        yield Finding("project", "failed", f"{setup.project} is not there, or not for you", "gcloud projects list")
        return
    yield Finding("project", "ok", f"{setup.project} is {found['name']}")


def _services(setup: Setup) -> Iterator[Finding]:
    """Service Usage, services.batchGet."""
    names = [f"projects/{setup.project}/services/{api}" for api in APIS]
    found = _api(setup, "serviceusage").get(f"/v1/projects/{setup.project}/services:batchGet", names=names)
    on = {each["name"].rpartition("/")[2] for each in found.get("services", []) if each.get("state") == "ENABLED"}
    off = [api for api in APIS if api not in on]
    if off:
        fix = f"gcloud services enable {' '.join(off)} --project={setup.project}"
        yield Finding("apis", "failed", f"off: {', '.join(off)}", fix)
    else:
        yield Finding("apis", "ok", f"{len(APIS)} are on")


def _bucket(setup: Setup) -> Iterator[Finding]:
    """Cloud Storage, buckets.get and buckets.testIamPermissions."""
    bucket = setup.pipeline_root.removeprefix("gs://").partition("/")[0]
    api = Api(storage_address())
    try:
        held = api.get(f"/storage/v1/b/{bucket}/iam/testPermissions", permissions=list(_BUCKET_PERMISSIONS))
    except ApiError as error:
        if error.status != 404:
            raise
        fix = f"gcloud storage buckets create gs://{bucket} --project={setup.project} --location={setup.region}"
        yield Finding("bucket", "failed", f"there is no gs://{bucket}", fix)
        return
    lacking = [each for each in _BUCKET_PERMISSIONS if each not in held.get("permissions", [])]
    if lacking:
        yield Finding(
            "bucket",
            "failed",
            f"gs://{bucket} is there; you lack {', '.join(lacking)}",
            f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --member={_you(setup)} "
            "--role=roles/storage.objectAdmin",
        )
    else:
        yield Finding("bucket", "ok", f"gs://{bucket}")


def _caller(setup: Setup) -> Iterator[Finding]:
    """Cloud Resource Manager, projects.testIamPermissions."""
    lacking = _lacking(
        _api(setup, "cloudresourcemanager"), f"/v3/projects/{setup.project}:testIamPermissions", _CALLER_PERMISSIONS
    )
    if lacking:
        fix = _grant(setup.project, _you(setup), "roles/aiplatform.user")
        yield Finding("submit", "failed", f"you lack {', '.join(lacking)}", fix)
    else:
        yield Finding("submit", "ok", "you may create runs")


def _bigquery(setup: Setup) -> Iterator[Finding]:
    """Cloud Resource Manager, projects.testIamPermissions: what `kfx run` and `kfx stats` need for bq:// from here."""
    path = f"/v3/projects/{setup.project}:testIamPermissions"
    lacking = _lacking(_api(setup, "cloudresourcemanager"), path, tuple(BIGQUERY_PERMISSIONS.values()))
    if not lacking:
        yield Finding("bigquery", "ok", "you may read tables and run queries")
    for role, permission in BIGQUERY_PERMISSIONS.items():
        if permission in lacking:
            yield Finding("bigquery", "failed", f"you lack {permission}", _grant(setup.project, _you(setup), role))


def _account(setup: Setup) -> Iterator[Finding]:
    """IAM, serviceAccounts.get and serviceAccounts.testIamPermissions."""
    account = setup.service_account
    path = f"/v1/projects/-/serviceAccounts/{account}"
    api = _api(setup, "iam")
    try:
        api.get(path)
    except ApiError as error:
        if error.status != 404:
            raise
        fix = f"gcloud iam service-accounts create {account.partition('@')[0]} --project={setup.project}"
        yield Finding("service account", "failed", f"there is no {account}", fix)
        return
    if _lacking(api, f"{path}:testIamPermissions", ("iam.serviceAccounts.actAs",)):
        fix = (
            f"gcloud iam service-accounts add-iam-policy-binding {account} --project={setup.project} "
            f"--member={_you(setup)} --role=roles/iam.serviceAccountUser"
        )
        yield Finding("service account", "failed", f"you may not act as {account}", fix)
    else:
        yield Finding("service account", "ok", account)


def _roles(setup: Setup) -> Iterator[Finding]:
    """Cloud Resource Manager, projects.getIamPolicy: one finding a role, BigQuery's included."""
    api = _api(setup, "cloudresourcemanager")
    account = setup.service_account or _default_account(api, setup.project)
    policy = api.post_again(f"/v3/projects/{setup.project}:getIamPolicy", {})
    member = f"serviceAccount:{account}"
    held = {each["role"] for each in policy.get("bindings", []) if member in each.get("members", [])}
    for role, wider in RUNNER_ROLES.items():
        if held & {role, *wider, *_BASIC_ROLES}:
            yield Finding(role, "ok", account)
        else:
            yield Finding(
                role, "failed", f"{account} does not have it on {setup.project}", _grant(setup.project, member, role)
            )


def _default_account(api: Api, project: str) -> str:
    """The account tasks run as when none is named: Compute Engine's, which has the project's number in its name."""
    number = str(api.get(f"/v3/projects/{project}")["name"]).rpartition("/")[2]
    return f"{number}-compute@developer.gserviceaccount.com"


def _vertex(setup: Setup) -> Iterator[Finding]:
    """Vertex AI, pipelineJobs.list, at the address that runs are submitted to."""
    parent = f"projects/{setup.project}/locations/{setup.region}"
    Api(endpoint(setup.region, setup.api_endpoint)).get(f"/v1/{parent}/pipelineJobs", pageSize=1)
    yield Finding("vertex ai", "ok", f"answers in {setup.region}")


def _repository(setup: Setup) -> Iterator[Finding]:
    """Artifact Registry, repositories.get."""
    found = _ARTIFACT_IMAGE.match(setup.image)
    if found is None:
        yield Finding("artifact registry", "skipped", f"{setup.image} is not in Artifact Registry")
        return
    location, project, repository = found.groups()
    try:
        _api(setup, "artifactregistry").get(f"/v1/projects/{project}/locations/{location}/repositories/{repository}")
    except ApiError as error:
        if error.status != 404:
            raise
        fix = (
            f"gcloud artifacts repositories create {repository} --repository-format=docker "
            f"--project={project} --location={location}"
        )
        yield Finding("artifact registry", "failed", f"there is no repository {repository} in {location}", fix)
        return
    yield Finding("artifact registry", "ok", f"{location}-docker.pkg.dev/{project}/{repository}")


def _grant(project: str, member: str, role: str) -> str:
    return f"gcloud projects add-iam-policy-binding {project} --member={member} --role={role}"


def _you(setup: Setup) -> str:
    """The caller as IAM names them; a person's address is only known to gcloud, which the shell asks then."""
    # On a machine of Google's "default" stands for the address until the first call.
    account = getattr(credentials(anonymous=_emulated(setup)), "service_account_email", "")
    return f"serviceAccount:{account}" if "@" in account else '"user:$(gcloud config get-value account)"'


def _lacking(api: Api, path: str, wanted: tuple[str, ...]) -> list[str]:
    held: Mapping[str, Any] = api.post_again(path, {"permissions": list(wanted)})
    return [permission for permission in wanted if permission not in held.get("permissions", [])]


_CHECKS: tuple[tuple[str, tuple[str, ...], Callable[[Setup], Iterator[Finding]]], ...] = (
    ("project", ("project",), _project),
    ("apis", ("project",), _services),
    ("vertex ai", ("project", "region"), _vertex),
    ("submit", ("project",), _caller),
    ("bigquery", ("project",), _bigquery),
    ("bucket", ("project", "region", "pipeline_root"), _bucket),
    ("service account", ("project", "service_account"), _account),
    ("roles", ("project",), _roles),
    ("artifact registry", ("image",), _repository),
)
