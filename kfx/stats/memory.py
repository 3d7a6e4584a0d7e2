"""Amounts of memory: how much there is, and how people write it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from kfx.errors import UsageError

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_SHARE = 0.6  # of what there is: the rest is for reading, Python and whoever else runs


def parse(text: str) -> int:
    """Returns bytes of "2GiB", "1.5G", "800 MB" or "1000000"; K, M, G, T are powers of 1024 with i or alone, else 1000.

    An empty text is 60 % of what this process may use.

    Raises:
        UsageError: It is none of these.
    """
    if not text:
        return int(available() * _SHARE)
    match = _SIZE.fullmatch(text)
    if not match:
        raise UsageError(f"{text!r} is no amount of memory. Write for example 2GiB or 800MB.")
    amount, letter, binary = match.groups()
    base = 1000 if text.rstrip().lower().endswith("b") and not binary else 1024
    return int(float(amount) * base ** " kmgt".index(letter.lower() or " "))


def available() -> int:
    """Returns the bytes of memory of this container, or of the machine where no container limits it."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP_LIMITS:
        limit = path.read_text(encoding="ascii").strip() if path.is_file() else ""
        if limit.isdigit():
            return min(machine, int(limit))
    return machine
