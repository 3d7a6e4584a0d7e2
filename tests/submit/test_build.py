"""`kfx submit --build`: build, push, compile and submit in one go, with a real engine and registry."""

from __future__ import annotations

import os
import re
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from google_double import GoogleDouble

from kfx.cli.main import kfx_
from kfx.errors import UsageError
from kfx.images.engine import find_engine
from tests.conftest import absent

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
    address = os.environ.get("KFX_TEST_REGISTRY", "127.0.0.1:5000")
    try:
        urllib.request.urlopen(f"http://{address}/v2/", timeout=5).close()
    except (OSError, urllib.error.HTTPError) as error:
        absent(f"no registry answers at {address} ({error})")
    name = f"{address}/kfx-test/{uuid.uuid4().hex}:1"
    yield name
    program = find_engine().program
    listed = subprocess.run(
        [program, "images", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, text=True, check=True
    )
    built = [line for line in listed.stdout.split() if line.startswith(name.removesuffix("1"))]
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


@pytest.mark.usefixtures("project")
def test_a_build_needs_a_name(google: GoogleDouble) -> None:
    """localhost/kfx, the default name, is nowhere a cluster could pull from."""
    with pytest.raises(UsageError, match="--build needs a name"):
        submit("--build")
    assert not google.sent
