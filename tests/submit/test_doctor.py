"""`kfx doctor` and `kfx init`: every line that can fail, and the command it prints."""

from __future__ import annotations

import dataclasses
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google_double import PROJECT_NUMBER, RUNNER, GoogleDouble, RefusalError, Sent

from kfx.cli.init import _write
from kfx.cli.main import kfx_
from kfx.errors import UsageError
from kfx.images.record import Pushed, record
from kfx.submit.doctor import APIS, BIGQUERY_PERMISSIONS, DATAFLOW_API, examine
from kfx.submit.findings import Finding, Setup, you
from kfx.submit.job import check_field
from kfx.submit.roles import RUNNER_ROLES

ACCOUNT = "runner@my-project.iam.gserviceaccount.com"
MEMBER = f"serviceAccount:{ACCOUNT}"
IMAGE = "europe-west4-docker.pkg.dev/my-project/kfx/kfx:1.0"
DATAFLOW = "reg.example/kfx:1.0-dataflow"
SUBMIT = ["dataflow.jobs.create", "aiplatform.pipelineJobs.create", "aiplatform.pipelineJobs.get"]
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
        dataflow_image=DATAFLOW,
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
    return {"bindings": [{"role": role, "members": [MEMBER]} for role in RUNNER if role != absent]}


PERMISSIONS = r"POST /v3/projects/my-project:testIamPermissions$"
POLICY = r"POST /v3/projects/my-project:getIamPolicy$"
FAILING: list[tuple[str, str, Any, str]] = [
    ("project", "/v3/projects/my-project", 404, "gcloud projects list"),
    (
        "apis",
        r"GET /v1/projects/my-project/services:batchGet$",
        {"services": [{"name": f"projects/1/services/{api}", "state": "ENABLED"} for api in (*APIS[1:], DATAFLOW_API)]},
        "gcloud services enable aiplatform.googleapis.com --project=my-project",
    ),
    ("vertex ai", "europe-west4/pipelineJobs", 400, "kfx init --force"),
    ("vertex ai", "europe-west4/pipelineJobs", 401, "gcloud auth application-default login"),
    ("vertex ai", "europe-west4/pipelineJobs", 503, "kfx doctor  # again, when the network is back"),
    (
        "submit",
        PERMISSIONS,
        {"permissions": ["dataflow.jobs.create", *BIGQUERY_PERMISSIONS.values()]},
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
    (
        "dataflow",
        PERMISSIONS,
        without([*SUBMIT, *BIGQUERY_PERMISSIONS.values()], "dataflow.jobs.create"),
        f"{GRANT} --member={YOU} --role=roles/dataflow.developer",
    ),
    (
        "apis",
        r"GET /v1/projects/my-project/services:batchGet$",
        {"services": [{"name": f"projects/1/services/{api}", "state": "ENABLED"} for api in APIS]},
        "gcloud services enable dataflow.googleapis.com --project=my-project",
    ),
    *[(role, POLICY, roles_but(role), f"{GRANT} --member={MEMBER} --role={role}") for role in RUNNER],
    (
        "roles/storage.objectAdmin",
        r"GET /storage/v1/b/bucket/iam$",
        {"bindings": [{"role": "roles/storage.objectViewer", "members": [MEMBER]}]},
        f"gcloud storage buckets add-iam-policy-binding gs://bucket --member={MEMBER} --role=roles/storage.objectAdmin",
    ),
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


def test_the_roles_that_the_documentation_asks_for_are_looked_at() -> None:
    """The account's roles in docs/vertex.md are the checked ones; a role that only one of them knows is a gap."""
    text = (Path(__file__).parents[2] / "docs" / "vertex.md").read_text(encoding="utf-8")
    wanted = text.partition("\n## Roles\n")[2].partition("That account:")[2]
    assert wanted
    dataflow = {"roles/dataflow.developer", "roles/dataflow.worker"}
    assert set(re.findall(r"roles/[\w.]+", wanted)) - {"roles/bigquery.dataEditor"} == set(RUNNER_ROLES) - dataflow
    assert set(re.findall(r"roles/dataflow\.\w+", text)) == dataflow


def test_without_an_image_of_dataflows_nothing_of_it_is_looked_at(setup: Setup, google: GoogleDouble) -> None:
    """A team that does not use Dataflow is not asked for its roles."""
    instead(google, POLICY, {"bindings": [{"role": role, "members": [MEMBER]} for role in RUNNER[:5]]})
    found = list(examine(dataclasses.replace(setup, dataflow_image="")))
    assert {finding.state for finding in found} == {"ok"}
    assert not [finding for finding in found if "dataflow" in finding.name]
    assert "7 are on" in {finding.detail for finding in found}


def test_workers_may_run_as_googles_own_account(setup: Setup, google: GoogleDouble) -> None:
    """They do where statistics_gen names no account."""
    workers = f"serviceAccount:{PROJECT_NUMBER}-compute@developer.gserviceaccount.com"
    held = [*roles_but("roles/dataflow.worker")["bindings"], {"role": "roles/dataflow.worker", "members": [workers]}]
    instead(google, POLICY, {"bindings": held})
    assert {finding.state for finding in examine(setup)} == {"ok"}


@pytest.mark.parametrize("role", [*RUNNER, "roles/storage.objectAdmin"])
def test_a_role_on_a_condition_is_not_known_to_be_held(setup: Setup, google: GoogleDouble, role: str) -> None:
    """It may have expired. An unconditional binding beside it counts."""
    condition = {"title": "once", "expression": "request.time < timestamp('2020-01-01T00:00:00Z')"}
    conditional = {"role": role, "members": [MEMBER], "condition": condition}
    place = r"GET /storage/v1/b/bucket/iam$" if role not in RUNNER else POLICY
    others = roles_but(role)["bindings"] if role in RUNNER else []
    instead(google, place, {"bindings": [*others, conditional]})
    (line,) = [finding for finding in examine(setup) if finding.state != "ok"]
    assert (line.name, line.state) == (role, "skipped")
    assert "on a condition" in line.detail
    assert "request.time < timestamp" in line.detail
    assert google.of("POST", ":getIamPolicy")[0].body == {"options": {"requestedPolicyVersion": 3}}
    instead(google, place, {"bindings": [*others, conditional, {"role": role, "members": [MEMBER]}]})
    assert {finding.state for finding in examine(setup)} == {"ok"}


def entry(role: str, member: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"role": role, **member, **more}


@pytest.mark.parametrize(
    ("given", "state", "detail"),
    [
        (entry("READER", {"userByEmail": ACCOUNT}), "ok", "on the dataset beans"),
        (entry("roles/bigquery.dataEditor", {"iamMember": MEMBER}), "ok", "on the dataset beans"),
        (entry("READER", {"userByEmail": ACCOUNT}, condition={"expression": "false"}), "skipped", "false"),
        (entry("READER", {"userByEmail": "else@x"}), "failed", "not have it on my-project or a dataset of it"),
        (entry("roles/bigquery.metadataViewer", {"iamMember": MEMBER}), "failed", "does not have it"),
    ],
)
def test_a_dataset_may_give_the_right_to_read_it(
    setup: Setup, google: GoogleDouble, given: dict[str, Any], state: str, detail: str
) -> None:
    """docs/bigquery.md allows the role on the dataset, which needs no grant on the whole project."""
    instead(google, POLICY, roles_but("roles/bigquery.dataViewer"))
    path = "GET /bigquery/v2/projects/my-project/datasets"
    instead(google, f"{path}$", {"datasets": [{"datasetReference": {"datasetId": "beans"}}]})
    instead(google, f"{path}/beans$", {"access": [given]})
    (line,) = [finding for finding in examine(setup) if finding.name == "roles/bigquery.dataViewer"]
    assert line.state == state
    assert detail in line.detail


def test_a_line_that_lacks_two_things_is_two_lines(setup: Setup, google: GoogleDouble) -> None:
    """One command each."""
    instead(google, PERMISSIONS, {"permissions": [*SUBMIT, "bigquery.jobs.create"]})
    lines = [finding for finding in examine(setup) if finding.state == "failed"]
    assert [line.fix.rpartition("=")[2] for line in lines] == [
        "roles/bigquery.dataViewer",
        "roles/bigquery.readSessionUser",
    ]


@pytest.mark.parametrize(
    ("account", "detail", "fix"),
    [
        (
            "runner@shared-sa.iam.gserviceaccount.com",
            "",
            "gcloud iam service-accounts create runner --project=shared-sa",
        ),
        (
            "runner@ml.example.com.iam.gserviceaccount.com",
            "",
            "gcloud iam service-accounts create runner --project=example.com:ml",
        ),
        (
            "123-compute@developer.gserviceaccount.com",
            ": Google makes its default account when Compute Engine's API is enabled",
            "gcloud services enable compute.googleapis.com --project=123",
        ),
        (
            "my-project@appspot.gserviceaccount.com",
            ", and only Google makes accounts of that name: name one of these",
            "gcloud iam service-accounts list --project=my-project",
        ),
        (
            "service-123@gcp-sa-aiplatform.iam.gserviceaccount.com",
            ", and only Google makes accounts of that name: name one of these",
            "gcloud iam service-accounts list --project=my-project",
        ),
    ],
)
def test_an_absent_account_is_made_where_it_belongs(
    setup: Setup, google: GoogleDouble, account: str, detail: str, fix: str
) -> None:
    """The command makes the very account of that address, which may be another project's or Google's to make."""
    lines = examine(dataclasses.replace(setup, service_account=account))
    (line,) = [finding for finding in lines if finding.name == "service account"]
    assert line == Finding("service account", "failed", f"there is no {account}{detail}", fix)


def test_without_a_service_account_googles_own_is_looked_at(setup: Setup, google: GoogleDouble) -> None:
    """Tasks run as Compute Engine's default account then, which may lack BigQuery as any other."""
    account = f"{PROJECT_NUMBER}-compute@developer.gserviceaccount.com"
    held = {"role": "roles/aiplatform.user", "members": [f"serviceAccount:{account}"]}
    instead(google, POLICY, {"bindings": [held]})
    lines = [line for line in examine(dataclasses.replace(setup, service_account="")) if line.name in RUNNER]
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
    assert you(Setup()) == MEMBER
    assert you(Setup(api_endpoint=google.url)) == YOU


def test_a_proxys_page_fails_the_lines_that_asked(setup: Setup, google: GoogleDouble) -> None:
    """Each line says what answered; to sign in again would not mend it."""
    google.page = b"<html>Sign in to the guest network</html>"
    lines = [finding for finding in examine(setup) if finding.state == "failed"]
    assert {"project", "apis", "vertex ai", "bucket"} <= {line.name for line in lines}
    assert all("answered no JSON" in line.detail for line in lines)
    assert {line.fix for line in lines} == {"kfx doctor  # again, past the proxy or with the right address"}


def test_nothing_set_is_told_and_the_rest_skipped(google: GoogleDouble) -> None:
    """A first look on a new machine asks Google nothing."""
    found = {finding.name: finding for finding in examine(Setup(api_endpoint=google.url))}
    assert (found["settings"].state, found["settings"].fix) == ("failed", "kfx init")
    assert found["apis"] == Finding("apis", "skipped", "needs project")
    assert not google.sent


@pytest.mark.parametrize(
    ("field", "value", "skipped"),
    [
        ("project", "Acme ML!", {"project", "apis", "vertex ai", "submit", "bigquery", "dataflow", "roles"}),
        ("project", "True", {"project", "apis"}),
        ("region", "eu west", {"vertex ai", "bucket"}),
        ("pipeline_root", "acme-runs/kfx", {"bucket", "roles"}),
        ("pipeline_root", "gs:/acme-runs/kfx", {"bucket", "roles"}),
        ("service_account", "runner", {"service account", "roles"}),
    ],
)
def test_a_setting_that_submit_refuses_fails(
    setup: Setup, google: GoogleDouble, field: str, value: str, skipped: set[str]
) -> None:
    """The line has submit's words, and nothing is asked of Google with such a value."""
    with pytest.raises(UsageError) as refused:
        check_field(field, value)
    found = {finding.name: finding for finding in examine(dataclasses.replace(setup, **{field: value}))}
    assert found["settings"] == Finding("settings", "failed", str(refused.value), "kfx init --force")
    assert {found[name] for name in skipped} == {Finding(name, "skipped", f"needs {field}") for name in skipped}
    assert {finding.state for finding in found.values() if f"needs {field}" != finding.detail} <= {"ok", "failed"}
    assert [finding.name for finding in found.values() if finding.state == "failed"] == ["settings"]
    assert not [sent for sent in google.sent if value in f"{sent.path}{sent.query}"]


def test_what_is_malformed_and_what_is_not_set_are_told_together(google: GoogleDouble) -> None:
    """One look shows all there is to mend; `project = true` in kfx.toml arrives here as a text."""
    found = {finding.name: finding for finding in examine(Setup(project="True", api_endpoint=google.url))}
    assert "The project 'True' must be 6 to 30" in found["settings"].detail
    assert found["settings"].detail.endswith("not set: region, pipeline_root")


def test_without_credentials_google_is_not_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says how to sign in; the others wait for it."""
    for name in ("HOME", "CLOUDSDK_CONFIG"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    found = {finding.name: finding for finding in examine(Setup(project="my-project"))}
    assert found["credentials"].fix == "gcloud auth application-default login"
    assert found["project"] == Finding("project", "skipped", "needs credentials")


def test_a_key_file_that_is_not_there_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is the one that helps."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(folder / "key.json"))
    found = {finding.name: finding for finding in examine(Setup(project="my-project"))}
    assert found["credentials"].fix == "unset GOOGLE_APPLICATION_CREDENTIALS"
    assert f"{folder / 'key.json'}, which is not there" in found["credentials"].detail
    assert found["project"] == Finding("project", "skipped", "needs credentials")


def kfx(*arguments: str) -> Result:
    return CliRunner().invoke(kfx_, list(arguments), catch_exceptions=False)


@pytest.mark.usefixtures("setup")
def test_init_then_doctor(folder: Path, google: GoogleDouble, registry: str) -> None:
    """What `kfx init` wrote is what `kfx doctor` looks at; a failed line makes the exit code 1."""
    place = ["--project=my-project", "--region=europe-west4", "--pipeline-root=gs://bucket/root"]
    done = kfx("init", *place, f"--service-account={ACCOUNT}", f"--image={registry}/team/kfx:1.0")
    assert done.stdout == "Wrote kfx.toml. Now: kfx doctor\n"
    found = json.loads(kfx("doctor", f"--api-endpoint={google.url}", "--json").stdout)
    lines = {line["name"]: line for line in found if line["name"] != "engine"}
    assert [line["name"] for line in lines.values() if line["state"] != "ok"] == ["artifact registry"]
    assert (lines["image"]["detail"], lines["artifact registry"]["state"]) == (f"{registry}/team/kfx:1.0", "skipped")
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


def image_lines(google: GoogleDouble, *options: str) -> dict[str, dict[str, Any]]:
    endpoint = (
        () if any(option.startswith("--api-endpoint") for option in options) else (f"--api-endpoint={google.url}",)
    )
    found = json.loads(kfx("doctor", *options, *endpoint, "--json").stdout)
    return {line["name"]: line for line in found if line["name"].endswith("image")}


def test_the_registry_is_asked_for_the_image(
    folder: Path, google: GoogleDouble, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that nothing was pushed under is told here, not by a task that cannot pull; each image is a line."""
    monkeypatch.setenv("BASE_KFX_SLIM_IMAGE", f"{registry}/team/kfx:1.0")
    monkeypatch.setenv("BASE_KFX_DATAFLOW_IMAGE", f"{registry}/team/kfx:1.0-dataflow")
    lines = image_lines(google, f"--image={registry}/does/not-exist:9")
    assert {name: line["state"] for name, line in lines.items()} == {
        "image": "skipped",  # What runs in the slim one runs.
        "slim image": "ok",
        "dataflow image": "failed",
    }
    monkeypatch.delenv("BASE_KFX_SLIM_IMAGE")
    lines = image_lines(google, f"--image={registry}/does/not-exist:9")
    assert {name: line["state"] for name, line in lines.items()} == {"image": "failed", "dataflow image": "failed"}
    assert lines["image"]["detail"] == f"{registry} holds no image {registry}/does/not-exist:9"
    assert lines["image"]["fix"] == f"kfx build --push --tag {registry}/does/not-exist:9"
    assert lines["dataflow image"]["fix"] == (
        f"kfx build --target dataflow --push --tag {registry}/team/kfx:1.0-dataflow"
    )


def test_a_registry_on_this_machine_is_none_that_google_pulls_from(
    folder: Path, google: GoogleDouble, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only towards an emulator it is."""
    for name in ("HOME", "CLOUDSDK_CONFIG"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    image = f"--image={registry}/team/kfx:1.0"
    line = image_lines(google, image, "--api-endpoint=https://vertex.invalid")["image"]
    assert (line["state"], "Google cannot pull" in line["detail"]) == ("failed", True)
    assert image_lines(google, image)["image"]["state"] == "ok"


def test_a_registry_that_does_not_answer_leaves_it_open(folder: Path, google: GoogleDouble) -> None:
    """Without the network or a login nothing is known of the image."""
    line = image_lines(google, "--image=reg.invalid/team/kfx:1.0")["image"]
    assert (line["state"], line["fix"]) == ("skipped", "")
    assert "reg.invalid cannot be reached" in line["detail"]


def test_stored_logins_that_cannot_be_read_fail_the_image_line(
    folder: Path, google: GoogleDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names the file; another image would not mend it."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="r"')
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    (folder / "config.json").write_text("[]", encoding="utf-8")
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        line = image_lines(google, f"--image=localhost:{server.server_port}/team/kfx:1.0")["image"]
        server.shutdown()
    assert (line["state"], line["fix"]) == ("failed", "kfx doctor  # again, when that is mended")
    assert f"{folder / 'config.json'} is no JSON object" in line["detail"]


def test_what_was_pushed_from_here_is_the_image(folder: Path, google: GoogleDouble, registry: str) -> None:
    """`kfx submit` takes it, so nothing is missing."""
    record("full", Pushed(f"{registry}/team/kfx:1.0", "sha256:" + "0" * 64))
    found = json.loads(kfx("doctor", f"--api-endpoint={google.url}", "--json").stdout)
    assert ("image", "ok", f"{registry}/team/kfx:1.0") in {
        (line["name"], line["state"], line["detail"]) for line in found
    }


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


@pytest.mark.parametrize("text", ["project = ", "no_such_key = 1", b"\xff"])
def test_init_replaces_a_file_that_cannot_be_read(folder: Path, text: str | bytes) -> None:
    """`kfx doctor` names the command as the way out, so what is broken must not stop it; all others it stops."""
    path = folder / "kfx.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=r"kfx\.toml"):
        kfx("list")
    with pytest.raises(UsageError, match="replace it with --force"):
        kfx("init", "--project=my-project")
    assert kfx("init", "--project=my-project", "--force").stdout == "Wrote kfx.toml. Now: kfx doctor\n"
    assert 'project = "my-project"' in path.read_text(encoding="utf-8")
    assert kfx("list").exit_code == 0


def test_init_keeps_away_from_a_folder(folder: Path) -> None:
    """Nothing is written beside it either."""
    (folder / "kfx.toml").mkdir()
    for force in ((), ("--force",)):
        with pytest.raises(UsageError, match=r"kfx\.toml is a folder here"):
            kfx("init", "--project=my-project", *force)
    assert [path.name for path in folder.iterdir()] == ["kfx.toml"]


def test_init_leaves_nothing_behind_where_it_cannot_write(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's words, and no half a file."""
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match=r"cannot be written here: No such file"):
        _write(Path("kfx.toml"), "")
    monkeypatch.chdir(folder)
    (folder / "kfx.toml").mkdir()
    with pytest.raises(UsageError, match=r"cannot be written here: Is a directory"):
        _write(Path("kfx.toml"), "")
    assert [path.name for path in folder.iterdir()] == ["kfx.toml"]


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--project=acme-ml\n", r"'acme-ml\\n' must be 6 to 30"),
        ("--region=europe-west4\n", r"'europe-west4\\n' must be one region"),
        ("--service-account=runner", "'runner' must be NAME@"),
        ("--image=kfx", "kfx is Docker Hub's own library/kfx"),
        ("--image=kfx:1", "kfx:1 is Docker Hub's own library/kfx"),
        ("--image=localhost/kfx:1", "no cluster can pull it"),
        ("--image=reg.example/kfx:1\n", "is no image name"),
    ],
)
def test_init_refuses_what_submit_would(folder: Path, option: str, told: str) -> None:
    """A file that cannot be used is not written."""
    with pytest.raises(UsageError, match=told):
        kfx("init", option)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("image", ["harbor.example/library/kfx:1", "team/kfx:1", "localhost:5000/kfx:1"])
def test_init_takes_an_image_that_some_platform_can_pull(folder: Path, image: str) -> None:
    """Harbor's first project is called library, too; an emulator pulls from a registry on this machine."""
    kfx("init", f"--image={image}")
    assert f'base_kfx_image = "{image}"' in (folder / "kfx.toml").read_text(encoding="utf-8")


def test_init_asks_for_what_the_replaced_file_has_wrong(folder: Path) -> None:
    """In a terminal `kfx init --force` proposes what is set, and takes another answer; an option is not asked for."""
    (folder / "kfx.toml").write_text('project = "my-project"\nregion = "eu west"\n', encoding="utf-8")
    ours, theirs = pty.openpty()
    os.write(ours, b"europe-west4\n\n\n\n")
    command = [sys.executable, "-m", "kfx.cli.main", "init", "--force", "--project=other-project"]
    done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, timeout=60, check=False)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 0, done.stderr
    assert "such as europe-west4 [eu west]: " in done.stdout
    assert "Google Cloud project id" not in done.stdout
    text = (folder / "kfx.toml").read_text(encoding="utf-8")
    assert 'project = "other-project"\n' in text
    assert 'region = "europe-west4"\n' in text
