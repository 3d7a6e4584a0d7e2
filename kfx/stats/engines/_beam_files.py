"""The folder that a job's workers write their results to, and the program that started it reads."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from kfx.errors import KfxError
from kfx.stats import tfrecord
from kfx.stats.sources.gs import bucket_files, refusals

if TYPE_CHECKING:
    import pyarrow.fs as pafs


def write(path: str, records: Iterable[bytes]) -> None:
    """Writes a file of records. A worker that a runner starts again writes the same file again.

    Args:
        path: `gs://`, another scheme that Arrow knows (`hdfs://`, `s3://`), or a local path.
        records: What to write.

    Raises:
        OSError: The folder cannot be written.
    """
    files, inside = _located(path)
    if not path.startswith("gs://"):
        files.create_dir(str(PurePosixPath(inside).parent))
    with files.open_output_stream(inside) as stream:
        stream.write(b"".join(map(tfrecord.record, records)))


def read(path: str) -> list[bytes]:
    """Returns the records of a file; none where there is no such file.

    Raises:
        PermanentError: Cloud Storage refuses.
        OSError: The file cannot be read.
    """
    import pyarrow.fs as pafs

    files, inside = _located(path)
    if files.get_file_info(inside).type == pafs.FileType.NotFound:
        return []
    with files.open_input_stream(inside) as stream:
        return list(tfrecord.records(stream.read()))


@contextmanager
def removed(folder: str) -> Iterator[None]:
    """Removes a folder when the block ends, however it ends. That it stays would not make the statistics wrong."""
    import pyarrow.fs as pafs

    try:
        yield
    finally:
        try:
            files, inside = _located(folder)
            if files.get_file_info(pafs.FileSelector(inside, allow_not_found=True)):
                files.delete_dir(inside)
        except (KfxError, OSError) as error:
            print(f"The job's files at {folder} could not be removed: {error}", file=sys.stderr)


def _located(path: str) -> tuple[pafs.FileSystem, str]:
    """Returns a file system and the path in it."""
    import pyarrow.fs as pafs

    if path.startswith("gs://"):
        with refusals(path):
            return pafs.PyFileSystem(pafs.FSSpecHandler(bucket_files())), path.removeprefix("gs://")
    if "://" in path:
        files, inside = pafs.FileSystem.from_uri(path)
        return files, inside
    return pafs.LocalFileSystem(), path
