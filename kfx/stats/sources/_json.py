"""JSON lines files as one source: an object a line, a column a key, lists and objects nested as they are.

Temporal text stays text. Types are found by reading the files once; integers meeting fractions become doubles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kfx.errors import UsageError
from kfx.stats.sources._blocks import blocks, in_parallel
from kfx.stats.sources._columns import check_columns

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.fs as pafs


@dataclass(frozen=True)
class JsonFiles:
    """One or more JSON lines files."""

    uri: str
    """What the user gave."""

    file_system: pafs.FileSystem
    """Where the files are."""

    codecs: Mapping[str, str | None]
    """Path -> compression (gzip, zstd, None), in the order rows are read."""

    _schema: list[pa.Schema] = field(default_factory=list, repr=False)

    def schema(self) -> pa.Schema:
        """Returns all keys of all lines; reads the files whole the first time."""
        import pyarrow as pa

        if not self._schema:
            schema = pa.schema([])
            for path in self.codecs:
                for table in self._tables(path, None):
                    schema = self._unified(path, schema, table.schema)
            self._schema.append(schema)
        return self._schema[0]

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the lines file by file; see `Source.batches`."""
        schema = self.schema()
        check_columns(self.uri, schema.names, columns)
        wanted = schema.names if columns is None else list(columns)
        for path in self.codecs:
            for table in self._tables(path, schema):
                yield from table.select(wanted).to_batches()

    def _unified(self, path: str, one: pa.Schema, other: pa.Schema) -> pa.Schema:
        import pyarrow as pa

        plain = [f.with_type(pa.string()) if pa.types.is_temporal(f.type) else f for f in other]
        try:
            return pa.unify_schemas([one, pa.schema(plain)], promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise UsageError(f"{path} mixes types in one column: {error}") from error

    def _tables(self, path: str, schema: pa.Schema | None) -> Iterator[pa.Table]:
        import pyarrow as pa
        import pyarrow.json as pajson

        unexpected = "infer" if schema is None else "ignore"
        options = pajson.ParseOptions(explicit_schema=schema, unexpected_field_behavior=unexpected)

        def parsed(block: memoryview) -> pa.Table:
            read = pajson.ReadOptions(use_threads=False, block_size=len(block) + 1)
            return pajson.read_json(pa.BufferReader(pa.py_buffer(block)), read, options)

        try:
            with self.file_system.open_input_stream(path, compression=self.codecs[path]) as stream:
                yield from in_parallel(parsed, _with_objects(blocks(stream, quotes=False)))
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{path} cannot be read as JSON lines: {error}") from error


def _with_objects(pieces: Iterator[memoryview]) -> Iterator[memoryview]:
    """Leaves out blocks of blank lines, which Arrow calls an empty file."""
    return (piece for piece in pieces if bytes(piece).strip())
