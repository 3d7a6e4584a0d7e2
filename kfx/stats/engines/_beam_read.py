"""What Beam's workers do: read a part of the table and hand its rows to TFDV.

In this process there is one part, the whole table, which is found by a token because a table is not copied. Elsewhere
a part is a file, and a worker opens it itself: nothing but its name travels. The types of text files must hold in all
of them, so their schemas are gathered first and each file is then read with what fits all.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import kfx
from kfx.errors import PermanentError
from kfx.stats.engines import Progress
from kfx.stats.engines._beam_arrow import listed
from kfx.stats.engines._columnar import ColumnarTable, needed
from kfx.stats.engines._rows import RowSelection
from kfx.stats.sources._columns import check_columns, pick
from kfx.stats.sources._parts import settled

if TYPE_CHECKING:
    import pyarrow as pa

    from kfx.stats.options import StatsOptions
    from kfx.stats.sources import Source

ROWS = "rows"
"""Tag of the counts among a reader's outputs: (rows read, rows described), one a part."""

_BATCH_ROWS = 1 << 14  # TFDV joins batches up to 20 MiB before it computes

Schemas = Mapping[bytes, int]
"""The parts' schemas, serialized, each with the lowest number of a part that has it."""


class LostRowsError(PermanentError):
    """The statistics do not count every row of the table."""


@dataclass(frozen=True)
class Part:
    """A part of the table that one worker reads from start to end."""

    number: int
    """Its place among the parts, from 0."""

    source: Source
    """One of `kfx.stats.sources._parts.parts`."""


@dataclass
class _Opened:
    """A table of this process, and what became of reading it."""

    table: ColumnarTable
    progress: Progress
    error: Exception | None = None


_OPENED: dict[str, _Opened] = {}


@contextmanager
def opened(table: ColumnarTable, progress: Progress) -> Iterator[str]:
    """Lets `read_table` find a table of this process by the token that is given.

    An error in reading comes out of the block as it was raised: Beam hands on nothing but its traceback's text.
    """
    token = uuid.uuid4().hex
    _OPENED[token] = _Opened(table, progress)
    try:
        yield token
    except Exception as error:
        if (cause := _OPENED[token].error) is not None:
            raise cause from error
        raise
    finally:
        del _OPENED[token]


def read_table(token: str, options: StatsOptions) -> Iterator[Any]:
    """Reads a table of this process: yields (data set, rows as TFDV takes them), and the counts.

    Args:
        token: As `opened` gave it.
        options: What to compute.
    """
    found = _OPENED[token]
    table, done = found.table, 0
    try:
        for made in _described(table, table.batches(needed(options)), options):
            yield made
            if isinstance(made, tuple) and done < table.num_rows:
                done = min(done + _BATCH_ROWS, table.num_rows)
                found.progress("rows", done, table.num_rows)
    except Exception as error:
        found.error = error
        raise


def schema_of(part: Part) -> Schemas:
    """Returns a part's own schema; text is read whole for it."""
    return {part.source.schema().serialize().to_pybytes(): part.number}


def all_schemas(several: Iterable[Schemas]) -> Schemas:
    """Joins schemas of parts; in any order, and again."""
    joined: dict[bytes, int] = {}
    for schemas in several:
        for schema, number in schemas.items():
            joined[schema] = min(number, joined.get(schema, number))
    return joined


def in_order(schemas: Schemas) -> list[pa.Schema]:
    """Returns the schemas, that of the first part first."""
    import pyarrow as pa

    return [pa.ipc.read_schema(pa.py_buffer(schema)) for schema in sorted(schemas, key=lambda one: schemas[one])]


def read_part(part: Part, schemas: Schemas, options: StatsOptions, version: str) -> Iterator[Any]:
    """Reads a part on a worker: yields (data set, rows as TFDV takes them), and the counts.

    Args:
        part: What to read.
        schemas: Those of all parts.
        options: What to compute.
        version: kfx where the job was started.

    Raises:
        PermanentError: The worker's image holds another kfx, whose figures may mean other things.
    """
    if version != kfx.__version__:
        raise PermanentError(
            f"The job was started by kfx {version}, and its workers have kfx {kfx.__version__}. "
            "sdk_container_image must be of the same build as the image that starts the job."
        )
    source = settled(part.source, in_order(schemas))
    # A row's fate hangs on its number in its part: parts must not all choose the same numbers.
    options = replace(options, sample_seed=options.sample_seed + part.number)
    yield from _described(source, source.batches(needed(options)), options)


def checked_selection(source: Source, options: StatsOptions) -> RowSelection:
    """Returns the rows and data sets to describe.

    Raises:
        UsageError: A column that the options name does not exist or cannot serve.
    """
    schema = source.schema()
    check_columns(source.uri, schema.names, options.feature_allowlist)
    return RowSelection(source.uri, schema, options)


def _described(source: Source, batches: Iterator[pa.RecordBatch], options: StatsOptions) -> Iterator[Any]:
    from apache_beam.pvalue import TaggedOutput

    schema, selection = source.schema(), checked_selection(source, options)
    kept = [name for name in needed(options) or schema.names if _is_kept(name, options)]
    read = used = 0
    found: set[str] = set()
    # A table without rows, or a slice's first, has its columns all the same.
    yield selection.whole or None, listed(_no_rows(schema, kept))
    for large in batches:
        for start in range(0, large.num_rows, _BATCH_ROWS):
            batch = large.slice(start, _BATCH_ROWS)
            for part in selection.parts(batch, read):
                found.add(part.name)
                selection.check_number(len(found - {selection.whole}))
                rows = batch.select(kept) if part.rows is None else batch.select(kept).take(part.rows)
                used += rows.num_rows * (part.name == selection.whole)
                yield part.name or None, listed(rows)
            read += batch.num_rows
    stored = getattr(source, "num_rows", read)  # text does not say how many rows it has
    if read != stored:
        raise LostRowsError(f"{read:,} of the {stored:,} rows of {source.uri!r} were read.")
    yield TaggedOutput(ROWS, (read, used))


def _no_rows(schema: pa.Schema, names: Sequence[str]) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], pick(schema, names))


def _is_kept(name: str, options: StatsOptions) -> bool:
    """Whether TFDV must see a column: one to describe, or the weight."""
    allowed = options.feature_allowlist
    return allowed is None or name in allowed or name == options.weight_feature
