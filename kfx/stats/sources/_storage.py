"""Where a table's files are: on this machine or in any file system of pyarrow's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

_MARKS = ("stats.tfrecord", "stats.pb")  # side by side they tell a folder that kfx wrote
_OWN = {*_MARKS, "report.html", "metrics.json"}


def without_statistics(paths: Sequence[str], exists: Callable[[str], bool]) -> list[str]:
    """Leaves out what kfx wrote where a table is: statistics in a folder below, or beside, the table's files.

    Args:
        paths: The files found.
        exists: Whether there is a file of a path.
    """
    suspected: dict[str, list[str]] = {}  # a folder, with its slash -> paths in it
    for path in paths:
        name = path.rpartition("/")[2]
        if name in _OWN:
            suspected.setdefault(path.removesuffix(name), []).append(path)
    own = {
        path for folder, inside in suspected.items() if all(exists(folder + mark) for mark in _MARKS) for path in inside
    }
    return [path for path in paths if path not in own]


class Storage(Protocol):
    """What kfx asks of a file system; every `pyarrow.fs.FileSystem` is one."""

    def open_input_file(self, path: str) -> Any:
        """Opens a file for reading anywhere in it."""

    def open_input_stream(self, path: str, compression: str | None) -> Any:
        """Opens a file for reading from its start, decompressed (`gzip`, `zstd`; None: as it is)."""


@dataclass(frozen=True)
class LocalFiles:
    """This machine's files, without `pyarrow.fs`: that imports the clients of three clouds, and ssl for them."""

    def open_input_file(self, path: str) -> Any:
        """See `Storage`."""
        import pyarrow as pa

        return pa.OSFile(path)

    def open_input_stream(self, path: str, compression: str | None) -> Any:
        """See `Storage`."""
        import pyarrow as pa

        file = pa.OSFile(path)
        return file if compression is None else pa.CompressedInputStream(file, compression)
