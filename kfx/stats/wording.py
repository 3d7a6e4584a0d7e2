"""Numbers with their nouns, for lines that people read."""

from __future__ import annotations

import datetime as dt

_DAY_US = 86_400_000_000
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # years 1 to 9999, in days since 1970-01-01: what datetime holds


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun: `1 row`, `1,000 rows`.

    Args:
        number: How many.
        noun: In the singular, with an s in the plural.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def moment(value: float, unit: str) -> str | None:
    """Returns a date, a moment or a length of time as people write it; None for other numbers.

    Args:
        value: The number.
        unit: What it stands for, as the custom statistic `unit` says it, such as `days since 1970-01-01`.
    """
    if unit in ("microseconds since midnight", "microseconds"):
        return f"{value / 1e6:,.6g} s"
    days = unit.startswith("days")
    if not unit.endswith("1970-01-01") or not _FIRST_DAY < value / (1 if days else _DAY_US) < _LAST_DAY:
        return None
    at = dt.datetime(1970, 1, 1) + (dt.timedelta(days=value) if days else dt.timedelta(microseconds=value))
    return f"{at:%Y-%m-%d}" if days or at.time() == dt.time() else f"{at:%Y-%m-%d %H:%M}"
