"""`kfx submit`, from the command line to the wire."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from google_double import PROJECT_NUMBER, RUNNING, SUCCEEDED, GoogleDouble

from kfx.cli.main import kfx_
from kfx.errors import UsageError

PIPELINE = """
from typing import List
from kfp import dsl
from kfx.components import evaluate

@dsl.component(base_image="python:3.12")
def greet(name: str):
    print(name)

@dsl.pipeline(name="hello-pipeline")
def hello(name: str, times: int = 3, share: float = 0.5, loud: bool = False, friends: List[str] = [], region: str = "",
          network: str = "", service_account: str = "", bucket: str = "", job_id: str = "", project: str = ""):
    greet(name=name)

def check_parameters(values, spec):
    from kfx.errors import UsageError
    if values.get("name") == "nobody":
        raise UsageError("Greet somebody.")
"""
RUN = [
    "--project=my-project",
    "--region=europe-west4",
    "--pipeline-root=gs://bucket/root",
    "--poll-seconds=0.01",
]


@pytest.fixture
def project(folder: Path, google: GoogleDouble, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KFX_API_ENDPOINT", google.url)
    (folder / "hello.py").write_text(PIPELINE, encoding="utf-8")
    return folder


def submit(*arguments: str) -> Result:
    return CliRunner().invoke(kfx_, ["submit", *arguments], catch_exceptions=False)


def refused(*arguments: str) -> str:
    with pytest.raises(UsageError) as error:
        submit(*arguments)
    return str(error.value)


def test_every_setting_reaches_the_wire(project: Path, google: GoogleDouble) -> None:
    """One command with all of them, and the request field by field."""
    done = submit(
        *("hello.py", *RUN, "-p", "name=5", "--times", "4", "--loud", "--friends", "a@x", "b@x", "--share=1"),
        *("--service-account=sa@my-project.iam.gserviceaccount.com", "--network=default"),
        *("--reserved-ip-range=r1", "--label=team=search", "--label=env=prod", "--no-caching"),
        *("--failure-policy=fast", "--job-id=my-beans", "--display-name=My beans", "--pipeline-name=first-pipeline"),
        *("--encryption-key=projects/k/locations/europe-west4/keyRings/r/cryptoKeys/c", "--experiment=beans"),
    )
    assert done.exit_code == 0, done.output
    sent = google.created
    assert sent.path == "/v1/projects/my-project/locations/europe-west4/pipelineJobs"
    job_id = sent.query["pipelineJobId"]
    assert re.fullmatch(r"my-beans-\d{14}", job_id)
    body = sent.body
    spec = body.pop("pipelineSpec")
    network = f"projects/{PROJECT_NUMBER}/global/networks/default"
    account = "sa@my-project.iam.gserviceaccount.com"
    assert body == {
        "displayName": "My beans",
        "labels": {"team": "search", "env": "prod"},
        "serviceAccount": account,
        "network": network,
        "reservedIpRanges": ["r1"],
        "encryptionSpec": {"kmsKeyName": "projects/k/locations/europe-west4/keyRings/r/cryptoKeys/c"},
        "runtimeConfig": {
            "gcsOutputDirectory": "gs://bucket/root",
            "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_FAST",
            "parameterValues": {
                "name": "5",
                "times": 4,
                "loud": True,
                "friends": ["a@x", "b@x"],
                "share": 1.0,
                "project": "my-project",
                "region": "europe-west4",
                "network": network,
                "service_account": account,
                "bucket": "gs://bucket",
                "job_id": job_id,
            },
        },
    }
    assert spec["pipelineInfo"]["name"] == "first-pipeline"
    assert spec["root"]["dag"]["tasks"]["greet"]["cachingOptions"] == {"enableCache": False}
    assert google.of("POST", "/contexts/beans:addContextChildren")
    assert f"pipelines/runs/{job_id}?project=my-project" in done.stdout


def test_the_root_may_be_a_bucket_and_a_path(project: Path, google: GoogleDouble) -> None:
    """The original's --bucket gs://B --pipeline-root R."""
    run = ["--project-id=my-project", "--region=europe-west4", "-p", "name=x"]
    submit("hello.py", *run, "--bucket", "gs://bucket/", "--pipeline-root", "my-root")
    assert google.created.body["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/my-root"


def test_settings_come_from_the_file(project: Path, google: GoogleDouble) -> None:
    """A team's kfx.toml leaves only the pipeline to name."""
    (project / "kfx.toml").write_text(
        'project = "my-project"\nregion = "europe-west4"\npipeline_root = "gs://bucket/team"\n[labels]\nteam = "x"\n'
        "[submit]\ncaching = false\n",
        encoding="utf-8",
    )
    assert submit("hello.py", "--name", "x").exit_code == 0
    assert google.created.body["labels"] == {"team": "x"}
    assert google.created.body["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/team"


def test_a_compiled_file_is_sent_as_it_is(project: Path, google: GoogleDouble) -> None:
    """`kfx compile` and `kfx submit` agree."""
    CliRunner().invoke(kfx_, ["compile", "hello.py", "-o", "hello.yaml"], catch_exceptions=False)
    submit("hello.yaml", *RUN, "-p", "name=x")
    submit("hello.py", *RUN, "-p", "name=x", "--job-id=again")
    first, second = google.of("POST", "/pipelineJobs")
    assert first.body == {**second.body, "runtimeConfig": first.body["runtimeConfig"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hello.py", *RUN], "needs a value for: name. Add -p name=<text>"),
        (["hello.py", *RUN, "--image=localhost/kfx:0"], "needs a value for: name. Add -p name=<text>"),
        (["hello.py", *RUN, "-p", "nam=x"], "no parameter 'nam'. Did you mean 'name'?"),
        (["hello.py", *RUN, "--nam", "x"], "There is no option --nam. Did you mean --name?"),
        (["hello.py", *RUN, "--name", "x", "--labl", "a=b"], "There is no option --labl. Did you mean --label?"),
        (["hello.py", *RUN, "--name", "x", "y"], "--name takes one value, and 'y' follows it."),
        (["hello.py", *RUN, "--name"], "--name needs a value."),
        (["hello.py", *RUN, "-p", "name=x", "-p", "times=3.5"], "'times' takes an integer, not 3.5"),
        (["hello.py", *RUN, "-p", "name=x", "--times", "many"], "'times' takes an integer, not 'many'"),
        (["hello.py", *RUN, "-p", "name=nobody"], "Greet somebody."),
        (["hello.py", *RUN, "-p", "name=x", "-p", "region=us-central1"], "they must agree"),
        (["hello.py", *RUN, "-p", "name=x", "--label", "Team=x"], "'Team'"),
        (
            ["hello.py", "--region=europe-west4", "--pipeline-root=gs://b/r", "-p", "name=x"],
            "No project. Give --project",
        ),
        (["hello.py", "--project=my-project", "--pipeline-root=gs://b/r", "-p", "name=x"], "No region. Give --region"),
        (["hello.py", "--project=my-project", "--region=europe-west4", "-p", "name=x"], "kfx creates no bucket."),
        (["hello.py", *RUN, "-p", "name=x", "--bucket=gs://other"], "is not in the bucket 'gs://other'"),
        (["--name", "x", "hello.py", *RUN], "PIPELINE goes before its parameters"),
        (["hello.py", "stray", *RUN], "'stray' belongs to no option"),
        (["hello.py", *RUN, "-p", "name=x", "--api-endpoint=http://10.0.0.1"], "must start with https://"),
        (["hello.py", *RUN, "-p", "name=x", "--experiment=My Beans"], "The experiment 'My Beans'"),
        (["nothing", *RUN], "There is no pipeline 'nothing'."),
        (["hello.py", *RUN, "-p", f"name=xoxb-{'1' * 20}"], "parameter.name looks like a Slack token"),
    ],
)
def test_a_wrong_input_is_refused_before_anything_is_created(
    project: Path, google: GoogleDouble, arguments: list[str], message: str
) -> None:
    """Names, types, required ones, settings: each with its own sentence, and no run and no experiment is made."""
    assert message in refused(*arguments)
    assert not google.of("POST", "")


def test_an_absent_bucket_is_refused(project: Path, google: GoogleDouble) -> None:
    """Never created by surprise."""
    google.buckets = {}
    assert "gcloud storage buckets create gs://bucket" in refused("hello.py", *RUN, "-p", "name=x")
    assert not google.of("POST", "")


def test_an_image_only_this_machine_has_is_refused(project: Path, google: GoogleDouble) -> None:
    """With the way out, which works, also for a file compiled before."""
    split = "from kfx.components import train_test_split\n    train_test_split(source=name)"
    text = PIPELINE.replace("greet(name=name)", split)
    (project / "local.py").write_text(text, encoding="utf-8")
    message = refused("local.py", *RUN, "-p", "name=x")
    assert re.search(r"train-test-split runs in localhost/kfx:\S+, which no cluster can pull", message)
    CliRunner().invoke(kfx_, ["compile", "local.py", "-o", "local.yaml"], catch_exceptions=False)
    tagged = ["--image=reg.example/kfx:v0", "--pipeline-container-version=v2", "--no-pin"]
    submit("local.yaml", *RUN, "-p", "name=x", *tagged)
    (executor,) = google.created.body["pipelineSpec"]["deploymentSpec"]["executors"].values()
    assert executor["container"]["image"] == "reg.example/kfx:v2"


@pytest.mark.parametrize(
    ("end", "state", "code"),
    [
        (SUCCEEDED, "succeeded", 0),
        ("PIPELINE_STATE_FAILED", "failed", 1),
        ("PIPELINE_STATE_CANCELLED", "cancelled", 1),
    ],
)
def test_waiting_ends_as_the_run_ends(project: Path, google: GoogleDouble, end: str, state: str, code: int) -> None:
    """--wait fails on FAILED and on CANCELLED, shows the tasks, and tells the failing task's own error."""
    google.states = [RUNNING, RUNNING, end]
    google.details = [
        {"taskId": "1", "taskName": "greet", "state": "RUNNING", "startTime": "2026-11-21T08:00:01.123456789Z"},
        {"taskId": "2", "taskName": "later", "state": "PENDING"},
    ]
    if end == "PIPELINE_STATE_FAILED":
        google.job_error = {"code": 9, "message": "The DAG failed because some tasks failed: [greet]."}
        google.details[0] |= {"state": "FAILED", "error": {"code": 9, "message": "The replica exited with code 1."}}
    done = submit("hello.py", *RUN, "-p", "name=x", "--wait", "--output=json")
    assert done.exit_code == code
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["state"] == state
    assert result["run"] == google.created.query["pipelineJobId"]
    assert [task["name"] for task in result["tasks"]] == ["greet", "later"]
    assert "greet" in done.stderr
    if state == "failed":
        assert result["error"].splitlines() == [
            "The DAG failed because some tasks failed: [greet].",
            "greet: The replica exited with code 1.",
        ]


def test_the_program_exits_2_for_usage_and_1_for_failure(project: Path, google: GoogleDouble) -> None:
    """The real program in a process of its own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "kfx.cli.main", "submit", "hello.py", *RUN, *arguments]
        return subprocess.run(program, capture_output=True, text=True, check=False)

    wrong = run("-p", "nam=x")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Error: The pipeline has no parameter 'nam'" in wrong.stderr
    google.states = ["PIPELINE_STATE_CANCELLED"]
    cancelled = run("-p", "name=x", "--wait")
    assert cancelled.returncode == 1, cancelled.stderr
    assert "cancelled" in cancelled.stdout


def test_help_imports_nothing_heavy(folder: Path) -> None:
    """`kfx submit --help` is instant: neither kfp nor anything of Google's is imported."""
    code = (
        "import sys; from click.testing import CliRunner; from kfx.cli.main import kfx_\n"
        "done = CliRunner().invoke(kfx_, ['submit', '--help'])\n"
        "assert '--service-account' in done.output and done.exit_code == 0, done.output\n"
        "heavy = ('kfp', 'google.auth', 'google.api_core', 'google.protobuf', 'requests', 'yaml', 'rich')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
