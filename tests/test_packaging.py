"""What the installed package holds."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """kfx's wheel, built from a copy of the tracked files."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        if (REPOSITORY / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((REPOSITORY / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True)
    return zipfile.ZipFile(next(folder.glob("kfx-*.whl")))


def test_the_wheel_holds_the_packages_and_their_data(wheel: zipfile.ZipFile) -> None:
    """Every tracked module and template of kfx and the trainer is inside, and no test is."""
    tracked = subprocess.run(
        ["git", "ls-files", "kfx", "trainer/*.py"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    wanted = {name for name in tracked.stdout.splitlines() if not name.startswith("trainer/tests/")}
    packed = set(wheel.namelist())
    assert wanted <= packed, wanted - packed
    assert not [name for name in packed if "tests/" in name]


def test_the_core_install_asks_for_no_cloud_sdk(wheel: zipfile.ZipFile) -> None:
    """Google's SDKs, TensorFlow, docker and scikit-learn come only with an extra."""
    metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    names = " ".join(needed)
    assert "kfp" in names
    for absent in ("google-cloud", "tensorflow-data", "scikit-learn", "docker", "pandas"):
        assert absent not in names
    extras = {line.partition(": ")[2] for line in metadata.splitlines() if line.startswith("Provides-Extra")}
    assert {"gcp", "tfdv", "docker", "kubernetes", "events", "dev"} <= extras
