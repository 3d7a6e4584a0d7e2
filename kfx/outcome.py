"""How a run ended: one `Outcome` for the final status of every platform.

Each platform spells the same thing its own way. Vertex AI says `SUCCEEDED` and fills the error. Open-source KFP
passes the ML-metadata state `COMPLETE`, always an empty error and a workflow name where Vertex puts a resource path.
kfp.local uses snake_case and a float code. Argo says `Succeeded` or `Error`. A missing part is never an error here:
whoever asks how a run ended gets an answer, and a state that is not known to be a success is never called one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

State = Literal["succeeded", "failed", "cancelled", "running", "unknown"]

_STATES: dict[str, State] = {
    "SUCCEEDED": "succeeded",  # Vertex, kfp.local, Argo's "Succeeded"
    "SUCCESS": "succeeded",  # kfp.local's own status enum
    "COMPLETE": "succeeded",  # OSS KFP: ml_metadata Execution.State
    "COMPLETED": "succeeded",  # MLRun
    "CACHED": "succeeded",  # OSS KFP: every task came from the cache
    "FAILED": "failed",
    "FAILURE": "failed",
    "ERROR": "failed",  # Argo node phase, MLRun
    "CANCELLED": "cancelled",  # Vertex
    "CANCELED": "cancelled",  # OSS KFP
    "CANCELLING": "cancelled",  # asked to stop: it will not end any other way
    "CANCELING": "cancelled",
    "CANCEL_PENDING": "cancelled",
    "ABORTED": "cancelled",  # MLRun
    "TERMINATED": "cancelled",
    "RUNNING": "running",
    "PENDING": "running",
    "QUEUED": "running",
    "PAUSED": "running",
}
_PREFIXES = ("PIPELINE_STATE_", "PIPELINE_TASK_STATE_")  # enum names in Vertex's API and log entries


@dataclass(frozen=True)
class Outcome:
    """The final status of a run, in kfx's words."""

    state: State = "unknown"

    said: str = ""
    """The platform's own word for the state; empty when it said nothing."""

    error_code: int | None = None
    """google.rpc code on Vertex (9 when a task failed), 1 on kfp.local; None when the platform gave none."""

    error_message: str = ""
    """The platform's one-line reason; empty on open-source KFP and on success."""

    resource_name: str = ""
    """`projects/P/locations/L/pipelineJobs/J` on Vertex, the workflow's name on open-source KFP."""

    task_name: str = ""
    """The exit handler's task or display name."""

    @classmethod
    def read(cls, status: object) -> Outcome:
        """Reads a final status in any of its shapes.

        Args:
            status: A `kfp.dsl.PipelineTaskFinalStatus`, a mapping or a JSON document with its fields in camelCase or
                snake_case (`ml_pipelines.PipelineTaskFinalStatus`, kfp pipeline_spec.proto), a bare state word such
                as Argo's `Succeeded`, or None.

        Returns:
            The outcome; its state is `unknown` when the status is absent or its word is not one kfx knows.
        """
        if isinstance(status, Outcome):
            return status
        fields = _fields(status)
        said = _text(_first(fields, "state", "phase", "status"))
        error = _first(fields, "error")
        nested: Mapping[str, Any] = error if isinstance(error, Mapping) else {"message": error}
        code = _first(nested, "code") if error else _first(fields, "error_code", "errorCode")
        message = _first(nested, "message") if error else _first(fields, "error_message", "errorMessage")
        return cls(
            state=state_of(said),
            said=said,
            error_code=_code(code),
            error_message=_text(message),
            resource_name=_text(_first(fields, "pipeline_job_resource_name", "pipelineJobResourceName", "name")),
            task_name=_text(_first(fields, "pipeline_task_name", "pipelineTaskName")),
        )

    @property
    def ended(self) -> bool:
        """Whether the run is known to have ended."""
        return self.state not in ("running", "unknown")

    @property
    def project(self) -> str:
        """The Google Cloud project in the resource name, or an empty string."""
        return self._resource_part("projects")

    @property
    def location(self) -> str:
        """The region in the resource name, or an empty string."""
        return self._resource_part("locations")

    @property
    def job_id(self) -> str:
        """The Vertex job id; on other platforms the whole resource name, which is the run's or workflow's name."""
        return self._resource_part("pipelineJobs") or self.resource_name

    @property
    def url(self) -> str:
        """The run's page in the Google Cloud console; empty when the resource name is not Vertex's."""
        if not (self.project and self.location):
            return ""
        where, job, project = (quote(part, safe="") for part in (self.location, self.job_id, self.project))
        return f"https://console.cloud.google.com/vertex-ai/locations/{where}/pipelines/runs/{job}?project={project}"

    def _resource_part(self, collection: str) -> str:
        parts = self.resource_name.split("/")
        if len(parts) != 6 or parts[::2] != ["projects", "locations", "pipelineJobs"]:
            return ""
        return parts[parts.index(collection) + 1]


def state_of(word: str) -> State:
    """Returns kfx's word for a platform's state word, in any letter case; `unknown` for a word kfx does not know."""
    spelled = word.strip().upper()
    for prefix in _PREFIXES:
        spelled = spelled.removeprefix(prefix)
    return _STATES.get(spelled, "unknown")


def _fields(status: object) -> Mapping[str, Any]:
    """Turns any of the accepted shapes into a mapping of the status's fields."""
    if status is None:
        return {}
    if isinstance(status, Mapping):
        return status
    if isinstance(status, (str, bytes)):
        text = status.decode("utf-8", "replace") if isinstance(status, bytes) else status
        try:
            document = json.loads(text)
        except ValueError:
            return {"state": text}
        return document if isinstance(document, dict) else {"state": document}
    return {name: value for name, value in vars(status).items() if not name.startswith("_")}


def _first(fields: Mapping[str, Any], *names: str) -> Any:
    return next((fields[name] for name in names if fields.get(name) not in (None, "")), None)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


def _code(value: object) -> int | None:
    """Reads an error code; kfp.local passes it through a protobuf Struct, which makes it a float."""
    try:
        number = float(str(value)) if value is not None else math.nan
    except ValueError:
        return None
    return int(number) if math.isfinite(number) else None
