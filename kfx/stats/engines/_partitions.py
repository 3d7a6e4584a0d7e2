"""Counted values on disk, dealt out by a hash so that equal values meet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kfx.stats.engines._buffers import to_arrow
from kfx.stats.engines._spill import spilling, temporary_folder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_FILES = 64
_WINDOWS = 8  # eight-byte windows of a value that enter its hash: all of a value up to 64 bytes
_SLICE = 1 << 18  # values hashed at a time


class Partitions:
    """Files in a temporary folder (`TMPDIR` says where), each with its share of the values."""

    def __init__(self) -> None:
        self._folder = temporary_folder()
        self._writers: dict[int, tuple[Any, Any]] = {}

    def add(self, counted: pa.Table) -> None:
        """Deals out a table with a column `value` of large_binary.

        Raises:
            PermanentError: The disk is full, or refuses otherwise.
        """
        import numpy as np

        for start in range(0, counted.num_rows, _SLICE):
            piece = counted.slice(start, _SLICE).combine_chunks()
            files = _hashes(piece["value"].chunk(0)) % np.uint64(_FILES)
            order = np.argsort(files, kind="stable")
            ends = np.cumsum(np.bincount(files.astype(np.int64), minlength=_FILES))
            sorted_piece = piece.take(to_arrow(order))
            for file, (first, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
                if end > first:
                    with spilling():
                        self._writer(file, counted.schema).write_table(sorted_piece.slice(first, end - first))

    def read(self) -> Iterator[list[pa.Table]]:
        """Yields the tables of one file after the other, and removes the file."""
        import pyarrow as pa

        with spilling():
            for stream, writer in self._writers.values():
                writer.close()
                stream.close()
        for file in sorted(self._writers):
            path = self._folder / str(file)
            with pa.OSFile(str(path)) as stream, pa.ipc.open_stream(stream) as reader:
                counted = reader.read_all()
            path.unlink()
            # Equal values came at different times: an empty second table has them added up.
            yield [counted, counted.slice(0, 0)]

    def close(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _writer(self, file: int, schema: pa.Schema) -> Any:
        import pyarrow as pa

        if file not in self._writers:
            stream = pa.OSFile(str(self._folder / str(file)), "wb")
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writers[file] = (stream, pa.ipc.new_stream(stream, schema, options=options))
        return self._writers[file][1]


def _hashes(values: pa.LargeBinaryArray) -> npt.NDArray[np.uint64]:
    """Returns a hash of each value: equal for equal values, spread over 64 bits, and made without a Python loop.

    Eight windows of eight bytes, evenly spaced over the value, are multiplied and mixed (the finaliser of
    MurmurHash3). Long values that agree in all windows share a hash: files then differ in size, figures do not.
    """
    import numpy as np

    _, offsets_buffer, data = values.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[values.offset : values.offset + len(values) + 1]
    content = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]] if data is not None else np.empty(0, np.uint8)
    padded = np.concatenate([content, np.zeros(8, np.uint8)])
    words = np.lib.stride_tricks.as_strided(padded[:8].view(np.uint64), (len(content) + 1,), (1,), writeable=False)
    starts, lengths = offsets[:-1] - offsets[0], np.diff(offsets)
    # A value shorter than a window keeps only its own bytes of it.
    short = np.where(lengths >= 8, np.uint64(0), (8 * (8 - np.minimum(lengths, 8))).astype(np.uint64))
    hashes = lengths.astype(np.uint64)
    room = np.maximum(lengths - 8, 0)
    for window in range(_WINDOWS):
        word = words[starts + room * window // (_WINDOWS - 1)]
        word = np.where(short >= 64, np.uint64(0), (word << np.minimum(short, np.uint64(63))))
        hashes = (hashes ^ word) * np.uint64(0xFF51AFD7ED558CCD)
        hashes ^= hashes >> np.uint64(33)
    hashes *= np.uint64(0xC4CEB9FE1A85EC53)
    hashes ^= hashes >> np.uint64(33)
    return hashes
