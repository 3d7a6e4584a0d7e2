"""Makes foreign text safe to put in a message: clean, of bounded length, worded for people.

Task errors come from user code and terminals. They hold colours, control characters, half surrogates and megabytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone

# ECMA-48: CSI sequences (colours, cursor), OSC strings (titles, links; ended by BEL or ST), and two-character escapes.
_ANSI = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"
    r"|\x1b[ -/]*[0-~]"
)
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)  # controls and text-direction overrides
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    """Strips terminal colours, control characters and half surrogates; keeps tabs and single or double newlines."""
    text = _ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", _UNSAFE.sub("", text))
    return _BLANK_LINES.sub("\n\n", text).strip()


def one_line(text: str) -> str:
    """Cleans a text and joins its lines, for a title, a mail subject or a log line."""
    return " ".join(clean(text).split())


def cut(text: str, limit: int, cost: Callable[[str], int] | None = None) -> str:
    """Shortens a text to a service's limit, at a word's end, and says how much is missing.

    Args:
        text: The text.
        limit: The most characters the result may count.
        cost: What one character counts after escaping (`&` counts five as `&amp;`); one when None.

    Returns:
        The text itself when it fits, else its beginning and a note such as "… (1200 more characters)".
    """
    if (len(text) if cost is None else sum(map(cost, text))) <= limit:
        return text
    note = f"… ({len(text)} more characters)"  # as long as the real note or longer
    room = limit - len(note)
    if room <= 0:
        note, room = "…"[:limit], limit - 1
    head = text[:room] if cost is None else _fitting(text, room, cost)
    at_word = max(head.rfind(" "), head.rfind("\n"))
    if at_word > len(head) * 2 // 3:
        head = head[:at_word]
    head = head.rstrip()
    return head + (note if len(note) < 2 else f"… ({len(text) - len(head)} more characters)")


def _fitting(text: str, room: int, cost: Callable[[str], int]) -> str:
    used = kept = 0
    for character in text:
        used += cost(character)
        if used > room:
            break
        kept += 1
    return text[:kept]


def tail(text: str, limit: int) -> str:
    """Keeps the last lines of a text that fit into `limit` characters."""
    if len(text) <= limit:
        return text
    kept = text[-limit:]
    return kept[kept.find("\n") + 1 :] if "\n" in kept[:-1] else kept


def duration(seconds: float) -> str:
    """Words a duration: "4.2 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return f"{days} d {hours_left} h"
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {seconds_left} s"


def moment(seconds: float) -> str:
    """Words a point in time, given in seconds since the epoch, as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def number(value: object) -> str:
    """Words a metric's value: six significant digits for a float, as it is otherwise."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
