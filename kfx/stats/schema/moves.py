"""How a numeric feature's distribution moved, in figures that people read: means, dates, shares of NaN."""

from __future__ import annotations

import math
from typing import Any

from kfx.stats.schema.cuts import nan_share
from kfx.stats.schema.view import FeatureView
from kfx.stats.wording import moment

_DAY_US = 86_400_000_000
_SECOND_US = 1_000_000


def moved(before: FeatureView, now: FeatureView) -> str:
    """Returns mean and deviation before and now (the median where they are no numbers), and NaN where it moved.

    Empty where a side has no numeric figures.
    """
    one, other = before.numbers, now.numbers
    if one is None or other is None:
        return ""
    parts = []
    nan = percent(nan_share(before)), percent(nan_share(now))
    if nan[0] != nan[1]:
        parts.append(f"NaN {nan[0]} -> {nan[1]}")
    unit = now.unit
    if all(math.isfinite(figure) for side in (one, other) for figure in (side.mean, side.std_dev)):
        parts.append(f"mean {_figures(one.mean, other.mean, unit)}")
        parts.append(f"deviation {_deviations(one.std_dev, other.std_dev, unit)}")
    else:
        parts.append(f"median {_figures(one.median, other.median, unit)}")
    return ", ".join(parts)


def percent(share: float) -> str:
    """Words a share: "12 %", "3.1 %", "0.02 %"; never 0 or 100 % for what is not quite."""
    hundred = 100 * share
    if 0 < hundred < 0.01:
        return "under 0.01 %"
    text = f"{hundred:.2f}" if hundred < 0.1 else f"{hundred:.1f}"
    if share < 1 and float(text) == 100:
        return "over 99.9 %"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def _figures(before: float, now: float, unit: str) -> str:
    """Writes two figures: "13.00 -> 14.95", "2026-01-02 -> 2026-02-10"."""
    moments = [moment(figure, unit) for figure in (before, now)]
    if all(moments):
        return " -> ".join(map(str, moments))
    return " -> ".join(map(_number, (before, now)))


def _deviations(before: float, now: float, unit: str) -> str:
    """Writes two deviations, in days or seconds where the figures are dates, moments or times."""
    scale, name = {
        "days since 1970-01-01": (1, " days"),
        "microseconds since 1970-01-01": (_DAY_US, " days"),
        "microseconds since midnight": (_SECOND_US, " s"),
        "microseconds": (_SECOND_US, " s"),
    }.get(unit, (1, ""))
    return f"{_number(before / scale)} -> {_number(now / scale)}{name}"


def _number(figure: Any) -> str:
    """Writes a figure with four significant digits, or whole: "13.00", "5,000"."""
    return f"{figure:,.0f}" if 1000 <= abs(figure) < 1e9 else f"{figure:#.4g}"
