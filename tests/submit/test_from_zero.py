"""The README's section "From zero to Vertex", line by line: a real engine and registry, doubles for Google."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from google_double import GoogleDouble

from kfx.images.content import sent_files
from kfx.images.engine import find_engine
from tests.conftest import REPOSITORY, absent, loopback_registry

IMAGE = "europe-west4-docker.pkg.dev/acme-ml/kfx/kfx:1.0"
ACCOUNT = "runner@acme-ml.iam.gserviceaccount.com"


def commands() -> list[str]:
    """The section's block as shell commands, one each."""
    section = (REPOSITORY / "README.md").read_text(encoding="utf-8").partition("## From zero to Vertex")[2]
    block = section.split("```")[1].replace("\\\n", " ")
    return [line for line in block.strip().splitlines() if line]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a clone holds of what goes into an image."""
    made = tmp_path / "kfx"
    for path in [*sent_files(REPOSITORY), REPOSITORY / "Dockerfile", REPOSITORY / ".dockerignore"]:
        target = made / path.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return made


@pytest.fixture
def image(container_engine: str) -> Iterator[str]:
    """The README's image under a name in the registry on loopback; it is removed afterwards."""
    if "slim" not in os.environ.get("KFX_TEST_IMAGES", "slim" if os.environ.get("KFX_REQUIRE_ALL") == "1" else ""):
        absent("the slim image takes minutes to build (KFX_TEST_IMAGES=slim builds it)")
    folder = f"{loopback_registry()}/kfx-test/{uuid.uuid4().hex}"
    yield f"{folder}/kfx:1.0"
    program = find_engine().program
    listed = subprocess.run(
        [program, "images", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, text=True, check=True
    )
    if names := [line for line in listed.stdout.split() if line.startswith(folder)]:
        subprocess.run([program, "rmi", "--force", *names], capture_output=True, check=True)


@pytest.fixture
def environment(google: GoogleDouble, container_engine: str) -> dict[str, str]:
    """Google is the double; what the build needs on this machine comes from the environment, as a team's would."""
    google.buckets = {"acme-runs": {}}
    google.healthy("acme-ml", ACCOUNT)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("KFX_", "BASE_KFX_", "GOOGLE_"))}
    return {
        **own,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KFX_API_ENDPOINT": google.url,
        "KFX_RUNS_POLL_SECONDS": "0.01",
        "KFX_BUILD_BUILD_ARGS": f"BASE={container_engine}",
        "KFX_BUILD_OPTIONS": os.environ.get("KFX_TEST_BUILD_ARGS", ""),
    }


def test_every_command_of_the_readme_works(
    clone: Path, image: str, environment: dict[str, str], google: GoogleDouble
) -> None:
    """From `kfx init` to a schedule: each does what it says, and Google gets two pipelines of digests."""
    said: dict[str, str] = {}
    for line in commands():
        run = said.get("kfx runs list", "RUN").split()[0]
        command = line.replace(IMAGE, image).replace(" RUN ", f" {run} ")
        done = subprocess.run(
            ["bash", "-c", command], cwd=clone, env=environment, capture_output=True, text=True, check=False
        )
        missing = re.findall("✘ (.*?) {2,}", done.stdout)
        # Before the build the image is all that is missing.
        expected = (1, ["image"]) if line.startswith("kfx doctor") else (0, [])
        assert (done.returncode, missing) == expected, f"{command}\n{done.stdout}{done.stderr}"
        said[" ".join(line.split()[:3])] = done.stdout
    assert (clone / "kfx.toml").is_file()
    assert f"kfx build --push --tag {image}" in said["kfx doctor #"]
    again = subprocess.run(["kfx", "doctor"], cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert (again.returncode, "✘" in again.stdout) == (0, False), again.stdout
    (digest,) = {entry["digest"] for entry in json.loads((clone / ".kfx" / "images.json").read_text()).values()}
    spec = yaml.safe_load((clone / "train.yaml").read_text(encoding="utf-8"))
    (scheduled,) = google.of("POST", "/schedules")
    once, again = google.created.body, scheduled.body["createPipelineJobRequest"]["pipelineJob"]
    for sent in (spec, once["pipelineSpec"], again["pipelineSpec"]):
        executors = sent["deploymentSpec"]["executors"].values()
        assert {each["container"]["image"] for each in executors} == {f"{image.removesuffix(':1.0')}@{digest}"}
    assert re.search(r"sklearn-train-\d{14} succeeded", said["kfx runs watch"])
    assert "0 6 * * 1-5" in said["kfx schedules list"]
