"""A failed task's own error, found in its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from kfx.launch.diagnose import explain

_TRACEBACK = """[KFP Executor] Got executor_input
Traceback (most recent call last):
  File "/usr/lib/python3/runpy.py", line 196, in _run_module_as_main
    return _run_code(code, main_globals, None,
ValueError: first

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "x.py", line 3, in <module>
    raise KeyError("no column 'y'")
KeyError: "no column 'y'"
"""


@pytest.mark.parametrize(
    ("exit_code", "log", "expected"),
    [
        pytest.param(1, _TRACEBACK, "KeyError: \"no column 'y'\"", id="last exception of a chain"),
        pytest.param(
            1, "noise\n\x1b[31mUsageError: no table\x1b[0m\n", "UsageError: no table", id="kfx error, coloured"
        ),
        pytest.param(3, "a\nb\nc\nd\n", "b\nc\nd", id="no exception: the last lines"),
        pytest.param(5, "", "exit code 5, nothing in the log", id="silent"),
        pytest.param(-9, "working\n", "killed by SIGKILL (out of memory is the usual cause)", id="signal"),
        pytest.param(139, "", "killed by SIGSEGV", id="signal reported by a shell"),
    ],
)
def test_the_error_is_what_a_person_would_quote(tmp_path: Path, exit_code: int, log: str, expected: str) -> None:
    """The exception's text, a kfx sentence, the signal's name, or failing all that the end of the log."""
    path = tmp_path / "log.txt"
    path.write_text(log, encoding="utf-8")
    assert explain(exit_code, path) == expected


def test_only_the_end_of_a_huge_log_is_read(tmp_path: Path) -> None:
    """The error at the end of a log of many megabytes is found."""
    path = tmp_path / "log.txt"
    path.write_bytes(
        b"x" * 79 + b"\n" + b"y" * 5_000_000 + b"\nTraceback (most recent call last):\n  f\nOSError: full\n"
    )
    assert explain(1, path) == "OSError: full"


def test_a_multi_line_exception_is_kept_whole_up_to_a_bound(tmp_path: Path) -> None:
    """An exception whose text has several lines keeps them, at most eight."""
    path = tmp_path / "log.txt"
    lines = [f"line {number}" for number in range(20)]
    path.write_text("Traceback (most recent call last):\n  f\nValueError: bad\n" + "\n".join(lines))
    assert explain(1, path).splitlines() == ["ValueError: bad", *lines[:7]]


def test_a_kfx_error_is_kept_with_its_indented_lines_and_nothing_that_follows(tmp_path: Path) -> None:
    """What the entrypoint prints of an error of several lines, such as a gate's, is quoted whole, up to a bound."""
    path = tmp_path / "log.txt"
    lines = [f"  error    null rate of x{number} 0 % -> 12 %" for number in range(20)]
    path.write_text("\n".join(["looking", "AnomaliesError: 20 anomalies:", *lines, "later noise"]))
    assert explain(1, path).splitlines() == ["AnomaliesError: 20 anomalies:", *lines[:15]]
    path.write_text("\n".join(["looking", "AnomaliesError: 2 anomalies:", *lines[:2], "later noise"]))
    assert explain(1, path).splitlines() == ["AnomaliesError: 2 anomalies:", *lines[:2]]
