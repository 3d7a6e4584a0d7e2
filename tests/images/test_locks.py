"""The locked requirements: what pyproject.toml asks for, with hashes, and no trace of where they were made."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import trainer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPOSITORY = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.txt", "requirements-slim.txt", "requirements-build.txt", "trainer/requirements.txt"]


def locked(name: str, python: str = "3.12") -> dict[str, Version]:
    """The locked versions that a Python on Linux installs."""
    environment: Any = {
        **default_environment(),
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
    }
    found = {}
    for line in (REPOSITORY / name).read_text().splitlines():
        if line and not line.startswith(("#", " ")):
            requirement = Requirement(line.removesuffix(" \\"))
            if requirement.marker is None or requirement.marker.evaluate(environment):
                found[canonicalize_name(requirement.name)] = Version(str(requirement.specifier).removeprefix("=="))
    return found


def asked(pyproject: str, *extras: str) -> list[Requirement]:
    project = tomllib.loads((REPOSITORY / pyproject).read_text())["project"]
    texts = [*project["dependencies"], *(text for extra in extras for text in project["optional-dependencies"][extra])]
    requirements = [Requirement(text) for text in texts]
    return [each for each in requirements if each.marker is None or each.marker.evaluate({"python_version": "3.12"})]


@pytest.mark.parametrize(
    ("lock", "pyproject", "extras"),
    [
        ("requirements.txt", "pyproject.toml", ("gcp", "sklearn", "tfdv")),
        ("requirements-slim.txt", "pyproject.toml", ("gcp", "sklearn")),
        ("trainer/requirements.txt", "trainer/pyproject.toml", ("gcp",)),
    ],
)
def test_a_lock_has_what_the_package_asks_for(lock: str, pyproject: str, extras: tuple[str, ...]) -> None:
    """A dependency added to pyproject.toml and not locked would be missing in the image."""
    versions = locked(lock)

    for requirement in asked(pyproject, *extras):
        assert canonicalize_name(requirement.name) in versions, f"{requirement} is not in {lock}: run make lock"
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_names_its_command_and_no_index(lock: str) -> None:
    """Whoever locks again gets the same from their own index."""
    text = (REPOSITORY / lock).read_text()

    assert re.match(r"# .*uv.*\n#    uv pip compile .*--generate-hashes", text)
    assert "://" not in text
    assert "--index" not in text
    entries = re.findall(r"^[a-z0-9][^\n]*(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+", text, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))


def test_the_slim_image_is_a_part_of_the_full_one() -> None:
    """A component behaves the same in both: no package of slim has another version in full."""
    full, slim = locked("requirements.txt"), locked("requirements-slim.txt")

    assert slim.items() <= full.items()
    assert not {"tensorflow", "apache-beam", "tensorflow-data-validation"} & set(slim)


@pytest.mark.parametrize("python", ["3.12", "3.13"])
def test_every_image_trains_on_the_minor_that_vertex_serves(python: str) -> None:
    """The model's own metadata names the serving image by this minor."""
    for lock in ("requirements.txt", "requirements-slim.txt", "trainer/requirements.txt"):
        version = locked(lock, python)["scikit-learn"]
        assert f"{version.major}.{version.minor}" == trainer.SERVED_SCIKIT_LEARN


def test_the_dataflow_target_starts_the_locked_beam() -> None:
    """Beam refuses workers of another version; and the last stage, what a plain build makes, is `full`."""
    dockerfile = (REPOSITORY / "Dockerfile").read_text()

    (version,) = re.findall(r"^ARG BEAM=apache/beam_python3\.\d+_sdk:(\S+)$", dockerfile, re.MULTILINE)
    assert Version(version) == locked("requirements.txt")["apache-beam"]
    assert re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.MULTILINE)[-1] == "full"
