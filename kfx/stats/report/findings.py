"""What in a feature's figures deserves a look, each with a weight: 3 is likely a fault, 2 likely matters, 1 is a hint.

Thresholds are rules of thumb for a first look, not a schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOSTLY_MISSING = 0.5
SOME_MISSING = 0.05
MOSTLY_ZERO = 0.5
DOMINANT = 0.95
FAR_OUT = 10.0  # standard deviations
FEW_VALUES = 20  # below this many values a distinct column says nothing


def findings(model: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Yields weight and sentence of everything worth a look.

    Args:
        model: A feature as `kfx.stats.report.model.feature_model` gives it.
    """
    expected = model["present"] + model["missing"]
    if not expected:
        return
    if not model["present"]:
        yield 3, "has no value at all"
        return
    yield from _missing(model["missing"], expected)
    if model.get("approximate"):
        yield 1, f"has approximate figures: {model['approximate']}"
    if "mean" in model or "nan" in model:
        yield from _numeric(model)
    if "unique" in model:
        yield from _text(model)


def _missing(missing: int, expected: int) -> Iterator[tuple[int, str]]:
    share = missing / expected
    if share >= MOSTLY_MISSING:
        yield 3, f"is missing in {_percent(share)} of rows"
    elif share >= SOME_MISSING:
        yield 2, f"is missing in {_percent(share)} of rows"
    elif missing:
        yield 1, f"is missing in {_percent(share)} of rows"


def _numeric(model: dict[str, Any]) -> Iterator[tuple[int, str]]:
    if model["infinite"]:
        yield 3, f"holds {model['infinite']:,.0f} infinite values"
    if model["nan"]:
        yield 2, f"holds {model['nan']:,} values that are not a number"
    if "mean" not in model:
        return
    lowest, highest, mean, deviation = model["min"], model["max"], model["mean"], model["std_dev"]
    if lowest == highest:
        yield 2, "has one value only"
        return
    zeros = model["zeros"] / max(model["values"], 1)
    if zeros >= MOSTLY_ZERO and model["type"] != "boolean":
        yield 1, f"is zero in {_percent(zeros)} of its values"
    if all(isinstance(number, (int, float)) for number in (lowest, highest, mean, deviation)) and deviation > 0:
        far = max(highest - mean, mean - lowest) / deviation
        if far >= FAR_OUT:
            side = "largest" if highest - mean >= mean - lowest else "smallest"
            yield 1, f"has a long tail: the {side} value is {far:,.0f} standard deviations from the mean"


def _text(model: dict[str, Any]) -> Iterator[tuple[int, str]]:
    if model["invalid"]:
        yield 2, f"holds {model['invalid']:,} values that are not UTF-8"
    if model["unique"] == 1:
        yield 2, "has one value only"
        return
    if model["unique"] == model["values"] > FEW_VALUES:
        yield 1, "is different in every row, like an identifier"
    elif model["top"] and model["top"][0][1] / max(model["values"], 1) >= DOMINANT:
        yield 1, f"has one value in {_percent(model['top'][0][1] / model['values'])} of its rows"


def _percent(share: float) -> str:
    percent = 100 * share
    if 0 < percent < 0.1:
        return "under 0.1 %"
    if 99.9 < percent < 100:
        return "over 99.9 %"
    return f"{percent:.1f} %".replace(".0 %", " %")
