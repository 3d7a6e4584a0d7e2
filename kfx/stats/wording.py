"""Numbers with their nouns, dates, and text from the data, for lines that people read."""

from __future__ import annotations

import datetime as dt
import re

_DAY_US = 86_400_000_000
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # years 1 to 9999, in days since 1970-01-01: what datetime holds

JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Invisible, but part of how emoji and Persian are written."""


def printable(text: str, instead: str = "\N{SYMBOL FOR SUBSTITUTE}") -> str:
    """Returns text that stays on its line and is seen: control characters are replaced, and blanks if they are all.

    Args:
        text: From the data.
        instead: What stands for a character that is not printable.
    """
    clean = "".join(one if one.isprintable() or one in JOINERS else instead for one in text)
    if clean.strip(f" {JOINERS}"):
        return clean
    return "".join("\N{OPEN BOX}" if one == " " else instead for one in clean)


def quoted(text: str) -> str:
    """Returns text as `repr` writes it, with the joiners as they are.

    Args:
        text: From the data.
    """
    parts = re.split(f"([{JOINERS}])", text)
    written = "".join(part if part in JOINERS else repr(part)[1:-1] for part in parts)
    return f'"{written}"' if "'" in text and '"' not in text else f"'{written}'"


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
