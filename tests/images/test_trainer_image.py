"""The trainer's image: built by `kfx build trainer`, and a training of Vertex's contract run inside it."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

import trainer
from kfx.images.build import Built, Request, build
from kfx.images.engine import find_engine
from kfx.pipelines.bq_sklearn_train import bq_sklearn_train

from ..conftest import REPOSITORY, absent
from .conftest import budget_bytes, run


@pytest.fixture(scope="module")
def image(container_engine: str) -> Built:
    """The image; what an earlier run built of the same content is found again."""
    asked = os.environ.get("KFX_TEST_IMAGES", "trainer" if os.environ.get("KFX_REQUIRE_ALL") == "1" else "")
    if "trainer" not in asked.split(","):
        absent("the trainer's image takes a minute to build (KFX_TEST_IMAGES=trainer builds it)")
    request = Request(
        folder=REPOSITORY / "trainer",
        tag="localhost/kfx-trainer-test:1",
        build_args={"BASE": container_engine},
        options=tuple(os.environ.get("KFX_TEST_BUILD_ARGS", "").split()),
    )
    return build(request, find_engine(), print)


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """The three tables of a Vertex custom training, in a folder that the image's user may write a model to."""
    draw = random.Random(1)  # noqa: S311 - test data
    for name, rows in (("training", 300), ("validation", 60), ("test", 60)):
        lines = ["Area,Round,Class"]
        for _ in range(rows):
            kind = draw.choice(["BOMBAY", "DERMASON", "SIRA"])
            area = draw.gauss({"BOMBAY": 170_000, "DERMASON": 32_000, "SIRA": 44_000}[kind], 3_000)
            lines.append(f"{area:.0f},{draw.random():.3f},{kind}")
        (tmp_path / f"{name}-00000-of-00001.csv").write_text("\n".join(lines) + "\n")
    tmp_path.chmod(0o777)
    return tmp_path


def test_a_training_runs_in_it(image: Built, tables: Path) -> None:
    """With the pipeline's own default arguments, without root, a network or anything to write to but the bucket."""
    (arguments,) = [
        item.default for name, item in bq_sklearn_train.component_spec.inputs.items() if name == "training_args"
    ]
    variables = {
        "AIP_DATA_FORMAT": "csv",
        "AIP_TRAINING_DATA_URI": "/data/training-*",
        "AIP_VALIDATION_DATA_URI": "/data/validation-*",
        "AIP_TEST_DATA_URI": "/data/test-*",
        "AIP_MODEL_DIR": "/data/model",
    }
    options = [f"--env={name}={value}" for name, value in variables.items()]

    run(find_engine().program, image, *arguments, volumes=[f"{tables}:/data"], options=options)

    metrics = json.loads((tables / "model" / "metrics.json").read_text())
    assert {name: each["rows"] for name, each in metrics["splits"].items()} == {
        "train": 300,
        "validation": 60,
        "test": 60,
    }
    assert metrics["splits"]["test"]["metrics"]["accuracy"] > 0.8
    assert (tables / "model" / "model.joblib").stat().st_uid == 65532


def test_it_is_small_and_trains_on_the_minor_that_vertex_serves(image: Built) -> None:
    """The size docs/images.md promises; the stage counts as the image `trainer`."""
    assert image.target == "trainer"
    assert image.size_bytes
    assert image.size_bytes <= budget_bytes("trainer")
    options = ("--entrypoint=python3",)
    said = run(find_engine().program, image, "-c", "import sklearn; print(sklearn.__version__)", options=options)
    assert said.startswith(trainer.SERVED_SCIKIT_LEARN + ".")
