"""Where a table's files are: on this machine or in any file system of pyarrow's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


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
