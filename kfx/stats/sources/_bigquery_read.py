"""Rows of a BigQuery table as Arrow batches: several streams of the Storage Read API at once, or REST pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Full, Queue
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.sources._bigquery import has_storage_api, refusals, retry, storage_client

if TYPE_CHECKING:
    import pyarrow as pa

_STREAMS = 8  # read at the same time; BigQuery may give fewer
_AHEAD = 4  # batches of a stream that wait for the reader; each is about 1 MiB
_POLL_S = 0.1


@dataclass(frozen=True)
class Reading:
    """What to read of a table."""

    uri: str
    """The table or query in messages."""

    fields: Sequence[Any]
    """The google.cloud.bigquery.SchemaField of each column to read."""

    columns: Sequence[str]
    """Their names in the order wanted; only these travel."""

    row_filter: str = ""
    """SQL condition BigQuery applies before it sends rows; empty for all rows."""

    ordered: bool = False
    """Whether rows must come in the order they are stored in: one stream instead of several."""


def read(client: Any, reference: Any, reading: Reading) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a google.cloud.bigquery.TableReference.

    Batches come from each stream in turn, so that the order depends on BigQuery's streams only, not on their speed.

    Raises:
        UsageError: BigQuery refused, or a row filter was given and only REST is there, which has none.
        PermanentError: No permission, or credentials have expired.
        TransientError: BigQuery does not answer.
    """
    with refusals(reading.uri, client.project):
        # The Storage Read API knows no partition decorator.
        if "$" in reference.table_id or not has_storage_api():
            yield from _pages(client, reference, reading)
            return
        reader = storage_client(client)
        try:
            yield from _streams(reader, client.project, reference, reading)
        finally:
            reader.transport.close()


def _pages(client: Any, reference: Any, reading: Reading) -> Iterator[pa.RecordBatch]:
    if reading.row_filter:
        raise UsageError(
            f"The row filter of {reading.uri} needs the Storage Read API, which takes "
            "google-cloud-bigquery-storage and a table without a partition decorator. Use bq-query:SELECT ... WHERE."
        )
    yield from client.list_rows(reference, selected_fields=reading.fields, retry=retry()).to_arrow_iterable()


def _streams(reader: Any, project: str, reference: Any, reading: Reading) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from google.cloud.bigquery_storage_v1 import types

    compression = types.ArrowSerializationOptions(
        buffer_compression=types.ArrowSerializationOptions.CompressionCodec.LZ4_FRAME
    )
    options = types.ReadSession.TableReadOptions(
        selected_fields=list(reading.columns),
        row_restriction=reading.row_filter,
        arrow_serialization_options=compression,
    )
    wanted = types.ReadSession(table=reference.path.lstrip("/"), data_format="ARROW", read_options=options)
    session = reader.create_read_session(
        parent=f"projects/{project}", read_session=wanted, max_stream_count=1 if reading.ordered else _STREAMS
    )
    if session.streams:
        schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
        yield from _in_turn(reader, [stream.name for stream in session.streams], schema)


def _in_turn(reader: Any, names: Sequence[str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Reads every stream in a thread of its own and yields a batch of each in turn until all are at their end."""
    stop = threading.Event()
    queues: list[Queue[Any]] = [Queue(_AHEAD) for _ in names]
    with ThreadPoolExecutor(len(names)) as pool:
        for name, queue in zip(names, queues, strict=True):
            pool.submit(_fill, reader, name, schema, queue, stop)
        try:
            open_queues = queues
            while open_queues:
                still_open = []
                for queue in open_queues:
                    item = queue.get()
                    if isinstance(item, BaseException):
                        raise item
                    if item is not None:
                        yield item
                        still_open.append(queue)
                open_queues = still_open
        finally:
            stop.set()
            reader.transport.close()  # ends what the threads wait for when reading stops early


def _fill(reader: Any, name: str, schema: pa.Schema, queue: Queue[Any], stop: threading.Event) -> None:
    """Puts a stream's batches into its queue, then None; an error instead when it fails."""
    import pyarrow as pa

    try:
        # Google's ReadRowsStream starts again where it was when the connection breaks.
        for answer in reader.read_rows(name):
            rows = pa.py_buffer(answer.arrow_record_batch.serialized_record_batch)
            if not _put(queue, pa.ipc.read_record_batch(rows, schema), stop):
                return
        _put(queue, None, stop)
    except BaseException as error:  # noqa: BLE001 - raised again by the thread that reads
        _put(queue, error, stop)


def _put(queue: Queue[Any], item: Any, stop: threading.Event) -> bool:
    """Waits for room in the queue; False when nobody reads any more."""
    while not stop.is_set():
        try:
            queue.put(item, timeout=_POLL_S)
        except Full:
            continue
        return True
    return False
