"""The engine tfdv in the full image, beside the engine arrow: one artifact, whoever computes it."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from kfx.stats.engines import engine
from kfx.stats.generate import silent
from kfx.stats.sources._memory import MemoryTable
from tests.kfx_image import Image, built

from .describe_with_tfdv import options
from .golden.tables import SLICES, TABLES, WEIGHTS
from .test_golden import compare_datasets

DAY = dt.date(2020, 2, 29)
COUNTRIES = pa.table({
    "country": ["DE", "FR", None, "DE", "FR", "DE", "US"],
    "day": [DAY, None, DAY, DAY, dt.date(1969, 1, 1), DAY, DAY],
    "x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
    "w": [1.0, 2.0, 0.5, 1.0, 1.0, 3.0, 0.25],
})  # fmt: skip
OTHERS = {
    "booleans": {"b": pa.array([True, None, False, True, True])},
    "times": {
        "day": pa.array([DAY, None, dt.date(1969, 1, 1), DAY, DAY]),
        "stamp": pa.array([0, None, -1500, 7000, 7000], pa.timestamp("ns")),
        "clock": pa.array([0, None, 5, 6, 6], pa.time32("s")),
        "length": pa.array([1, None, -1, 1, 1], pa.duration("ms")),
        "days": pa.array([[DAY, None], None, [], [DAY], [DAY]]),
    },
    "decimals": {"d": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("2.25")] * 3)},
    "dictionaries": {"s": pa.array(["x", None, "y", "x"]).dictionary_encode()},
    "flat_structs": {"s": pa.array([{"a": 1, "t": "u"}, None, {"a": None, "t": "v"}, {"a": 3, "t": None}])},
    "maps": {"m": pa.array([[("k", 1)], None, [], [("k", 2), ("m", None)]], pa.map_(pa.string(), pa.int64()))},
    "other_text": {
        "view": pa.array(["q", None, "w", "w"], pa.string_view()),
        "large": pa.array(["q", None, "w", "w"], pa.large_string()),
        "fixed": pa.array([b"ab", None, b"cd", b"cd"], pa.binary(2)),
        "nothing": pa.nulls(4),
    },
    "other_numbers": {
        "half": pa.array([1.5, None, 2.0, 3.0, 3.0], pa.float16()),
        "large": pa.array([1, 2, 2**62 + 1, None, 5], pa.int64()),
        "fixed_lists": pa.array([[1, 2], None, [3, 4], [5, 6], [7, 7]], pa.list_(pa.int64(), 2)),
        "holes": pa.array([[1, None], None, [], [2], [2]], pa.list_(pa.int64())),
    },
    "no_columns": {},
}
MORE: dict[str, tuple[pa.Table, dict[str, Any]]] = {
    "crossed": (COUNTRIES, {"slices": ["country", "country=DE|FR,day"], "features": ["x", "day"], "weight": "w"}),
    "sampled": (pa.table({"i": range(3_000)}), {"sample_rate": 0.25}),
    "sampled_slices": (pa.table({"i": range(500), "k": ["a", "b"] * 250}), {"sample_rate": 0.5, "slices": ["k"]}),
    "fewer_values": (pa.table({"s": [str(i % 7) for i in range(100)]}), {"top_values": 3}),
    "more_buckets": (pa.table({"i": range(100)}), {"buckets": 25}),
    "without_histograms": (COUNTRIES, {"histograms": ["x=none"]}),
    "few_histograms": (COUNTRIES, {"histograms": ["*=none", "x=10", "day=quantiles"], "weight": "w"}),
    "no_standard_histogram": (COUNTRIES, {"buckets": 0}),
    "many_batches": (pa.table({"i": [at % 1000 for at in range(100_000)]}), {}),
}
REFUSED = {
    "mergeable": (COUNTRIES, {"mergeable": True}, "The engine 'tfdv' has no mergeable."),
    "own_buckets": (COUNTRIES, {"histograms": ["x=50"]}, "'x' is to have others"),
    "null_text": (pa.table({"s": [["a", None], ["b"]]}), {}, "'s' holds lists of text with null items"),
    "bad_weight": (pa.table({"w": [1.0, None]}), {"weight": "w"}, "The weight feature 'w' is missing in some rows"),
    "no_column": (COUNTRIES, {"features": ["y"]}, "no column 'y'"),
}
# TFDV on Beam ranks what is not UTF-8 value by value, and long values as they are; in memory it joins each kind.
RANKED_OTHERWISE = {"bytes", "long_strings"}


def _cases() -> dict[str, tuple[pa.Table, dict[str, Any]]]:
    golden = {
        name: (pa.table(columns), {"weight": WEIGHTS.get(name), "slices": [SLICES[name]] if name in SLICES else []})
        for name, columns in TABLES.items()
        if name not in RANKED_OTHERWISE
    }
    return {**golden, **{name: (pa.table(columns), {}) for name, columns in OTHERS.items()}, **MORE}


@pytest.fixture(scope="module")
def folder(container_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What TFDV made of every table, in one run of the image."""
    image = Image(str(built("full", container_engine).content))
    read, written = tmp_path_factory.mktemp("in"), tmp_path_factory.mktemp("out")
    refused = {name: (table, given) for name, (table, given, _) in REFUSED.items()}
    for name, (table, given) in {**_cases(), **refused}.items():
        with pa.OSFile(str(read / f"{name}.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        (read / f"{name}.json").write_text(json.dumps(given), encoding="utf-8")
    for path in (read.parent, read, written):
        path.chmod(0o777)
    mounts = [f"--volume={read}:/in:ro", f"--volume={written}:/out", f"--volume={Path(__file__).parent}:/tests:ro"]
    image.run(["python3", "-W", "ignore", "/tests/describe_with_tfdv.py"], ["--network=none", *mounts])
    return written


@pytest.mark.parametrize("name", _cases())
def test_it_gives_what_arrow_gives(name: str, folder: Path) -> None:
    """Every field of every feature, in the same order; equal-width counts and medians as TFDV has them."""
    table, given = _cases()[name]
    ours = engine("arrow")(MemoryTable(name, table), options(given), silent)
    theirs = statistics_pb2.DatasetFeatureStatisticsList.FromString((folder / f"{name}.pb").read_bytes())
    assert [dataset.name for dataset in ours.datasets] == [dataset.name for dataset in theirs.datasets]
    for one, other in zip(ours.datasets, theirs.datasets, strict=True):
        assert [list(feature.path.step) for feature in one.features] == [list(f.path.step) for f in other.features]
    compare_datasets({one.name: one for one in ours.datasets}, {one.name: one for one in theirs.datasets})


@pytest.mark.parametrize("name", REFUSED)
def test_what_tfdv_cannot_do_is_refused_by_name(name: str, folder: Path) -> None:
    """A sentence, also of what only the rows show, and no statistics."""
    assert REFUSED[name][2] in (folder / f"{name}.txt").read_text(encoding="utf-8")
    assert not (folder / f"{name}.pb").exists()
