"""Pipeline parameters written as flags: `--bq-source bq://p.d.t` is `-p bq_source=bq://p.d.t`.

`kfx submit` takes its own options first; what it does not know must be a parameter of the pipeline.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from kfx.cli.parameters import Parameter, conform, read_value
from kfx.errors import UsageError


def read_flags(tokens: Sequence[str], known: Mapping[str, Parameter], options: Sequence[str]) -> dict[str, Any]:
    """Reads the rest of a command line as pipeline parameters.

    A LIST parameter takes one or more words (`--recipients a@x b@x`) or one JSON list; a BOOLEAN takes true, false or
    nothing (true); every other takes one word, which may also follow a `=`.

    Args:
        tokens: The words that no option of the command took, in their order.
        known: The pipeline's parameters.
        options: The command's own flags, for the near match of a misspelt one.

    Returns:
        Parameter name -> value of its type.

    Raises:
        UsageError: A word that is no flag's, an unknown flag, or a value of another type.
    """
    values: dict[str, Any] = {}
    for flag, words in _grouped(tokens):
        name, equals, text = flag.removeprefix("--").partition("=")
        parameter = known.get(name.replace("-", "_"), known.get(name))
        if parameter is None:
            raise UsageError(_unknown(f"--{name}", known, options))
        values[parameter.name] = _value(parameter, [text, *words] if equals else words, name)
    return values


def _grouped(tokens: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Returns each flag with the words up to the next one."""
    groups: list[tuple[str, list[str]]] = []
    for token in tokens:
        if token.startswith("--") and len(token) > 2:
            groups.append((token, []))
        elif not groups:
            raise UsageError(f"{token!r} belongs to no option. PIPELINE is one word, and options have names.")
        else:
            groups[-1][1].append(token)
    return groups


def _value(parameter: Parameter, words: list[str], flag: str) -> Any:
    if parameter.type == "BOOLEAN" and not words:
        return True
    if not words:
        raise UsageError(f"--{flag} needs a value.")
    if parameter.type == "LIST":
        return conform(parameter, _list(words))
    if len(words) > 1:
        raise UsageError(f"--{flag} takes one value, and {words[1]!r} follows it.")
    return read_value(parameter, words[0])


def _list(words: list[str]) -> list[Any]:
    if len(words) == 1 and words[0].lstrip().startswith("["):
        try:
            found = json.loads(words[0])
        except ValueError as error:
            raise UsageError(f"{words[0]!r} is not a JSON list: {error}") from error
        if isinstance(found, list):
            return found
    return list(words)


def _unknown(flag: str, known: Mapping[str, Parameter], options: Sequence[str]) -> str:
    flags = [f"--{name.replace('_', '-')}" for name in known]
    near = difflib.get_close_matches(flag, [*flags, *options], n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    takes = f" The pipeline's parameters are: {', '.join(flags)}." if flags else ""
    return f"There is no option {flag}.{meant}{takes}"
