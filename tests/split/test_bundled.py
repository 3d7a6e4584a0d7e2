"""The border to a package kfx ships beside itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kfx.bundled import bundled
from kfx.errors import PermanentError, UsageError

SCRIPT = "from kfx.bundled import bundled\nwith bundled('trainer.training'):\n    import trainer.training\n"


@pytest.mark.parametrize("shape", ["package", "file"])
def test_a_users_own_trainer_in_the_working_directory_is_told(tmp_path: Path, shape: str) -> None:
    """Python would import the user's; the message names its place and the way out."""
    own = tmp_path / ("trainer/__init__.py" if shape == "package" else "trainer.py")
    own.parent.mkdir(exist_ok=True)
    own.write_text("")

    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"UsageError: {tmp_path / 'trainer'}" in done.stderr
    assert "hides kfx's package 'trainer'" in done.stderr


def test_kfxs_own_trainer_passes(tmp_path: Path) -> None:
    """In a folder without one, kfx's is imported."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_the_packages_errors_become_kfxs() -> None:
    """Wrong usage stays wrong usage, other failures are permanent, and foreign errors pass unchanged."""
    from trainer import errors

    with pytest.raises(UsageError, match="flag"), bundled("trainer.training"):
        raise errors.UsageError("flag")
    with pytest.raises(PermanentError, match="class"), bundled("trainer.training"):
        raise errors.SingleClassError("class")
    with pytest.raises(KeyError), bundled("trainer.training"):
        raise KeyError("x")


def test_a_package_that_is_not_installed_is_told() -> None:
    """An incomplete installation is not blamed on the user's folder."""
    with pytest.raises(UsageError, match="'no_such_package', which is part of kfx"), bundled("no_such_package.x"):
        pass
