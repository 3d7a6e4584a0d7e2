"""The program that starts kfp's executor inside a kfx component."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kfx.entrypoint import without_null_errors

_COMPONENT = """
import kfp
from kfp import dsl
from kfp.dsl import *
from kfx.errors import UsageError

def tell(status: dsl.PipelineTaskFinalStatus, refuse: bool = False):
    if refuse:
        raise UsageError("There is no table 'x'.")
    import logging
    logging.info("said by the component")
    print("STATE", status.state, status.error_message)
"""


def _execute(tmp_path: Path, values: dict[str, object]) -> subprocess.CompletedProcess[str]:
    module = tmp_path / "ephemeral_component.py"
    module.write_text(_COMPONENT)
    executor_input = {
        "inputs": {"parameterValues": values},
        "outputs": {"outputFile": str(tmp_path / "out" / "executor_output.json")},
    }
    command = [sys.executable, "-m", "kfx.entrypoint", "-m", "kfp.dsl.executor_main"]
    arguments = ["--component_module_path", str(module), "--executor_input", json.dumps(executor_input)]
    return subprocess.run(
        [*command, *arguments, "--function_to_execute", "tell"],
        capture_output=True,
        text=True,
        env={"_KFP_RUNTIME": "true", "PATH": ""},
        check=False,
    )


@pytest.mark.parametrize("error", [None, {}, {"code": 9, "message": "boom"}])
def test_a_null_error_in_the_final_status_reaches_the_component(tmp_path: Path, error: object) -> None:
    """A final status whose error is null, empty or filled runs the component; kfp's executor alone dies on null."""
    done = _execute(tmp_path, {"status": {"state": "FAILED", "error": error}})
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"STATE FAILED {'boom' if error else None}" in done.stdout


def test_a_kfx_error_is_one_sentence_without_a_traceback(tmp_path: Path) -> None:
    """A component that raises a KfxError ends with code 1 and its sentence on stderr."""
    done = _execute(tmp_path, {"status": {"state": "SUCCEEDED"}, "refuse": True})
    assert done.returncode == 1
    assert done.stderr.strip() == "UsageError: There is no table 'x'."


def test_other_parameters_named_error_are_left_alone() -> None:
    """Only a final status loses its null error: a user's own object without a state keeps it."""
    document = {"inputs": {"parameterValues": {"mine": {"error": None}, "status": {"state": "X", "error": None}}}}
    assert json.loads(without_null_errors(json.dumps(document))) == {
        "inputs": {"parameterValues": {"mine": {"error": None}, "status": {"state": "X"}}}
    }


def test_the_log_is_the_components_own(tmp_path: Path) -> None:
    """What the component logs is there; the executor's dump of its input is not."""
    done = _execute(tmp_path, {"status": {"state": "SUCCEEDED"}, "refuse": False})
    assert done.stdout.splitlines() == ["[INFO] said by the component", "STATE SUCCEEDED None"]
