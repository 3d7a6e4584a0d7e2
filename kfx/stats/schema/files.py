"""Schemas and anomalies as files: text protos, as TFX keeps them, and the page of a validation."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kfx.errors import UsageError
from kfx.stats import artifact, contents, memory, place
from kfx.stats.generate import generate
from kfx.stats.options import StatsOptions
from kfx.stats.report import render
from kfx.stats.schema.findings import Finding, table

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

SCHEMA, ANOMALIES, ANOMALIES_JSON, TEXT = "schema.pbtxt", "anomalies.pbtxt", "anomalies.json", "anomalies.txt"


def load_schema(address: str) -> schema_pb2.Schema:
    """Reads a schema.

    Args:
        address: A text proto or a binary one, told apart by content, or a folder with `schema.pbtxt`; local or `gs://`.

    Raises:
        UsageError: There is none, or it is damaged.
        PermanentError: It cannot be read.
    """
    name = schema_file(address)
    content = place.read(name)
    if content is None:
        raise UsageError(f"There is no schema at {name!r}. Make one: kfx schema infer SOURCE -o {SCHEMA}")
    return contents.parse_schema(content, name)


def schema_file(address: str) -> str:
    """Returns the file that a schema's address means: itself, or `schema.pbtxt` in the folder it names.

    Args:
        address: A file or a folder, local or `gs://`.
    """
    is_file = address.endswith((".pbtxt", ".pb", ".txt", ".textproto")) or Path(address).is_file()
    return address if is_file else f"{address.rstrip('/')}/{SCHEMA}"


def save_schema(schema: schema_pb2.Schema, address: str) -> None:
    """Writes a schema as a text proto, or as a binary one where the address ends in `.pb`.

    Args:
        schema: The schema.
        address: A local path or `gs://bucket/object`.

    Raises:
        PermanentError: It cannot be written.
    """
    from google.protobuf import text_format

    if address.endswith(".pb"):
        place.write(address, schema.SerializeToString(deterministic=True))
    else:
        place.write(address, text_format.MessageToString(schema, as_utf8=True).encode())


def load_statistics(address: str) -> statistics_pb2.DatasetFeatureStatisticsList | None:
    """Reads statistics from a folder or a file, local or `gs://`; None where there are none.

    Raises:
        UsageError: They are damaged.
        PermanentError: They cannot be read.
    """
    is_file = address.endswith(contents.SUFFIXES) or Path(address).is_file()
    names = [address] if is_file else [f"{address.rstrip('/')}/{name}" for name in (artifact.BINARY, artifact.TFRECORD)]
    for name in names:
        content = place.read(name)
        if content is not None:
            return contents.parse_statistics(content, name)
    return None


def statistics_of(address: str, options: StatsOptions | None = None) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Reads statistics, or computes those of a table.

    Args:
        address: A folder or file of statistics, or a table as `kfx stats` takes it.
        options: How a table is read and described; TFDV's defaults, with 60 % of the memory, if not given.

    Raises:
        UsageError: There is neither.
    """
    is_file = address.endswith(contents.SUFFIXES) or _may_be_statistics(Path(address))
    may_be_folder = Path(address).is_dir() or (address.startswith("gs://") and not glob.has_magic(address))
    found = load_statistics(address) if is_file or may_be_folder else None
    if found is None and is_file:
        raise UsageError(f"There are no statistics at {address!r}.")
    return generate(address, options or StatsOptions(memory_limit=memory.parse(""))) if found is None else found


def _may_be_statistics(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return contents.suspected(file.read(contents.HEAD), path.name)
    except OSError:
        return False  # what reads it as a table says why it cannot be read


def write(
    anomalies: anomalies_pb2.Anomalies,
    found: list[Finding],
    folder: Path,
    title: str,
    shown: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList],
) -> dict[str, Path]:
    """Writes what validation found: text proto, JSON, lines and page.

    Args:
        anomalies: The message.
        found: The same as lines.
        folder: Where; made if it does not exist.
        title: The page's heading.
        shown: The statistics that the page shows, by name; the validated ones first.

    Returns:
        File name -> path.

    Raises:
        PermanentError: The folder cannot be written; it is as it was.
    """
    from google.protobuf import json_format, text_format

    statistics = next(iter(shown.values())) if len(shown) == 1 else artifact.side_by_side(shown)
    pages = {
        ANOMALIES: text_format.MessageToString(anomalies, as_utf8=True),
        ANOMALIES_JSON: json_format.MessageToJson(anomalies, indent=1, ensure_ascii=False),
        TEXT: (table(found) or "no anomalies") + "\n",
        artifact.REPORT: render(statistics, title, anomalies, found),
    }
    return place.write_folder(folder, {name: content.encode() for name, content in pages.items()})
