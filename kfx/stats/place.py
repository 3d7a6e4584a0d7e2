"""Small files of statistics and schemas by their address: local paths and `gs://`.

A file is seen whole or not at all. Locally it is written beside its name and renamed; Cloud Storage shows an object
when its upload is complete.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from kfx.errors import PermanentError, UsageError
from kfx.stats.sources.gs import bucket_files, refusals

_A_FOLDER = "{!r} is a folder; name the file."


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
            if files.isdir(address):
                raise UsageError(_A_FOLDER.format(address))
            content: bytes = files.cat_file(address)
            return content
    try:
        return _local(address).read_bytes()
    except FileNotFoundError:
        return None
    except IsADirectoryError as error:
        raise UsageError(_A_FOLDER.format(address)) from error
    except OSError as error:
        raise PermanentError(f"{address!r} cannot be read: {error.strerror}.") from error


def write(address: str, content: bytes) -> None:
    """Writes a file, in the place of one that is there.

    Args:
        address: A local path, whose folders are made, or `gs://bucket/object`.
        content: What to write.

    Raises:
        UsageError: The address has another scheme, names a local folder, or the bucket does not exist.
        PermanentError: It cannot be written.
        MissingExtraError: `gs://` without gcsfs.
    """
    if address.startswith("gs://"):
        with refusals(address, "write"):
            bucket_files().pipe_file(address, content)
        return
    path = _local(address)
    if path.is_dir():
        raise UsageError(_A_FOLDER.format(address))
    import uuid

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


def check_folder(folder: Path) -> None:
    """Makes sure that files can be made in a folder, before work whose result goes there; leaves nothing behind.

    Args:
        folder: A local folder. Where it does not exist, the nearest one above it that does is tried.

    Raises:
        PermanentError: They cannot.
    """
    import tempfile

    with _writing(folder):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        # A file tells more than permissions do: of root, of a read-only mount, of /proc.
        with tempfile.NamedTemporaryFile(prefix=".kfx-", dir=there):
            pass


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> dict[str, Path]:
    """Writes files that belong together: all of them, or none.

    All are written beside their names first. Then older files of these names step aside, the new ones take their
    places, and the older are removed; after a failure they are put back. So new files never stand beside older ones,
    even where the process is killed. Files are renamed one by one, because a folder mounted from a bucket (gcsfuse)
    refuses to rename a folder.

    Args:
        folder: A local folder; made if it does not exist.
        contents: File name -> content.

    Returns:
        File name -> path.

    Raises:
        PermanentError: The folder cannot be written; it is as it was.
    """
    beside = {name: folder / f".{name}.part" for name in contents}
    with _writing(folder), _made(folder):
        try:
            for name, content in contents.items():
                beside[name].write_bytes(content)
            _replace_all({part: folder / name for name, part in beside.items()})
        finally:
            for part in beside.values():
                part.unlink(missing_ok=True)
    return {name: folder / name for name in contents}


def _replace_all(places: Mapping[Path, Path]) -> None:
    """Renames each file to its place; after a failure every place has again what it had."""
    aside: dict[Path, Path] = {}
    placed: list[Path] = []
    try:
        for place in places.values():
            if place.is_file():
                aside[place] = place.rename(place.with_name(f".{place.name}.old"))
        for part, place in places.items():
            part.replace(place)
            placed.append(place)
    except BaseException:  # an interrupt as well
        for place in placed:
            place.unlink()
        for place, old in aside.items():
            old.rename(place)
        raise
    for old in aside.values():
        old.unlink()


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Makes a folder and those above it, and removes those it made where what follows fails."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:  # an interrupt as well
        for path in missing:
            with contextlib.suppress(OSError):  # not made, or another program uses it already
                path.rmdir()
        raise


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turns the system's errors into one that names the folder, or the file in it that is in the way."""
    try:
        yield
    except OSError as error:
        raise PermanentError(f"{str(error.filename2 or folder)!r} cannot be written: {error.strerror}.") from error


def _local(address: str) -> Path:
    if "://" in address:
        raise UsageError(f"{address!r} is neither a path nor gs://bucket/object.")
    return Path(address)
