"""Text that is not UTF-8: said by row, since nobody knows which characters were meant."""

from __future__ import annotations

import struct

NOT_UTF8 = "not UTF-8 (convert the file, such as: iconv -f LATIN1 -t UTF-8)"
"""What is wrong with a row, and the way out."""


def is_utf8(text: memoryview | bytes) -> bool:
    """Says whether bytes are UTF-8; reads them without a copy, several times faster than decoding."""
    import pyarrow as pa

    ends = pa.py_buffer(struct.pack("=qq", 0, len(text)))
    try:
        pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(text)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
