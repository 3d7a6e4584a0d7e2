"""What every test area shares: real parts that may be absent, and the real table."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that need a container engine: they run one after the other, in one process."""
    for item in items:
        if isinstance(item, pytest.Function) and "container_engine" in item.fixturenames:
            item.add_marker(pytest.mark.containers)


def absent(reason: str) -> None:
    """Skips the test because a real part is absent; where every part is promised (KFX_REQUIRE_ALL=1) it fails."""
    if os.environ.get("KFX_REQUIRE_ALL") == "1":
        pytest.fail(f"KFX_REQUIRE_ALL=1, but {reason}")
    pytest.skip(reason)


def require_program(*names: str) -> str:
    """Returns the path of the first program found on PATH, or treats the part as absent."""
    for name in names:
        if path := shutil.which(name):
            return path
    absent(f"no program {' or '.join(names)} on PATH")
    raise AssertionError("unreachable")


def require_module(name: str) -> None:
    """Treats the part as absent when a Python package cannot be found."""
    if importlib.util.find_spec(name) is None:
        absent(f"the package {name} is not installed")


@pytest.fixture(scope="session")
def dry_bean() -> Path:
    """The UCI Dry Bean table (13,611 x 17), which stands beside the repository and is not part of it."""
    path = Path(os.environ.get("KFX_DRY_BEAN", REPOSITORY.parent / "shared" / "data" / "dry_bean.csv"))
    if not path.is_file():
        absent(f"the table {path.name} is not at {path.parent} (set KFX_DRY_BEAN)")
    return path


@pytest.fixture(scope="session")
def container_engine() -> str:
    """The base image that containers are built on, where an engine answers at DOCKER_HOST.

    KFX_TEST_BASE_IMAGE names another base image, KFX_TEST_BUILD_ARGS what `docker build` needs besides.
    """
    require_module("docker")
    require_program("docker", "podman")
    import docker

    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        absent(f"no container engine answers ({error})")
    return os.environ.get("KFX_TEST_BASE_IMAGE", "python:3.12-slim-trixie")


def loopback_registry() -> str:
    """Host and port of an OCI registry on loopback: KFX_TEST_REGISTRY, by default 127.0.0.1:5000."""
    address = os.environ.get("KFX_TEST_REGISTRY", "127.0.0.1:5000")
    try:
        with urllib.request.urlopen(f"http://{address}/v2/", timeout=5):
            pass
    except (OSError, urllib.error.HTTPError) as error:
        absent(f"no registry answers at {address} ({error})")
    return address


@pytest.fixture(scope="session")
def executor_image(container_engine: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small image with Python and kfp's executor, which needs none of kfp's dependencies."""
    import kfp

    name = f"localhost/kfx-test-executor:{kfp.__version__}"
    folder = tmp_path_factory.mktemp("executor-image")
    (folder / "Dockerfile").write_text(
        f"FROM {container_engine}\nRUN python3 -m pip install --no-cache-dir --no-deps kfp=={kfp.__version__}\n"
    )
    arguments = os.environ.get("KFX_TEST_BUILD_ARGS", "").split()
    program = require_program("docker", "podman")
    subprocess.run([program, "build", "--quiet", *arguments, "--tag", name, str(folder)], check=True)
    return name
