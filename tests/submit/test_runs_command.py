"""`kfx runs` on the double of Vertex AI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from google_double import PROJECT_NUMBER, RUNNING, SUCCEEDED, GoogleDouble

from kfx.cli.main import kfx_
from kfx.errors import UsageError

PARENT = f"projects/{PROJECT_NUMBER}/locations/europe-west4"
SPEC = {
    "pipelineInfo": {"name": "hello"},
    "schemaVersion": "2.1.0",
    "components": {},
    "deploymentSpec": {},
    "root": {
        "dag": {"tasks": {}},
        "inputDefinitions": {
            "parameters": {"name": {"parameterType": "STRING"}, "times": {"parameterType": "NUMBER_INTEGER"}}
        },
    },
}


@pytest.fixture
def project(folder: Path, google: GoogleDouble) -> Path:
    place = f'project = "my-project"\nregion = "europe-west4"\napi_endpoint = "{google.url}"\n'
    (folder / "kfx.toml").write_text(f"{place}[runs]\npoll_seconds = 0.01\n", encoding="utf-8")
    return folder


def add(google: GoogleDouble, run: str, **fields: Any) -> str:
    name = f"{PARENT}/pipelineJobs/{run}"
    google.resources[name] = {"name": name, "state": RUNNING, "createTime": "2026-11-21T08:00:00.5Z", **fields}
    return name


def runs(*arguments: str) -> Result:
    return CliRunner().invoke(kfx_, ["runs", *arguments], catch_exceptions=False)


@pytest.mark.usefixtures("project")
def test_runs_are_listed_newest_first(google: GoogleDouble) -> None:
    """As many as asked for, over as many pages as that takes; the filter is Vertex's own."""
    for number in range(7):
        add(google, f"r-{number}", displayName=f"Run {number}", state=SUCCEEDED)
    done = runs("list", "--limit=5", "--state=pending", "--pipeline=hello", "--label=team=x", "--output=json")
    assert [run["run"] for run in json.loads(done.stdout)] == ["r-6", "r-5", "r-4", "r-3", "r-2"]
    sent = google.sent[0]
    assert sent.path == "/v1/projects/my-project/locations/europe-west4/pipelineJobs"
    assert sent.query["filter"] == (
        'labels.team="x" AND pipeline_name="hello" AND '
        '(state="PIPELINE_STATE_QUEUED" OR state="PIPELINE_STATE_PENDING")'
    )
    text = runs("list", "--limit=1").stdout
    assert text.split() == ["r-6", "succeeded", "2026-11-21T08:00:00", "Run", "6"]


@pytest.mark.usefixtures("project")
def test_no_runs_is_said(google: GoogleDouble) -> None:
    """An empty list is an answer, not an error."""
    done = runs("list")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "No runs.\n")


@pytest.mark.usefixtures("project")
def test_a_run_is_shown_with_its_errors(google: GoogleDouble) -> None:
    """By its id or by its full name."""
    google.states = ["PIPELINE_STATE_FAILED"]
    google.details = [{"taskId": "1", "taskName": "train", "state": "FAILED", "error": {"message": "exit code 1"}}]
    name = add(google, "r-1", pipelineSpec=SPEC)
    text = runs("get", "r-1").stdout
    assert text.startswith("r-1 failed: https://console.cloud.google.com/vertex-ai/locations/europe-west4/")
    assert "exit code 1" in text
    assert json.loads(runs("get", name, "--output=json").stdout)["error"] == "train: exit code 1"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("end", "code"), [(SUCCEEDED, 0), ("PIPELINE_STATE_CANCELLED", 1)])
def test_a_run_is_watched_to_its_end(google: GoogleDouble, end: str, code: int) -> None:
    """The exit code is the run's."""
    add(google, "r-1")
    google.states = [RUNNING, RUNNING, end]
    google.details = [{"taskId": "1", "taskName": "train", "state": "RUNNING"}]
    done = runs("watch", "r-1")
    assert done.exit_code == code
    assert "train" in done.stderr


@pytest.mark.usefixtures("project")
def test_a_run_is_cancelled_once(google: GoogleDouble) -> None:
    """With --wait until it has stopped; a run that has ended is not asked again."""
    add(google, "r-1")
    google.states = [RUNNING] * 9
    assert "r-1 cancelled" in runs("cancel", "r-1", "--wait").stdout
    assert len(google.of("POST", "/r-1:cancel")) == 1
    with pytest.raises(UsageError, match="has ended already: cancelled"):
        runs("cancel", "r-1")


@pytest.mark.usefixtures("project")
def test_a_run_is_started_again_with_a_changed_parameter(google: GoogleDouble) -> None:
    """All else is the same; parameters are checked as in `kfx submit`."""
    body = {
        "displayName": "Hello",
        "pipelineSpec": SPEC,
        "labels": {"team": "x"},
        "serviceAccount": "sa@my-project.iam.gserviceaccount.com",
        "network": f"projects/{PROJECT_NUMBER}/global/networks/default",
        "reservedIpRanges": ["r"],
        "encryptionSpec": {"kmsKeyName": "projects/k/locations/europe-west4/keyRings/r/cryptoKeys/c"},
        "runtimeConfig": {
            "gcsOutputDirectory": "gs://bucket/root",
            "parameterValues": {"name": "Ann", "times": 3},
            "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_FAST",
        },
    }
    reserved = {"labels": {"team": "x", "vertex-ai-pipelines-run-billing-id": "1"}}
    add(google, "r-1", **{**body, **reserved})
    runs("clone", "r-1", "-p", "times=4")
    runtime = {**body["runtimeConfig"], "parameterValues": {"name": "Ann", "times": 4}}  # type: ignore[dict-item]
    assert google.created.body == {**body, "runtimeConfig": runtime}
    assert google.created.query["pipelineJobId"].startswith("hello-")
    with pytest.raises(UsageError, match=r"no parameter 'time'\. Did you mean 'times'"):
        runs("clone", "r-1", "-p", "time=4")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["get", "absent"], "There is no run projects/my-project/locations/europe-west4/pipelineJobs/absent"),
        (["get", "a/b"], "must be an id or projects/P/locations/L/pipelineJobs/ID"),
    ],
)
def test_a_run_that_is_not_there_is_said(arguments: list[str], message: str) -> None:
    """With the place that was looked in."""
    with pytest.raises(UsageError) as error:
        runs(*arguments)
    assert message in str(error.value)


def test_the_place_is_needed(folder: Path) -> None:
    """No project, no guess."""
    with pytest.raises(UsageError, match="No project"):
        runs("list", "--region=europe-west4")
