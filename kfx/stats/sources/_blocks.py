"""A text stream cut into blocks that end where a row ends, and work on blocks in parallel."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 4 << 20  # bytes; larger blocks leave the processor's cache, smaller ones cost more calls
LONGEST = 32 << 20
"""Bytes a quoted value may take; after them an unclosed quote is taken for a stray one."""

_CACHED = 256 << 10  # bytes that stay in the processor's cache while they are compared
_SLACK = 256 << 10  # room for the row that the block before cut off

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Block(NamedTuple):
    """Whole rows of a text."""

    rows: memoryview
    """Their bytes."""

    odd_quotes: bool
    """Whether double quotes are odd in number: one may be open to the end. Never where quotes mean nothing."""


@dataclass(frozen=True)
class ParsedRows:
    """What a block held."""

    tables: tuple[pa.Table, ...]
    """The rows that were read."""

    bad: tuple[tuple[int, str], ...]
    """Number in the block, from 1, of each row that could not be read, and what is wrong with it."""

    @property
    def rows(self) -> int:
        """Rows of the block, read or not."""
        return sum(int(table.num_rows) for table in self.tables) + len(self.bad)


class Buffers:
    """Memory for blocks, used again: fresh memory costs more than filling it, and is not in the processor's cache."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []

    def take(self, size: int) -> bytearray:
        """Returns a buffer of at least this many bytes, with any content."""
        while self._free:
            if len(buffer := self._free.pop()) >= size:
                return buffer
        return bytearray(max(size, BLOCK + _SLACK))

    def give_back(self, block: memoryview) -> None:
        """Lets the buffer of a block be filled again; nothing may read the block any more."""
        if isinstance(block.obj, bytearray):
            self._free.append(block.obj)


def blocks(stream: Any, *, quotes: bool, buffers: Buffers | None = None) -> Iterator[Block]:
    """Yields the stream's bytes in blocks of about 4 MiB that end at a row's end.

    Args:
        stream: Has `readinto(buffer)`.
        quotes: Whether a line end inside double quotes belongs to a value, which may be up to 32 MiB long. Quote
            characters inside an unquoted value are tolerated.
        buffers: Where blocks that were given back are taken from.
    """
    buffers = buffers or Buffers()
    rest = b""
    while True:
        # One copy, from the file to where it is parsed: the memory bus is what a text file waits for.
        block = buffers.take(len(rest) + BLOCK)
        block[: len(rest)] = rest
        filled = len(rest) + stream.readinto(memoryview(block)[len(rest) : len(rest) + BLOCK])
        whole = memoryview(block)[:filled]
        if filled == len(rest):
            break
        cut, odd = _row_end(block, filled, quotes=quotes)
        rest = bytes(whole[cut:])
        if cut:
            yield Block(whole[:cut], odd)
        else:
            buffers.give_back(whole)
    if rest:
        yield Block(whole, quotes and rest.count(b'"') % 2 == 1)


def _row_end(block: bytearray, filled: int, *, quotes: bool) -> tuple[int, bool]:
    """Returns the length of the block's whole rows, 0 where no row is known to end, and whether a quote may be open."""
    last = block.rfind(b"\n", 0, filled) + 1
    if not quotes or not last:
        return last, False
    import numpy as np

    content = np.frombuffer(block, np.uint8, last)
    # Three times faster than bytes.count, and other threads go on meanwhile.
    if sum(np.count_nonzero(content[at : at + _CACHED] == ord('"')) for at in range(0, last, _CACHED)) % 2 == 0:
        return last, False
    # A line end after an odd number of quotes is inside a value.
    ends = np.flatnonzero(content == ord("\n"))
    outside = ends[np.flatnonzero(content == ord('"')).searchsorted(ends) % 2 == 0]
    if len(outside):
        return int(outside[-1]) + 1, False
    # The quote is a stray one in an unquoted value, or the value is long.
    return (last, True) if filled >= LONGEST else (0, False)


def in_parallel(work: Callable[[Piece], Result], pieces: Iterator[Piece]) -> Iterator[Result]:
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
