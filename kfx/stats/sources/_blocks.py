"""A text stream cut into blocks that end where a row ends, and work on blocks in parallel."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

BLOCK = 2 << 20  # bytes; larger blocks leave the processor's cache, smaller ones cost more calls

_LONGEST = 32 << 20  # bytes after which an unclosed quote is taken for a stray one

Result = TypeVar("Result")


def blocks(stream: Any, *, quotes: bool) -> Iterator[memoryview]:
    """Yields the stream's bytes in blocks of about 2 MiB that end at a row's end.

    Args:
        stream: Has `readinto(buffer)`.
        quotes: Whether a line end inside double quotes belongs to a value, which may be up to 32 MiB long. Quote
            characters inside an unquoted value are tolerated.
    """
    rest: bytes | memoryview = b""
    while True:
        # One copy, from the file to where it is parsed: the memory bus is what a text file waits for.
        block = bytearray(len(rest) + BLOCK)
        block[: len(rest)] = rest
        filled = len(rest) + stream.readinto(memoryview(block)[len(rest) :])
        whole = memoryview(block)[:filled]
        if filled == len(rest):
            break
        cut = _row_end(block, filled, quotes=quotes)
        if cut:
            yield whole[:cut]
        rest = whole[cut:]
    if len(rest):
        yield whole


def _row_end(block: bytearray, filled: int, *, quotes: bool) -> int:
    """Returns the length of the block's whole rows; 0 where no row is known to end."""
    last = block.rfind(b"\n", 0, filled) + 1
    if not quotes or not last or block.count(b'"', 0, last) % 2 == 0:
        return last
    import numpy as np

    # A line end after an odd number of quotes is inside a value.
    content = np.frombuffer(block, np.uint8, last)
    ends = np.flatnonzero(content == ord("\n"))
    outside = ends[np.flatnonzero(content == ord('"')).searchsorted(ends) % 2 == 0]
    if len(outside):
        return int(outside[-1]) + 1
    # The quote is a stray one in an unquoted value, or the value is long.
    return last if filled >= _LONGEST else 0


def in_parallel(work: Callable[[memoryview], Result], pieces: Iterator[memoryview]) -> Iterator[Result]:
    """Yields the results of the work on each piece, in order, a few pieces ahead of the reader."""
    workers = os.cpu_count() or 1
    ahead: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for piece in pieces:
                ahead.append(pool.submit(work, piece))
                if len(ahead) > workers + 1:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
