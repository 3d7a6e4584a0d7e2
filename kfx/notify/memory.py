"""What was sent before: small JSON documents under a path, so that a retried exit task sends nothing twice.

The path is a folder (also `/gcs/BUCKET/...`, Vertex's mount), `gs://BUCKET/...` over Cloud Storage's REST API, or any
URL fsspec can open where fsspec and its driver are installed (`s3://...`).
"""

from __future__ import annotations

import importlib
import json
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from kfx.errors import KfxError, MissingExtraError, PermanentError, TransientError

FOLDER = "kfx-notify"


class Memory(ABC):
    """Documents by key; keys are file names within a folder of kfx's own."""

    @abstractmethod
    def read(self, key: str) -> dict[str, Any] | None:
        """Returns a document, None when there is none.

        Raises:
            KfxError: The place cannot be read.
        """

    @abstractmethod
    def write(self, key: str, document: dict[str, Any]) -> None:
        """Writes a document, whole or not at all.

        Raises:
            KfxError: The place cannot be written.
        """


class NoMemory(Memory):
    """A place that cannot be opened: nothing is remembered, and every write says why."""

    def __init__(self, error: KfxError) -> None:
        """Keeps the reason."""
        self._error = error

    def read(self, key: str) -> dict[str, Any] | None:  # noqa: ARG002 - refused whatever it is
        """Refuses."""
        raise self._error

    def write(self, key: str, document: dict[str, Any]) -> None:  # noqa: ARG002
        """Refuses."""
        raise self._error


class FolderMemory(Memory):
    """A folder."""

    def __init__(self, folder: Path) -> None:
        """Remembers the folder; it is made by the first write."""
        self._folder = folder

    def read(self, key: str) -> dict[str, Any] | None:
        """Reads a file."""
        try:
            return _document((self._folder / key).read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PermanentError(f"{self._folder} cannot be read: {error.strerror}") from error

    def write(self, key: str, document: dict[str, Any]) -> None:
        """Writes beside, then renames."""
        path = self._folder / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}.{os.getpid()}")
            beside.write_text(json.dumps(document), encoding="utf-8")
            beside.replace(path)
        except OSError as error:
            raise PermanentError(f"{self._folder} cannot be written: {error.strerror}") from error


class BucketMemory(Memory):
    """A folder of a Cloud Storage bucket."""

    def __init__(self, where: str) -> None:
        """Takes `gs://BUCKET/PREFIX`."""
        from kfx.gcp import Api, storage_address

        self._bucket, _, self._prefix = where.removeprefix("gs://").partition("/")
        self._api = Api(storage_address(), pause_s=0.2)

    def read(self, key: str) -> dict[str, Any] | None:
        """Reads an object (JSON API: `objects.get` with alt=media)."""
        from urllib.parse import quote

        from kfx.gcp import ApiError

        try:
            return self._api.get(f"/storage/v1/b/{self._bucket}/o/{quote(self._name(key), safe='')}", alt="media")
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        except ValueError:
            return {}  # not written by kfx

    def write(self, key: str, document: dict[str, Any]) -> None:
        """Writes an object (JSON API: a media upload)."""
        path = f"/upload/storage/v1/b/{self._bucket}/o"
        self._api.post_again(path, document, uploadType="media", name=self._name(key))

    def _name(self, key: str) -> str:
        return f"{self._prefix.rstrip('/')}/{key}".lstrip("/")


class FsspecMemory(Memory):
    """A folder of any store fsspec has a driver for."""

    def __init__(self, where: str) -> None:
        """Takes a URL such as `s3://bucket/prefix`.

        Raises:
            MissingExtraError: fsspec is not installed.
            PermanentError: It has no driver for the URL.
        """
        try:
            fsspec = importlib.import_module("fsspec")
        except ImportError:
            raise MissingExtraError(f"Markers under {where.partition('://')[0]}:// paths", "gcp") from None
        try:
            self._files, self._root = fsspec.core.url_to_fs(where)
        except (ImportError, ValueError) as error:
            raise PermanentError(f"There is no driver for {where.partition('://')[0]}://: {error}") from error

    def read(self, key: str) -> dict[str, Any] | None:
        """Reads a file."""
        try:
            return _document(self._files.cat_file(f"{self._root}/{key}"))
        except FileNotFoundError:
            return None
        except Exception as error:  # every driver has errors of its own
            raise TransientError(f"{self._root} cannot be read: {type(error).__name__}") from error

    def write(self, key: str, document: dict[str, Any]) -> None:
        """Writes a file; object stores show it whole or not at all."""
        try:
            self._files.makedirs(f"{self._root}/{key}".rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(f"{self._root}/{key}", json.dumps(document).encode())
        except Exception as error:
            raise TransientError(f"{self._root} cannot be written: {type(error).__name__}") from error


def open_memory(where: str) -> Memory:
    """Returns the memory at a path or URL; kfx's documents go into a folder `kfx-notify` under it."""
    place = f"{where.rstrip('/')}/{FOLDER}"
    try:
        if where.startswith("gs://"):
            return BucketMemory(place)
        return FsspecMemory(place) if "://" in where else FolderMemory(Path(place))
    except KfxError as error:
        return NoMemory(error)


def recall(memory: Memory | None, key: str) -> tuple[dict[str, Any], str]:
    """Reads a document without failing.

    Returns:
        The document, empty when there is none; and why it could not be read, empty when it could.
    """
    if memory is None:
        return {}, ""
    try:
        return memory.read(key) or {}, ""
    except KfxError as error:
        return {}, str(error)


def _document(raw: bytes) -> dict[str, Any]:
    """Reads a document; what is no JSON object was not written by kfx and counts as empty."""
    try:
        document = json.loads(raw)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
