"""The TFRecord framing, checked with another implementation of its checksum."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from kfx.stats.tfrecord import crc32c, record

google_crc32c = pytest.importorskip("google_crc32c", reason="google-crc32c (extra gcp) is the independent referee")

SIZES = [0, 1, 3, 4, 5, 8, 100, 4095, 4096, 4097, 5000, 8192, 65_537, 1_000_003]


@pytest.mark.parametrize("size", SIZES)
def test_checksum_agrees_with_google_crc32c(size: int) -> None:
    """Short inputs, long ones and those at the switch between both ways give the reference's checksum."""
    data = np.random.default_rng(size).bytes(size)
    assert crc32c(data) == google_crc32c.value(data)


@pytest.mark.parametrize("data", [b"\x00" * 10_000, b"\xff" * 10_000, b"\x00" * 9_999 + b"\x01"])
def test_checksum_of_runs(data: bytes) -> None:
    """Runs of zeros and ones, where a padding mistake would hide, give the reference's checksum."""
    assert crc32c(data) == google_crc32c.value(data)


@pytest.mark.parametrize("size", [0, 7, 20_000])
def test_record_reads_back(size: int) -> None:
    """A reader that checks length and both masked checksums finds the bytes."""
    data = np.random.default_rng(size).bytes(size)
    assert unframed(record(data)) == [data]


def unframed(stream: bytes) -> list[bytes]:
    """Reads TFRecords as tensorflow's record_reader.cc does."""
    records, at = [], 0
    while at < len(stream):
        (length,) = struct.unpack_from("<Q", stream, at)
        (length_crc,) = struct.unpack_from("<I", stream, at + 8)
        assert length_crc == masked(stream[at : at + 8])
        data = stream[at + 12 : at + 12 + length]
        assert len(data) == length
        (data_crc,) = struct.unpack_from("<I", stream, at + 12 + length)
        assert data_crc == masked(data)
        records.append(data)
        at += 16 + length
    return records


def masked(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
