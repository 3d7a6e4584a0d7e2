"""TFRecord files: the framing `tfdv.load_statistics` reads, written without TensorFlow.

A record is: its length as a little-endian uint64, the masked CRC-32C of those 8 bytes, the bytes, the masked CRC-32C of
the bytes (tensorflow/core/lib/io/record_writer.h). CRC-32C is the Castagnoli polynomial of RFC 3720, reflected;
masking rotates it and adds a constant (tensorflow/core/lib/hash/crc32c.h).
"""

from __future__ import annotations

import functools
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_LANES = 1024
_HEAD, _TAIL = 12, 4  # bytes before and after a record's data


def record(data: bytes) -> bytes:
    """Returns one framed record."""
    length = struct.pack("<Q", len(data))
    return b"".join([length, _masked(length), data, _masked(data)])


def is_head(head: bytes) -> bool:
    """Tells whether 12 bytes are the length of a record and its checksum."""
    return len(head) == _HEAD and head[8:] == _masked(head[:8])


def records(stream: bytes) -> list[bytes]:
    """Returns the records of a file's bytes.

    Raises:
        ValueError: A record is cut short or its checksum is wrong.
    """
    found, at = [], 0
    while at < len(stream):
        head = stream[at : at + _HEAD]
        if not is_head(head):
            raise ValueError(f"it is no TFRecord file, or is damaged at byte {at}")
        end = at + _HEAD + struct.unpack("<Q", head[:8])[0]
        data = stream[at + _HEAD : end]
        if stream[end : end + _TAIL] != _masked(data):
            raise ValueError(f"the record at byte {at} is damaged or cut short")
        found.append(data)
        at = end + _TAIL
    return found


def crc32c(data: bytes) -> int:
    """Returns the CRC-32C of some bytes.

    Long inputs are cut into lanes whose registers advance together, one numpy step a byte of a lane; the registers
    are then joined, which a CRC's linearity allows: the register of A+B is that of A moved on by len(B) zero bytes,
    exclusive-or that of B.
    """
    if len(data) < 4 * _LANES:
        return _serial(data)
    import numpy as np

    width = -(-len(data) // _LANES)
    # Zeros in front leave a zero register zero, so padding there changes nothing. The usual starting register of ones
    # is the same as the first four bytes inverted.
    padded = np.zeros(width * _LANES, np.uint8)
    padded[-len(data) :] = np.frombuffer(data, np.uint8)
    start = len(padded) - len(data)
    padded[start : start + 4] ^= 0xFF
    table = np.array(_table(), np.uint32)
    registers = np.zeros(_LANES, np.uint32)
    for column in padded.reshape(_LANES, width).T:
        registers = table[(registers ^ column) & 0xFF] ^ (registers >> 8)
    return _joined(registers, width) ^ 0xFFFFFFFF


def _joined(registers: npt.NDArray[np.uint32], width: int) -> int:
    """Joins the registers of neighbouring lanes, each `width` bytes long, until one is left."""
    moved = _zero_bytes(width)
    while len(registers) > 1:
        registers = _apply(moved, registers[0::2]) ^ registers[1::2]
        moved = _apply(moved, moved)
    return int(registers[0])


def _zero_bytes(count: int) -> npt.NDArray[np.uint32]:
    """Returns what `count` zero bytes make of each of a register's 32 bits: a matrix over GF(2), a column a bit."""
    import numpy as np

    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    power: npt.NDArray[np.uint32] = np.array(_table(), np.uint32)[bits & 0xFF] ^ (bits >> 8)
    result: npt.NDArray[np.uint32] = bits
    while count:
        if count & 1:
            result = _apply(power, result)
        power = _apply(power, power)
        count >>= 1
    return result


def _apply(matrix: npt.NDArray[np.uint32], registers: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    import numpy as np

    result = np.zeros_like(registers)
    for bit in range(32):
        result ^= np.where((registers >> np.uint32(bit)) & 1, matrix[bit], np.uint32(0))
    return result


def _serial(data: bytes) -> int:
    table = _table()
    register = 0xFFFFFFFF
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register ^ 0xFFFFFFFF


@functools.cache
def _table() -> list[int]:
    table = []
    for byte in range(256):
        register = byte
        for _ in range(8):
            register = (register >> 1) ^ (_POLYNOMIAL if register & 1 else 0)
        table.append(register)
    return table


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF)
