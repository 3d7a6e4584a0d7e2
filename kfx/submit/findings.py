"""What the checks of `kfx doctor` are given and give, and how they ask Google."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kfx.gcp import Api, credentials, is_loopback


@dataclass(frozen=True)
class Setup:
    """What is to be looked at; an empty field skips its checks."""

    project: str = ""
    """Google Cloud project id."""

    region: str = ""
    """Region of Vertex AI."""

    pipeline_root: str = ""
    """`gs://BUCKET/PATH` that tasks write under."""

    service_account: str = ""
    """Email of the account that tasks run as; empty for Compute Engine's default one."""

    image: str = ""
    """Image of kfx components."""

    dataflow_image: str = ""
    """Image of Dataflow's workers. Without one Dataflow is not used, and nothing of it is looked at."""

    api_endpoint: str = ""
    """Vertex AI's address, if not the public one. An emulator on this machine stands for every Google API."""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    name: str
    """What was looked at."""

    state: Literal["ok", "failed", "skipped"]
    """`skipped` is what cannot be known from here, with the reason."""

    detail: str
    """What was found."""

    fix: str = ""
    """The command that mends it; only of a failed one."""


def emulated(setup: Setup) -> bool:
    """Whether an emulator on this machine stands for Google."""
    return bool(setup.api_endpoint) and is_loopback(setup.api_endpoint)


def api_of(setup: Setup, service: str) -> Api:
    """Returns the API of a Google service, such as `iam`."""
    return Api(setup.api_endpoint if emulated(setup) else f"https://{service}.googleapis.com")


def bucket_of(setup: Setup) -> str:
    """Returns the name of the pipeline root's bucket."""
    return setup.pipeline_root.removeprefix("gs://").partition("/")[0]


def grant(project: str, member: str, role: str) -> str:
    """Returns the command that gives a role on the project."""
    return f"gcloud projects add-iam-policy-binding {project} --member={member} --role={role}"


def grant_on_bucket(bucket: str, member: str) -> str:
    """Returns the command that lets somebody read and write the objects of a bucket."""
    return (
        f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --member={member} "
        "--role=roles/storage.objectAdmin"
    )


def you(setup: Setup) -> str:
    """The caller as IAM names them; a person's address is only known to gcloud, which the shell asks then."""
    # On a machine of Google's "default" stands for the address until the first call.
    account = getattr(credentials(anonymous=emulated(setup)), "service_account_email", "")
    return f"serviceAccount:{account}" if "@" in account else '"user:$(gcloud config get-value account)"'


def lacking_of(api: Api, path: str, wanted: tuple[str, ...]) -> list[str]:
    """Returns the permissions the caller lacks, of those asked for (a `testIamPermissions` method)."""
    held: Mapping[str, Any] = api.post_again(path, {"permissions": list(wanted)})
    return [permission for permission in wanted if permission not in held.get("permissions", [])]
