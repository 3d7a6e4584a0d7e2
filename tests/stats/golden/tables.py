"""The tables of the golden statistics: small enough that TFDV's sketches keep every value."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def _ints(kind: pa.DataType) -> pa.Array:
    return pa.array([None if i % 7 == 3 else (i * 37) % 101 for i in range(97)], kind)


def _words(count: int, different: int) -> list[str | None]:
    return [None if i % 11 == 5 else f"word {(i * i + 3 * i) % different:04d}" for i in range(count)]


NASTY = [
    "</script><script>alert(1)</script>", "a,b", 'say "x"', "line\nbreak", "tab\there", "", " ", "é", "e\u0301",
    "日本語",    "\U0001f600", "\u202eright to left", "x" * 900, "NaN", "null", "0", "\\", "%s", "{{data}}", "it's",
]  # fmt: skip

TABLES: dict[str, dict[str, Any]] = {
    "integers": {
        str(kind): _ints(kind) for kind in (pa.int8(), pa.uint8(), pa.int16(), pa.int32(), pa.int64(), pa.uint64())
    },
    "floats": {
        "double": pa.array([None if i % 9 == 4 else (i * 31 % 89) / 8 - 3 for i in range(89)]),
        "single": pa.array([(i * 17 % 83) / 4 for i in range(83)] + [None] * 6, pa.float32()),
        "zeros": pa.array([0.0, -0.0, 1.5] * 29 + [0.0, 2.5]),
    },
    "nan": {"some": pa.array([1.0, float("nan"), 3.0, None, 5.0]), "only": pa.array([float("nan")] * 5)},
    "infinite": {"x": pa.array([1.0, 2.0, float("inf"), float("-inf"), 0.0, 7.0, 3.5])},
    "constant": {"i": pa.array([4] * 25), "f": pa.array([-2.5] * 25), "s": pa.array(["same"] * 25)},
    "strings": {"few": pa.array(_words(200, 9)), "many": pa.array(_words(200, 190))},
    "nasty_strings": {"s": pa.array([NASTY[i * i % len(NASTY)] for i in range(100)] + NASTY)},
    "bytes": {"b": pa.array([b"a", b"b", b"a", b"\xff\xfe", b"\xff\xff", b"", None, "é".encode()], pa.binary())},
    "long_strings": {"s": pa.array(["x" * 1024, "y" * 1025, "z" * 5000, "short", "y" * 1025, "short", "short"])},
    "many_ranks": {"s": pa.array([f"v{i % 990:05d}" for i in range(3001)])},
    "lists": {
        "i": pa.array([[1, 2], [], None, [3, 3, 4], [5]], pa.list_(pa.int64())),
        "s": pa.array([["a", "b"], None, [], ["a"], ["c", "a"]], pa.list_(pa.string())),
    },
    "nested_lists": {"l": pa.array([[[1, 2], [3]], [], None, [[], None]], pa.list_(pa.list_(pa.int64())))},
    "structs": {
        "s": pa.array(
            [[{"a": [1], "b": ["x"]}, {"a": None, "b": ["y"]}], None, [{"a": [5, 7], "b": []}]],
            pa.list_(pa.struct([("a", pa.list_(pa.int64())), ("b", pa.list_(pa.string()))])),
        )
    },
    "odd_names": {
        name: pa.array([at, at + 1, at + 2]) for at, name in enumerate(["a.b", " ", "日本 <b>", "a", "", "x" * 300])
    },
    "all_null": {"f": pa.nulls(3, pa.float64()), "i": pa.nulls(3, pa.int64()), "s": pa.nulls(3, pa.string())},
    "empty": {"f": pa.array([], pa.float64()), "i": pa.array([], pa.int64()), "s": pa.array([], pa.string())},
    "weighted": {
        "x": pa.array([1.0, 2.0, 3.0, 0.0, 5.5]),
        "s": pa.array(["a", "b", "a", None, "c"]),
        "l": pa.array([[1, 2], [3], [], None, [9]], pa.list_(pa.int64())),
        "w": pa.array([0.5, 1.0, 2.0, 1.0, 0.25]),
    },
    "sliced": {
        "country": pa.array(["DE", "FR", None, "DE", "FR", "DE", "US"]),
        "x": pa.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
    },
}

WEIGHTS = {"weighted": "w"}
"""Table -> its weight feature."""

SLICES = {"sliced": "country"}
"""Table -> the column its slices are made of."""
