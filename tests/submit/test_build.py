"""`kfx submit --build`: build, push, compile and submit in one go, with a real engine and registry."""

from __future__ import annotations

import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from google_double import GoogleDouble

from kfx.cli.main import kfx_
from kfx.errors import UsageError
from kfx.images.engine import find_engine
from tests.conftest import loopback_registry

PIPELINE = """
from kfp import dsl
from kfx.components import train_test_split

@dsl.pipeline(name="built")
def built(source: str = "x"):
    train_test_split(source=source)
"""
RUN = ["built.py", "--project=my-project", "--region=europe-west4", "--pipeline-root=gs://bucket/root"]


@pytest.fixture
def project(folder: Path, google: GoogleDouble, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KFX_API_ENDPOINT", google.url)
    (folder / "built.py").write_text(PIPELINE, encoding="utf-8")
    (folder / "Dockerfile").write_text("FROM scratch AS full\nCOPY greeting /\n", encoding="utf-8")
    (folder / ".dockerignore").write_text("*\n!greeting\n", encoding="utf-8")
    (folder / "greeting").write_text(uuid.uuid4().hex, encoding="utf-8")
    return folder


@pytest.fixture
def image(container_engine: str) -> Iterator[str]:
    """A name in the registry on loopback that no image had before; what was built under it is removed."""
    folder = f"{loopback_registry()}/kfx-test/{uuid.uuid4().hex}"
    yield f"{folder}/kfx:1"
    program = find_engine().program
    listed = subprocess.run(
        [program, "images", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, text=True, check=True
    )
    built = [line for line in listed.stdout.split() if line.startswith(f"{folder}/")]
    if built:
        subprocess.run([program, "rmi", "--force", *built], capture_output=True, check=True)


def submit(*arguments: str) -> Result:
    return CliRunner().invoke(kfx_, ["submit", *RUN, *arguments], catch_exceptions=False)


def test_one_command_builds_pushes_and_submits(project: Path, google: GoogleDouble, image: str) -> None:
    """The run carries the digest that was pushed; nothing is rebuilt unless something changed."""
    first = submit("--build", f"--image={image}", "--job-id=a")
    digest = re.search(r"built, pushed: (sha256:[0-9a-f]{64})", first.stderr)
    assert digest, first.stderr
    again = submit("--build-pipeline-container", "true", f"--image={image}", "--job-id=b")
    assert f"on this machine, already pushed: {digest[1]}" in again.stderr
    for sent in google.of("POST", "/pipelineJobs"):
        (executor,) = sent.body["pipelineSpec"]["deploymentSpec"]["executors"].values()
        assert executor["container"]["image"] == f"{image.removesuffix(':1')}@{digest[1]}"
    (project / "greeting").write_text("changed", encoding="utf-8")
    changed = submit("--build", f"--image={image}", "--job-id=c")
    assert "built, pushed: sha256:" in changed.stderr
    assert digest[1] not in changed.stderr


def last_image(google: GoogleDouble) -> str:
    """The image of the one component of the run submitted last."""
    (executor,) = google.of("POST", "/pipelineJobs")[-1].body["pipelineSpec"]["deploymentSpec"]["executors"].values()
    return str(executor["container"]["image"])


def test_only_the_target_that_is_needed_is_built(project: Path, google: GoogleDouble, image: str) -> None:
    """Splitting needs no TensorFlow: with a slim target in the Dockerfile the full one is left alone."""
    both = "FROM scratch AS slim\nCOPY greeting /\nFROM slim AS full\nCOPY greeting /again\n"
    (project / "Dockerfile").write_text(both, encoding="utf-8")
    done = submit("--build", f"--image={image}", "--job-id=a")
    digest = re.search(rf"{image}-slim built, pushed: (sha256:[0-9a-f]{{64}})", done.stderr)
    assert digest, done.stderr
    assert f"{image} built" not in done.stderr
    assert last_image(google) == f"{image.removesuffix(':1')}@{digest[1]}"
    assert submit().exit_code == 0
    assert last_image(google) == f"{image.removesuffix(':1')}@{digest[1]}"


def test_a_wrong_input_is_refused_before_anything_is_built(project: Path, google: GoogleDouble, image: str) -> None:
    """A build takes minutes; a misspelt parameter is known at once."""
    (project / "Dockerfile").write_text("FROM nothing.invalid/x AS full\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no parameter 'sauce'"):
        submit("--build", f"--image={image}", "-p", "sauce=x")


OWN_IMAGE = """
from kfp import dsl

IMAGES = {"training_image": "trainer"}

@dsl.component(base_image="python:3.12")
def train(image: str):
    print(image)

@dsl.pipeline(name="built")
def built(training_image: str = "localhost/trainer:0"):
    train(image=training_image)
"""


def test_an_image_that_a_parameter_names_is_built_from_its_folder(
    project: Path, google: GoogleDouble, image: str
) -> None:
    """bq_sklearn_train's trainer: pushed beside the kfx image, by digest; not when the user chose another."""
    beside = image.replace("/kfx:1", "/trainer:1")
    (project / "built.py").write_text(OWN_IMAGE.replace("localhost/trainer:0", beside), encoding="utf-8")
    with pytest.raises(UsageError, match=r"needs an image built from trainer/, which is not here.*--training-image"):
        submit("--build", f"--image={image}")
    with pytest.raises(UsageError, match=r"never pushed. In a clone of kfx: kfx build trainer --target trainer --push"):
        submit()
    (project / "trainer").mkdir()
    (project / "trainer" / "Dockerfile").write_text("FROM scratch AS trainer\nCOPY x /\n", encoding="utf-8")
    (project / "trainer" / "x").write_text(uuid.uuid4().hex, encoding="utf-8")
    done = submit("--build", f"--image={image}", "--job-id=a")
    digest = re.search(r"trainer:1 built, pushed: (sha256:[0-9a-f]{64})", done.stderr)
    assert digest, done.stderr
    submit("--job-id=b")
    submit("--build", f"--image={image}", "--job-id=c", "--training-image=other.example/own:1")
    specs = [sent.body["pipelineSpec"]["root"]["inputDefinitions"] for sent in google.of("POST", "/pipelineJobs")]
    defaults = [spec["parameters"]["training_image"]["defaultValue"] for spec in specs]
    assert defaults[:2] == [f"{beside.removesuffix(':1')}@{digest[1]}"] * 2
    assert google.of("POST", "/pipelineJobs")[2].body["runtimeConfig"]["parameterValues"] == {
        "training_image": "other.example/own:1"
    }


@pytest.mark.usefixtures("project")
def test_a_build_needs_a_name(google: GoogleDouble) -> None:
    """localhost/kfx, the default name, is nowhere a cluster could pull from."""
    with pytest.raises(UsageError, match="--build needs a name"):
        submit("--build")
    assert not google.sent
