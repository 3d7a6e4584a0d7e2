"""What happens when a column, or a table, is larger than its share of memory."""

from __future__ import annotations

import decimal
import gzip
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from kfx.errors import UsageError
from kfx.stats import memory
from kfx.stats.engines import _columnar, engine
from kfx.stats.engines._budget import OVERHEAD, Budget
from kfx.stats.engines._numbers import as_numbers, width
from kfx.stats.engines._numeric import NumericValues
from kfx.stats.engines._partitions import Partitions, _hashes
from kfx.stats.engines._sketch import RankSketch
from kfx.stats.engines._strings import StringValues
from kfx.stats.figures import Numbers
from kfx.stats.generate import generate, silent
from kfx.stats.moments import Moments, moments
from kfx.stats.options import StatsOptions
from kfx.stats.sources import open_source
from kfx.stats.sources._memory import MemoryTable

OPTIONS = StatsOptions()
PLENTY, LITTLE = 1 << 40, 1000


def numbers(chunks: list[pa.Array], allowance: int) -> tuple[Numbers, float]:
    values = NumericValues(OPTIONS, allowance)
    for chunk in chunks:
        values.add(chunk)
    if values.needs_second_reading():
        for chunk in chunks:
            values.add(chunk)
    return values.finish()


def random_columns() -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    with_infinity = random.normal(size=300_000)
    with_infinity[:5], with_infinity[5:8] = np.inf, -np.inf
    return {
        "doubles": random.lognormal(0, 2, 300_000),
        "ordered": np.arange(300_000, dtype=np.float64),
        "singles": random.normal(size=200_001).astype(np.float32),
        "integers": random.integers(-1000, 10**12, 250_000),
        "few": random.integers(0, 4, 250_000),
        "small": random.integers(0, 255, 250_000).astype(np.uint8),
        "infinite": with_infinity,
        "nan": np.where(random.random(200_000) < 0.3, np.nan, random.normal(size=200_000)),
        "constant": np.full(150_000, 7.5),
        "short": np.array([3.0, 1.0, 2.0]),
    }


@pytest.mark.parametrize("name", random_columns())
def test_streamed_numbers_are_exact_but_for_the_choice_of_quantiles(name: str) -> None:
    """Values that are not kept give the same figures; only quantiles may differ, by no more than the error told."""
    values = random_columns()[name]
    chunks = [pa.array(part) for part in np.array_split(values, 7)]
    kept, no_error = numbers(chunks, PLENTY)
    streamed, error = numbers(chunks, LITTLE)
    assert no_error == 0
    assert 0 <= error < 0.005
    for figure in ("count", "nan", "zeros", "min", "max"):
        assert getattr(streamed, figure) == getattr(kept, figure), figure
    assert streamed.mean == pytest.approx(kept.mean, rel=1e-12, nan_ok=True)
    assert streamed.std_dev == pytest.approx(kept.std_dev, rel=1e-9, nan_ok=True)
    assert [b.count for b in streamed.standard] == [b.count for b in kept.standard]
    assert [b.low for b in streamed.standard] == [b.low for b in kept.standard]
    ordered = np.sort(values[~np.isnan(values)] if values.dtype.kind == "f" else values)
    allowed = error * len(ordered) + 1
    for place, bucket in enumerate(streamed.quantiles[:-1], start=1):
        rank = place * len(ordered) / 10
        assert (
            ordered.searchsorted(bucket.high, "left") - allowed
            <= rank
            <= ordered.searchsorted(bucket.high, "right") + allowed
        )
    assert sum(b.count for b in streamed.quantiles) == pytest.approx(len(ordered))


def test_the_error_reaches_the_proto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column too large to keep says so in its custom statistics; one that is kept does not."""
    path = tmp_path / "t.parquet"
    random = np.random.default_rng(1)
    pq.write_table(pa.table({"large": random.normal(size=200_000), "words": ["a", "b"] * 100_000}), path)
    (exact,) = generate(str(path)).datasets
    assert not [custom for feature in exact.features for custom in feature.custom_stats]
    monkeypatch.setattr("kfx.stats.engines._budget._LEAST", 100_000)
    tight = StatsOptions(memory_limit=OVERHEAD + (64 << 20))
    monkeypatch.setattr("kfx.stats.engines._budget.OVERHEAD", tight.memory_limit)
    (approximate,) = generate(str(path), tight).datasets
    custom = {c.name: c for c in approximate.features[0].custom_stats}
    assert "quantiles" in custom["approximate"].str
    assert 0 < custom["quantile_rank_error"].num < 0.005
    assert approximate.features[1] == exact.features[1]


@pytest.mark.parametrize(
    "kind",
    [pa.bool_(), pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.decimal128(20, 2),
     pa.decimal256(60, 2), pa.date32(), pa.date64(), pa.time32("ms"), pa.time64("ns"), pa.timestamp("s"),
     pa.duration("ms")],
    ids=str,
)  # fmt: skip
def test_a_column_is_given_the_memory_its_numbers_take(kind: pa.DataType) -> None:
    """No type's values are wider in memory than the budget thinks, which would make its figures approximate."""
    nothing = False if pa.types.is_boolean(kind) else decimal.Decimal(0) if pa.types.is_decimal(kind) else 0
    column = pa.array([nothing] * 9, kind)
    assert as_numbers(column).nbytes <= 9 * width(kind)
    table = pa.table({"x": column})
    computed = engine("arrow")(MemoryTable("t", table), OPTIONS, silent)
    assert "approximate" not in {custom.name for custom in computed.datasets[0].features[0].custom_stats}


def test_sketch_stays_within_its_bound() -> None:
    """However the values are ordered, no rank is off by more than the bound in the sketch's description."""
    n = 2_000_000
    for values in (np.arange(n), np.arange(n)[::-1], np.random.default_rng(2).permutation(n)):
        sketch = RankSketch()
        for part in np.array_split(values, 33):
            sketch.add(part)
        fractions = np.arange(1, 100) / 100
        off = np.abs(sketch.ordered().at(fractions) - fractions * n).max() / n
        assert off <= (1 + np.log2(n / 65536)) / 8192 + 1 / 4096


def test_moments_add_up() -> None:
    """Moments of parts, added, are those of the whole, far from zero as well."""
    values = np.random.default_rng(3).normal(1e9, 1, 100_000)
    whole = moments(values)
    added = sum((moments(part) for part in np.array_split(values, 13)), Moments())
    assert added.mean == pytest.approx(whole.mean, rel=1e-14)
    assert added.std_dev == pytest.approx(values.std(), rel=1e-9)


def strings(count: int) -> list[str]:
    random = np.random.default_rng(4)
    return [f"{'x' * (code % 90)}{code}é" for code in random.zipf(1.2, count) % 50_000]


@pytest.mark.parametrize("coded", [False, True])
def test_strings_on_disk_count_the_same(coded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values dealt out to files give every figure of values counted in memory, and leave no file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("kfx.stats.engines._strings._FLUSH_ROWS", 10_000)
    words = strings(120_000)
    found = []
    for allowance in (PLENTY, 600_000):
        values = StringValues(OPTIONS, allowance)
        for start in range(0, len(words), 7_001):
            chunk = pa.array([*words[start : start + 7_001], None])
            values.add(chunk.dictionary_encode() if coded else chunk)
        assert (values._partitions is None) == (allowance == PLENTY)
        found.append(values.finish())
    assert found[0] == found[1]
    counted = Counter(word.encode() for word in words)
    assert (found[1].unique, found[1].count) == (len(counted), len(words))
    ranking = sorted(counted.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)
    assert list(found[1].ranked) == ranking[:1000]
    assert not list(tmp_path.iterdir())


def test_mostly_different_strings_go_to_disk_uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identifiers that hardly repeat are all found, the repeated ones with their counts."""
    monkeypatch.setattr("kfx.stats.engines._strings._FLUSH_ROWS", 10_000)
    values = StringValues(OPTIONS, 600_000)
    for start in range(0, 100_000, 10_000):
        values.add(pa.array([f"id-{at}" for at in range(start, start + 10_000)]))
    values.add(pa.array(["id-7", "id-99999"]))
    words = values.finish()
    assert (words.unique, words.count) == (100_000, 100_002)
    assert words.ranked[:3] == ((b"id-99999", 2), (b"id-7", 2), (b"id-99998", 1))


def test_equal_values_have_equal_hashes_wherever_they_stand() -> None:
    """A value's hash depends on its bytes alone, for every length and for slices of arrays."""
    words = [b"", b"a", b"ab", b"12345678", b"123456789", b"x" * 100, b"\x00", b"\x00\x00", b"x" * 64 + b"y"]
    forward = dict(zip(words, _hashes(pa.array(words, pa.large_binary())).tolist(), strict=True))
    backward = dict(zip(words[::-1], _hashes(pa.array(words[::-1], pa.large_binary())).tolist(), strict=True))
    assert forward == backward
    assert len(set(forward.values())) == len(words)
    window = pa.array([b"zzz", *words, b"zzz"], pa.large_binary())[1:-1]
    assert _hashes(window).tolist() == list(forward.values())


def test_hashes_spread_similar_values() -> None:
    """Numbered names fill all files about evenly."""
    names = pa.array([f"customer-{at:012d}" for at in range(64_000)], pa.large_binary())
    shares = np.bincount((_hashes(names) % 64).astype(int), minlength=64)
    assert shares.min() > 800
    assert shares.max() < 1200


def test_partitions_clean_up() -> None:
    """Closing removes the files, read or not."""
    partitions = Partitions()
    partitions.add(pa.table({"value": pa.array([b"a"], pa.large_binary()), "count": pa.array([1])}))
    folder = partitions._folder
    assert list(folder.iterdir())
    partitions.close()
    assert not folder.exists()


def test_text_larger_than_memory_goes_through_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that outgrow memory are kept in a temporary Parquet file, types that widen late included."""
    rows = "".join(f"{at},{at / 8},w{at % 100},\n" for at in range(300_000))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(f"i,f,s,n\n{rows}x,1,y,\n".encode(), 1))
    expected = generate(str(tmp_path / "t.csv.gz"))
    monkeypatch.setattr(_columnar, "_SHARE_IN_MEMORY", 0.01)
    monkeypatch.setattr(_columnar, "_ROW_GROUP", 50_000)
    tight = StatsOptions(memory_limit=256 << 20)
    with _columnar.columnar(open_source(str(tmp_path / "t.csv.gz")), tight, silent) as table:
        path = Path(table.paths[0])  # type: ignore[attr-defined]
        assert path.stat().st_size > 0
        assert table.num_rows == 300_001
    assert not path.exists()
    assert generate(str(tmp_path / "t.csv.gz"), tight) == expected


@pytest.mark.parametrize("empty", ["{}", '{"f": {}}', "[{}]"])
def test_structs_without_a_field_are_refused_where_they_would_go_through_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    """Parquet has no such type; the message names the column, and both ways out work."""
    (tmp_path / "t.jsonl").write_text(f'{{"x": 1, "e": {empty}}}\n' * 1000)
    generate(str(tmp_path / "t.jsonl"))
    monkeypatch.setattr(_columnar, "_SHARE_IN_MEMORY", 0)
    tight = StatsOptions(memory_limit=256 << 20)
    with pytest.raises(UsageError, match=r"its column 'e' \(.*Raise the memory limit .*--feature"):
        generate(str(tmp_path / "t.jsonl"), tight)
    generate(str(tmp_path / "t.jsonl"), replace(tight, feature_allowlist=("x",)))


@pytest.mark.parametrize("suffix", ["csv.gz", "parquet"])
def test_a_full_disk_is_told_and_nothing_left_on_it(tmp_path: Path, suffix: str) -> None:
    """A whole table is spilled, or a column's values; a limit on the size of files stands for the disk's end."""
    words = pa.table({"a": [f"{at}-{at * 7919}-{'x' * 20}" for at in range(1_200_000)], "b": [1] * 1_200_000})
    if suffix == "parquet":
        pq.write_table(words, tmp_path / f"t.{suffix}")
    else:
        pa.csv.write_csv(words, pa.CompressedOutputStream(tmp_path / f"t.{suffix}", "gzip"))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    code = (
        "import resource, sys\n"
        "from kfx.cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "stats", f"t.{suffix}", "-o", "out", "--memory-limit", "256MiB"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"Error: The temporary folder {str(temporary)!r} does not take what does not fit into memory"
    )
    assert "File too large. Set TMPDIR to a folder with more room" in line
    assert not list(temporary.iterdir())


def test_budget_lets_large_columns_wait_and_shares_the_rest() -> None:
    """Groups fit side by side; what would not fit even alone gets a worker's share."""
    budget = Budget(OVERHEAD + (100 << 20))
    schema = pa.schema([("small", pa.int64()), ("large", pa.float64()), ("words", pa.string()), ("huge", pa.float64())])
    small, large, words = budget.groups(schema, ["small", "large", "words"], 5 << 20, 2)
    assert (small.allowances, large.allowances) == ((80 << 20,), (80 << 20,))
    assert words.allowances == (50 << 20,)
    (huge,) = budget.groups(schema, ["huge"], 50 << 20, 2)
    assert huge.allowances == (50 << 20,)
    with budget.taking(1 << 50):
        pass


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GiB", 2 << 30), ("1.5G", 3 << 29), ("800 MB", 800_000_000), ("512m", 512 << 20), ("1000000", 1_000_000)],
)
def test_sizes_people_write(text: str, size: int) -> None:
    """Powers of 1024 with an i or a bare letter, of 1000 with a B."""
    assert memory.parse(text) == size


def test_sizes_that_mean_nothing_are_refused() -> None:
    """Anything else is an error that shows the form; too little memory says what is needed."""
    with pytest.raises(UsageError, match="'lots' is no amount"):
        memory.parse("lots")
    with pytest.raises(UsageError, match="needs at least 256 MiB"):
        StatsOptions(memory_limit=1 << 20)
    assert 0 < memory.parse("") < memory.available()
