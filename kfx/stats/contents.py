"""What a file holds, told by its bytes: statistics or a schema; as text, as a binary proto or in a TFRecord file."""

from __future__ import annotations

import contextlib
import re
import shlex
from typing import TYPE_CHECKING, Literal

from kfx.errors import UsageError
from kfx.stats import tfrecord

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

Kind = Literal["statistics", "schema"]

SUFFIXES = (".pb", ".tfrecord", ".pbtxt")
"""Ends of names of files of statistics; no table has one of them."""

HEAD = 4096
"""Bytes that tell a text proto, below a comment of usual length."""

_FIRST_FIELD = re.compile(rb"(?:\s|#[^\n]*\n)*([a-z_]+)\s*:?\s*[{<\"]")
_FIELDS: dict[bytes, Kind] = {
    b"datasets": "statistics",
    **dict.fromkeys((b"feature", b"string_domain", b"default_environment", b"dataset_constraints"), "schema"),
}
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def suspected(head: bytes, name: str) -> bool:
    """Tells whether a file may hold one of these protos and is no table; no proto is imported for that.

    Args:
        head: Its first `HEAD` bytes.
        name: Its name.
    """
    return name.endswith(".pb") or text_kind(head) is not None or _is_framed(head)


def text_kind(head: bytes) -> Kind | None:
    """Returns what the text proto holds that begins so; None if it is no text proto of these.

    Args:
        head: Its first bytes.
    """
    first = _FIRST_FIELD.match(head)
    return _FIELDS.get(first.group(1)) if first else None


def kind(content: bytes) -> Kind | None:
    """Returns what a file holds; None if it is neither.

    A binary proto of the one kind parses as the other, whose columns then have no name or whose tables no column.

    Args:
        content: All its bytes.
    """
    from google.protobuf.message import DecodeError
    from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

    if found := text_kind(content[:HEAD]):
        return found
    try:
        message = _only_record(content) if _is_framed(content) else content
    except ValueError:
        return None
    with contextlib.suppress(DecodeError):
        datasets = statistics_pb2.DatasetFeatureStatisticsList.FromString(message).datasets
        if any(feature.WhichOneof("stats") for dataset in datasets for feature in dataset.features):
            return "statistics"
    with contextlib.suppress(DecodeError):
        features = schema_pb2.Schema.FromString(message).feature
        if any(feature.name and feature.type for feature in features):
            return "schema"
    return None


def parse_statistics(content: bytes, name: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Reads the content of a file of statistics that kfx or TFDV wrote.

    Args:
        content: Its bytes: a binary proto, one in a TFRecord file, or text (`tfdv.write_stats_text`).
        name: Its name, for messages. What is neither text nor a TFRecord file is a proto where it ends in `.pb`.

    Raises:
        UsageError: It is empty, damaged, or holds something else.
    """
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError

    if not content:
        raise UsageError(f"{name!r} is empty and holds no statistics: what wrote or copied it was interrupted.")
    try:
        found = _statistics(content, name)
    except (DecodeError, text_format.ParseError, ValueError) as error:
        raise UsageError(_other_than_statistics(content, name, error)) from error
    if not any(dataset.features for dataset in found.datasets) and kind(content) == "schema":
        raise UsageError(_other_than_statistics(content, name))
    if not found.datasets:
        raise UsageError(f"{name!r} holds no statistics: there is no data set in it.")
    return found


def _statistics(content: bytes, name: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import statistics_pb2

    if text_kind(content[:HEAD]) == "statistics":
        return text_format.Parse(content, statistics_pb2.DatasetFeatureStatisticsList())
    is_binary = name.endswith(".pb") and not _is_framed(content)
    return statistics_pb2.DatasetFeatureStatisticsList.FromString(content if is_binary else _only_record(content))


def _other_than_statistics(content: bytes, name: str, error: Exception | None = None) -> str:
    """Says what a file is instead, as far as its bytes tell."""
    quoted = shlex.quote(name)
    if kind(content) == "schema":
        return f"{name!r} holds a schema, and no statistics. Check a table so: kfx validate TABLE --schema {quoted}"
    if isinstance(error, ValueError) and not isinstance(error, UnicodeDecodeError):
        table = "" if name.endswith(SUFFIXES) else f". If it is a table: kfx stats {quoted} -o DIR"
        return f"{name!r} holds no statistics that can be read: {error}{table}."
    return f"{name!r} is damaged or cut short, or holds something else than statistics."


def parse_schema(content: bytes, name: str) -> schema_pb2.Schema:
    """Reads the content of a file with a schema.

    Args:
        content: Its bytes: text, or a binary proto.
        name: Its name, for messages.

    Raises:
        UsageError: It is damaged, or holds something else.
    """
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError
    from tensorflow_metadata.proto.v0 import schema_pb2

    if not content:
        raise UsageError(f"{name!r} is empty, which no schema is: an interrupted upload leaves such a file.")
    try:
        if kind(content) == "statistics":
            raise UsageError(
                f"{name!r} is no schema: it holds statistics. Infer one: kfx schema infer {shlex.quote(name)}"
            )
        # Every column of a binary schema has control characters: lengths, and the number of its type.
        if _CONTROL.search(content):
            return schema_pb2.Schema.FromString(content)
        return text_format.Parse(content, schema_pb2.Schema())
    except DecodeError as error:
        raise UsageError(f"{name!r} is no schema: its bytes are neither text nor a binary proto of one.") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise UsageError(f"{name!r} is no schema: {error}") from error


def has_comments(content: bytes) -> bool:
    """Tells whether a text proto holds comments, which are lost when it is read and written again.

    Args:
        content: All its bytes.
    """
    if _CONTROL.search(content):
        return False
    return b"#" in re.sub(rb"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", b"", content)


def _is_framed(content: bytes) -> bool:
    """Tells whether bytes begin as a TFRecord file does: with a length below 2^56 and its checksum."""
    return len(content) >= 12 and content[7] == 0 and tfrecord.is_head(content[:12])


def _only_record(content: bytes) -> bytes:
    found = tfrecord.records(content)
    if len(found) != 1:
        raise ValueError(f"it holds {len(found)} records, and statistics are one")
    return found[0]
