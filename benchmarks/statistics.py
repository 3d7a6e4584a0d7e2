"""How fast and how large: statistics of generated tables, every measurement a process of its own.

    python benchmarks/statistics.py                          the table of docs/statistics.md, kfx alone
    python benchmarks/statistics.py --tfdv PYTHON            beside TFDV, run by an interpreter that has it
    python benchmarks/statistics.py wide20m --memory-limit 1GiB

Tables are generated once into --folder (a temporary one otherwise): `wide1m`, `wide5m`, `wide20m` are rows x 20
columns (8 float, one with 20 % nulls among them, 4 int, 6 string of cardinality 5 to 100,000 with skewed frequencies,
a 0/1 flag and one more float); `columns1000` is 100,000 rows x 1,000 columns; `distinct10m` holds 10,000,000 different
strings. Each way runs --runs times, in turns, so that a busy machine slows all of them; the median wall time, the
largest peak memory, and how many times as long as kfx each other way takes (by medians) are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

CHUNK = 1_000_000
CARDINALITIES = (5, 20, 100, 1_000, 10_000, 100_000)


def wide(rows: int) -> Iterator[pa.Table]:
    """Yields the 20-column table in chunks of a million rows."""
    random = np.random.default_rng(20)
    words = {k: pa.array([f"value_{at:06d}" for at in range(k)]) for k in CARDINALITIES}
    for start in range(0, rows, CHUNK):
        n = min(CHUNK, rows - start)
        columns: dict[str, Any] = {
            f"f{at}": random.normal(at, 1 + at, n) if at % 2 else random.lognormal(0, 1, n) for at in range(7)
        }
        columns["f_null"] = pa.array(random.normal(size=n), mask=random.random(n) < 0.2)
        columns |= {f"i{at}": random.integers(-top // 10, top, n) for at, top in enumerate((10, 1000, 10**6, 2**40))}
        # The cube of a uniform number: low codes are frequent, as in real categories.
        columns |= {f"s{k}": words[k].take(pa.array((k * random.random(n) ** 3).astype(np.int32))) for k in words}
        columns["flag"] = random.integers(0, 2, n)
        columns["f7"] = random.exponential(3, n)
        yield pa.table(columns)


def columns1000() -> Iterator[pa.Table]:
    """Yields 100,000 rows of 900 numeric and 100 string columns."""
    random = np.random.default_rng(1000)
    columns: dict[str, Any] = {f"n{at}": random.normal(size=100_000) for at in range(900)}
    words = pa.array([f"word_{at}" for at in range(500)])
    columns |= {f"w{at}": words.take(pa.array(random.integers(0, 500, 100_000))) for at in range(100)}
    yield pa.table(columns)


def distinct10m() -> Iterator[pa.Table]:
    """Yields ten million different strings of 22 bytes."""
    for start in range(0, 10 * CHUNK, CHUNK):
        yield pa.table({"id": [f"customer-{at * 7919 % (10 * CHUNK):012d}x" for at in range(start, start + CHUNK)]})


TABLES: dict[str, Callable[[], Iterator[pa.Table]]] = {
    "wide1m": lambda: wide(1_000_000),
    "wide5m": lambda: wide(5_000_000),
    "wide20m": lambda: wide(20_000_000),
    "columns1000": columns1000,
    "distinct10m": distinct10m,
}


def make(name: str, suffix: str, folder: Path) -> Path:
    """Returns a table's file, generating it when it is not there."""
    path = folder / f"{name}.{suffix}"
    if path.exists():
        return path
    beside = folder / f".{name}.{suffix}"
    chunks = TABLES[name]()
    first = next(chunks)
    kind = pq.ParquetWriter if suffix == "parquet" else pacsv.CSVWriter
    with kind(str(beside), first.schema) as writer:
        writer.write_table(first)
        for chunk in chunks:
            writer.write_table(chunk)
    return beside.rename(path)


# What `kfx stats FILE -o FOLDER --memory-limit SIZE` runs.
KFX = """
import sys
from kfx.cli.main import main
sys.argv = ["kfx", "stats", sys.argv[1], "-o", sys.argv[2], "--memory-limit", sys.argv[3]]
main()
"""

SUMMARIZE = """
import sys, duckdb
duckdb.execute(f"SUMMARIZE SELECT * FROM '{sys.argv[1]}'").fetchall()
"""

TFDV_CSV = """
import sys, tensorflow_data_validation as tfdv
tfdv.generate_statistics_from_csv(sys.argv[1], output_path=sys.argv[2] + "/tfdv.tfrecord")
"""

# TFDV's fastest way: Arrow batches in memory, each column a list column, through its in-memory implementation.
TFDV_ARROW = """
import sys, pyarrow as pa, pyarrow.csv as pacsv, pyarrow.parquet as pq
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl, stats_options
table = pq.read_table(sys.argv[1]) if sys.argv[1].endswith("parquet") else pacsv.read_csv(sys.argv[1])
def listed(array):
    lengths = pa.compute.if_else(array.is_valid(), 1, 0).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pa.compute.cumulative_sum(lengths)])
    return pa.ListArray.from_arrays(offsets, array.drop_null(), mask=array.is_null() if array.null_count else None)
(batch,) = table.combine_chunks().to_batches()
lists = pa.RecordBatch.from_arrays([listed(column) for column in batch.columns], batch.schema.names)
made = stats_impl.generate_statistics_in_memory(lists, stats_options.StatsOptions())
tfdv.write_stats_text(made, sys.argv[2] + "/tfdv.pbtxt")
"""


def measure(command: list[str]) -> tuple[float, float]:
    """Runs a process; returns its wall time in seconds and its peak memory in MiB."""
    watcher = (
        "import json, os, resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)\n"
        "wall = time.perf_counter() - start\n"
        "sys.exit(done.stderr[-2000:]) if done.returncode else None\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        "print(json.dumps([wall, peak / (1 << 20 if sys.platform == 'darwin' else 1 << 10)]))\n"
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, "-c", watcher, *command], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr}")
    wall, peak = json.loads(done.stdout)
    return wall, peak


def ways(options: argparse.Namespace, suffix: str) -> dict[str, tuple[str, str]]:
    """Returns what is measured: name -> interpreter and script."""
    found = {"kfx": (sys.executable, KFX)}
    if options.duckdb:
        found["duckdb SUMMARIZE"] = (sys.executable, SUMMARIZE)
    if options.tfdv:
        found["tfdv arrow in memory"] = (options.tfdv, TFDV_ARROW)
        if suffix == "csv":
            found["tfdv csv on beam"] = (options.tfdv, TFDV_CSV)
    return found


def compare(path: Path, found: dict[str, tuple[str, str]], runs: int, arguments: list[str]) -> None:
    """Measures all ways in turns and prints a line for each."""
    results: dict[str, list[tuple[float, float]]] = {way: [] for way in found}
    for _ in range(runs):
        for way, (python, script) in found.items():
            results[way].append(measure([python, "-c", script, str(path), *arguments]))
    walls = {way: float(np.median([wall for wall, _ in each])) for way, each in results.items()}
    for way, each in results.items():
        peak = max(peak for _, peak in each)
        times = f"{walls[way] / walls['kfx']:8.1f} x" if way != "kfx" else ""
        print(f"{path.name:<22}{way:<22}{walls[way]:8.2f} s {peak:8.0f} MiB{times}", flush=True)


def main() -> None:
    """Measures and prints a line a table and way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="*", default=["wide1m"], help=f"of {', '.join(TABLES)}, or a file")
    parser.add_argument("--suffix", choices=["csv", "parquet"], action="append", help="default: both")
    parser.add_argument("--folder", type=Path, help="where generated tables are kept")
    parser.add_argument("--memory-limit", default="2GiB")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tfdv", metavar="PYTHON", help="an interpreter with tensorflow-data-validation")
    parser.add_argument("--duckdb", action="store_true", help="also DuckDB's SUMMARIZE, if duckdb is installed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name in options.tables:
            for suffix in options.suffix or ["csv", "parquet"]:
                path = make(name, suffix, folder) if name in TABLES else Path(name)
                compare(path, ways(options, path.suffix.lstrip(".")), options.runs, [scratch, options.memory_limit])
                if name not in TABLES:
                    break


if __name__ == "__main__":
    main()
