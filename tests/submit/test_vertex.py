"""Runs on Vertex AI over its REST API."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from google_double import PROJECT_NUMBER, RUNNING, SUCCEEDED, GoogleDouble, RefusalError

from kfx.errors import PermanentError, TransientError, UsageError
from kfx.gcp import Api, credentials, is_loopback
from kfx.submit import experiment, vertex
from kfx.submit.job import Job
from kfx.unreachable import why_unreachable

JOB = Job(
    spec={"pipelineInfo": {"name": "p"}},
    project="my-project",
    region="europe-west4",
    pipeline_root="gs://bucket/root",
    job_id="p-1",
)
NAME = f"projects/{PROJECT_NUMBER}/locations/europe-west4/pipelineJobs/p-1"


@pytest.fixture
def api(google: GoogleDouble) -> Api:
    return Api(google.url, pause_s=0)


def test_a_run_is_created_in_its_project_and_region(api: Api, google: GoogleDouble) -> None:
    """One POST with the job id as a query parameter and the PipelineJob as the body."""
    assert vertex.create(api, JOB)["name"] == NAME
    assert google.created.path == "/v1/projects/my-project/locations/europe-west4/pipelineJobs"
    assert google.created.query == {"pipelineJobId": "p-1"}
    assert google.created.body == JOB.body()
    assert "Authorization" not in google.created.headers
    assert google.created.headers["User-Agent"].startswith("kfx/")


def test_a_lost_answer_makes_no_second_run(api: Api, google: GoogleDouble) -> None:
    """The request is sent again, Vertex says the run exists, and that run is the one."""
    google.lost_answers = 1
    assert vertex.create(api, JOB)["name"] == NAME
    assert len(google.of("POST", "/pipelineJobs")) == 2
    assert len(google.resources) == 1


def test_a_busy_service_is_asked_again(api: Api, google: GoogleDouble) -> None:
    """503 and 429 pass."""
    google.refusals = [
        ("/pipelineJobs", RefusalError(503, "busy")),
        ("/pipelineJobs", RefusalError(429, "slow down", Retry_After="0")),
    ]
    assert vertex.create(api, JOB)["name"] == NAME


def test_a_run_that_exists_is_refused(api: Api, google: GoogleDouble) -> None:
    """A second run of one id is an error of the caller's."""
    vertex.create(api, JOB)
    with pytest.raises(UsageError, match="There is a run p-1"):
        vertex.create(api, JOB)


def test_no_permission_names_the_roles(api: Api, google: GoogleDouble) -> None:
    """Google's message is kept, the roles are added."""
    google.refusals = [("/pipelineJobs", RefusalError(403, "iam.serviceAccounts.actAs denied"))]
    with pytest.raises(PermanentError, match=r"actAs denied.*roles/aiplatform\.user"):
        vertex.create(api, JOB)


def test_a_bucket_that_is_absent_is_never_created(google: GoogleDouble) -> None:
    """The message has the command; nothing but the look at the bucket went out."""
    google.buckets = {}
    with pytest.raises(UsageError) as error:
        vertex.check_bucket(vertex.storage(), JOB)
    assert "gcloud storage buckets create gs://bucket --project=my-project --location=europe-west4" in str(error.value)
    assert [(sent.method, sent.path) for sent in google.sent] == [("GET", "/storage/v1/b/bucket")]


def test_a_bucket_one_may_not_look_at_is_a_warning(google: GoogleDouble) -> None:
    """roles/storage.objectAdmin lets an account write objects and not see the bucket."""
    google.refusals = [("/bucket", RefusalError(403, "storage.buckets.get denied"))]
    assert "was not checked" in vertex.check_bucket(vertex.storage(), JOB)
    assert vertex.check_bucket(vertex.storage(), JOB) == ""


def test_a_network_gets_its_projects_number(google: GoogleDouble) -> None:
    """Vertex takes no other form; the original's --network was a bare name."""
    full = f"projects/{PROJECT_NUMBER}/global/networks/default"
    assert vertex.full_network("default", "my-project", google.url) == full
    assert vertex.full_network("projects/host/global/networks/default", "my-project", google.url) == full
    assert google.of("GET", "/v3/projects/host")
    before = len(google.sent)
    assert vertex.full_network(full, "my-project", google.url) == full
    assert len(google.sent) == before
    with pytest.raises(UsageError, match="NAME or projects"):
        vertex.full_network("a b", "my-project", google.url)


def test_a_number_that_cannot_be_looked_up_says_where_it_is(google: GoogleDouble) -> None:
    """The Resource Manager API may be off; then the full form is the way out."""
    google.refusals = [("/v3/projects/my-project", RefusalError(403, "API not enabled"))]
    with pytest.raises(UsageError, match="gcloud projects describe my-project"):
        vertex.full_network("default", "my-project", google.url)


def test_the_wait_ends_with_the_run(api: Api, google: GoogleDouble) -> None:
    """Every state is shown, a service that is away for a while does not end the wait."""
    vertex.create(api, JOB)
    google.states = [RUNNING, RUNNING, SUCCEEDED]
    google.refusals = [("/p-1", RefusalError(503, "away", Retry_After="0"))] * 6
    seen: list[str] = []
    job = vertex.watch(api, NAME, lambda found: seen.append(found["state"]), poll_s=0)
    assert job["state"] == SUCCEEDED
    assert seen == [RUNNING, RUNNING, SUCCEEDED]


def test_the_wait_gives_up_on_a_service_that_stays_away(api: Api, google: GoogleDouble) -> None:
    """Twenty reads in a row without an answer."""
    vertex.create(api, JOB)
    google.refusals = [("/p-1", RefusalError(503, "away", Retry_After="0"))] * 100
    with pytest.raises(TransientError, match="503 away"):
        vertex.watch(api, NAME, poll_s=0)
    assert not google.refusals


def test_a_cancelled_run_ends_cancelled(api: Api, google: GoogleDouble) -> None:
    """The wait hands the state over; it takes it for nothing better."""
    vertex.create(api, JOB)
    vertex.cancel(api, NAME)
    assert vertex.watch(api, NAME, poll_s=0)["state"] == "PIPELINE_STATE_CANCELLED"


def test_runs_are_listed_page_after_page(api: Api, google: GoogleDouble) -> None:
    """The double's pages hold two."""
    for number in range(5):
        google.resources[NAME.replace("p-1", f"p-{number}")] = {"name": f"p-{number}"}
    names = [job["name"] for job in vertex.list_jobs(api, JOB.parent, 'labels.team="x"')]
    assert names == ["p-4", "p-3", "p-2", "p-1", "p-0"]
    assert google.sent[0].query["filter"] == 'labels.team="x"'
    assert google.sent[0].query["orderBy"] == "create_time desc"


def test_a_run_that_is_not_there_is_named(api: Api) -> None:
    """404 is the caller's mistake."""
    with pytest.raises(UsageError, match="There is no run"):
        vertex.get(api, NAME)


def test_a_run_joins_an_experiment(api: Api, google: GoogleDouble) -> None:
    """Store and experiment are made if absent, and the run's context becomes the experiment's child."""
    vertex.create(api, JOB)
    experiment.ensure(api, JOB.parent, "beans")
    experiment.ensure(api, JOB.parent, "beans")
    experiment.associate(api, JOB.parent, "beans", NAME, poll_s=0)
    (made,) = google.of("POST", "/contexts")
    assert made.query == {"contextId": "beans"}
    assert made.body == {
        "displayName": "beans",
        "schemaTitle": "system.Experiment",
        "schemaVersion": "0.0.1",
        "metadata": {"experiment_deleted": False},
    }
    (added,) = google.of("POST", "/contexts/beans:addContextChildren")
    assert added.body == {"childContexts": [NAME.replace("pipelineJobs", "metadataStores/default/contexts")]}


def test_what_is_no_experiment_is_refused(api: Api, google: GoogleDouble) -> None:
    """A context of another schema, or a name Vertex refuses."""
    store = f"projects/{PROJECT_NUMBER}/locations/europe-west4/metadataStores/default"
    google.resources[store] = {}
    google.resources[f"{store}/contexts/beans"] = {"schemaTitle": "system.Pipeline"}
    with pytest.raises(UsageError, match=r"system\.Pipeline"):
        experiment.ensure(api, JOB.parent, "beans")
    with pytest.raises(UsageError, match="lower-case"):
        experiment.ensure(api, JOB.parent, "My Beans")


def test_plain_http_is_for_this_machine_only() -> None:
    """An access token never crosses a network in clear text."""
    assert is_loopback("http://127.0.0.1:8080")
    assert is_loopback("http://localhost")
    assert not is_loopback("https://europe-west4-aiplatform.googleapis.com")
    for address in ("http://example.com", "http://10.0.0.1", "aiplatform.googleapis.com", "ftp://localhost"):
        with pytest.raises(UsageError, match="must start with https://"):
            is_loopback(address)


def test_no_credentials_say_how_to_sign_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's own error is a paragraph; ours is the command."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(PermanentError, match="gcloud auth application-default login"):
        Api("https://europe-west4-aiplatform.googleapis.com").get("/v1/projects/p")


def test_a_server_out_of_reach_is_told_in_the_systems_words() -> None:
    """Not as the dump of the HTTP library's exceptions."""
    for address, why in (("http://127.0.0.1:9", "Connection refused"), ("http://localhost:9", "Connection refused")):
        with pytest.raises(TransientError) as error:
            Api(address, pause_s=0).get("/v1/x")
        assert str(error.value) == f"{address} cannot be reached ({why})."
    wrapped = RuntimeError("dump")
    wrapped.__cause__ = TimeoutError()
    assert why_unreachable(wrapped) == "no answer in time"
    assert why_unreachable(RuntimeError("dump")) == "RuntimeError"


@pytest.mark.parametrize("page", [b"<html>Sign in to the guest network</html>", b"\xff\xfe\x00", b"[]", b'"ok"'])
def test_a_proxys_page_is_no_answer_of_googles(api: Api, google: GoogleDouble, page: bytes) -> None:
    """Status 200 from a captive portal is told as such, with the host and without the page."""
    google.page = page
    with pytest.raises(PermanentError) as error:
        api.get("/v1/projects/my-project")
    assert str(error.value).startswith(f"{google.url.removeprefix('http://')} answered no JSON. A proxy")
    assert "--api-endpoint" in str(error.value)
    assert "guest" not in str(error.value)


SECRET = "s3cret"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "is not there"),
        (b"[]", "holds no credentials of Google's"),
        (b"\xff\xfe\x00" + SECRET.encode(), "holds no credentials of Google's"),
        (b'{"type": "s3cret"}', "holds no credentials of Google's"),
        (b'{"type": "service_account", "client_email": 1, "private_key": 5, "token_uri": 3}', "holds no credentials"),
        (
            b'{"type": "service_account", "client_email": "a@b", "private_key": "s3cret", "token_uri": "https://x"}',
            "holds no credentials of Google's",
        ),
        (b'{"type": "authorized_user", "refresh_token": "s3cret"}', "holds no credentials of Google's"),
    ],
)
def test_a_key_file_that_is_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, reason: str
) -> None:
    """Variable, path and way out; signing in helps nobody while the variable is set. The content stays in the file."""
    key = tmp_path / "key.json"
    if content is not None:
        key.write_bytes(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with pytest.raises(UsageError) as error:
        credentials(anonymous=False)
    told = "".join(traceback.format_exception(type(error.value), error.value, error.tb))
    assert f"GOOGLE_APPLICATION_CREDENTIALS names {key}, which {reason}" in told
    assert "Unset the variable" in told
    assert SECRET not in told


def test_a_folder_is_no_key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does an emulator need one."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path))
    with pytest.raises(UsageError, match="which is a folder"):
        credentials(anonymous=False)
    assert credentials(anonymous=True)


def test_what_signing_in_takes_depends_on_the_variable(google: GoogleDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable goes before what gcloud leaves, so it has to go first."""
    google.refusals = [("/v1/projects/p", RefusalError(401, "expired"))] * 2
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "key.json")
    with pytest.raises(PermanentError, match="again: unset GOOGLE_APPLICATION_CREDENTIALS; gcloud auth"):
        Api(google.url).get("/v1/projects/p")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    with pytest.raises(PermanentError, match="again: gcloud auth application-default login"):
        Api(google.url).get("/v1/projects/p")
