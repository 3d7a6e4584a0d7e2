"""`kfx doctor` and `kfx init`: every line that can fail, and the command it prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from google_double import PROJECT_NUMBER, GoogleDouble, RefusalError, Sent

from kfx.cli.main import kfx_
from kfx.errors import UsageError
from kfx.submit.doctor import APIS, RUNNER_ROLES, Finding, Setup, examine

ACCOUNT = "runner@my-project.iam.gserviceaccount.com"
MEMBER = f"serviceAccount:{ACCOUNT}"
IMAGE = "europe-west4-docker.pkg.dev/my-project/kfx/kfx:1.0"
OWNED = ["storage.objects.create", "storage.objects.get", "storage.objects.list"]


@pytest.fixture
def setup(google: GoogleDouble) -> Setup:
    """A project where all is well."""
    enabled = [{"name": f"projects/{PROJECT_NUMBER}/services/{api}", "state": "ENABLED"} for api in APIS]
    bindings = [{"role": role, "members": [MEMBER]} for role in RUNNER_ROLES]
    permissions = ["aiplatform.pipelineJobs.create", "aiplatform.pipelineJobs.get"]
    account = rf"/v1/projects/-/serviceAccounts/{re.escape(ACCOUNT)}"
    google.routes[:0] = [
        ("GET", r"/v1/projects/my-project/services:batchGet$", says({"services": enabled})),
        ("POST", r"/v3/projects/my-project:testIamPermissions$", says({"permissions": permissions})),
        ("POST", r"/v3/projects/my-project:getIamPolicy$", says({"bindings": bindings})),
        ("GET", r"/storage/v1/b/bucket/iam/testPermissions$", says({"permissions": OWNED})),
        ("GET", f"{account}$", says({"email": ACCOUNT})),
        ("POST", f"{account}:testIamPermissions$", says({"permissions": ["iam.serviceAccounts.actAs"]})),
        ("GET", r"/v1/projects/my-project/locations/europe-west4/repositories/kfx$", says({"format": "DOCKER"})),
    ]
    return Setup(
        project="my-project",
        region="europe-west4",
        pipeline_root="gs://bucket/root",
        service_account=ACCOUNT,
        image=IMAGE,
        api_endpoint=google.url,
    )


def says(answer: dict[str, Any]) -> Callable[[Sent, re.Match[str]], dict[str, Any]]:
    return lambda sent, found: answer


def instead(google: GoogleDouble, ending: str, answer: dict[str, Any]) -> None:
    """Answers one kind of request otherwise."""
    google.routes.insert(0, (*ending.split(" ", 1), says(answer)))  # type: ignore[arg-type]


def failed(setup: Setup) -> Finding:
    (finding,) = [finding for finding in examine(setup) if finding.state == "failed"]
    return finding


def test_a_healthy_project_has_no_failed_line(setup: Setup) -> None:
    """Every check ran, BigQuery's roles among them."""
    found = list(examine(setup))
    assert {finding.state for finding in found} == {"ok"}
    assert {"credentials", "project", "apis", "vertex ai", "bucket", "artifact registry"} <= {
        each.name for each in found
    }
    assert {"roles/bigquery.dataViewer", "roles/bigquery.jobUser"} <= {each.name for each in found}


@pytest.mark.parametrize(
    ("ending", "status", "name", "fix"),
    [
        ("/v3/projects/my-project", 404, "project", "gcloud projects list"),
        (
            "/b/bucket/iam/testPermissions",
            404,
            "bucket",
            "gcloud storage buckets create gs://bucket --project=my-project --location=europe-west4",
        ),
        (
            f"GET /v1/projects/-/serviceAccounts/{ACCOUNT}",
            404,
            "service account",
            "gcloud iam service-accounts create runner --project=my-project",
        ),
        (
            "/repositories/kfx",
            404,
            "artifact registry",
            "gcloud artifacts repositories create kfx --repository-format=docker "
            "--project=my-project --location=europe-west4",
        ),
    ],
)
def test_what_is_absent_is_created_by_its_command(
    setup: Setup, google: GoogleDouble, ending: str, status: int, name: str, fix: str
) -> None:
    """One failed line, with the command to copy."""
    google.refusals = [(ending, RefusalError(status, "no"))]
    finding = failed(setup)
    assert (finding.name, finding.fix) == (name, fix)


@pytest.mark.parametrize(
    ("request_", "answer", "name", "fix"),
    [
        (
            r"GET /v1/projects/my-project/services:batchGet$",
            {"services": [{"name": f"projects/1/services/{api}", "state": "ENABLED"} for api in APIS[1:]]},
            "apis",
            "gcloud services enable aiplatform.googleapis.com --project=my-project",
        ),
        (
            r"POST /v3/projects/my-project:testIamPermissions$",
            {},
            "submit",
            "gcloud projects add-iam-policy-binding my-project --member=user:YOU --role=roles/aiplatform.user",
        ),
        (
            r"GET /storage/v1/b/bucket/iam/testPermissions$",
            {"permissions": OWNED[1:]},
            "bucket",
            "gcloud storage buckets add-iam-policy-binding gs://bucket --member=user:YOU "
            "--role=roles/storage.objectAdmin",
        ),
        (
            r"POST /v1/projects/-/serviceAccounts/.*:testIamPermissions$",
            {},
            "service account",
            f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --project=my-project "
            "--member=user:YOU --role=roles/iam.serviceAccountUser",
        ),
        (
            r"POST /v3/projects/my-project:getIamPolicy$",
            {
                "bindings": [
                    {"role": role, "members": [MEMBER]} for role in RUNNER_ROLES if role != "roles/bigquery.jobUser"
                ]
            },
            "roles/bigquery.jobUser",
            f"gcloud projects add-iam-policy-binding my-project --member={MEMBER} --role=roles/bigquery.jobUser",
        ),
    ],
)
def test_what_is_lacking_is_granted_by_its_command(
    setup: Setup, google: GoogleDouble, request_: str, answer: dict[str, Any], name: str, fix: str
) -> None:
    """APIs, permissions and roles."""
    instead(google, request_, answer)
    finding = failed(setup)
    assert (finding.name, finding.fix) == (name, fix)


def test_a_wider_role_serves(setup: Setup, google: GoogleDouble) -> None:
    """An editor needs no role of its own for each service."""
    instead(
        google,
        r"POST /v3/projects/my-project:getIamPolicy$",
        {"bindings": [{"role": "roles/editor", "members": [MEMBER]}]},
    )
    assert all(finding.state == "ok" for finding in examine(setup))


def test_what_one_may_not_look_at_is_skipped(setup: Setup, google: GoogleDouble) -> None:
    """A developer may lack the right to read the project's policy; that is no fault of the set-up."""
    google.refusals = [("my-project:getIamPolicy", RefusalError(403, "denied"))]
    (skipped,) = [finding for finding in examine(setup) if finding.state != "ok"]
    assert (skipped.name, skipped.state) == ("roles", "skipped")
    assert "denied" in skipped.detail


def test_vertex_that_refuses_is_told(setup: Setup, google: GoogleDouble) -> None:
    """Its own message, since its cause is its own."""
    google.refusals = [("europe-west4/pipelineJobs", RefusalError(400, "region is not supported"))]
    finding = failed(setup)
    assert (finding.name, "region is not supported" in finding.detail) == ("vertex ai", True)


def test_nothing_set_is_told_and_the_rest_skipped(google: GoogleDouble) -> None:
    """A first look on a new machine asks Google nothing."""
    found = {finding.name: finding for finding in examine(Setup(api_endpoint=google.url))}
    assert (found["settings"].state, found["settings"].fix) == ("failed", "kfx init")
    assert found["apis"] == Finding("apis", "skipped", "needs project")
    assert not google.sent


def test_without_credentials_google_is_not_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says how to sign in; the others wait for it."""
    for name in ("HOME", "CLOUDSDK_CONFIG"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    found = {finding.name: finding for finding in examine(Setup(project="my-project"))}
    assert found["credentials"].fix == "gcloud auth application-default login"
    assert found["project"] == Finding("project", "skipped", "needs credentials")


def kfx(*arguments: str) -> Result:
    return CliRunner().invoke(kfx_, list(arguments), catch_exceptions=False)


@pytest.mark.usefixtures("setup")
def test_init_then_doctor(folder: Path, google: GoogleDouble) -> None:
    """What `kfx init` wrote is what `kfx doctor` looks at; a failed line makes the exit code 1."""
    place = ["--project=my-project", "--region=europe-west4", "--pipeline-root=gs://bucket/root"]
    done = kfx("init", *place, f"--service-account={ACCOUNT}", f"--image={IMAGE}")
    assert done.stdout == "Wrote kfx.toml. Now: kfx doctor\n"
    found = json.loads(kfx("doctor", f"--api-endpoint={google.url}", "--json").stdout)
    lines = {line["name"]: line for line in found if line["name"] != "engine"}
    assert {line["state"] for line in lines.values()} == {"ok"}
    assert lines["image"]["detail"] == IMAGE
    google.buckets = {}
    google.refusals = [("/b/bucket/iam/testPermissions", RefusalError(404, "no"))]
    failing = kfx("doctor", f"--api-endpoint={google.url}")
    assert failing.exit_code == 1
    assert "gcloud storage buckets create gs://bucket" in failing.stdout


@pytest.mark.parametrize(
    ("image", "detail"),
    [
        ("", "BASE_KFX_IMAGE is not set"),
        ("localhost/kfx:1", "no cluster can pull it"),
        ("Not An Image", "is no image name"),
    ],
)
def test_an_image_no_cluster_can_pull_is_told(folder: Path, google: GoogleDouble, image: str, detail: str) -> None:
    """The commonest cause of a run that never starts."""
    found = json.loads(kfx("doctor", f"--image={image}", f"--api-endpoint={google.url}", "--json").stdout)
    (line,) = [line for line in found if line["name"] == "image"]
    assert (line["state"], line["fix"]) == ("failed", "kfx init")
    assert detail in line["detail"]


def test_a_machine_without_an_engine_is_told(
    folder: Path, google: GoogleDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be built there; all else may still work."""
    monkeypatch.setenv("PATH", str(folder))
    found = json.loads(kfx("doctor", f"--api-endpoint={google.url}", "--json").stdout)
    (line,) = [line for line in found if line["name"] == "engine"]
    assert (line["state"], line["fix"]) == ("failed", "sudo apt-get install podman")


def test_init_leaves_the_unknown_as_comments(folder: Path) -> None:
    """The file explains itself, and is valid as it stands."""
    kfx("init", "--project=my-project")
    text = (folder / "kfx.toml").read_text(encoding="utf-8")
    assert 'project = "my-project"' in text
    assert '# region = ""' in text
    assert kfx("list").exit_code == 0


def test_init_replaces_nothing_unasked_and_checks_values(folder: Path) -> None:
    """A file that is there is somebody's work."""
    with pytest.raises(UsageError, match="The region 'EU' must be one region"):
        kfx("init", "--region=EU")
    assert not (folder / "kfx.toml").exists()
    kfx("init", "--project=my-project")
    with pytest.raises(UsageError, match="--force"):
        kfx("init", "--project=other-project")
    kfx("init", "--project=other-project", "--force")
    assert "other-project" in (folder / "kfx.toml").read_text(encoding="utf-8")
