"""What is changed in a compiled pipeline before it is sent."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kfx.errors import UsageError
from kfx.images.pin import with_image
from kfx.submit import spec as specs

SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": "p"},
    "components": {
        "comp-kfx": {"executorLabel": "exec-kfx"},
        "comp-own": {"executorLabel": "exec-own"},
        "comp-exit-handler-1": {"dag": {"tasks": {"own": {"cachingOptions": {"enableCache": True}}}}},
    },
    "deploymentSpec": {
        "executors": {
            "exec-kfx": {
                "container": {
                    "image": "localhost/kfx:0.1.0",
                    "command": ["sh", "-c", "python3 -m kfx.entrypoint -m kfp.dsl.executor_main"],
                }
            },
            "exec-own": {"container": {"image": "python:3.12", "command": ["python3"]}},
            "exec-import": {"importer": {}},
        }
    },
    "root": {
        "dag": {
            "tasks": {
                "exit-handler-1": {},
                "tell": {
                    "cachingOptions": {"enableCache": True},
                    "dependentTasks": ["exit-handler-1"],
                    "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
                },
                "tolerant": {
                    "cachingOptions": {"enableCache": True},
                    "dependentTasks": ["own"],
                    "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
                },
            }
        }
    },
}


@pytest.fixture(autouse=True)
def unchanged() -> Any:
    before = copy.deepcopy(SPEC)
    yield
    assert before == SPEC


def test_an_image_goes_into_kfx_components_only() -> None:
    """They are known by their command, so a specification compiled long ago can be given an image as well."""
    executors = with_image(SPEC, "reg/kfx@sha256:1")["deploymentSpec"]["executors"]
    assert executors["exec-kfx"]["container"]["image"] == "reg/kfx@sha256:1"
    assert executors["exec-own"]["container"]["image"] == "python:3.12"


@pytest.mark.parametrize(
    "image", ["localhost/kfx:0.1.0", "localhost:5000/kfx", "127.0.0.1:5000/kfx:1", "host.docker.internal:5000/kfx"]
)
def test_an_image_only_this_machine_has_is_refused(image: str) -> None:
    """The message has the component and the ways out."""
    with pytest.raises(UsageError, match=r"kfx runs in .* no cluster can pull.*--image"):
        specs.check_images(with_image(SPEC, image), {})
    pulled = with_image(SPEC, "europe-docker.pkg.dev/p/r/kfx:1")
    specs.check_images(pulled, {})
    pulled["root"]["inputDefinitions"] = {"parameters": {"training_image": {"defaultValue": image}}}
    with pytest.raises(UsageError, match="--training-image"):
        specs.check_images(pulled, {})
    specs.check_images(pulled, {"training_image": "reg.example/trainer:1"})


@pytest.mark.parametrize("caching", [True, False])
def test_caching_is_set_for_all_but_exit_tasks(caching: bool) -> None:
    """An exit task that came from the cache would tell nobody; one that ignores failures is an ordinary task."""
    changed = specs.with_caching(SPEC, caching)
    inner = changed["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    root = changed["root"]["dag"]["tasks"]
    assert inner["own"]["cachingOptions"] == {"enableCache": caching}
    assert root["tolerant"]["cachingOptions"] == {"enableCache": caching}
    assert root["tell"]["cachingOptions"] == {"enableCache": False}


def test_caching_unset_keeps_what_tasks_say() -> None:
    """Except for the exit task."""
    root = specs.with_caching(SPEC, None)["root"]["dag"]["tasks"]
    assert root["tolerant"]["cachingOptions"] == {"enableCache": True}
    assert root["tell"]["cachingOptions"] == {"enableCache": False}


def test_a_pipeline_is_renamed() -> None:
    """A name Vertex would refuse is refused."""
    assert specs.with_name(SPEC, "my-first-pipeline")["pipelineInfo"]["name"] == "my-first-pipeline"
    with pytest.raises(UsageError, match="'My Pipeline'"):
        specs.with_name(SPEC, "My Pipeline")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("gcr.io/p/lib:v1", "gcr.io/p/lib:v2"),
        ("gcr.io/p/lib", "gcr.io/p/lib:v2"),
        ("host:5000/lib", "host:5000/lib:v2"),
        ("gcr.io/p/lib:v1@sha256:00", "gcr.io/p/lib:v2"),
    ],
)
def test_an_image_is_given_another_tag(image: str, expected: str) -> None:
    """A registry's port is no tag, and a digest would win over the tag."""
    assert specs.with_tag(image, "v2") == expected
    with pytest.raises(UsageError, match="tag"):
        specs.with_tag(image, "a b")


def test_kubernetes_settings_are_refused_for_vertex() -> None:
    """google-cloud-aiplatform fails on them with a YAML parser's error."""
    specs.check_platforms({})
    with pytest.raises(UsageError, match=r"\(train\).*--to kfp"):
        specs.check_platforms({"kubernetes": {"deploymentSpec": {"executors": {"exec-train": {}}}}})
