"""Temporary folders for what does not fit into memory, and what is said when they have no room either."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kfx.errors import PermanentError


def temporary_folder() -> Path:
    """Makes a folder where `TMPDIR` says; its maker removes it.

    Raises:
        PermanentError: No folder can be made there.
    """
    with spilling():
        return Path(tempfile.mkdtemp(prefix="kfx-stats-"))


@contextmanager
def spilling() -> Iterator[None]:
    """Turns the system's errors in writing temporary files into one sentence with the ways out.

    Raises:
        PermanentError: The disk is full, or refuses otherwise.
    """
    try:
        yield
    except OSError as error:
        raise PermanentError(
            f"The temporary folder {tempfile.gettempdir()!r} does not take what does not fit into memory: "
            f"{error.strerror or error}. Set TMPDIR to a folder with more room, or raise the memory limit "
            "(--memory-limit)."
        ) from error
