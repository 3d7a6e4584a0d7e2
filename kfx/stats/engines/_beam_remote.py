"""A Beam job on another runner: started, waited for, cancelled with the task that waits, and its leavings removed."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from kfx.errors import KfxError, PermanentError, UsageError
from kfx.stats.engines._beam_files import removed
from kfx.stats.engines._beam_graph import Graph, Result, read_result
from kfx.stats.engines._beam_read import Part, checked_selection
from kfx.stats.extract import extracted
from kfx.stats.sources import open_source
from kfx.stats.sources._parquet import ParquetFiles
from kfx.stats.sources._parts import parts, settled
from kfx.stats.sources._storage import LocalFiles
from kfx.stats.sources.bq import BigQueryTable
from kfx.termination import on_terminate

if TYPE_CHECKING:
    import pyarrow as pa

    from kfx.stats.beam import BeamOptions
    from kfx.stats.sources import Source

_LOOK_S = 0.5
_OF_KFX = re.compile(r"^kfx\.\S*?(?P<kind>\w+Error): (?P<text>.*?)(?: \[while running '.*)?$", re.MULTILINE)


class Remote(NamedTuple):
    """What a job gave, and what is known of the table besides."""

    result: Result
    """What it wrote."""

    rows: int | None
    """Rows of the table; None where its storage does not say."""

    schema: pa.Schema
    """The table's columns."""


def run_remotely(source: Source, graph: Graph, beam: BeamOptions) -> Remote:
    """Runs a job to its end.

    Args:
        source: The table.
        graph: The pipeline.
        beam: The runner and its settings, complete.

    Raises:
        UsageError: Workers cannot read the table.
        PermanentError: The job was refused, failed or was cancelled.
    """
    name = beam.unique_name()
    folder = f"{beam.temp_location.rstrip('/')}/{name}"
    with _readable(source, beam, folder) as (table, rows), removed(folder):
        if isinstance(table, ParquetFiles):  # text shows its columns to the workers, who read it
            checked_selection(table, graph.options)
        numbered = [Part(number, part) for number, part in enumerate(parts(table)[0])]
        stop = threading.Event()
        with on_terminate(stop.set):
            with _refusals(f"{beam.runner} did not take the job {name}"):
                job = graph.start(numbered, beam, name, f"{folder}/result")
            _wait(job, _told(job, beam, name), stop)
        with _refusals(f"The result of the job {name} cannot be read"):
            result = read_result(f"{folder}/result")
        return Remote(result, rows, settled(numbered[0].source, result.schemas).schema())


@contextlib.contextmanager
def _readable(source: Source, beam: BeamOptions, folder: str) -> Iterator[tuple[Source, int | None]]:
    """Gives a table of files that workers can read, and its rows where they are known."""
    if isinstance(source, BigQueryTable):
        with extracted(source.uri, f"{folder}/table") as shards:
            base = shards.uris[0].rpartition("/")[0]
            yield open_source(f"{base}/"), shards.rows
        return
    _, file_system = parts(source)
    if beam.is_dataflow and isinstance(file_system, LocalFiles):
        raise UsageError(
            f"{source.uri!r} is on this machine, where Dataflow's workers cannot read it. Copy it to a bucket "
            f"(gcloud storage cp {source.uri} gs://BUCKET/), or take the runner DirectRunner."
        )
    yield source, None


def _told(job: Any, beam: BeamOptions, name: str) -> str:
    """Says where the job can be looked at, and returns what to call it."""
    if not beam.is_dataflow:
        return f"The job {name} on {beam.runner}"
    number = str(job.job_id())
    page = f"https://console.cloud.google.com/dataflow/jobs/{beam.region}/{number}?project={beam.project}"
    print(f"Dataflow job {name} ({number}): {page}", file=sys.stderr, flush=True)
    beam.on_job({"dataflow_job": number, "dataflow_job_name": name, "dataflow_page": page})
    return f"The Dataflow job {name} ({page})"


def _wait(job: Any, what: str, stop: threading.Event) -> None:
    """Waits for the job's end, and cancels it when this task is stopped.

    Raises:
        PermanentError: It did not succeed, or was cancelled.
    """
    outcome: list[str] = []
    waiting = threading.Thread(target=lambda: outcome.append(_ended(job)), daemon=True)
    waiting.start()
    try:
        while waiting.is_alive() and not stop.is_set():
            waiting.join(_LOOK_S)
    except BaseException:  # Ctrl-C
        job.cancel()
        raise
    if not outcome and stop.is_set():
        job.cancel()
        raise PermanentError(f"The task was stopped, and {what[0].lower()}{what[1:]} was cancelled.")
    if outcome != [""]:
        raise PermanentError(f"{what} {outcome[0] if outcome else 'cannot be followed'}")


def _ended(job: Any) -> str:
    """Waits, and returns how the job ended; empty when it succeeded."""
    from apache_beam.runners.runner import PipelineState

    try:
        state = job.wait_until_finish()
    except Exception as error:  # noqa: BLE001 - runners raise what they like, and the message is passed on
        return f"failed. {reason(str(error))}"
    return "" if state == PipelineState.DONE else f"ended as {state}."


def reason(text: str) -> str:
    """Returns what a runner says of a failure, cut down to the cause where it is an error of kfx's."""
    causes = list(_OF_KFX.finditer(text))
    if causes:
        return causes[-1]["text"]
    # Beam's message for a Dataflow job of which no error came in time.
    return "Its log says why." if text.endswith("Error:\nNone") else text.strip()


@contextlib.contextmanager
def _refusals(what: str) -> Iterator[None]:
    """Turns what Google's clients and Beam raise inside the block into an error that says what was tried."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except KfxError:
        raise
    except (GoogleAPICallError, GoogleAuthError, OSError, RuntimeError, ValueError) as error:
        raise PermanentError(f"{what}: {reason(str(error))}") from error
