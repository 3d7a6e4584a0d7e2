"""What Vertex AI needs before a pipeline runs, looked at one by one: each finding has the command that mends it.

Only reads and permission tests, which cost nothing and change nothing. The REST methods are named at each check.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from kfx.errors import KfxError, MissingExtraError, TransientError, UsageError
from kfx.gcp import KEY_VARIABLE, Api, ApiError, NoJsonError, credentials, sign_in, storage_address
from kfx.submit.findings import Finding, Setup, api_of, bucket_of, emulated, grant, grant_on_bucket, lacking_of, you
from kfx.submit.job import check_field
from kfx.submit.roles import account_roles
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
"""What a run on Vertex AI with BigQuery calls. Cloud Build is needed only where it is used."""

DATAFLOW_API = "dataflow.googleapis.com"
"""Wanted where an image of Dataflow's workers is configured."""

BIGQUERY_PERMISSIONS = {
    "roles/bigquery.dataViewer": "bigquery.tables.getData",
    "roles/bigquery.jobUser": "bigquery.jobs.create",
    "roles/bigquery.readSessionUser": "bigquery.readsessions.create",
}
"""Role that reading tables from this machine needs on the project -> the permission in it that is tested."""

_BUCKET_PERMISSIONS = ("storage.objects.create", "storage.objects.get", "storage.objects.list")
_CALLER_PERMISSIONS = ("aiplatform.pipelineJobs.create", "aiplatform.pipelineJobs.get")
_REQUIRED = ("project", "region", "pipeline_root")
_OWN_ACCOUNT = re.compile(r"^([^@]+)@(?!gcp-sa-)([^.@]+)(?:\.([^@]+))?\.iam\.gserviceaccount\.com$")
"""An account that somebody made. A project of a domain, `example.com:ml`, is `ml.example.com` in it."""
_DEFAULT_ACCOUNT = re.compile(r"^(\d+)-compute@developer\.gserviceaccount\.com$")
_ARTIFACT_IMAGE = re.compile(r"^([a-z0-9-]+)-docker\.pkg\.dev/([^/]+)/([^/]+)/")


def examine(setup: Setup) -> Iterator[Finding]:
    """Yields one finding a check, as each is done.

    Args:
        setup: What is to be looked at.
    """
    signed_in = _credentials(setup)
    yield signed_in
    wrong = _malformed(setup)
    yield _settings(setup, wrong)
    for name, needs, check in _CHECKS:
        if check is _dataflow and not setup.dataflow_image:
            continue
        absent = [field for field in needs if not getattr(setup, field)]
        # An empty account stands for Google's own one, a malformed one for none.
        unusable = [field for field in (*needs, *_MAY_NEED.get(name, ())) if field in wrong]
        if signed_in.state != "ok":
            yield Finding(name, "skipped", "needs credentials")
        elif absent or unusable:
            yield Finding(name, "skipped", f"needs {' and '.join([*absent, *unusable])}")
        else:
            yield from _guarded(name, check, setup)


def _malformed(setup: Setup) -> dict[str, str]:
    """Returns setting -> why `kfx init` and `kfx submit` would refuse it."""
    refused = {}
    for name in (*_REQUIRED, "service_account"):
        if value := getattr(setup, name):
            try:
                check_field(name, value)
            except UsageError as error:
                refused[name] = str(error)
    return refused


def _settings(setup: Setup, wrong: Mapping[str, str]) -> Finding:
    missing = [name for name in _REQUIRED if not getattr(setup, name)]
    unset = [f"not set: {', '.join(missing)}"] if missing else []
    if missing or wrong:
        fix = "kfx init --force" if wrong else "kfx init"
        return Finding("settings", "failed", " ".join([*wrong.values(), *unset]), fix)
    return Finding("settings", "ok", f"{setup.project}, {setup.region}, {setup.pipeline_root}")


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
        yield Finding(name, "failed", str(error), sign_in() if error.status == 401 else "kfx init --force")
    except NoJsonError as error:
        yield Finding(name, "failed", str(error), "kfx doctor  # again, past the proxy or with the right address")
    except KfxError as error:
        # Google refuses credentials that were found only when they are used: expired or revoked.
        yield Finding(name, "failed", str(error), sign_in())


def _credentials(setup: Setup) -> Finding:
    try:
        found = credentials(anonymous=emulated(setup))
    except MissingExtraError as error:
        return Finding("credentials", "failed", str(error), "pip install 'kfx[gcp]'")
    except UsageError as error:
        return Finding("credentials", "failed", str(error), f"unset {KEY_VARIABLE}")
    except KfxError as error:
        return Finding("credentials", "failed", str(error), sign_in())
    who = getattr(found, "service_account_email", "") or type(found).__name__
    return Finding("credentials", "ok", "none, towards an emulator" if emulated(setup) else f"found ({who})")


def _project(setup: Setup) -> Iterator[Finding]:
    """Cloud Resource Manager, projects.get."""
    try:
        found = api_of(setup, "cloudresourcemanager").get(f"/v3/projects/{setup.project}")
    except ApiError as error:
        if error.status not in (403, 404):
            raise
        yield Finding("project", "failed", f"{setup.project} is not there, or not for you", "gcloud projects list")
        return
    yield Finding("project", "ok", f"{setup.project} is {found['name']}")


def _services(setup: Setup) -> Iterator[Finding]:
    """Service Usage, services.batchGet."""
    wanted = (*APIS, DATAFLOW_API) if setup.dataflow_image else APIS
    names = [f"projects/{setup.project}/services/{api}" for api in wanted]
    found = api_of(setup, "serviceusage").get(f"/v1/projects/{setup.project}/services:batchGet", names=names)
    on = {each["name"].rpartition("/")[2] for each in found.get("services", []) if each.get("state") == "ENABLED"}
    off = [api for api in wanted if api not in on]
    if off:
        fix = f"gcloud services enable {' '.join(off)} --project={setup.project}"
        yield Finding("apis", "failed", f"off: {', '.join(off)}", fix)
    else:
        yield Finding("apis", "ok", f"{len(wanted)} are on")


def _bucket(setup: Setup) -> Iterator[Finding]:
    """Cloud Storage, buckets.get and buckets.testIamPermissions."""
    bucket = bucket_of(setup)
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
            grant_on_bucket(bucket, you(setup)),
        )
    else:
        yield Finding("bucket", "ok", f"gs://{bucket}")


def _caller(setup: Setup) -> Iterator[Finding]:
    """Cloud Resource Manager, projects.testIamPermissions."""
    lacking = lacking_of(
        api_of(setup, "cloudresourcemanager"), f"/v3/projects/{setup.project}:testIamPermissions", _CALLER_PERMISSIONS
    )
    if lacking:
        fix = grant(setup.project, you(setup), "roles/aiplatform.user")
        yield Finding("submit", "failed", f"you lack {', '.join(lacking)}", fix)
    else:
        yield Finding("submit", "ok", "you may create runs")


def _bigquery(setup: Setup) -> Iterator[Finding]:
    """Cloud Resource Manager, projects.testIamPermissions: what `kfx run` and `kfx stats` need for bq:// from here."""
    path = f"/v3/projects/{setup.project}:testIamPermissions"
    lacking = lacking_of(api_of(setup, "cloudresourcemanager"), path, tuple(BIGQUERY_PERMISSIONS.values()))
    if not lacking:
        yield Finding("bigquery", "ok", "you may read tables and run queries")
    for role, permission in BIGQUERY_PERMISSIONS.items():
        if permission in lacking:
            yield Finding("bigquery", "failed", f"you lack {permission}", grant(setup.project, you(setup), role))


def _dataflow(setup: Setup) -> Iterator[Finding]:
    """Cloud Resource Manager, projects.testIamPermissions: a job that `kfx stats` starts from here."""
    path = f"/v3/projects/{setup.project}:testIamPermissions"
    if lacking_of(api_of(setup, "cloudresourcemanager"), path, ("dataflow.jobs.create",)):
        fix = grant(setup.project, you(setup), "roles/dataflow.developer")
        yield Finding("dataflow", "failed", "you lack dataflow.jobs.create", fix)
    else:
        yield Finding("dataflow", "ok", "you may start jobs")


def _account(setup: Setup) -> Iterator[Finding]:
    """IAM, serviceAccounts.get and serviceAccounts.testIamPermissions."""
    account = setup.service_account
    path = f"/v1/projects/-/serviceAccounts/{account}"
    api = api_of(setup, "iam")
    try:
        api.get(path)
    except ApiError as error:
        if error.status != 404:
            raise
        yield _no_account(account, setup.project)
        return
    if lacking_of(api, f"{path}:testIamPermissions", ("iam.serviceAccounts.actAs",)):
        fix = (
            f"gcloud iam service-accounts add-iam-policy-binding {account} --project={setup.project} "
            f"--member={you(setup)} --role=roles/iam.serviceAccountUser"
        )
        yield Finding("service account", "failed", f"you may not act as {account}", fix)
    else:
        yield Finding("service account", "ok", account)


def _no_account(account: str, project: str) -> Finding:
    """The way to an account that is not there: its address has the project that it belongs to, or is Google's own."""
    if found := _OWN_ACCOUNT.match(account):
        name, place, domain = found.groups()
        home = f"{domain}:{place}" if domain else place
        fix = f"gcloud iam service-accounts create {name} --project={home}"
        return Finding("service account", "failed", f"there is no {account}", fix)
    if found := _DEFAULT_ACCOUNT.match(account):
        detail = f"there is no {account}: Google makes its default account when Compute Engine's API is enabled"
        fix = f"gcloud services enable compute.googleapis.com --project={found[1]}"
        return Finding("service account", "failed", detail, fix)
    detail = f"there is no {account}, and only Google makes accounts of that name: name one of these"
    return Finding("service account", "failed", detail, f"gcloud iam service-accounts list --project={project}")


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
        api_of(setup, "artifactregistry").get(f"/v1/projects/{project}/locations/{location}/repositories/{repository}")
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


_CHECKS: tuple[tuple[str, tuple[str, ...], Callable[[Setup], Iterator[Finding]]], ...] = (
    ("project", ("project",), _project),
    ("apis", ("project",), _services),
    ("vertex ai", ("project", "region"), _vertex),
    ("submit", ("project",), _caller),
    ("bigquery", ("project",), _bigquery),
    ("dataflow", ("project",), _dataflow),
    ("bucket", ("project", "region", "pipeline_root"), _bucket),
    ("service account", ("project", "service_account"), _account),
    ("roles", ("project",), account_roles),
    ("artifact registry", ("image",), _repository),
)
_MAY_NEED = {"roles": ("pipeline_root", "service_account")}
"""What a check goes without where it is not set."""
