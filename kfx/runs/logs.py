"""The end of a task's log, as far as it says something about the failure."""

from __future__ import annotations

import re

LINES = 15
"""How many last lines are kept."""

READ_LINES = 200
"""How many to read for that: kfp's executor prints its whole input, which is left out."""

# What kfp's executor prints before the component's own output: its steps, and its input as JSON from column 0.
_EXECUTOR_INPUT = re.compile(r"^\[KFP Executor [^\]]*\]: Got executor_input:\n\{\n.*?^\}$\n?", re.MULTILINE | re.DOTALL)
_EXECUTOR_INPUT_TAIL = re.compile(r"\A(?:[ \t\"{}\[\]][^\n]*\n)+^\}$\n?", re.MULTILINE)
_EXECUTOR_STEP = re.compile(r"^\[KFP Executor [^\]]*\]:[^\n]*\n?", re.MULTILINE)


def end(text: str, lines: int = LINES) -> str:
    """Returns the last lines of a log, without what kfp's executor prints about itself.

    Args:
        text: The log or its end; it may begin in the middle of the executor's input.
        lines: The most lines to return.
    """
    text = text.replace("\r\n", "\n")
    text = _EXECUTOR_INPUT.sub("", text)
    text = _EXECUTOR_STEP.sub("", _EXECUTOR_INPUT_TAIL.sub("", text))
    return "\n".join(text.strip().splitlines()[-lines:])
