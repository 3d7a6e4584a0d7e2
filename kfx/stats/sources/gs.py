"""Objects of Google Cloud Storage: `gs://bucket/path`, a glob or a prefix that ends in a slash.

Credentials are Application Default Credentials. With `STORAGE_EMULATOR_HOST` set, that server is asked without any.
"""

from __future__ import annotations

import glob
import os

from kfx.errors import MissingExtraError, UsageError
from kfx.stats.sources import Source
from kfx.stats.sources._formats import open_files


def open_uri(uri: str) -> Source:
    """Opens one object, every object that matches a glob, or every object below a prefix.

    Raises:
        UsageError: Nothing matches, access is refused, or an object is empty or of no known format.
        MissingExtraError: gcsfs is not installed.
    """
    try:
        # The plain JSON API. gcsfs' newer default class asks a gRPC service for each bucket's kind first, which no
        # emulator answers and which needs a permission that reading does not.
        from gcsfs.core import GCSFileSystem
        from gcsfs.retry import HttpError
    except ImportError as error:
        raise MissingExtraError("gs:// sources", "gcp") from error
    import pyarrow.fs as pafs

    anonymous = {"token": "anon"} if os.environ.get("STORAGE_EMULATOR_HOST") else {}
    bucket_file_system = GCSFileSystem(skip_instance_cache=True, **anonymous)
    try:
        found = _matches(bucket_file_system, uri)
    except (OSError, HttpError) as error:
        raise UsageError(f"{uri!r} cannot be listed: {error}") from error
    if not found:
        raise UsageError(f"No object matches {uri!r}.")
    return open_files(uri, pafs.PyFileSystem(pafs.FSSpecHandler(bucket_file_system)), found)


def _matches(file_system: object, uri: str) -> list[str]:
    path = uri.removeprefix("gs://")
    if glob.has_magic(path):
        found = file_system.glob(path)  # type: ignore[attr-defined]
    elif path.endswith("/"):
        found = file_system.find(path)  # type: ignore[attr-defined]
    else:
        return [path] if file_system.exists(path) else []  # type: ignore[attr-defined]
    # Spark and others leave _SUCCESS, _metadata and .crc objects beside the data.
    return sorted(name for name in found if not name.rsplit("/", 1)[-1].startswith((".", "_")) and name[-1] != "/")
