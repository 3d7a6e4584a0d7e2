"""Two protos of statistics, field by field."""

from __future__ import annotations

from typing import Any

import pytest

PRECISION = 1e-9  # of figures that are sums of doubles; everything else is the same to the bit


def assert_same(found: Any, expected: Any, place: str = "") -> None:
    """Asserts that every field of two messages is the same, sums of doubles to nine digits."""
    for field in expected.DESCRIPTOR.fields:
        at = f"{place}.{field.name}"
        a, b = getattr(found, field.name), getattr(expected, field.name)
        if field.is_repeated:
            assert len(a) == len(b), at
            for number, (x, y) in enumerate(zip(a, b, strict=True)):
                step = ".".join(y.path.step) if field.name == "features" else str(number)
                _assert_same_value(x, y, f"{at}[{step}]")
            continue
        if field.has_presence:
            assert found.HasField(field.name) == expected.HasField(field.name), at
        _assert_same_value(a, b, at)


def _assert_same_value(a: Any, b: Any, place: str) -> None:
    if hasattr(b, "DESCRIPTOR"):
        assert_same(a, b, place)
    elif isinstance(b, float):
        assert a == pytest.approx(b, rel=PRECISION, abs=1e-12, nan_ok=True), place
    else:
        assert a == b, place
