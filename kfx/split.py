"""Splits a table into train, validation and test rows: exact, disjoint, the same for the same seed.

The table is read once, batch by batch, into a temporary Arrow file while its rows are counted; then every row gets its
split, and the Arrow file is dealt out into three Parquet files. Memory is one byte a row plus a few batches (with a
stratify column, five bytes a row), so a table larger than memory splits as well. The temporary file is compressed
(LZ4) and stands beside the first output.

Rounding: of n rows a split gets floor(n * fraction) rows, and the rows left over go one by one to the splits whose
share was cut most (the largest-remainder method). With a stratify column this happens within each of its values, from
the most frequent on, and what a split was cut in earlier values counts in later ones, so that rare values do not all
fall to the same split. The counts always sum to n.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    import pyarrow.parquet as pq

_NAMES = ("train", "validation", "test")

_GROUP_ROWS = 1 << 17  # least rows of a Parquet row group, but for the last


@dataclass(frozen=True)
class Fractions:
    """The share of the rows each split gets. Each is above 0 and they add up to 1 (within 1e-6).

    Raises:
        UsageError: They do not.
    """

    train: float = 0.8
    """Share of the rows to fit on."""

    validation: float = 0.1
    """Share of the rows to choose settings by."""

    test: float = 0.1
    """Share of the rows to judge the model by."""

    def __post_init__(self) -> None:
        for name, value in zip(_NAMES, astuple(self), strict=True):
            if not (isinstance(value, (int, float)) and math.isfinite(value) and value > 0):
                raise UsageError(f"The {name} fraction is {value!r}; it must be a number above 0.")
        total = math.fsum(astuple(self))
        if abs(total - 1) > 1e-6:
            parts = " + ".join(f"{value:g}" for value in astuple(self))
            raise UsageError(f"The fractions {parts} add up to {total:g}; they must add up to 1.")


def split_table(
    source: str,
    outputs: Sequence[str],
    fractions: Fractions | None = None,
    *,
    seed: int = 42,
    stratify: str = "",
    to_train: bool = False,
    exclude_columns: Sequence[str] = (),
) -> tuple[int, int, int]:
    """Splits a table into three Parquet files, each written whole or not at all.

    Args:
        source: URI of the table, anything `kfx.stats.sources.open_source` reads.
        outputs: Paths of the train, validation and test file, in this order. Missing folders are made.
        fractions: The share of each split; 0.8, 0.1 and 0.1 by default.
        seed: Seed of the permutation (numpy's PCG64), 0 or above. The split depends on it, on the order of the rows
            in the source and on nothing else.
        stratify: Column whose values keep their shares in each split; empty for none. A missing value is a value.
        to_train: Refuse a table with columns that `trainer` cannot learn from, before a row is read.
        exclude_columns: Columns that are not learned from, and may be of any type. They are in the files all the same.

    Returns:
        The number of rows in train, validation and test.

    Raises:
        UsageError: The source cannot be read, a column does not exist or is of a type that Parquet does not hold or no
            model takes, the seed is negative, or there are too few rows for every split to get one.
    """
    from kfx.stats.column_types import check_features, check_storable
    from kfx.stats.sources import open_source

    if seed < 0:
        raise UsageError(f"The seed is {seed}; it must be 0 or above.")
    paths = [Path(output) for output in outputs]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    table = open_source(source)
    schema = table.schema()
    _check_column(schema, stratify, source)
    check_storable(schema, source)
    if to_train:
        check_features(schema, source, exclude_columns)
    with tempfile.TemporaryDirectory(prefix=".kfx-split-", dir=paths[0].parent) as folder:
        spool = Path(folder, "rows.arrow")
        strata = _spool(table, spool, stratify)
        try:
            assignment, counts = assign(strata, fractions or Fractions(), seed)
        except UsageError as error:
            raise UsageError(f"{source!r} cannot be split: {error}") from error
        _deal(spool, assignment, paths)
    return counts


def assign(
    strata: npt.NDArray[np.int32] | int, fractions: Fractions, seed: int
) -> tuple[npt.NDArray[np.uint8], tuple[int, int, int]]:
    """Gives every row its split.

    Args:
        strata: Code of each row's stratum, 0 or above, without gaps; or the number of rows when there is one stratum.
        fractions: The share of each split.
        seed: Seed of the permutation.

    Returns:
        The split of each row (0 train, 1 validation, 2 test; shape `(rows,)`), and the rows of each split.

    Raises:
        UsageError: A split would be empty.
    """
    import numpy as np

    generator = np.random.Generator(np.random.PCG64(seed))
    sizes = [strata] if isinstance(strata, int) else np.bincount(strata).tolist()
    by_size = sorted(range(len(sizes)), key=lambda code: (-sizes[code], code))
    shares = dict(zip(by_size, allot([sizes[code] for code in by_size], astuple(fractions)), strict=True))
    counts = [sum(share[split] for share in shares.values()) for split in range(3)]
    if not sum(sizes):
        raise UsageError("it has no rows.")
    if not all(counts):
        empty = _NAMES[counts.index(0)]
        raise UsageError(f"{sum(sizes)} rows are too few: with these fractions the {empty} split would be empty.")
    assignment = np.empty(sum(sizes), dtype=np.uint8)
    rows_of = _rows_by_stratum(strata)
    for code in range(len(sizes)):
        dealt = np.repeat(np.arange(3, dtype=np.uint8), shares[code])
        generator.shuffle(dealt)
        assignment[rows_of(code)] = dealt
    return assignment, (counts[0], counts[1], counts[2])


def allot(sizes: Sequence[int], fractions: Sequence[float]) -> list[list[int]]:
    """Divides each stratum's rows among the splits by largest remainder, carrying what was cut to the next stratum.

    Args:
        sizes: Rows of each stratum, in the order they are served.
        fractions: The share of each split; they add up to 1.

    Returns:
        For each stratum the rows of each split; they sum to the stratum's size, each within one row of its share.
    """
    owed = [0.0] * len(fractions)
    shares = []
    for size in sizes:
        quotas = [size * fraction for fraction in fractions]
        # 0.1 * 30 is 3.0000000000000004: without rounding, such noise would decide who gets a row.
        share = [math.floor(round(quota, 9)) for quota in quotas]
        owed = [debt + quota - rows for debt, quota, rows in zip(owed, quotas, share, strict=True)]
        cut = [split for split, quota in enumerate(quotas) if round(quota, 9) > share[split]]
        neediest = sorted(cut, key=lambda split: (-round(owed[split], 9), split))
        for split in neediest[: size - sum(share)]:
            share[split] += 1
            owed[split] -= 1
        shares.append(share)
    return shares


def _rows_by_stratum(strata: npt.NDArray[np.int32] | int) -> Any:
    """Returns a function from a stratum's code to an index of its rows."""
    import numpy as np

    if isinstance(strata, int):
        return lambda _code: slice(None)
    order = np.argsort(strata, kind="stable")
    ends = np.cumsum(np.bincount(strata))
    starts = np.concatenate(([0], ends[:-1]))
    return lambda code: order[starts[code] : ends[code]]


def _check_column(schema: pa.Schema, column: str, source: str) -> None:
    if column and column not in schema.names:
        raise UsageError(f"{source} has no column {column!r} to stratify by. It has: {', '.join(schema.names)}.")


def _spool(table: Any, path: Path, stratify: str) -> npt.NDArray[np.int32] | int:
    """Copies the rows to an Arrow file; returns each row's stratum, or the number of rows without a stratify column."""
    import numpy as np
    import pyarrow as pa

    rows = 0
    codes: dict[Any, int] = {}
    strata: list[npt.NDArray[np.int32]] = []
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema(), options=options) as writer:
        for batch in table.batches():
            writer.write_batch(batch)
            rows += batch.num_rows
            if stratify:
                strata.append(_codes(batch.column(stratify), codes))
    if not stratify:
        return rows
    return np.concatenate(strata) if strata else np.empty(0, dtype=np.int32)


def _codes(column: pa.Array, codes: dict[Any, int]) -> npt.NDArray[np.int32]:
    """Returns each row's code and adds the values not seen before to `codes`."""
    import numpy as np

    encoded = column if hasattr(column, "dictionary") else column.dictionary_encode(null_encoding="encode")
    local = [codes.setdefault(value, len(codes)) for value in encoded.dictionary.to_pylist()]
    taken: npt.NDArray[np.int32] = np.array(local, dtype=np.int32)[encoded.indices.to_numpy(zero_copy_only=False)]
    return taken


def _deal(spool: Path, assignment: npt.NDArray[np.uint8], paths: Sequence[Path]) -> None:
    """Writes each row of the Arrow file to its split's Parquet file; the files appear when all are complete."""
    import contextlib

    import pyarrow as pa
    import pyarrow.parquet as pq

    beside = [path.with_name(f".{path.name}.partial") for path in paths]
    try:
        with contextlib.ExitStack() as stack:
            reader = stack.enter_context(pa.ipc.open_file(stack.enter_context(pa.memory_map(str(spool)))))
            writers = [stack.enter_context(pq.ParquetWriter(str(path), reader.schema)) for path in beside]
            pending: list[list[pa.RecordBatch]] = [[] for _ in writers]
            for batch, split_of in _with_rows(reader, assignment):
                for split, writer in enumerate(writers):
                    pending[split].append(batch.filter(pa.array(split_of == split)))
                    _write(writer, pending[split], _GROUP_ROWS)
            for writer, rest in zip(writers, pending, strict=True):
                _write(writer, rest, 1)
        for written, path in zip(beside, paths, strict=True):
            written.replace(path)
    finally:
        for path in beside:
            path.unlink(missing_ok=True)


def _write(writer: pq.ParquetWriter, pending: list[pa.RecordBatch], least: int) -> None:
    """Writes the pending rows as one row group once there are enough; small groups read slowly."""
    import pyarrow as pa

    if sum(batch.num_rows for batch in pending) >= least:
        writer.write_table(pa.Table.from_batches(pending))
        pending.clear()


def _with_rows(
    reader: pa.RecordBatchFileReader, assignment: npt.NDArray[np.uint8]
) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.uint8]]]:
    at = 0
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        yield batch, assignment[at : at + batch.num_rows]
        at += batch.num_rows
