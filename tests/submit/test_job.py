"""A Vertex AI run is checked field by field before anything is sent."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

import pytest

from kfx.errors import UsageError
from kfx.submit.job import Job, check_labels, new_job_id, parse_labels

JOB = Job(
    spec={"pipelineInfo": {"name": "p"}},
    project="my-project",
    region="europe-west4",
    pipeline_root="gs://bucket/root",
    job_id="p-20261121080000",
)
NETWORK = "projects/123/global/networks/default"
KEY = "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k"


def test_the_least_job_has_only_what_was_given() -> None:
    """Nothing empty goes over the wire."""
    JOB.check()
    assert JOB.body() == {
        "displayName": "p",
        "pipelineSpec": {"pipelineInfo": {"name": "p"}},
        "runtimeConfig": {"gcsOutputDirectory": "gs://bucket/root", "parameterValues": {}},
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"project": "My_Project"}, "The project 'My_Project' must be"),
        ({"region": "europe-west4-a"}, "not a zone"),
        ({"region": "EU"}, "not a multi-region"),
        ({"pipeline_root": "bucket/root"}, "must be gs://BUCKET/PATH"),
        ({"pipeline_root": "gs://Bucket"}, "must be gs://BUCKET/PATH"),
        ({"job_id": "Run_1"}, "The job id 'Run_1' must be"),
        ({"display_name": "x" * 129}, "at most 128"),
        ({"service_account": "me@example.com"}, "NAME@PROJECT.iam.gserviceaccount.com"),
        ({"network": "projects/my-project/global/networks/default"}, "projects/NUMBER/global/networks/NAME"),
        ({"network": NETWORK, "psc_network_attachment": "a"}, "not both"),
        ({"psc_network_attachment": "a/b"}, "networkAttachments"),
        ({"reserved_ip_ranges": ("r",)}, "give --network too"),
        ({"encryption_key": "k"}, "The encryption key 'k' must be"),
        ({"encryption_key": KEY, "region": "us-east1"}, "is in europe-west4, the run in us-east1"),
        ({"labels": {"Team": "x"}}, "'Team'"),
    ],
)
def test_a_malformed_field_is_refused(change: dict[str, Any], message: str) -> None:
    """The message has the value and the form it must have."""
    with pytest.raises(UsageError) as error:
        dataclasses.replace(JOB, **change).check()
    assert message in str(error.value)


def test_regions_newer_than_any_list_are_taken() -> None:
    """google-cloud-aiplatform has a fixed list; a region that opened since is no error here."""
    dataclasses.replace(JOB, region="africa-south1").check()


@pytest.mark.parametrize(
    "labels",
    [
        {"team": "search", "cost-center": "42", "größe": "klein_1", "empty": ""},
        {f"k{number}": "v" for number in range(64)},
        {"k" * 64: "v" * 64},
    ],
)
def test_labels_vertex_takes_are_taken(labels: dict[str, str]) -> None:
    """Lower-case letters of any script, digits, - and _; up to 64 labels of up to 64 characters."""
    check_labels(labels)


@pytest.mark.parametrize(
    "labels",
    [
        {"": "x"},
        {"1st": "x"},
        {"Team": "x"},
        {"team": "Search"},
        {"team": "a b"},
        {"a.b": "x"},
        {"k" * 65: "v"},
        {"k": "v" * 65},
        {f"k{number}": "v" for number in range(65)},
        {"vertex-ai-pipelines-run-billing-id": "1"},
    ],
)
def test_labels_vertex_refuses_are_refused(labels: dict[str, str]) -> None:
    """google-cloud-aiplatform only checks that they are strings."""
    with pytest.raises(UsageError):
        check_labels(labels)


def test_labels_are_read_from_texts() -> None:
    """`key=value`, the value may be empty or have a `=`."""
    assert parse_labels(["a=b", "c=", "d=e=f"]) == {"a": "b", "c": "", "d": "e=f"}
    with pytest.raises(UsageError, match="KEY=VALUE"):
        parse_labels(["a"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my-beans", "my-beans-20260203040506"),
        ("My_Beans Pipeline", "my-beans-pipeline-20260203040506"),
        ("x" * 200, "x" * 113 + "-20260203040506"),
    ],
)
def test_a_job_id_is_the_name_and_the_time(name: str, expected: str) -> None:
    """JOB-YYYYmmddHHMMSS as in the original, in the characters Vertex allows, never over 128."""
    made = new_job_id(name, datetime(2026, 2, 3, 4, 5, 6))
    assert made == expected
    dataclasses.replace(JOB, job_id=made).check()


@pytest.mark.parametrize("name", ["", "123", "__"])
def test_a_job_id_begins_with_a_letter(name: str) -> None:
    """What no id can be made of is refused."""
    with pytest.raises(UsageError, match="begin with a letter"):
        new_job_id(name, datetime(2026, 2, 3))
