"""What the account that tasks run as may do: the policies of the project, the bucket and BigQuery's datasets.

Nobody can ask Google what another account may do without a right of their own to impersonate it, so the bindings are
read. A role that comes through a group, a folder or the organisation is not seen, and a condition is not evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from kfx.gcp import Api, ApiError, storage_address
from kfx.submit.findings import Finding, Setup, api_of, bucket_of, grant, grant_on_bucket

RUNNER_ROLES: dict[str, tuple[str, ...]] = {
    "roles/aiplatform.user": ("roles/aiplatform.admin",),
    "roles/bigquery.dataViewer": ("roles/bigquery.dataEditor", "roles/bigquery.dataOwner", "roles/bigquery.admin"),
    "roles/bigquery.jobUser": ("roles/bigquery.user", "roles/bigquery.admin"),
    "roles/bigquery.readSessionUser": ("roles/bigquery.user", "roles/bigquery.admin"),
    "roles/artifactregistry.reader": ("roles/artifactregistry.writer", "roles/artifactregistry.admin"),
    "roles/storage.objectAdmin": ("roles/storage.objectUser", "roles/storage.admin"),
    "roles/dataflow.developer": ("roles/dataflow.admin",),
    "roles/dataflow.worker": (),
}
"""Role that the account tasks run as needs -> roles that include it. Owner and editor include all."""

_DATAFLOW = "roles/dataflow."
_BUCKET = "roles/storage.objectAdmin"
_DATASET = "roles/bigquery.dataViewer"
_BASIC_ROLES = ("roles/owner", "roles/editor")
_DATASET_ROLES = {
    "READER": "roles/bigquery.dataViewer",
    "WRITER": "roles/bigquery.dataEditor",
    "OWNER": "roles/bigquery.dataOwner",
}
_MOST_DATASETS = 100
_CONDITIONS = {"options": {"requestedPolicyVersion": 3}}
"""Without it a policy does not tell conditions (google.iam.v1.GetPolicyOptions)."""


def account_roles(setup: Setup) -> Iterator[Finding]:
    """Cloud Resource Manager, projects.getIamPolicy: one finding a role, BigQuery's included.

    A role that the project does not give is looked for where it may be given instead: the bucket (Cloud Storage,
    buckets.getIamPolicy), the datasets (BigQuery, datasets.get). Dataflow's are wanted where its image is configured.

    Args:
        setup: What is to be looked at.
    """
    api = api_of(setup, "cloudresourcemanager")
    policy = api.post_again(f"/v3/projects/{setup.project}:getIamPolicy", _CONDITIONS)
    bindings: list[dict[str, Any]] = policy.get("bindings", [])
    account = setup.service_account or _default_account(api, setup.project)
    for role in RUNNER_ROLES:
        if role.startswith(_DATAFLOW) and not setup.dataflow_image:
            continue
        if role == _BUCKET and not setup.pipeline_root:
            yield Finding(role, "skipped", "needs pipeline_root")
            continue
        accounts = [account]
        lacks = not _held(bindings, {f"serviceAccount:{account}"}, role)[0]
        if role == "roles/dataflow.worker" and lacks and setup.service_account:
            # Workers run as this one where statistics_gen names none.
            accounts.append(_default_account(api, setup.project))
        try:
            yield _role(setup, role, accounts, bindings)
        except ApiError as error:
            if error.status not in (403, 404):
                raise
            yield Finding(role, "skipped", f"{account} does not have it on {setup.project}, and elsewhere: {error}")


def _role(setup: Setup, role: str, accounts: list[str], bindings: list[dict[str, Any]]) -> Finding:
    where, member = setup.project, f"serviceAccount:{accounts[0]}"
    members = {f"serviceAccount:{account}" for account in accounts}
    found, conditions = _held(bindings, members, role)
    held = where if found else ""
    if not held and role == _BUCKET:
        where = f"gs://{bucket_of(setup)}"
        path = f"/storage/v1/b/{bucket_of(setup)}/iam"
        policy = Api(storage_address()).get(path, optionsRequestedPolicyVersion=3)
        found, more = _held(policy.get("bindings", []), members, role)
        held, conditions = where if found else "", conditions + more
    elif not held and role == _DATASET:
        where = f"{setup.project} or a dataset of it"
        held, more = _on_datasets(setup, accounts[0], role)
        conditions += more
    who = " or ".join(accounts)
    if held:
        return Finding(role, "ok", f"{accounts[0]}{'' if held == setup.project else f', on {held}'}")
    if conditions:
        return Finding(role, "skipped", f"{who} has it on a condition, which only Google evaluates: {conditions[0]}")
    fix = grant_on_bucket(bucket_of(setup), member) if role == _BUCKET else grant(setup.project, member, role)
    return Finding(role, "failed", f"{who} does not have it on {where}", fix)


def _held(bindings: Iterable[Mapping[str, Any]], members: set[str], role: str) -> tuple[bool, list[str]]:
    """Whether a policy gives one of the accounts a role, and the conditions it gives it on."""
    serving = {role, *RUNNER_ROLES[role], *_BASIC_ROLES}
    found = [each for each in bindings if each["role"] in serving and members & set(each.get("members", []))]
    conditions = [_condition(each["condition"]) for each in found if each.get("condition")]
    return len(conditions) < len(found), conditions


def _on_datasets(setup: Setup, account: str, role: str) -> tuple[str, list[str]]:
    """The dataset that lets the account read it, and the conditions on which one would (BigQuery, datasets.list)."""
    api, path = api_of(setup, "bigquery"), f"/bigquery/v2/projects/{setup.project}/datasets"
    conditions = []
    for listed in islice(api.pages(path, "datasets"), _MOST_DATASETS):
        name = listed["datasetReference"]["datasetId"]
        for entry in api.get(f"{path}/{name}").get("access", []):
            given = _DATASET_ROLES.get(entry.get("role", ""), entry.get("role", ""))
            theirs = account == entry.get("userByEmail") or f"serviceAccount:{account}" == entry.get("iamMember")
            if not theirs or given not in (role, *RUNNER_ROLES[role]):
                continue
            if not entry.get("condition"):
                return f"the dataset {name}", []
            conditions.append(_condition(entry["condition"]))
    return "", conditions


def _condition(condition: Mapping[str, Any]) -> str:
    return str(condition.get("expression") or condition.get("title", ""))


def _default_account(api: Api, project: str) -> str:
    """The account tasks run as when none is named: Compute Engine's, which has the project's number in its name."""
    number = str(api.get(f"/v3/projects/{project}")["name"]).rpartition("/")[2]
    return f"{number}-compute@developer.gserviceaccount.com"
