"""The cause, read from where each platform keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kfx.outcome import Outcome
from kfx.runs import local
from kfx.runs.find import Found, find
from kfx.runs.run import Run, Task

from ..notify.http_double import Reply
from .cluster_double import RUN_ID, WORKFLOW, ClusterDouble, workflow
from .vertex_double import VertexDouble, job

ON_VERTEX = Outcome.read(
    {
        "state": "FAILED",
        "error": {"code": 9, "message": "The DAG failed."},
        "pipelineJobResourceName": "projects/123/locations/us-central1/pipelineJobs/train-2",
    }
)
ON_KFP = Outcome.read({"state": "FAILED", "error": {}, "pipelineJobResourceName": WORKFLOW})


@pytest.fixture
def vertex(monkeypatch: pytest.MonkeyPatch) -> Iterator[VertexDouble]:
    """Vertex AI and Cloud Logging on loopback."""
    with VertexDouble() as double:
        monkeypatch.delenv(local.RUN_FILE_VARIABLE, raising=False)
        monkeypatch.setenv("KFX_API_ENDPOINT", double.url)
        monkeypatch.setenv("KFX_LOGGING_ENDPOINT", double.url)
        yield double


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterDouble]:
    """A KFP cluster on loopback."""
    with ClusterDouble() as double:
        monkeypatch.delenv(local.RUN_FILE_VARIABLE, raising=False)
        monkeypatch.setenv("KFX_KUBERNETES_API", double.url)
        monkeypatch.setenv("KFX_KFP_API", double.url)
        monkeypatch.setenv("KFX_NAMESPACE", "ml")
        monkeypatch.setenv("KFX_KFP_UI", "https://kfp.example.com")
        yield double


def found_run(found: Found) -> Run:
    """The run that must have been found."""
    assert found.run is not None, found.notes
    return found.run


def test_vertex_gives_the_leaves_own_errors_logs_metrics_and_submitter(vertex: VertexDouble) -> None:
    """Not "the DAG failed": each failing task with its error, the link to its log and the log's end."""
    vertex.jobs = [job("train-2", "PIPELINE_STATE_RUNNING", ("train", "OOM"), ("push", "denied"))]
    vertex.logs = {"770": ["Epoch 1", "Killed"], "771": ["403"]}
    found = find(ON_VERTEX)
    run = found_run(found)
    assert [(task.name, task.error, task.log_tail) for task in run.failed_tasks] == [
        ("train", "OOM", "Epoch 1\nKilled"),
        ("push", "denied", "403"),
    ]
    assert run.failed_tasks[0].log == (
        "https://console.cloud.google.com/logs/query;query=resource.labels.job_id%3D%22770%22?project=123"
    )
    assert (run.metrics, run.parameters) == ({"auc": 0.9}, {"label": "Class"})
    assert (run.pipeline, run.id, run.submitted_by) == ("train", "train-2", "schedule nightly")
    assert found.notes == ()


@pytest.mark.parametrize(
    ("states", "before"),
    [(["FAILED", "SUCCEEDED"], "failed"), (["CANCELLED", "SUCCEEDED"], "succeeded"), (["RUNNING"], None), ([], None)],
)
def test_vertex_gives_the_run_before(states: list[str], before: str | None, vertex: VertexDouble) -> None:
    """The newest older job of the pipeline that succeeded or failed; another pipeline's do not count."""
    other = job("other-1", "PIPELINE_STATE_FAILED")
    other["pipelineSpec"]["pipelineInfo"]["name"] = "other"
    older = [job(f"train-{index}", f"PIPELINE_STATE_{state}") for index, state in enumerate(states, 10)]
    newer = job("train-3", "PIPELINE_STATE_FAILED")
    vertex.jobs = [newer, job("train-2", "PIPELINE_STATE_RUNNING"), other, *older]
    assert find(ON_VERTEX, want_previous=True).previous == before


def test_a_vertex_that_refuses_is_a_note(vertex: VertexDouble) -> None:
    """No permission costs the cause, and the note says so."""
    found = find(ON_VERTEX)
    assert found.run is None
    assert "The failing tasks are unknown, as the run cannot be read" in found.notes[0]
    assert "404" in found.notes[0]


def test_logs_that_cannot_be_read_leave_the_errors(vertex: VertexDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without logging.logEntries.list the tasks' errors are still told."""
    vertex.jobs = [job("train-2", "PIPELINE_STATE_RUNNING", ("train", "OOM"))]
    vertex.script = [Reply(200, json.dumps(vertex.jobs[0]).encode()), Reply(403, b'{"error": {"message": "no"}}')]
    found = find(ON_VERTEX)
    assert found_run(found).failed_tasks[0].error == "OOM"
    assert "logs cannot be read" in found.notes[0]


def test_the_look_up_has_a_budget_and_keeps_what_it_has(vertex: VertexDouble) -> None:
    """A Cloud Logging that never answers costs the log only; a Vertex that never answers costs the cause."""
    vertex.jobs = [job("train-2", "PIPELINE_STATE_RUNNING", ("train", "OOM"))]
    vertex.script = [Reply(200, json.dumps(vertex.jobs[0]).encode()), Reply(how="hang")]
    found = find(ON_VERTEX, budget_s=1.0)
    assert found_run(found).failed_tasks[0].error == "OOM"
    assert found.notes == ("The look-up of the run was cut short after 1 s.",)
    vertex.script = [Reply(how="hang")]
    assert find(ON_VERTEX, budget_s=0.3) == Found(notes=("The look-up of the run was cut short after 0.3 s.",))


def test_argo_gives_task_names_messages_and_logs(cluster: ClusterDouble) -> None:
    """A failed `executor` pod goes by its task's name, with the pod's message and the log's end; KFP gives the rest."""
    cluster.workflow = workflow(("train", "OOMKilled (exit code 137)"), ("push", "Error (exit code 1)"))
    cluster.logs = {
        f"{WORKFLOW}-system-container-impl-30": "Epoch 1\nKilled\n",
        f"{WORKFLOW}-system-container-impl-31": "no",
    }
    found = find(ON_KFP)
    run = found_run(found)
    assert [(task.name, task.state) for task in run.tasks if task.state != "running"] == [
        ("split", "succeeded"),
        ("train", "failed"),
        ("push", "failed"),
    ]
    assert [(task.error, task.log_tail) for task in run.failed_tasks] == [
        ("OOMKilled (exit code 137)", "Epoch 1\nKilled"),
        ("Error (exit code 1)", "no"),
    ]
    assert (run.id, run.pipeline, run.submitted_by) == (RUN_ID, "nightly train", "recurring run rr-1")
    assert run.url == f"https://kfp.example.com/#/runs/details/{RUN_ID}"
    assert run.parameters == {"label": "Class"}
    assert found.notes == ()


def test_a_failed_driver_is_its_tasks_failure(cluster: ClusterDouble) -> None:
    """A driver pod counts when it failed, under the task's name."""
    cluster.workflow = workflow()
    nodes = cluster.workflow["status"]["nodes"]
    nodes[f"{WORKFLOW}-10"] |= {"phase": "Error", "message": "cannot resolve inputs"}
    [failed] = found_run(find(ON_KFP)).failed_tasks
    assert (failed.name, failed.error) == ("split", "The task's driver failed: cannot resolve inputs")


def test_a_retried_task_is_told_once_it_has_failed(cluster: ClusterDouble) -> None:
    """Pods of a retried step, executor(0) and executor(1), keep the task's name."""
    cluster.workflow = workflow(("train", "Error (exit code 1)"))
    cluster.workflow["status"]["nodes"][f"{WORKFLOW}-30"]["displayName"] = "executor(1)"
    [failed] = found_run(find(ON_KFP)).failed_tasks
    assert failed.name == "train"


def test_without_the_workflow_the_kfp_api_names_the_failed_tasks(cluster: ClusterDouble) -> None:
    """With the run's id known the API is asked; DAGs are left out, and the note says what is missing."""
    cluster.workflow = None
    found = find(ON_KFP, run_id=RUN_ID)
    assert [(task.name, task.error) for task in found_run(found).failed_tasks] == [("train", "")]
    assert "The Argo Workflow or its logs cannot be read" in found.notes[0]
    assert "403" in found.notes[0]


def test_without_the_kfp_api_the_workflow_is_enough(cluster: ClusterDouble) -> None:
    """An API that refuses costs its part only."""
    cluster.workflow, cluster.run = workflow(("train", "Error (exit code 1)")), None
    found = find(ON_KFP)
    assert [task.name for task in found_run(found).failed_tasks] == ["train"]
    assert "403" in found.notes[-1]


def test_elsewhere_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop without a run file finds nothing, at once and without a note."""
    for name in (local.RUN_FILE_VARIABLE, "KUBERNETES_SERVICE_HOST", "KFX_KUBERNETES_API", "KFX_KFP_API"):
        monkeypatch.delenv(name, raising=False)
    assert find(ON_KFP) == Found()
    assert find(ON_VERTEX, budget_s=0) == Found()


def test_a_local_run_knows_the_run_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest older run of the same pipeline in the folder of runs; half-written ones do not count."""

    def save(name: str, started: float, state: str, pipeline: str = "p") -> Path:
        (tmp_path / name).mkdir()
        task = Task("t", "failed" if state == "failed" else "succeeded")
        local.save(Run(name, pipeline, (task,), started_at=started), tmp_path / name / "run.json")
        return tmp_path / name / "run.json"

    save("a", 1, "failed")
    save("b", 2, "succeeded")
    save("c", 3, "failed")
    save("other", 4, "succeeded", "q")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "run.json").write_text("{")
    monkeypatch.setenv(local.RUN_FILE_VARIABLE, str(save("d", 5, "succeeded")))
    assert find(ON_KFP, want_previous=True).previous == "failed"
    monkeypatch.setenv(local.RUN_FILE_VARIABLE, str(save("first", 0, "succeeded")))
    assert find(ON_KFP, want_previous=True).previous is None
