"""Objects of Google Cloud Storage: `gs://bucket/path`, a glob or a prefix that ends in a slash.

Credentials are Application Default Credentials. With `STORAGE_EMULATOR_HOST` set, that server is asked without any.
"""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kfx.errors import KfxError, MissingExtraError, PermanentError, TransientError, UsageError
from kfx.gcp import LOGIN, credentials
from kfx.stats.sources import Source
from kfx.stats.sources._formats import open_files
from kfx.stats.sources._storage import without_statistics
from kfx.unreachable import unreachable


def open_uri(uri: str) -> Source:
    """Opens one object, every object that matches a glob, or every object below a prefix.

    Raises:
        UsageError: The URI names no object, nothing matches, the bucket does not exist, or an object is empty or of no
            known format.
        PermanentError: No permission, or no valid credentials.
        TransientError: Cloud Storage cannot be reached.
        MissingExtraError: gcsfs is not installed.
    """
    import pyarrow.fs as pafs

    bucket, slash, _ = uri.removeprefix("gs://").partition("/")
    if not bucket or not slash or glob.has_magic(bucket):
        raise UsageError(
            f"{uri!r} names no object. Write gs://BUCKET/PATH, or gs://BUCKET/ for all objects of a bucket."
        )

    files = bucket_files()
    with refusals(uri):
        try:
            found = _matches(files, uri)
        except ValueError as error:  # `**` beside other characters
            raise UsageError(f"{uri!r} is no glob that Cloud Storage's client takes: {error}") from error
    if not found:
        raise UsageError(f"No object of a table matches {uri!r}.")
    return open_files(uri, pafs.PyFileSystem(pafs.FSSpecHandler(files)), found)


def bucket_files() -> Any:
    """Returns the gcsfs file system of the caller's buckets.

    Raises:
        PermanentError: There are no Application Default Credentials.
        MissingExtraError: gcsfs is not installed.
    """
    try:
        # The plain JSON API. gcsfs' newer default class asks a gRPC service for each bucket's kind first, which no
        # emulator answers and which needs a permission that reading does not.
        from gcsfs.core import GCSFileSystem
    except ImportError as error:
        raise MissingExtraError("gs:// sources", "gcp") from error
    # gcsfs prints the traceback of what it raises as well, with a handler of its own on stderr.
    log = logging.getLogger("gcsfs")
    if log.level == logging.NOTSET:
        log.setLevel(logging.CRITICAL)
    # Left to itself, gcsfs asks without credentials where it finds none, and again and again.
    token = "anon" if os.environ.get("STORAGE_EMULATOR_HOST") else credentials(anonymous=False)
    return GCSFileSystem(skip_instance_cache=True, token=token)


@contextmanager
def refusals(uri: str, verb: str = "read") -> Iterator[None]:
    """Turns what Cloud Storage refuses inside the block into a sentence about the URI, with the way out.

    Args:
        uri: What is read or written.
        verb: `read` or `write`.
    """
    from gcsfs.retry import HttpError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except FileNotFoundError as error:
        bucket = uri.removeprefix("gs://").split("/", 1)[0]
        raise UsageError(f"{uri!r} cannot be {_DONE[verb]}: there is no bucket {bucket!r} ({error}).") from error
    except (OSError, HttpError, GoogleAuthError) as error:
        raise _refusal(uri, error, verb) from error


_DONE = {"read": "read", "write": "written"}
_ROLES = {"read": "roles/storage.objectViewer", "write": "roles/storage.objectUser"}


def _refusal(uri: str, error: Exception, verb: str) -> KfxError:
    # gcsfs gives some refusals as HttpError with a code and others as OSError with the server's words only.
    code = str(getattr(error, "code", ""))
    text = str(error)
    if away := unreachable(error):
        return TransientError(f"Cloud Storage did not answer for {uri!r}: {away}. Try again later.")
    if code == "401" or "Invalid Credentials" in text or "Anonymous caller" in text or "RefreshError" in repr(error):
        return PermanentError(f"Cloud Storage takes no credentials for {uri!r}: {text} Sign in: {LOGIN}")
    if code == "403" or text.startswith("Forbidden"):
        return PermanentError(f"You may not {verb} {uri!r}: it takes {_ROLES[verb]} on the bucket ({text}).")
    return PermanentError(f"Cloud Storage cannot {verb} {uri!r}: {text}")


def _matches(files: Any, uri: str) -> list[str]:
    path = uri.removeprefix("gs://")
    if glob.has_magic(path):
        found = files.glob(path)
    elif path.endswith("/"):
        found = files.find(path)
    else:
        return [path] if files.exists(path) else []
    # Spark and others leave _SUCCESS, _metadata and .crc objects beside the data.
    named = sorted(name for name in found if not name.rsplit("/", 1)[-1].startswith((".", "_")) and name[-1] != "/")
    return without_statistics(named, files.exists)
