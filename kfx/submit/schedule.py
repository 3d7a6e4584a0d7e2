"""Recurring runs on Vertex AI Pipelines: create, list, pause, resume, delete.

The wire format is `google.cloud.aiplatform.v1.Schedule` as JSON, as `PipelineJob.create_schedule()` of
google-cloud-aiplatform sends it.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from kfx.errors import UsageError
from kfx.gcp import Api, ApiError
from kfx.submit.job import Job

_RANGES = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_NAMES = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "day of the week": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_PART = re.compile(r"^(\*|\w+(?:-\w+)?)(?:/(\d+))?$")


@dataclass(frozen=True)
class Schedule:
    """When runs start."""

    cron: str
    """Five fields: minute, hour, day of the month, month, day of the week."""

    time_zone: str = ""
    """IANA name, such as `Europe/Berlin`, that the fields are meant in; empty for UTC."""

    start_time: str = ""
    """RFC 3339 time before which no run starts; empty for now."""

    end_time: str = ""
    """RFC 3339 time after which none starts; empty for never."""

    max_runs: int = 0
    """Runs after which the schedule is done; 0 for no limit."""

    max_concurrent_runs: int = 1
    """Runs at one time."""

    queue: bool = False
    """Whether a run that finds too many others waits for its turn; else it is skipped."""

    def check(self) -> None:
        """Refuses what Vertex would refuse.

        Raises:
            UsageError: A field of the cron expression, the time zone or a time is wrong, or no run would ever start.
        """
        check_cron(self.cron)
        known = zoneinfo.available_timezones()
        if self.time_zone and known and self.time_zone not in known - {"localtime"}:
            raise UsageError(f"The time zone {self.time_zone!r} must be an IANA name, such as Europe/Berlin.")
        for what, text in (("start", self.start_time), ("end", self.end_time)):
            if text and not _is_time(text):
                raise UsageError(f"The {what} time {text!r} must be RFC 3339, such as 2026-12-01T06:00:00Z.")
        if not self.end_time:
            return
        end = _time(self.end_time)
        if self.start_time and _time(self.start_time) >= end:
            raise UsageError(f"The start time {self.start_time!r} must be before the end time {self.end_time!r}.")
        if end <= datetime.now(timezone.utc):
            raise UsageError(f"The end time {self.end_time!r} has passed: no run would ever start.")

    def body(self, job: Job, display_name: str) -> dict[str, Any]:
        """Returns the Schedule to POST.

        Args:
            job: What each run is. Vertex makes the runs' ids and names.
            display_name: The schedule's name in the console.
        """
        pipeline_job = {name: value for name, value in job.body().items() if name != "displayName"}
        optional = {
            "startTime": self.start_time,
            "endTime": self.end_time,
            "maxRunCount": str(self.max_runs) if self.max_runs else "",
            "allowQueueing": self.queue,
        }
        return {
            "displayName": display_name,
            "cron": f"TZ={self.time_zone} {self.cron}" if self.time_zone else self.cron,
            "maxConcurrentRunCount": str(self.max_concurrent_runs),
            "createPipelineJobRequest": {"parent": job.parent, "pipelineJob": pipeline_job},
            **{name: value for name, value in optional.items() if value},
        }


def check_cron(cron: str) -> None:
    """Checks a cron expression of five fields: `*`, numbers, names, ranges, lists and steps.

    Raises:
        UsageError: There are not five fields, one is out of its range (the message names it), or the day is in no month
            of the schedule.
    """
    fields = cron.split()
    if len(fields) != len(_RANGES):
        raise UsageError(f"The schedule {cron!r} must have five fields: minute hour day month weekday ('0 6 * * 1-5').")
    values = [
        [_check_part(part, cron, what, low, high) for part in text.split(",")]
        for text, (what, low, high) in zip(fields, _RANGES, strict=True)
    ]
    _, _, days, months, _ = (set().union(*parts) for parts in values)
    # Cron takes a day that either field names, so a weekday makes a date that never comes harmless.
    if fields[4] == "*" and not any(min(days) <= _DAYS[month - 1] for month in months):
        raise UsageError(f"The schedule {cron!r} never comes: no month of it has a day {min(days)}.")


def _check_part(part: str, cron: str, what: str, low: int, high: int) -> set[int]:
    """Returns the values that one part of a field stands for: `*`, `5`, `1-5`, each perhaps with a step."""
    found = _PART.match(part)
    ends: list[int | None] = [low, high]
    if found is not None and found[1] != "*":
        ends = [_number(each, what) for each in found[1].split("-")]
    first, last = ends[0], ends[-1]
    if found is None or first is None or last is None or not (low <= first <= high and low <= last <= high):
        raise UsageError(f"The {what} {part!r} of the schedule {cron!r} must be {low} to {high}, or *.")
    if first > last:
        raise UsageError(f"The {what} {part!r} of the schedule {cron!r} goes backwards: write it as two, with a comma.")
    step = int(found[2]) if found[2] else 1
    if not 1 <= step <= high:
        raise UsageError(f"The step of the {what} {part!r} of the schedule {cron!r} must be 1 to {high}.")
    # `5/10` is 5, 15, 25, ... to the end of the range.
    return set(range(first, (high if found[2] and len(ends) == 1 else last) + 1, step))


def create(api: Api, schedule: Schedule, job: Job, display_name: str) -> dict[str, Any]:
    """Creates a schedule. It is not sent twice: a repeated request would make a second schedule.

    Args:
        api: Vertex AI, of the job's region.
        schedule: When, checked.
        job: What, checked.
        display_name: The schedule's name in the console.
    """
    return api.post(f"/v1/{job.parent}/schedules", schedule.body(job, display_name))


def list_schedules(api: Api, parent: str) -> Iterator[dict[str, Any]]:
    """Lists the schedules of `projects/P/locations/L`, newest first."""
    yield from api.pages(f"/v1/{parent}/schedules", "schedules", orderBy="create_time desc")


def pause(api: Api, name: str) -> None:
    """Stops a schedule for a while; runs that go on are not touched.

    Raises:
        UsageError: There is no such schedule.
    """
    _act(api, name, "pause", {})


def resume(api: Api, name: str, *, catch_up: bool = False) -> None:
    """Lets a paused schedule go on.

    Args:
        api: Vertex AI.
        name: `projects/P/locations/L/schedules/S`.
        catch_up: Start the runs that were missed as well.

    Raises:
        UsageError: There is no such schedule.
    """
    _act(api, name, "resume", {"catchUp": catch_up})


def delete(api: Api, name: str) -> None:
    """Removes a schedule; its runs stay.

    Raises:
        UsageError: There is no such schedule.
    """
    try:
        api.delete(f"/v1/{name}")
    except ApiError as error:
        raise _absent(error, name) from error


def console_url(name: str, project: str = "") -> str:
    """Returns the console's page of a schedule, `projects/P/locations/L/schedules/S`."""
    parts = name.split("/")
    return (
        f"https://console.cloud.google.com/vertex-ai/locations/{parts[3]}/pipelines/schedules/{parts[5]}"
        f"?project={project or parts[1]}"
    )


def _act(api: Api, name: str, verb: str, body: dict[str, Any]) -> None:
    try:
        api.post_again(f"/v1/{name}:{verb}", body)
    except ApiError as error:
        raise _absent(error, name) from error


def _absent(error: ApiError, name: str) -> Exception:
    return UsageError(f"There is no schedule {name}.") if error.status == 404 else error


def _number(text: str, what: str) -> int | None:
    names = _NAMES.get(what, [])
    if text.lower() in names:
        return names.index(text.lower()) + (1 if what == "month" else 0)
    return int(text) if text.isascii() and text.isdigit() else None


def _is_time(text: str) -> bool:
    try:
        return bool(_RFC_3339.fullmatch(text)) and _time(text).tzinfo is not None
    except ValueError:
        return False


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
