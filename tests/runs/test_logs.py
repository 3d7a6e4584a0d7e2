"""The end of a log without what kfp's executor prints about itself."""

from __future__ import annotations

import json

from kfx.runs.logs import end

HEAD = """[KFP Executor 2026-11-21 07:40:05,838 INFO]: Looking for component `work` in --component_module_path `x.py`
[KFP Executor 2026-11-21 07:40:05,838 INFO]: Loading KFP component "work" from /tmp/x.py
[KFP Executor 2026-11-21 07:40:05,839 INFO]: Got executor_input:
"""
INPUT = json.dumps({"inputs": {"parameterValues": {"a": {"b": ["}", "x"]}}}, "outputs": {}}, indent=4)


def test_the_executors_own_lines_are_left_out() -> None:
    """Its steps and its input as JSON go; the component's output stays, braces of its own included."""
    assert end(f"{HEAD}{INPUT}\nEpoch 1\n{{\n}}\nValueError: x\n") == "Epoch 1\n{\n}\nValueError: x"
    assert end(f"{HEAD}{INPUT}\n") == ""


def test_a_log_that_begins_inside_the_input_is_cut_there() -> None:
    """A tail of fixed length may start in the middle of the JSON."""
    middle = "\n".join(INPUT.splitlines()[4:])
    assert end(f"{middle}\nValueError: x") == "ValueError: x"


def test_the_last_lines_are_kept() -> None:
    """An ordinary log is not touched but for its length."""
    text = "\r\n".join(f"line {number}" for number in range(40))
    assert end(text, 3) == "line 37\nline 38\nline 39"
    assert end("  indented\nplain\n") == "indented\nplain"
