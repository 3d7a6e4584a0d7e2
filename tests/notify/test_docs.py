"""docs/notifications.md says what is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from kfx.cli.notify import notify
from kfx.notify import load

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PAGE = (REPOSITORY / "docs" / "notifications.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([TM]\d+) \| .* \| (?:`([\w/]+\.py)::(\w+)`)? \|$", PAGE, flags=re.MULTILINE)


def test_every_line_of_both_lists_is_answered() -> None:
    """T1 to T22 and M1 to M46, each once."""
    expected = [f"T{number}" for number in range(1, 23)] + [f"M{number}" for number in range(1, 47)]
    assert [line for line, _, _ in ROWS] == expected


@pytest.mark.parametrize(
    ("line", "path", "name"), [row for row in ROWS if row[1]], ids=[row[0] for row in ROWS if row[1]]
)
def test_the_test_that_shows_a_line_exists(line: str, path: str, name: str) -> None:
    """The file has a test of that name."""
    assert f"def {name}(" in (REPOSITORY / path).read_text(encoding="utf-8")


def test_the_kinds_are_the_codes() -> None:
    """The reference is what `kfx notify kinds` writes."""
    written = CliRunner().invoke(notify, ["kinds", "--output", "markdown"]).output.strip()
    shown = PAGE.partition("Written by `kfx notify kinds --output markdown`.")[2].partition("\n## ")[0].strip()
    assert shown == written


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    """The YAML in the page loads and passes every check."""
    example = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)[0]
    (tmp_path / "n.yaml").write_text(example)
    assert [one.kind for one in load(tmp_path / "n.yaml")] == ["slack", "mail", "pagerduty"]
