"""Numbers with their nouns, for lines that people read."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun: `1 row`, `1,000 rows`.

    Args:
        number: How many.
        noun: In the singular, with an s in the plural.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
