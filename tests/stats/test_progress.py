"""How far long work is: told on a terminal, and nowhere else."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

# The command as it is, but for the second it waits before it shows anything.
COMMAND = "from kfx.cli import stats, main; stats._Progress._AFTER_S = stats._Progress._EVERY_S = 0.0; main.main()"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 3_000_000)  # some blocks
    return path


def on_a_terminal(*arguments: str) -> tuple[int, str]:
    """Returns exit code and stderr of `kfx` with a terminal as its stderr."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments], stdout=subprocess.PIPE, stderr=theirs
    ) as running:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 1 << 16):
                shown += chunk
        except OSError:  # Linux's way of saying that the other side has closed
            pass
        running.communicate()
    os.close(ours)
    return running.returncode, shown.decode()


def test_rows_and_columns_are_counted_on_a_terminal(table: Path, tmp_path: Path) -> None:
    """One line is rewritten with rows, then columns, and is cleared before the summary."""
    code, shown = on_a_terminal("stats", str(table), "-o", str(tmp_path / "out"))
    assert code == 0, shown
    rows = [int(number.replace(",", "")) for number in re.findall(r"\r\x1b\[K([\d,]+) rows", shown)]
    assert len(rows) > 1
    assert rows == sorted(rows)
    assert rows[-1] == 3_000_000
    assert "\r\x1b[K2 of 2 columns" in shown
    line, _, summary = shown.rpartition("\r\x1b[K")
    assert line.endswith("columns")
    assert summary.startswith("3,000,000 rows, 2 features")


def test_an_error_stands_on_a_line_of_its_own(table: Path, tmp_path: Path) -> None:
    """The line is cleared before the error that ends the work."""
    with table.open("a") as file:
        file.write("3\n")
    code, shown = on_a_terminal("stats", str(table), "-o", str(tmp_path / "out"))
    assert code == 2
    assert " rows" in shown
    assert shown.rpartition("\r\x1b[K")[2].startswith("Error: Row 3000002 of")
    assert not (tmp_path / "out").exists()


def test_nothing_is_told_to_a_file(table: Path, tmp_path: Path) -> None:
    """Where stderr is no terminal, it holds the summary alone."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "stats", str(table), "-o", str(tmp_path / "out")],
        capture_output=True,
        text=True,
    )
    assert done.stderr == "3,000,000 rows, 2 features, 0.00 % of cells missing.\n"
