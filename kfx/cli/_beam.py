"""Beam's settings as a command line gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from kfx.errors import UsageError
from kfx.stats.beam import BeamOptions


def parse(runner: str, settings: Sequence[str]) -> BeamOptions:
    """Reads settings as a command line gives them: `project=p`, `labels=team=search`, `experiments=shuffle_mode=auto`.

    A name that is no field of `BeamOptions` is Beam's own argument: `a=b` becomes `--a=b`, and `a` becomes `--a`.

    Args:
        runner: A runner's name.
        settings: `name=value` each.

    Raises:
        UsageError: A value is wrong.
    """
    kinds = {item.name: item.type for item in fields(BeamOptions) if item.name not in {"runner", "extra", "on_job"}}
    given: dict[str, Any] = {"labels": {}, "extra": []}
    for setting in settings:
        name, equals, value = setting.removeprefix("--").partition("=")
        if name == "labels":
            key, _, text = value.partition("=")
            given["labels"][key] = text
        elif name in kinds and equals:
            given[name] = _typed(name, str(kinds[name]), value)
        else:
            given["extra"].append(f"--{name}{equals}{value}")
    return BeamOptions(runner, **given)


def _typed(name: str, kind: str, value: str) -> Any:
    if kind == "str":
        return value
    if kind == "bool" and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if kind == "int" and value.isdecimal():
        return int(value)
    raise UsageError(f"The Beam option {name} is {value!r}; it must be {'true or false' if kind == 'bool' else kind}.")
