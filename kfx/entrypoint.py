"""Starts kfp's executor inside a kfx component: `python3 -m kfx.entrypoint -m kfp.dsl.executor_main ARGS`.

Two things are mended on the way:

- A final status with `"error": null` (legal JSON for an absent error) makes kfp 2.17's executor raise AttributeError
  before the component's body runs, so nobody would be told how the run ended. The null is dropped.
- A `KfxError` ends the task with one sentence on stderr. Its traceback would add nothing for the reader.
- The executor logs its whole input, tens of lines of JSON between the reader and the task's own output. Those records
  are dropped; warnings and whatever the component logs stay.
"""

from __future__ import annotations

import json
import logging
import runpy
import sys
from typing import Any

from kfx.errors import KfxError, UsageError

_INPUT_FLAG = "--executor_input"


def without_null_errors(executor_input: str) -> str:
    """Drops `"error": null` from every final status among the input parameters of an ExecutorInput JSON document.

    The wire format is `ml_pipelines.ExecutorInput` (kfp pipeline_spec.proto) as JSON; a final status is a
    `PipelineTaskFinalStatus` under `inputs.parameterValues.NAME`.
    """
    document: dict[str, Any] = json.loads(executor_input)
    values = (document.get("inputs") or {}).get("parameterValues") or {}
    for value in values.values():
        if isinstance(value, dict) and "state" in value and value.get("error", ...) is None:
            del value["error"]
    return json.dumps(document)


def main(argv: list[str]) -> int:
    """Runs the module named after `-m` with the remaining arguments.

    Returns:
        0, or 1 when the component raised a KfxError. Every other exception propagates with its traceback.
    """
    if len(argv) < 2 or argv[0] != "-m":
        raise UsageError(f"kfx.entrypoint takes '-m MODULE ARGS', not {argv!r}.")
    module, arguments = argv[1], argv[2:]
    if _INPUT_FLAG in arguments[:-1]:
        at = arguments.index(_INPUT_FLAG) + 1
        arguments[at] = without_null_errors(arguments[at])
    _quiet_executor(module)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except KfxError as error:
        # Lines after the first are indented: that is how a reader of the log tells them from what follows.
        print(f"{type(error).__name__}: {error}".replace("\n", "\n  "), file=sys.stderr)
        return 1
    return 0


def _quiet_executor(module: str) -> None:
    """Sets logging up as the executor would, which then leaves it alone, but without the executor's own chatter."""
    logging.basicConfig(stream=sys.stdout, format="[%(levelname)s] %(message)s", level=logging.INFO)
    file = module.rpartition(".")[2]
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: record.module != file or record.levelno > logging.INFO)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
