"""Small files of statistics and schemas by their address: local paths and `gs://`.

A file is seen whole or not at all. Locally it is written beside its name and renamed; Cloud Storage shows an object
when its upload is complete.
"""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path

from kfx.errors import PermanentError, UsageError
from kfx.stats.sources.gs import bucket_files, refusals


def read(address: str) -> bytes | None:
    """Returns a file's content, None where there is no such file.

    Args:
        address: A local path or `gs://bucket/object`.

    Raises:
        UsageError: The address has another scheme, names a folder, or the bucket does not exist.
        PermanentError: It cannot be read.
        MissingExtraError: `gs://` without gcsfs.
    """
    if address.startswith("gs://"):
        files = bucket_files()
        with refusals(address):
            if not files.exists(address):
                return None
            content: bytes = files.cat_file(address)
            return content
    try:
        return _local(address).read_bytes()
    except FileNotFoundError:
        return None
    except IsADirectoryError as error:
        raise UsageError(f"{address!r} is a folder; name the file.") from error
    except OSError as error:
        raise PermanentError(f"{address!r} cannot be read: {error.strerror}.") from error


def write(address: str, content: bytes) -> None:
    """Writes a file, in the place of one that is there.

    Args:
        address: A local path, whose folders are made, or `gs://bucket/object`.
        content: What to write.

    Raises:
        UsageError: The address has another scheme, or the bucket does not exist.
        PermanentError: It cannot be written.
        MissingExtraError: `gs://` without gcsfs.
    """
    if address.startswith("gs://"):
        with refusals(address, "write"):
            bucket_files().pipe_file(address, content)
        return
    path = _local(address)
    # Two containers that share a volume may well have the same process id.
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        raise PermanentError(f"{address!r} cannot be written: {error.strerror}.") from error
    finally:
        with contextlib.suppress(OSError):  # what went wrong above, if anything, is what to say
            beside.unlink(missing_ok=True)


def _local(address: str) -> Path:
    if "://" in address:
        raise UsageError(f"{address!r} is neither a path nor gs://bucket/object.")
    return Path(address)
