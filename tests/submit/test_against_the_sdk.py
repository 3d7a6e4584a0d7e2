"""`kfx submit bq_sklearn_train` and the real google-cloud-aiplatform send Vertex AI the same run.

The SDK's PipelineJob is the reference: it submits the specification and parameters that kfx made, to the same double,
and every field on the wire is compared. Then the SDK reads, lists, waits for and cancels what kfx created.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google_double import PROJECT_NUMBER, RUNNING, SUCCEEDED, GoogleDouble

ACCOUNT = "vertex-ai@my-project.iam.gserviceaccount.com"
NETWORK = f"projects/{PROJECT_NUMBER}/global/networks/my-network"
SUBNETWORK = "my-project-subnet"
IMAGE = "europe-west4-docker.pkg.dev/my-project/kfx/kfx"
TRAINER = "europe-west4-docker.pkg.dev/my-project/kfx/trainer:v1"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"

ORIGINAL_FLAGS = [
    *("--bucket", "gs://bucket", "--pipeline-root", "my-pipeline-root", "--pipeline-name", "my-first-pipeline"),
    *("--project-id", "my-project", "--job-id", "my-beans-pipeline-1234"),
    *("--bq-source", "bq://aju-dev-demos.beans.beans1", "--bq-dest", "bq://my-project"),
    *("--recipients", "one@example.com", "two@example.com", "--service-account", ACCOUNT),
    *("--network", "my-network", "--subnetwork", SUBNETWORK, "--beam-runner", "DataflowRunner"),
    *("--build-pipeline-container", "false", "--pipeline-container-version", "v1"),
]
"""The original script's command line (the project's README of 2022), flag for flag."""


@pytest.fixture
def settings(folder: Path, google: GoogleDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the original left to .env and to its code: the image and the region; and what `kfx push` recorded."""
    monkeypatch.setenv("KFX_API_ENDPOINT", google.url)
    monkeypatch.setenv("KFX_SUBMIT_POLL_SECONDS", "0.01")
    monkeypatch.setenv("BASE_KFX_DATAFLOW_IMAGE", "registry.example/kfx:1-dataflow")
    (folder / ".env").write_text(f"BASE_KFX_IMAGE={IMAGE}:v0\nKFX_REGION=europe-west4\n", encoding="utf-8")
    (folder / ".kfx").mkdir()
    names = {"older": f"{IMAGE}:v0", "full": f"{IMAGE}:v1", "trainer": TRAINER}
    pushed = {target: {"name": name, "digest": DIGEST} for target, name in names.items()}
    (folder / ".kfx" / "images.json").write_text(json.dumps(pushed), encoding="utf-8")


@pytest.fixture
def sdk(google: GoogleDouble) -> Any:
    """google-cloud-aiplatform, pointed at the double."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    aiplatform.init(
        project="my-project",
        location="europe-west4",
        api_transport="rest",
        api_endpoint=google.url,
        credentials=AnonymousCredentials(),
    )
    return aiplatform


def kfx(*arguments: str, module: str = "kfx.cli.main", code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def numbers(value: Any) -> Any:
    """Enum names as numbers, the form the SDK sends."""
    return json.loads(json.dumps(value).replace('"PIPELINE_FAILURE_POLICY_FAIL_FAST"', "2"))


@pytest.mark.usefixtures("settings")
def test_the_original_command_line_submits(google: GoogleDouble) -> None:
    """Every flag of the original script, and the whole request field by field."""
    done = kfx("submit", "bq_sklearn_train", *ORIGINAL_FLAGS, "--failure-policy=fast", "--label=team=search")
    assert "computed by TFDV on Dataflow, whose workers are billed" in done.stderr
    sent = google.created
    assert sent.path == "/v1/projects/my-project/locations/europe-west4/pipelineJobs"
    assert list(sent.query) == ["pipelineJobId"]
    assert re.fullmatch(r"my-beans-pipeline-1234-\d{14}", sent.query["pipelineJobId"])
    spec = sent.body["pipelineSpec"]
    assert {name: value for name, value in sent.body.items() if name != "pipelineSpec"} == {
        "displayName": "my-first-pipeline",
        "labels": {"team": "search"},
        "serviceAccount": ACCOUNT,
        "network": NETWORK,
        "runtimeConfig": {
            "gcsOutputDirectory": "gs://bucket/my-pipeline-root",
            "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_FAST",
            "parameterValues": {
                "bq_source": "bq://aju-dev-demos.beans.beans1",
                "bq_dest": "bq://my-project",
                "recipients": ["one@example.com", "two@example.com"],
                "project": "my-project",
                "region": "europe-west4",
                "location": "europe-west4",
                "service_account": ACCOUNT,
                "network": NETWORK,
                "subnetwork": SUBNETWORK,
                "beam_runner": "DataflowRunner",
            },
        },
    }
    assert spec["pipelineInfo"]["name"] == "my-first-pipeline"
    executors = spec["deploymentSpec"]["executors"]
    assert executors["exec-train-custom-container"]["container"]["image"] == f"{IMAGE}@{DIGEST}"
    assert spec["root"]["inputDefinitions"]["parameters"]["training_image"]["defaultValue"] == (
        f"{TRAINER.removesuffix(':v1')}@{DIGEST}"
    )
    tasks = spec["components"]["comp-exit-handler-1"]["dag"]["tasks"].values()
    assert not any(task["cachingOptions"].get("enableCache") for task in tasks)
    assert [(request.method, request.path) for request in google.sent] == [
        ("GET", "/v3/projects/my-project"),
        ("GET", "/storage/v1/b/bucket"),
        ("POST", "/v1/projects/my-project/locations/europe-west4/pipelineJobs"),
    ]


@pytest.mark.usefixtures("settings")
def test_the_module_is_a_script_as_the_original_was(google: GoogleDouble) -> None:
    """`python -m kfx.pipelines.bq_sklearn_train` with the same flags sends the same run."""
    kfx(*ORIGINAL_FLAGS, module="kfx.pipelines.bq_sklearn_train")
    kfx("submit", "bq_sklearn_train", *ORIGINAL_FLAGS, "--job-id", "again")
    first, second = google.of("POST", "/pipelineJobs")
    assert first.body == second.body


@pytest.mark.usefixtures("settings")
def test_the_sdk_sends_the_same_request(google: GoogleDouble, sdk: Any, tmp_path: Path) -> None:
    """PipelineJob.submit() with kfx's specification and parameters: path, query and every field agree."""
    kfx(
        *("submit", "bq_sklearn_train", *ORIGINAL_FLAGS, "--failure-policy=fast", "--label=team=search"),
        *("--no-caching", "--display-name=Beans", "--reserved-ip-range=r"),
        "--encryption-key=projects/k/locations/europe-west4/keyRings/r/cryptoKeys/c",
    )
    ours = google.created
    google.sent.clear()
    google.resources.clear()
    google.buckets.clear()  # a bucket that exists would make the SDK ask the real Resource Manager for its owner
    google.routes += [
        ("POST", r"/storage/v1/b$", lambda sent, found: {"name": "bucket"}),
        ("GET", r"/storage/v1/b/bucket/iam$", lambda sent, found: {"bindings": []}),
        ("PUT", r"/storage/v1/b/bucket/iam$", lambda sent, found: {}),
    ]
    template = tmp_path / "spec.json"
    template.write_text(json.dumps(ours.body["pipelineSpec"]), encoding="utf-8")
    runtime = ours.body["runtimeConfig"]
    job = sdk.PipelineJob(
        display_name="Beans",
        template_path=str(template),
        job_id=ours.query["pipelineJobId"],
        pipeline_root=runtime["gcsOutputDirectory"],
        parameter_values=runtime["parameterValues"],
        enable_caching=None,
        labels={"team": "search"},
        failure_policy="fast",
        encryption_spec_key_name="projects/k/locations/europe-west4/keyRings/r/cryptoKeys/c",
    )
    job.submit(service_account=ACCOUNT, network=NETWORK, reserved_ip_ranges=["r"])
    theirs = google.created
    assert theirs.path == ours.path
    assert theirs.query == {**ours.query, "$alt": "json;enum-encoding=int"}
    assert theirs.body == numbers(ours.body)


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("caching", [True, False])
def test_caching_is_the_sdks_but_for_the_exit_task(
    google: GoogleDouble, sdk: Any, tmp_path: Path, caching: bool
) -> None:
    """enable_caching=... of the SDK rewrites every task; kfx leaves the exit task uncached."""
    flag = "--caching" if caching else "--no-caching"
    kfx("compile", "bq_sklearn_train", "-o", str(tmp_path / "spec.yaml"))
    kfx("submit", str(tmp_path / "spec.yaml"), *ORIGINAL_FLAGS[:-4], flag, "--pipeline-name=bq-sklearn-train")
    job = sdk.PipelineJob(
        display_name="x",
        template_path=str(tmp_path / "spec.yaml"),
        pipeline_root="gs://bucket/r",
        enable_caching=caching,
    )
    theirs = job.to_dict()["pipelineSpec"]
    ours = google.created.body["pipelineSpec"]
    assert theirs["root"]["dag"]["tasks"]["notify-email"].pop("cachingOptions") == {"enableCache": caching}
    assert ours["root"]["dag"]["tasks"]["notify-email"].pop("cachingOptions") == {"enableCache": False}
    assert ours == theirs


@pytest.mark.usefixtures("settings")
def test_the_sdk_reads_and_cancels_what_kfx_created(google: GoogleDouble, sdk: Any) -> None:
    """A run created over REST is a PipelineJob like any other."""
    google.states = [RUNNING] * 10
    done = kfx("submit", "bq_sklearn_train", *ORIGINAL_FLAGS, "--output=json")
    result = json.loads(done.stdout)
    job = sdk.PipelineJob.get(result["name"])
    assert job.state.name == RUNNING
    assert job._dashboard_uri() == result["url"].replace("my-project", PROJECT_NUMBER)
    job.cancel()
    assert job.state.name == "PIPELINE_STATE_CANCELLED"


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    ("end", "state", "code"),
    [
        (SUCCEEDED, "succeeded", 0),
        ("PIPELINE_STATE_FAILED", "failed", 1),
        ("PIPELINE_STATE_CANCELLED", "cancelled", 1),
    ],
)
def test_waiting_fails_on_failed_and_on_cancelled(google: GoogleDouble, end: str, state: str, code: int) -> None:
    """The SDK's wait() returns normally for a cancelled run; `kfx submit --wait` exits with 1."""
    google.states = [RUNNING, RUNNING, end]
    google.details = [{"taskId": "1", "taskName": "train-custom-container", "state": "RUNNING"}]
    done = kfx("submit", "bq_sklearn_train", *ORIGINAL_FLAGS, "--wait", "--output=json", code=code)
    assert json.loads(done.stdout)["state"] == state
    assert "train-custom-container" in done.stderr


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--beam-runner", "DataflowRuner"], "Did you mean DataflowRunner?"),
        (["-p", "location=us-central1"], "they must agree"),
        (["--build-pipeline-container", "maybe"], "'maybe' is not a valid boolean"),
        (["--recipients", "nobody"], "mail addresses"),
    ],
)
def test_the_originals_faults_are_refused(google: GoogleDouble, change: list[str], message: str) -> None:
    """A misspelt runner started a paid job; any text was a true boolean; us-central1 was fixed."""
    done = kfx("submit", "bq_sklearn_train", *ORIGINAL_FLAGS, *change, code=2)
    assert message in done.stderr
    assert not google.of("POST", "/pipelineJobs")
