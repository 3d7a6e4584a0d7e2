"""`kfx submit --to kfp` with kfp's real client against a double of the KFP API (v2beta1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from kfx.cli.main import kfx_
from kfx.errors import PermanentError, TransientError, UsageError
from tests.conftest import require_module
from tests.loopback import Asked, serving

TOKEN = "ey-secret-token"
PIPELINE = """
from kfp import dsl

@dsl.component(base_image="python:3.12")
def own(name: str):
    print(name)

@dsl.pipeline(name="nightly")
def nightly(name: str, times: int = 3, job_id: str = ""):
    own(name=name)
"""
WITH_SECRET = PIPELINE.replace(
    "own(name=name)", "from kfp import kubernetes; kubernetes.use_secret_as_env(own(name=name), 's', {'a': 'A'})"
)


@dataclass
class KfpDouble:
    """Runs, recurring runs and experiments; it wants its token."""

    url: str = ""
    states: list[str] = field(default_factory=lambda: ["RUNNING", "SUCCEEDED"])
    tasks: list[dict[str, Any]] = field(default_factory=list)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[tuple[str, str, Any]] = field(default_factory=list)
    away: int = 0

    def answer(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        """Handles one request."""
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "no valid token"}
        url, method, body = urlsplit(asked.path), asked.method, asked.json
        path, query = url.path, parse_qs(url.query)
        self.sent.append((method, path, body))
        name = path.removeprefix("/apis/v2beta1/")
        if (method, name) == ("GET", "experiments"):
            wanted = json.loads(query["filter"][0])["predicates"][0]["stringValue"] if "filter" in query else None
            found = [each for each in self.experiments.values() if wanted in (None, each["display_name"])]
            return 200, {"experiments": found}
        if (method, name) == ("POST", "experiments"):
            made = {**body, "experiment_id": f"e-{len(self.experiments)}"}
            self.experiments[body["display_name"]] = made
            return 200, made
        if (method, name) == ("POST", "runs"):
            return 200, {**body, "run_id": "r-1", "state": "PENDING"}
        if (method, name) == ("GET", "runs/r-1"):
            if self.away:
                self.away -= 1
                return 503, {"message": "away"}
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return 200, {
                "run_id": "r-1",
                "display_name": "n",
                "state": state,
                "run_details": {"task_details": self.tasks},
            }
        if (method, name) == ("POST", "recurringruns"):
            return 200, {**body, "recurring_run_id": "rr-1"}
        return 404, {"message": f"{method} {path} not found"}

    def body(self, name: str) -> Any:
        """The body of the one POST to a collection."""
        (body,) = [body for method, path, body in self.sent if (method, path) == ("POST", f"/apis/v2beta1/{name}")]
        return body


@pytest.fixture
def server() -> Iterator[KfpDouble]:
    with serving(KfpDouble()) as double:
        yield double


@pytest.fixture
def project(folder: Path, server: KfpDouble, monkeypatch: pytest.MonkeyPatch) -> Path:
    (folder / "kfx.toml").write_text(
        f'to = "kfp"\nhost = "{server.url}"\nnamespace = "team"\n[submit]\ntoken = "env:KFP_TOKEN"\n'
        "poll_seconds = 0.01\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("KFP_TOKEN", TOKEN)
    (folder / "nightly.py").write_text(PIPELINE, encoding="utf-8")
    return folder


def submit(*arguments: str) -> Result:
    return CliRunner().invoke(kfx_, ["submit", "nightly.py", *arguments], catch_exceptions=False)


@pytest.mark.usefixtures("project")
def test_every_setting_reaches_the_wire(server: KfpDouble) -> None:
    """The Run that the KFP API gets, in the experiment of the name."""
    done = submit(
        *("--name", "5", "--times=4", "--experiment=nights", "--pipeline-root=minio://bucket/root"),
        *("--service-account=runner", "--display-name=Nightly 1", "--no-caching", "--pipeline-name=other"),
    )
    assert done.exit_code == 0
    assert f"Created Nightly 1 (r-1): {server.url}/#/runs/details/r-1" in done.stdout
    assert server.body("experiments") == {"display_name": "nights", "namespace": "team"}
    body = server.body("runs")
    spec = body.pop("pipeline_spec")
    assert body == {
        "display_name": "Nightly 1",
        "experiment_id": "e-0",
        "service_account": "runner",
        "runtime_config": {
            "pipeline_root": "minio://bucket/root",
            "parameters": {"name": "5", "times": 4, "job_id": "Nightly 1"},
        },
    }
    assert spec["pipelineInfo"]["name"] == "other"
    assert spec["root"]["dag"]["tasks"]["own"]["cachingOptions"] == {}


def test_kubernetes_settings_go_along(project: Path, server: KfpDouble) -> None:
    """They are the second document of the compiled pipeline."""
    require_module("kfp.kubernetes")
    (project / "nightly.py").write_text(WITH_SECRET, encoding="utf-8")
    submit("--name=x")
    sent = server.body("runs")["pipeline_spec"]
    assert sent["pipeline_spec"]["pipelineInfo"]["name"] == "nightly"
    assert "own" in json.dumps(sent["platform_spec"]["platforms"]["kubernetes"])


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("end", "state", "code"), [("SUCCEEDED", "succeeded", 0), ("FAILED", "failed", 1), ("CANCELED", "cancelled", 1)]
)
def test_waiting_ends_as_the_run_ends(server: KfpDouble, end: str, state: str, code: int) -> None:
    """kfp's own wait goes on for ever for a cancelled run; a server that is away for a while is no end."""
    server.states = ["PENDING", "RUNNING", "RUNNING", end]
    server.tasks = [{"task_id": "1", "display_name": "own", "state": "RUNNING"}]
    server.away = 3
    done = submit("--name=x", "--wait", "--output=json")
    assert done.exit_code == code
    result = json.loads(done.stdout)
    assert (result["state"], result["run"]) == (state, "r-1")
    assert "own" in done.stderr


@pytest.mark.usefixtures("project")
def test_a_recurring_run_is_made(server: KfpDouble) -> None:
    """KFP's cron has the seconds in front."""
    done = submit("--name=x", "--schedule=0 6 * * 1-5", "--end-time=2199-01-01T00:00:00Z", "--max-concurrent-runs=2")
    assert f"Created the recurring run rr-1: {server.url}/#/recurringrun/details/rr-1" in done.stdout
    body = server.body("recurringruns")
    assert body["trigger"] == {"cron_schedule": {"cron": "0 0 6 * * 1-5", "end_time": "2199-01-01T00:00:00Z"}}
    assert (body["max_concurrency"], body["mode"], body["no_catchup"]) == (2, "ENABLE", True)
    with pytest.raises(UsageError, match="no --time-zone"):
        submit("--name=x", "--schedule=0 6 * * *", "--time-zone=Europe/Berlin")


@pytest.mark.usefixtures("project")
def test_what_kfp_lacks_is_said(server: KfpDouble) -> None:
    """Not silently dropped."""
    assert "KFP has no --label" in submit("--name=x", "--label=a=b").stderr


@pytest.mark.usefixtures("project")
def test_a_wrong_parameter_sends_nothing(server: KfpDouble) -> None:
    """The same checks as for Vertex."""
    with pytest.raises(UsageError, match="'times' takes an integer"):
        submit("--name=x", "--times=many")
    assert not server.sent


@pytest.mark.usefixtures("project")
def test_the_token_is_a_reference_and_never_shown(server: KfpDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """A literal is refused, a wrong one is told without being shown."""
    with pytest.raises(UsageError) as literal:
        submit("--name=x", f"--token={TOKEN}")
    monkeypatch.setenv("KFP_TOKEN", "ey-wrong-token")
    with pytest.raises(PermanentError) as wrong:
        submit("--name=x")
    assert "answers 401: no valid token" in str(wrong.value)
    for error in (literal, wrong):
        assert "ey-" not in str(error.value)


@pytest.mark.usefixtures("project")
def test_a_server_out_of_reach_is_said() -> None:
    """One sentence in place of urllib3's chain."""
    with pytest.raises(TransientError, match=r"http://127\.0\.0\.1:9 cannot be reached \(Connection refused\)\.$"):
        submit("--name=x", "--host=http://127.0.0.1:9")
