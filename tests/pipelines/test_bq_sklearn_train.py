"""The KFX pipeline as it is compiled."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from kfx.cli.pipeline import Pipeline, resolve
from kfx.errors import UsageError

REPOSITORY = Path(__file__).resolve().parent.parent.parent
FILE = REPOSITORY / "kfx" / "pipelines" / "bq_sklearn_train.py"
GIVEN = {
    "bq_source": "bq://my-project.beans.beans",
    "recipients": ["me@example.com"],
    "project": "my-project",
    "region": "europe-west4",
    "location": "europe-west4",
}


@pytest.fixture(scope="module")
def compiled() -> Pipeline:
    return resolve("bq_sklearn_train")


def tasks(pipeline: Pipeline, component: str) -> dict[str, Any]:
    where = pipeline.spec["root"] if component == "root" else pipeline.spec["components"][component]
    found: dict[str, Any] = where["dag"]["tasks"]
    return found


def source(task: dict[str, Any], parameter: str) -> str:
    """The pipeline parameter that a task's parameter comes from."""
    return str(task["inputs"]["parameters"][parameter]["componentInputParameter"]).removeprefix("pipelinechannel--")


def test_training_waits_for_the_gates_and_they_for_the_statistics(compiled: Pipeline) -> None:
    """Nothing is trained on a table that the schema or the last accepted run speaks against."""
    inner = tasks(compiled, "comp-exit-handler-1")
    waits = {name: task.get("dependentTasks", []) for name, task in inner.items()}
    assert waits == {
        "tabular-dataset-create": [],
        "statistics-gen": ["tabular-dataset-create"],
        "validate-statistics": ["statistics-gen"],
        "compare-statistics": ["statistics-gen", "validate-statistics"],
        "train-custom-container": ["compare-statistics", "tabular-dataset-create"],
    }


def test_the_gates_get_the_schema_and_the_place_of_the_last_accepted_run(compiled: Pipeline) -> None:
    """Both gates follow the same word and are never answered from a cache."""
    inner = tasks(compiled, "comp-exit-handler-1")
    checked, compared = inner["validate-statistics"], inner["compare-statistics"]
    assert {name: source(checked, name) for name in ("schema_uri", "fail_on")} == {
        "schema_uri": "schema",
        "fail_on": "fail_on",
    }
    assert {name: source(compared, name) for name in ("previous_uri", "schema_uri", "fail_on")} == {
        "previous_uri": "baseline",
        "schema_uri": "schema",
        "fail_on": "fail_on",
    }
    assert not any(task["cachingOptions"] for task in (checked, compared))


def test_every_setting_reaches_its_task(compiled: Pipeline) -> None:
    """Region, location, project, network and the rest are the pipeline's parameters; nothing is us-central1 or US."""
    inner = tasks(compiled, "comp-exit-handler-1")
    created, trained = inner["tabular-dataset-create"], inner["train-custom-container"]
    assert {name: source(created, name) for name in ("project", "location", "bq_source", "display_name")} == {
        "project": "project",
        "location": "location",
        "bq_source": "bq_source",
        "display_name": "dataset_display_name",
    }
    assert {name: source(trained, name) for name in trained["inputs"]["parameters"]} == {
        "args": "training_args",
        "bigquery_destination": "bq_dest",
        "container_uri": "training_image",
        "display_name": "training_display_name",
        "environment_variables": "environment_variables",
        "machine_type": "machine_type",
        "model_display_name": "model_display_name",
        "network": "network",
        "project": "project",
        "region": "region",
        "service_account": "service_account",
        "serving_container_image_uri": "serving_image",
        "test_fraction": "test_fraction",
        "training_fraction": "training_fraction",
        "validation_fraction": "validation_fraction",
    }
    assert source(inner["statistics-gen"], "source") == "bq_source"
    values = [parameter.default for parameter in compiled.parameters.values()]
    assert "us-central1" not in values
    assert "US" not in values


def test_the_original_names_and_shares_are_the_defaults(compiled: Pipeline) -> None:
    """K18 and K19 of the original."""
    defaults = {name: parameter.default for name, parameter in compiled.parameters.items()}
    assert defaults["dataset_display_name"] == "tabular-beans-dataset"
    assert defaults["training_display_name"] == "pipeline-beans-custom-train"
    assert defaults["model_display_name"] == "scikit-beans-model-pipeline"
    assert defaults["machine_type"] == "n1-standard-4"
    shares = [defaults[f"{name}_fraction"] for name in ("training", "validation", "test")]
    assert shares == [0.8, 0.1, 0.1]


def test_nothing_comes_from_a_cache(compiled: Pipeline) -> None:
    """A table may have other rows tomorrow; an exit task from a cache would tell nobody."""
    for task in [*tasks(compiled, "comp-exit-handler-1").values(), tasks(compiled, "root")["notify-email"]]:
        assert task["cachingOptions"] == {}


def test_the_trainers_image_is_kfxs_own_to_build(compiled: Pipeline) -> None:
    """`kfx submit --build` finds its folder, which has a Dockerfile with that target."""
    assert compiled.images == {"training_image": "trainer"}
    assert re.search(r"(^|/)trainer:[^/]+$", compiled.parameters["training_image"].default)
    assert "AS trainer" in (REPOSITORY / "trainer" / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("reference", "exit_task", "status"),
    [
        ("bq_sklearn_train", "notify-email", "status"),
        (
            "bq_sklearn_train:google_mail",
            "vertex-pipelines-notification-email",
            "pipeline_task_final_status",
        ),
    ],
)
def test_the_exit_task_is_a_choice(reference: str, exit_task: str, status: str) -> None:
    """Our mail by default, Google's by name; either gets the final status and all the recipients."""
    root = tasks(resolve(reference), "root")
    assert set(root) == {"exit-handler-1", exit_task}
    assert root[exit_task]["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    inputs = root[exit_task]["inputs"]["parameters"]
    assert inputs["recipients"] == {"componentInputParameter": "recipients"}
    assert inputs[status] == {"taskFinalStatus": {"producerTask": "exit-handler-1"}}


@pytest.mark.parametrize("image", ["", "europe-west4-docker.pkg.dev/my-project/kfx/kfx:1.0"])
def test_it_compiles_with_and_without_an_image(tmp_path: Path, image: str) -> None:
    """`kfx compile` and `kfp dsl compile` write the same YAML, which loads again; the trainer stands beside kfx."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BASE_KFX_")}
    if image:
        environment["BASE_KFX_IMAGE"] = image
    ours, theirs = tmp_path / "ours.yaml", tmp_path / "theirs.yaml"
    programs = Path(sys.executable).parent
    for command in (
        [str(programs / "kfx"), "compile", "bq_sklearn_train", "-o", str(ours)],
        [str(programs / "kfp"), "dsl", "compile", "--py", str(FILE), "--output", str(theirs)],
    ):
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
    assert ours.read_text(encoding="utf-8") == theirs.read_text(encoding="utf-8")
    pipeline = resolve(str(ours))
    executors = pipeline.spec["deploymentSpec"]["executors"].items()
    images = {name: executor["container"]["image"] for name, executor in executors}
    assert pipeline.load().name == "bq-sklearn-train"
    trainer = pipeline.parameters["training_image"].default
    if image:
        assert images["exec-train-custom-container"] == images["exec-notify-email"] == image
        assert trainer == "europe-west4-docker.pkg.dev/my-project/kfx/trainer:1.0"
    else:
        assert images["exec-train-custom-container"].startswith("localhost/kfx:")
        assert trainer.startswith("localhost/trainer:")
    assert images["exec-tabular-dataset-create"].startswith("gcr.io/ml-pipeline/google-cloud-pipeline-components:")


def test_no_secret_is_in_the_yaml(compiled: Pipeline) -> None:
    """The password is a reference given when the run is submitted."""
    assert compiled.parameters["smtp_password"].default == ""
    assert len(list(yaml.safe_load_all(compiled.text))) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bq_source": "my-project.beans.beans"}, "must be bq://project.dataset.table"),
        ({"bq_source": "bq://my-project"}, "must be bq://project.dataset.table"),
        ({"location": "US"}, "The dataset's location is 'US' and the region 'europe-west4'; they must agree"),
        ({"beam_runner": "DataflowRuner"}, "no Beam runner 'DataflowRuner'. Did you mean DataflowRunner?"),
        ({"training_fraction": 0.9}, "add up to 1, and they are: training_fraction 0.9"),
        ({"test_fraction": -0.1, "training_fraction": 1.0}, "test_fraction -0.1"),
        ({"recipients": []}, "one or more mail addresses"),
        ({"recipients": ["nobody"]}, "'nobody'"),
        ({"smtp_password": "hunter2"}, "A secret is given by reference"),
    ],
)
def test_a_wrong_parameter_is_refused_before_it_costs_money(
    compiled: Pipeline, change: dict[str, Any], message: str
) -> None:
    """The original started a paid Dataflow job for a misspelt runner."""
    with pytest.raises(UsageError) as error:
        compiled.checked({**GIVEN, **change})
    assert message in str(error.value)
    assert "hunter2" not in str(error.value)


def test_dataflow_computes_the_statistics_where_it_is_asked_for(compiled: Pipeline) -> None:
    """Its settings reach the task, which has TFDV; what Dataflow would refuse is refused first; the cost is told."""
    task = tasks(compiled, "comp-exit-handler-1")["statistics-gen"]
    assert task["inputs"]["parameters"]["engine"] == {"runtimeValue": {"constant": "auto"}}
    same = ("beam_runner", "project", "region", "service_account", "network", "subnetwork", "sdk_container_image")
    assert {name: source(task, name) for name in same} == {name: name for name in same}
    command = compiled.spec["deploymentSpec"]["executors"]["exec-statistics-gen"]["container"]["command"]
    assert "KFX_IMAGE_TARGET=full" in " ".join(command)
    for direct in ("direct", "DirectRunner"):
        assert compiled.checked({**GIVEN, "beam_runner": direct})[1] == []
    dataflow = {**GIVEN, "beam_runner": "DataflowRunner", "sdk_container_image": "registry/kfx:1-dataflow"}
    assert compiled.checked(dataflow)[1] == [
        "The statistics are computed by TFDV on Dataflow, whose workers are billed."
    ]
    with pytest.raises(UsageError, match="Dataflow needs sdk_container_image"):
        compiled.checked({**dataflow, "sdk_container_image": ""})
    with pytest.raises(UsageError, match="not in the job's region"):
        compiled.checked({**dataflow, "subnetwork": "regions/us-east1/subnetworks/s"})
    with pytest.raises(UsageError, match="FlinkRunner has no cluster in this pipeline"):
        compiled.checked({**dataflow, "beam_runner": "flink"})


def test_googles_mail_has_its_limit(compiled: Pipeline) -> None:
    """At most three recipients; ours has none."""
    four = {**GIVEN, "recipients": [f"r{number}@example.com" for number in range(4)]}
    compiled.checked(four)
    with pytest.raises(UsageError, match="takes 3 recipients, not 4"):
        resolve("bq_sklearn_train:google_mail").checked(four)
