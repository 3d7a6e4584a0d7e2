"""`kfx doctor` and `kfx init`: every line that can fail, and the command it prints."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google_double import PROJECT_NUMBER, GoogleDouble, RefusalError, Sent

from kfx.cli.main import kfx_
from kfx.errors import UsageError
from kfx.images.record import Pushed, record
from kfx.submit import doctor
from kfx.submit.doctor import APIS, BIGQUERY_PERMISSIONS, RUNNER_ROLES, Finding, Setup, examine

ACCOUNT = "runner@my-project.iam.gserviceaccount.com"
MEMBER = f"serviceAccount:{ACCOUNT}"
IMAGE = "europe-west4-docker.pkg.dev/my-project/kfx/kfx:1.0"
SUBMIT = ["aiplatform.pipelineJobs.create", "aiplatform.pipelineJobs.get"]
YOU = '"user:$(gcloud config get-value account)"'
GRANT = "gcloud projects add-iam-policy-binding my-project"
OWNED = ["storage.objects.create", "storage.objects.get", "storage.objects.list"]


@pytest.fixture
def setup(google: GoogleDouble) -> Setup:
    """A project where all is well."""
    google.healthy("my-project", ACCOUNT)
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


def without(names: Iterable[str], absent: str) -> dict[str, Any]:
    return {"permissions": [name for name in names if name != absent]}


def roles_but(absent: str) -> dict[str, Any]:
    return {"bindings": [{"role": role, "members": [MEMBER]} for role in RUNNER_ROLES if role != absent]}


PERMISSIONS = r"POST /v3/projects/my-project:testIamPermissions$"
POLICY = r"POST /v3/projects/my-project:getIamPolicy$"
FAILING: list[tuple[str, str, Any, str]] = [
    ("project", "/v3/projects/my-project", 404, "gcloud projects list"),
    (
        "apis",
        r"GET /v1/projects/my-project/services:batchGet$",
        {"services": [{"name": f"projects/1/services/{api}", "state": "ENABLED"} for api in APIS[1:]]},
        "gcloud services enable aiplatform.googleapis.com --project=my-project",
    ),
    ("vertex ai", "europe-west4/pipelineJobs", 400, "kfx init --force"),
    ("vertex ai", "europe-west4/pipelineJobs", 401, "gcloud auth application-default login"),
    ("vertex ai", "europe-west4/pipelineJobs", 503, "kfx doctor  # again, when the network is back"),
    (
        "submit",
        PERMISSIONS,
        {"permissions": list(BIGQUERY_PERMISSIONS.values())},
        f"{GRANT} --member={YOU} --role=roles/aiplatform.user",
    ),
    *[
        (
            "bigquery",
            PERMISSIONS,
            without([*SUBMIT, *BIGQUERY_PERMISSIONS.values()], each),
            f"{GRANT} --member={YOU} --role={role}",
        )
        for role, each in BIGQUERY_PERMISSIONS.items()
    ],
    (
        "bucket",
        "/b/bucket/iam/testPermissions",
        404,
        "gcloud storage buckets create gs://bucket --project=my-project --location=europe-west4",
    ),
    (
        "bucket",
        r"GET /storage/v1/b/bucket/iam/testPermissions$",
        {"permissions": OWNED[1:]},
        f"gcloud storage buckets add-iam-policy-binding gs://bucket --member={YOU} --role=roles/storage.objectAdmin",
    ),
    (
        "service account",
        f"GET /v1/projects/-/serviceAccounts/{ACCOUNT}",
        404,
        "gcloud iam service-accounts create runner --project=my-project",
    ),
    (
        "service account",
        r"POST /v1/projects/-/serviceAccounts/.*:testIamPermissions$",
        {},
        f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --project=my-project "
        f"--member={YOU} --role=roles/iam.serviceAccountUser",
    ),
    *[(role, POLICY, roles_but(role), f"{GRANT} --member={MEMBER} --role={role}") for role in RUNNER_ROLES],
    (
        "artifact registry",
        "/repositories/kfx",
        404,
        "gcloud artifacts repositories create kfx --repository-format=docker --project=my-project "
        "--location=europe-west4",
    ),
]
"""Name of the line, the request that is answered otherwise, the answer or its status, and the command."""


@pytest.mark.parametrize(("name", "request_", "answer", "fix"), FAILING)
def test_a_failed_line_prints_its_command(
    setup: Setup, google: GoogleDouble, name: str, request_: str, answer: Any, fix: str
) -> None:
    """One line fails, whatever is absent, refused or lacking, and every other is fine."""
    if isinstance(answer, int):
        google.refusals = [(request_, RefusalError(answer, "no", Retry_After="0"))] * 5
    else:
        instead(google, request_, answer)
    finding = failed(setup)
    assert (finding.name, finding.fix) == (name, fix)
    assert finding.detail


def test_every_line_of_a_healthy_project_is_shown_failing(setup: Setup) -> None:
    """The table above knows every line there is; credentials and settings have tests of their own."""
    assert {finding.name for finding in examine(setup)} == {name for name, *_ in FAILING} | {"credentials", "settings"}


def test_a_line_that_lacks_two_things_is_two_lines(setup: Setup, google: GoogleDouble) -> None:
    """One command each."""
    instead(google, PERMISSIONS, {"permissions": [*SUBMIT, "bigquery.jobs.create"]})
    lines = [finding for finding in examine(setup) if finding.state == "failed"]
    assert [line.fix.rpartition("=")[2] for line in lines] == [
        "roles/bigquery.dataViewer",
        "roles/bigquery.readSessionUser",
    ]


def test_without_a_service_account_googles_own_is_looked_at(setup: Setup, google: GoogleDouble) -> None:
    """Tasks run as Compute Engine's default account then, which may lack BigQuery as any other."""
    account = f"{PROJECT_NUMBER}-compute@developer.gserviceaccount.com"
    held = {"role": "roles/aiplatform.user", "members": [f"serviceAccount:{account}"]}
    instead(google, POLICY, {"bindings": [held]})
    lines = [line for line in examine(dataclasses.replace(setup, service_account="")) if line.name in RUNNER_ROLES]
    assert [line.name for line in lines if line.state == "ok"] == ["roles/aiplatform.user"]
    assert {line.fix for line in lines if line.name == "roles/bigquery.jobUser"} == {
        f"{GRANT} --member=serviceAccount:{account} --role=roles/bigquery.jobUser"
    }


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


def test_a_service_account_is_granted_roles_by_its_name(
    google: GoogleDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In CI the caller is no user: the command names the account of the credentials."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    info = {"type": "service_account", "client_email": ACCOUNT, "private_key": pem, "token_uri": google.url}
    (tmp_path / "key.json").write_text(json.dumps(info), encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    assert doctor._you(Setup()) == MEMBER
    assert doctor._you(Setup(api_endpoint=google.url)) == YOU


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
    assert line["state"] == "failed"
    assert line["fix"].startswith("kfx build --push --tag ")
    assert detail in line["detail"]


def test_what_was_pushed_from_here_is_the_image(folder: Path, google: GoogleDouble) -> None:
    """`kfx submit` takes it, so nothing is missing."""
    record("full", Pushed(IMAGE, "sha256:" + "0" * 64))
    found = json.loads(kfx("doctor", f"--api-endpoint={google.url}", "--json").stdout)
    assert ("image", "ok", IMAGE) in {(line["name"], line["state"], line["detail"]) for line in found}


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
