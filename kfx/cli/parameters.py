"""The parameters of a compiled pipeline, and `-p key=value` texts read as values of their types.

A text is read as `kfp run create` reads it (JSON first, then true/false in any case, else text), except that a STRING
parameter always keeps the literal text: `-p label=5` is "5". The types are `ParameterType.ParameterTypeEnum` of
kfp's pipeline_spec.proto.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kfx.errors import UsageError

_WORDS = {
    "STRING": "text",
    "NUMBER_INTEGER": "an integer",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "LIST": "a JSON list",
    "STRUCT": "a JSON object",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a pipeline."""

    name: str

    type: str
    """`STRING`, `NUMBER_INTEGER`, `NUMBER_DOUBLE`, `BOOLEAN`, `LIST` or `STRUCT`."""

    required: bool
    """No default and not optional: a run cannot start without it."""

    default: Any = None
    """Value it takes when nothing is given; None also when there is no default."""

    description: str = ""
    """From the docstring of the pipeline function."""


def parameters(spec: Mapping[str, Any]) -> dict[str, Parameter]:
    """Returns the parameters of a compiled pipeline by name.

    Args:
        spec: `PipelineSpec` as JSON.
    """
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    return {
        name: Parameter(
            name=name,
            type=item.get("parameterType", "STRING"),
            required="defaultValue" not in item and not item.get("isOptional", False),
            default=item.get("defaultValue"),
            description=item.get("description", ""),
        )
        for name, item in declared.items()
    }


def parse(texts: Iterable[str], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Reads `key=value` texts as values for a pipeline; of two for one key the last counts.

    Args:
        texts: What followed each `-p`.
        spec: `PipelineSpec` as JSON.

    Returns:
        Name -> value of the parameter's own type. Parameters that were not given are left out.

    Raises:
        UsageError: A text without `=`, an unknown name, or a value of another type.
    """
    known = parameters(spec)
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"-p {text!r} has no value. Write -p NAME=VALUE.")
        values[name] = read_value(find(name, known), value)
    return values


def find(name: str, known: Mapping[str, Parameter]) -> Parameter:
    """Returns a parameter by name.

    Raises:
        UsageError: There is none; the message has the near match and all the valid names.
    """
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    valid = f"It takes: {', '.join(known)}." if known else "It takes none."
    raise UsageError(f"The pipeline has no parameter {name!r}.{meant} {valid}")


def read_value(parameter: Parameter, text: str) -> Any:
    """Reads one text as a value of a parameter's type.

    Raises:
        UsageError: The text is of another type.
    """
    if parameter.type == "STRING":
        return text
    try:
        value: Any = json.loads(text)
    except ValueError:
        value = {"true": True, "false": False}.get(text.strip().lower(), text)
    return conform(parameter, value)


def conform(parameter: Parameter, value: Any) -> Any:
    """Returns a value in its parameter's type, converted only where nothing is lost (3.0 for an integer is 3).

    Raises:
        UsageError: The value is of another type, or a number JSON cannot carry.
    """
    wanted = parameter.type
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not _travels(value):
            raise UsageError(f"Parameter {parameter.name!r} cannot be {value}: it travels as a 64-bit float.")
        if wanted == "NUMBER_INTEGER" and value == int(value):
            return int(value)
        if wanted == "NUMBER_DOUBLE":
            return float(value)
    kind = {"STRING": str, "BOOLEAN": bool, "LIST": list, "STRUCT": dict}.get(wanted)
    if kind is not None and isinstance(value, kind):
        return value
    example = ' such as \'["a", "b"]\'' if wanted == "LIST" else ""
    raise UsageError(f"Parameter {parameter.name!r} takes {_WORDS.get(wanted, wanted)}{example}, not {value!r}.")


def _travels(value: float) -> bool:
    """Whether a number survives the way to a task: `google.protobuf.Value` has doubles only, no NaN, no infinity."""
    try:
        return math.isfinite(value) and float(value) == value
    except OverflowError:
        return False


def check(values: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Checks a run's parameters before anything is sent: names, types, and that none is missing.

    Args:
        values: Name -> value.
        spec: `PipelineSpec` as JSON.

    Returns:
        The values in their parameters' types.

    Raises:
        UsageError: A name is unknown, a value is of another type, or a required input is missing.
    """
    known = parameters(spec)
    checked = {name: conform(find(name, known), value) for name, value in values.items() if value is not None}
    missing = [parameter for parameter in known.values() if parameter.required and parameter.name not in checked]
    if missing:
        wanted = " ".join(
            f"-p {parameter.name}=<{_WORDS.get(parameter.type, parameter.type)}>" for parameter in missing
        )
        raise UsageError(f"The pipeline needs a value for: {', '.join(p.name for p in missing)}. Add {wanted}")
    artifacts = spec["root"].get("inputDefinitions", {}).get("artifacts", {})
    if needed := [name for name, item in artifacts.items() if not item.get("isOptional", False)]:
        raise UsageError(
            f"The pipeline takes artifacts ({', '.join(needed)}); only pipelines of parameters can start a run."
        )
    return checked
