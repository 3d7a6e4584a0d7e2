"""What the README shows works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_pipeline_of_the_readme_compiles(tmp_path: Path) -> None:
    """The example is a pipeline file as it stands."""
    (tmp_path / "churn.py").write_text(re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0])
    command = [sys.executable, "-m", "kfx.cli.main", "compile", "churn.py", "-o", "churn.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "gsm:projects/acme/secrets/slack-token" in (tmp_path / "churn.yaml").read_text()


def test_every_page_and_command_the_readme_names_exists() -> None:
    """Links lead to files, make targets and kfx commands are there."""
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (REPOSITORY / link).exists(), link
    targets = set(re.findall(r"^make (\w+)", README, re.MULTILINE))
    assert targets <= set(re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    commands = set(re.findall(r"^(?:\$ )?kfx (\w+)", README, re.MULTILINE))
    assert all((REPOSITORY / "kfx" / "cli" / f"{name}.py").exists() for name in commands), commands
