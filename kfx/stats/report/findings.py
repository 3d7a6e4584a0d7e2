"""What in a feature's figures deserves a look.

Thresholds are rules of thumb for a first look, not a schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kfx.stats.proto import NON_UTF8
from kfx.stats.wording import quoted

MOSTLY_MISSING = 0.5
SOME_MISSING = 0.05
MOSTLY_ZERO = 0.5
DOMINANT = 0.95
FAR_OUT = 10.0  # standard deviations
FEW_VALUES = 20  # below this many values a distinct column says nothing


@dataclass(frozen=True)
class Finding:
    """One thing that deserves a look."""

    kind: str
    """What it is about; the same in every data set that has it."""

    weight: int
    """3 is likely a fault, 2 likely matters, 1 is a hint."""

    text: str
    """The rest of a sentence that starts with the feature's name."""


def findings(model: dict[str, Any]) -> Iterator[Finding]:
    """Yields everything worth a look in one data set.

    Args:
        model: A feature as `kfx.stats.report.feature.feature_model` gives it; of one by weight, rows are counted.
    """
    model = model.get("plain", model)
    expected = model["present"] + model["missing"]
    if not expected:
        return
    if not model["present"]:
        yield Finding("empty", 3, "has no value at all")
        return
    yield from _missing(model["missing"], expected, places(model))
    if model.get("approximate"):
        yield Finding("approximate", 1, f"has approximate figures: {model['approximate']}")
    if "mean" in model or "nan" in model:
        yield from _numeric(model)
    if "unique" in model:
        yield from _text(model)


def percent(share: float) -> str:
    """Returns a share as text, never rounded to nothing or to all."""
    number = 100 * share
    if 0 < number < 0.1:
        return "under 0.1 %"
    if 99.9 < number < 100:
        return "over 99.9 %"
    return f"{number:.1f} %".replace(".0 %", " %")


def places(model: dict[str, Any]) -> str:
    """Returns what a feature could be in: a field of structs is no more often missing than they are there."""
    if "plain" in model:
        return "the weight"
    return "rows" if model["present"] + model["missing"] == model["rows"] else "the structs it belongs to"


def _missing(missing: int, expected: int, where: str) -> Iterator[Finding]:
    share = missing / expected
    weight = 3 if share >= MOSTLY_MISSING else 2 if share >= SOME_MISSING else 1
    if missing:
        yield Finding("missing", weight, f"is missing in {percent(share)} of {where}")


def _numeric(model: dict[str, Any]) -> Iterator[Finding]:
    if model["infinite"]:
        yield Finding("infinite", 3, f"holds {_counted(model['infinite'], 'infinite value')}")
    if model["nan"]:
        verb = "is" if model["nan"] == 1 else "are"
        yield Finding("nan", 2, f"holds {_counted(model['nan'], 'value')} that {verb} not a number")
    if "mean" not in model:
        return
    lowest, highest, mean, deviation = model["min"], model["max"], model["mean"], model["std_dev"]
    if lowest == highest:
        yield Finding("constant", 2, "has one value only")
        return
    zeros = model["zeros"] / max(model["values"], 1)
    if zeros >= MOSTLY_ZERO and not model["unit"]:
        yield Finding("zeros", 1, f"is zero in {percent(zeros)} of its values")
    if all(isinstance(number, (int, float)) for number in (lowest, highest, mean, deviation)) and deviation > 0:
        far = max(highest - mean, mean - lowest) / deviation
        if far >= FAR_OUT:
            side = "largest" if highest - mean >= mean - lowest else "smallest"
            text = f"has a long tail: the {side} value is {far:,.0f} standard deviations from the mean"
            yield Finding("tail", 1, text)


def _text(model: dict[str, Any]) -> Iterator[Finding]:
    if model["invalid"]:
        verb = "is" if model["invalid"] == 1 else "are"
        yield Finding("encoding", 2, f"holds {_counted(model['invalid'], 'value')} that {verb} not UTF-8")
    if model["unique"] == 1:
        yield Finding("constant", 2, "has one value only")
        return
    if model.get("words"):
        values = ", ".join(f"{_counted(count, 'value')} {quoted(value)}" for value, count in model["words"])
        yield Finding("words", 2, f"is text, and looks like a number but for {values}")
    if model["unique"] == model["values"] > FEW_VALUES:
        yield Finding("distinct", 1, "is different in every row, like an identifier")
    elif _is_known(model["top"]) and model["top"][0][1] / max(model["values"], 1) >= DOMINANT:
        share = percent(model["top"][0][1] / model["values"])
        yield Finding("dominant", 1, f"has one value in {share} of its rows")


def _is_known(top: list[Any]) -> bool:
    """Tells whether the most frequent entry is one value, and not all that are not UTF-8 together."""
    return bool(top) and top[0][0] != NON_UTF8.decode()


def _counted(count: float, noun: str) -> str:
    return f"{count:,.0f} {noun}{'' if count == 1 else 's'}"
