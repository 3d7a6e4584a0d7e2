"""Recurring runs: `kfx submit --schedule` and `kfx schedules`, compared with the real SDK on the wire."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from google_double import PROJECT_NUMBER, GoogleDouble

from kfx.cli.main import kfx_
from kfx.errors import UsageError
from kfx.submit.schedule import Schedule, check_cron

PARENT = f"projects/{PROJECT_NUMBER}/locations/europe-west4"
PIPELINE = """
from kfp import dsl

@dsl.component(base_image="python:3.12")
def own(name: str):
    print(name)

@dsl.pipeline(name="nightly")
def nightly(name: str, job_id: str = ""):
    own(name=name)
"""
RUN = ["nightly.py", "--pipeline-root=gs://bucket/root", "--name=x", "--label=team=x", "--no-caching"]
ACCESS = [
    "--service-account=sa@my-project.iam.gserviceaccount.com",
    f"--network=projects/{PROJECT_NUMBER}/global/networks/default",
]
WHEN = ["--schedule=0 6 * * mon-fri", "--time-zone=Europe/Berlin", "--max-runs=10", "--max-concurrent-runs=2"]


@pytest.fixture
def project(folder: Path, google: GoogleDouble) -> Path:
    settings = f'project = "my-project"\nregion = "europe-west4"\napi_endpoint = "{google.url}"\n'
    (folder / "kfx.toml").write_text(settings, encoding="utf-8")
    (folder / "nightly.py").write_text(PIPELINE, encoding="utf-8")
    return folder


def kfx(*arguments: str) -> Result:
    return CliRunner().invoke(kfx_, list(arguments), catch_exceptions=False)


def created(google: GoogleDouble) -> dict[str, Any]:
    (sent,) = google.of("POST", "/schedules")
    assert (sent.path, sent.query.get("pipelineJobId")) == (
        "/v1/projects/my-project/locations/europe-west4/schedules",
        None,
    )
    body: dict[str, Any] = sent.body
    return body


@pytest.mark.usefixtures("project")
def test_the_sdk_sends_the_same_schedule(google: GoogleDouble, tmp_path: Path) -> None:
    """PipelineJob.create_schedule() with kfx's specification: every field agrees."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    done = kfx("submit", *RUN, *ACCESS, *WHEN, "--display-name=Nightly")
    assert "Created the schedule" in done.stdout
    assert "(TZ=Europe/Berlin 0 6 * * mon-fri)" in done.stdout
    ours = created(google)
    google.sent.clear()
    aiplatform.init(
        project="my-project",
        location="europe-west4",
        api_transport="rest",
        api_endpoint=google.url,
        credentials=AnonymousCredentials(),
    )
    job = ours["createPipelineJobRequest"]["pipelineJob"]
    template = tmp_path / "spec.json"
    template.write_text(json.dumps(job["pipelineSpec"]), encoding="utf-8")
    aiplatform.PipelineJob(
        display_name="x",
        template_path=str(template),
        pipeline_root="gs://bucket/root",
        parameter_values={"name": "x"},
        labels={"team": "x"},
    ).create_schedule(
        cron="TZ=Europe/Berlin 0 6 * * mon-fri",
        display_name="Nightly",
        max_run_count=10,
        max_concurrent_run_count=2,
        service_account=job["serviceAccount"],
        network=job["network"],
    )
    assert created(google) == ours


@pytest.mark.usefixtures("project")
def test_a_schedule_may_begin_and_end(google: GoogleDouble) -> None:
    """Times as they are given, the cron in UTC without a time zone."""
    window = ["--start-time=2198-12-01T06:00:00Z", "--end-time=2199-01-01T06:00:00+01:00"]
    done = kfx("submit", *RUN, "--schedule=*/15 * * * *", *window, "--output=json")
    body = created(google)
    assert (body["cron"], body["displayName"], body["maxConcurrentRunCount"]) == ("*/15 * * * *", "nightly", "1")
    assert (body["startTime"], body["endTime"]) == ("2198-12-01T06:00:00Z", "2199-01-01T06:00:00+01:00")
    assert json.loads(done.stdout)["name"].startswith(f"{PARENT}/schedules/")
    assert not google.of("POST", "/pipelineJobs")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--schedule=daily"], "must have five fields"),
        (["--schedule=0 25 * * *"], "The hour '25'"),
        (["--schedule=0 6 * * *", "--time-zone=CET/Berlin"], "must be an IANA name"),
        (["--schedule=0 6 * * *", "--start-time=tomorrow"], "The start time 'tomorrow' must be RFC 3339"),
        (["--schedule=0 6 * * *", "--start-time=21981201T060000Z"], "must be RFC 3339"),
        (["--schedule=0 6 * * *", "--time-zone=localtime"], "must be an IANA name"),
        (["--schedule=² * * * *"], "The minute '²'"),
        (["--schedule=٣ * * * *"], "The minute '٣'"),
        (["--schedule=0 6 31 2 *"], "never comes: no month of it has a day 31"),
        (["--schedule=30-10 6 * * *"], "The minute '30-10' of the schedule '30-10 6 * * *' goes backwards"),
        (["--schedule=*/90 * * * *"], "The step of the minute '*/90'"),
        (["--schedule=0 6 * * *", "--end-time=2020-01-01T00:00:00Z"], "has passed: no run would ever start"),
        (
            ["--schedule=0 6 * * *", "--start-time=2199-01-02T00:00:00Z", "--end-time=2199-01-01T00:00:00Z"],
            "The start time '2199-01-02T00:00:00Z' must be before the end time",
        ),
        (["--schedule=0 6 * * *", "--wait"], "takes no --wait"),
        (["--schedule=0 6 * * *", "--experiment=e"], "takes no --experiment"),
        (["--time-zone=Europe/Berlin"], "give --schedule CRON too"),
        (["--schedule=0 6 * * *", "-p", "nam=x"], "no parameter 'nam'"),
    ],
)
def test_a_wrong_schedule_is_refused(google: GoogleDouble, arguments: list[str], message: str) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError) as error:
        kfx("submit", *RUN, *arguments)
    assert message in str(error.value)
    assert not google.of("POST", "")


@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "0 6 * * 1-5",
        "*/15 0-6/2 1,15 jan-MAR sun",
        "59 23 31 12 7",
        "0 0 1 * *",
        "0 6 29 2 *",
        "0 6 31 2 mon",
        "0 6 31 2-3 *",
        "5/10 * * * *",
    ],
)
def test_cron_expressions_vertex_takes(cron: str) -> None:
    """Numbers, names, ranges, lists and steps."""
    check_cron(cron)


@pytest.mark.parametrize(
    "cron",
    [
        "30-10 * * * *",
        "0 6 * * FRI-MON",
        "*/90 * * * *",
        "0 6 31 2 *",
        "0 6 30-31 feb *",
        "0 6 31 4,6,9,11 *",
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "a * * * *",
    ],
)
def test_cron_expressions_vertex_refuses(cron: str) -> None:
    """Out of range, backwards, a date that never comes, or not five fields."""
    with pytest.raises(UsageError):
        check_cron(cron)


def test_a_time_needs_its_offset() -> None:
    """06:00 where?"""
    with pytest.raises(UsageError, match="RFC 3339"):
        dataclasses.replace(Schedule("0 6 * * *"), end_time="2026-12-01T06:00:00").check()


@pytest.mark.usefixtures("project")
def test_schedules_are_listed_paused_resumed_and_deleted(google: GoogleDouble) -> None:
    """Each by its id or its full name; one that is not there is said."""
    for _ in range(3):
        kfx("submit", *RUN, *WHEN)
    listed = json.loads(kfx("schedules", "list", "--output=json").stdout)
    assert [each["state"] for each in listed] == ["active"] * 3
    first, second = listed[0]["schedule"], f"{PARENT}/schedules/{listed[1]['schedule']}"
    assert kfx("schedules", "pause", first).stdout == f"{first} paused\n"
    assert "paused" in kfx("schedules", "list").stdout
    kfx("schedules", "resume", second, "--catch-up")
    assert google.of("POST", ":resume")[0].body == {"catchUp": True}
    kfx("schedules", "delete", second)
    assert len(json.loads(kfx("schedules", "list", "--output=json").stdout)) == 2
    for verb in ("pause", "resume", "delete"):
        with pytest.raises(UsageError, match="There is no schedule"):
            kfx("schedules", verb, "1")
