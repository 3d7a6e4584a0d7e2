"""Local files: a path, a glob or a folder of CSV, TSV, JSON lines or Parquet, plain, gzip or zstd."""

from __future__ import annotations

import glob
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kfx.errors import UsageError
from kfx.stats.sources import Source
from kfx.stats.sources._formats import open_files
from kfx.stats.sources._storage import LocalFiles, without_statistics

_ONLY_STATISTICS = "There is no table, but statistics that kfx wrote, in"


def open_uri(uri: str) -> Source:
    """Opens a local path, glob, folder or `file://` URI.

    Raises:
        UsageError: Nothing matches, or a file is empty or of no known format.
    """
    path = unquote(urlsplit(uri).path) if uri.startswith("file://") else uri
    return open_files(uri, LocalFiles(), _matches(path))


def _matches(path: str) -> list[str]:
    at = Path(path).expanduser()
    if at.is_dir():
        return _shards(at)
    if at.exists():
        return [str(at)]
    if not glob.has_magic(path):
        raise UsageError(f"There is no file or folder {path!r}.")
    # Path.glob takes no absolute pattern.
    found = sorted(name for name in glob.glob(str(at), recursive=True) if Path(name).is_file())  # noqa: PTH207
    tables = without_statistics(found, _is_file)
    if not tables:
        raise UsageError(f"{_ONLY_STATISTICS if found else 'No file matches'} {path!r}.")
    return tables


def _is_file(path: str) -> bool:
    return Path(path).is_file()


def _shards(folder: Path) -> list[str]:
    # Spark and others leave _SUCCESS, _metadata and .crc files beside the data.
    found = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith((".", "_"))]
    if not found:
        raise UsageError(f"The folder {str(folder)!r} holds no file of a table, nor of statistics.")
    tables = without_statistics([str(p) for p in found], _is_file)
    if not tables:
        raise UsageError(f"{_ONLY_STATISTICS} {str(folder)!r}. Look at them: kfx show {folder}")
    return tables
