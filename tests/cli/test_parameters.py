"""`-p key=value` as a pipeline's own types."""

from __future__ import annotations

from typing import Any

import pytest

from kfx.cli.parameters import check, parameters, parse
from kfx.errors import UsageError

SPEC: dict[str, Any] = {
    "root": {
        "inputDefinitions": {
            "parameters": {
                "source": {"parameterType": "STRING", "description": "The table."},
                "label": {"parameterType": "STRING", "defaultValue": "y"},
                "seed": {"parameterType": "NUMBER_INTEGER", "defaultValue": 7.0},
                "fraction": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.1},
                "fast": {"parameterType": "BOOLEAN", "defaultValue": False},
                "recipients": {"parameterType": "LIST", "isOptional": True},
                "settings": {"parameterType": "STRUCT", "isOptional": True},
            }
        }
    }
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("label=5", "5"),
        ("label=true", "true"),
        ('label={"a": 1}', '{"a": 1}'),
        ("label=", ""),
        ("label=a=b", "a=b"),
        ("seed=3", 3),
        ("seed=3.0", 3),
        ("fraction=1", 1.0),
        ("fraction=1e-3", 0.001),
        ("fast=true", True),
        ("fast=False", False),
        ('recipients=["a@b", "c@d"]', ["a@b", "c@d"]),
        ('settings={"depth": 3}', {"depth": 3}),
    ],
)
def test_a_text_becomes_a_value_of_its_parameters_type(text: str, value: Any) -> None:
    """JSON first, then true/false, and a STRING parameter keeps the literal text."""
    name = text.partition("=")[0]
    read = parse([text], SPEC)[name]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed=3.5", "'seed' takes an integer, not 3.5"),
        ("seed=true", "'seed' takes an integer, not True"),
        ("seed=three", "'seed' takes an integer, not 'three'"),
        ("seed=9007199254740993", "64-bit float"),
        ("fraction=NaN", "64-bit float"),
        ("fraction=half", "'fraction' takes a number, not 'half'"),
        ("fast=1", "'fast' takes true or false, not 1"),
        ("recipients=a@b", "takes a JSON list such as"),
        ("settings=[1]", "takes a JSON object, not [1]"),
        ("seeds=3", "no parameter 'seeds'. Did you mean 'seed'? It takes: source, label, seed,"),
        ("seed", "has no value. Write -p NAME=VALUE."),
    ],
)
def test_a_text_of_another_type_is_refused(text: str, message: str) -> None:
    """What would fail in the cloud minutes later is said at once."""
    with pytest.raises(UsageError) as error:
        parse([text], SPEC)
    assert message in str(error.value)


def test_the_last_value_counts() -> None:
    """A wrapper script's default may be overridden by what follows it."""
    assert parse(["seed=1", "seed=2"], SPEC) == {"seed": 2}


def test_a_missing_required_parameter_is_named() -> None:
    """The message is the flag to add."""
    with pytest.raises(UsageError, match="Add -p source=<text>"):
        check({"seed": 1}, SPEC)
    assert check({"source": "t.csv", "seed": 2.0, "recipients": None}, SPEC) == {"source": "t.csv", "seed": 2}


def test_a_pipeline_that_needs_artifacts_cannot_start() -> None:
    """There is no way to give an artifact on the command line, and the message says so."""
    spec = {"root": {"inputDefinitions": {"artifacts": {"model": {"artifactType": {}}}}}}
    with pytest.raises(UsageError, match="takes artifacts"):
        check({}, spec)


def test_a_parameter_tells_what_it_is() -> None:
    """Type, default and description come from the specification."""
    known = parameters(SPEC)
    assert (known["source"].required, known["source"].description) == (True, "The table.")
    assert (known["seed"].required, known["seed"].default) == (False, 7.0)
    assert not known["recipients"].required
