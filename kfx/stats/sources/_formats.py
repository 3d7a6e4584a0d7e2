"""Files of any storage as one source: each file's format is told by its first bytes, not by its name.

A kfp artifact's path has no suffix, so the name alone says too little. The suffix only tells TSV from CSV.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

from kfx.errors import UsageError
from kfx.stats import contents
from kfx.stats.sources import Source
from kfx.stats.sources._storage import Storage

_GZIP, _ZSTD, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"Obj\x01": "an Avro file",
    b"\xfd7zXZ": "compressed by xz",
    b"\x04\x22\x4d\x18": "compressed by lz4",
    b"\xff\xfe": "UTF-16 text (convert it: iconv -f UTF-16 -t UTF-8)",
    b"\xfe\xff": "UTF-16 text (convert it: iconv -f UTF-16 -t UTF-8)",
}
_JSON = {".jsonl", ".ndjson", ".json"}
_MOST_OF_A_PROTO = 256 << 20  # bytes; a TFRecord file of examples, which is no statistics, may be of any size
_READ = "kfx reads CSV, TSV, JSON lines and Parquet, plain or compressed by gzip or zstd"


def open_files(uri: str, file_system: Storage, paths: Sequence[str]) -> Source:
    """Opens files that together are one table.

    Args:
        uri: What the user gave, for messages.
        file_system: Where the files are.
        paths: Their paths there, at least one.

    Raises:
        UsageError: A file is empty, cannot be opened, or the files differ in format.
    """
    from kfx.stats.sources._delimited import DelimitedFiles
    from kfx.stats.sources._json import JsonFiles
    from kfx.stats.sources._parquet import ParquetFiles

    formats = {path: _format_of(uri, file_system, path) for path in paths}
    first = formats[paths[0]]
    for path, other in formats.items():
        if other[0] != first[0]:
            raise UsageError(f"{uri} mixes formats: {paths[0]} is {first[0]}, {path} is {other[0]}.")
    if first[0] == "parquet":
        return ParquetFiles(uri, file_system, tuple(paths))
    codecs = {path: codec for path, (_, codec) in formats.items()}
    if first[0] == "jsonl":
        return JsonFiles(uri, file_system, codecs)
    return DelimitedFiles(uri, file_system, codecs, "\t" if first[0] == "tsv" else ",")


def _format_of(uri: str, file_system: Storage, path: str) -> tuple[str, str | None]:
    """Returns a file's format (parquet, csv, tsv, jsonl) and its compression (gzip, zstd or None)."""
    try:
        with file_system.open_input_file(path) as file:
            head = file.read(contents.HEAD)
            codec = "gzip" if head.startswith(_GZIP) else "zstd" if head.startswith(_ZSTD) else None
    except OSError as error:
        raise UsageError(f"{path} cannot be opened: {error}") from error
    if not head:
        raise UsageError(f"{path} is empty: it has neither a header nor rows.")
    if head.startswith(_PARQUET):
        return "parquet", None
    if contents.suspected(head, path):
        _refuse_proto(uri, file_system, path)
    suffixes = [suffix for suffix in PurePosixPath(path).suffixes if suffix not in {".gz", ".zst"}]
    suffix = suffixes[-1].lower() if suffixes else ""
    _refuse_foreign(path, suffix, head)
    if suffix in _JSON or (not suffix and codec is None and head.startswith(b"{")):
        return "jsonl", codec
    return "tsv" if suffix in {".tsv", ".tab"} else "csv", codec


def _refuse_proto(uri: str, file_system: Storage, path: str) -> None:
    """Raises UsageError for a file of statistics or a schema, and says what takes it."""
    with file_system.open_input_file(path) as file:
        kind = contents.kind(bytes(file.read(_MOST_OF_A_PROTO)))
    name = shlex.quote(f"gs://{path}" if uri.startswith("gs://") else path)
    if kind == "statistics":
        raise UsageError(
            f"{path} is no table: it holds statistics already. kfx show {name} prints them, kfx compare {name} OTHER "
            f"and kfx stats TABLE --compare {name} show them beside others."
        )
    if kind == "schema":
        raise UsageError(f"{path} is no table: it holds a schema. Check a table so: kfx validate TABLE --schema {name}")


def _refuse_foreign(path: str, suffix: str, head: bytes) -> None:
    """Raises UsageError for a file that is certainly not text, and says what it is."""
    what = next((name for magic, name in _FOREIGN.items() if head.startswith(magic)), None)
    if what is not None:
        raise UsageError(f"{path} is {what}; {_READ}.")
    if suffix in {".parquet", ".pq"}:
        encrypted = " It is an encrypted one, which kfx does not read." if head.startswith(b"PARE") else ""
        raise UsageError(f"{path} is no Parquet file: it begins with {head[:4]!r} and not with b'PAR1'.{encrypted}")
    if suffix in _JSON and head.lstrip().startswith(b"["):
        raise UsageError(f"{path} is a JSON array, and not JSON lines. Convert it: jq -c '.[]' {path}")
