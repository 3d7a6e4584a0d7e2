"""statistics_gen's engine decides its image, in the compiled pipeline, and its settings are refused before work."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl, local

from kfx.components import statistics_gen
from kfx.errors import UsageError
from kfx.images.pin import with_digests

PIPELINE = """
from kfp import compiler, dsl
from kfx.components import statistics_gen

@dsl.pipeline(name="engines")
def engines(chosen: str = "arrow", runner: str = "direct"):
    statistics_gen(source="a")
    statistics_gen(source="a", engine="tfdv")
    statistics_gen(source="a", engine="bigquery")
    statistics_gen(source="a", engine=chosen)
    statistics_gen(source="a", engine="auto", beam_runner=runner, sdk_container_image="registry/own:1")

compiler.Compiler().compile(engines, "engines.yaml")
"""
IMAGES = {
    "BASE_KFX_IMAGE": "registry/kfx:1",
    "BASE_KFX_SLIM_IMAGE": "registry/kfx:1-slim",
    "BASE_KFX_DATAFLOW_IMAGE": "registry/kfx:1-dataflow",
}


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The pipeline, compiled where each image has a name."""
    folder = tmp_path_factory.mktemp("compiled")
    subprocess.run([sys.executable, "-c", PIPELINE], cwd=folder, env=IMAGES, check=True, capture_output=True)
    loaded: dict[str, Any] = yaml.safe_load((folder / "engines.yaml").read_text(encoding="utf-8"))
    return loaded


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The container of each task, in the order of the calls."""
    executors = spec["deploymentSpec"]["executors"]
    tasks = spec["root"]["dag"]["tasks"].values()
    labels = [spec["components"][task["componentRef"]["name"]]["executorLabel"] for task in tasks]
    return [executors[label]["container"] for label in labels]


def test_each_task_has_the_image_its_engine_needs(spec: dict[str, Any]) -> None:
    """TFDV is in the full image; an engine that only the run knows may be TFDV."""
    expected = ["slim", "full", "slim", "full", "full"]
    names = {"slim": "registry/kfx:1-slim", "full": "registry/kfx:1"}
    assert [container["image"] for container in containers(spec)] == [names[group] for group in expected]
    commands = [" ".join(container["command"]) for container in containers(spec)]
    assert all(f"KFX_IMAGE_TARGET={group}" in command for group, command in zip(expected, commands, strict=True))


def test_the_workers_image_is_filled_in(spec: dict[str, Any]) -> None:
    """From BASE_KFX_DATAFLOW_IMAGE where Beam may run and none was given."""
    tasks = spec["root"]["dag"]["tasks"].values()
    given = [task["inputs"]["parameters"].get("sdk_container_image") for task in tasks]
    assert [one and one["runtimeValue"]["constant"] for one in given] == [
        None, "registry/kfx:1-dataflow", None, "registry/kfx:1-dataflow", "registry/own:1",
    ]  # fmt: skip


def test_both_images_are_pinned(spec: dict[str, Any]) -> None:
    """Digests go into tasks of one component by the image each has."""
    pinned = with_digests(spec, digest=lambda name: f"sha256:{1 if name.tag.endswith('slim') else 2}".ljust(71, "0"))
    images = [container["image"] for container in containers(pinned)]
    assert [image.partition("@sha256:")[2][:1] for image in images] == ["1", "2", "1", "2", "2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beam_runner": "DataflowRuner"}, "Did you mean DataflowRunner"),
        ({"engine": "arrow", "beam_runner": "DataflowRunner"}, "'arrow' does not run on Beam"),
        ({"engine": "tfvd"}, "no statistics engine 'tfvd'"),
        ({"subnetwork": "no/net"}, "the name of a subnetwork"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """Whatever the engine; a misspelt runner never starts anything."""
    (tmp_path / "t.csv").write_text("a\n1\n", encoding="utf-8")
    kinds = {"statistics": dsl.Artifact, "report": dsl.HTML, "metrics": dsl.Metrics}
    made = {name: kind(name=name, uri=str(tmp_path / name)) for name, kind in kinds.items()}
    with pytest.raises(UsageError) as error:
        statistics_gen.python_func(**made, source=str(tmp_path / "t.csv"), **changes)
    assert message in str(error.value)
    assert not (tmp_path / "statistics").exists()


def test_auto_is_the_embedded_engine_where_nothing_runs_elsewhere(tmp_path: Path) -> None:
    """As a pipeline of kfp.local runs it."""
    (tmp_path / "t.csv").write_text("a\n1\n2\n", encoding="utf-8")
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "root"))

    @dsl.pipeline
    def described(source: str) -> dsl.Artifact:
        task = statistics_gen(source=source, engine="auto", beam_runner="direct")
        return task.outputs["statistics"]

    metadata = described(source=str(tmp_path / "t.csv")).outputs["Output"].metadata
    assert (metadata["engine"], metadata["num_examples"]) == ("arrow", 2)
