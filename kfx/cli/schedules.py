"""`kfx schedules`: recurring runs on Vertex AI Pipelines; `kfx submit --schedule` makes them."""

from __future__ import annotations

import json
from typing import Any

import click

from kfx.cli.runs import locate, placed
from kfx.errors import UsageError

_schedule = click.argument("schedule", metavar="SCHEDULE")


@click.group("schedules")
def schedules() -> None:
    """Recurring runs on Vertex AI Pipelines.

    SCHEDULE is a schedule's id, as `kfx schedules list` shows it, or its full resource name. `kfx submit --schedule
    '0 6 * * 1-5'` makes one.
    """


@schedules.command("list")
@placed
def list_(output: str, **place: str | None) -> None:
    """List schedules, newest first."""
    from kfx.submit.schedule import list_schedules

    api, parent = locate(place)
    found = [_summary(schedule) for schedule in list_schedules(api, parent)]
    if output == "json":
        click.echo(json.dumps(found, indent=2))
        return
    for each in found:
        click.echo(f"{each['schedule']:<22} {each['state']:<10} {each['cron']:<32} {each['display_name']}")
    if not found:
        click.echo("No schedules.", err=True)


@schedules.command("pause")
@_schedule
@placed
def pause(schedule: str, output: str, **place: str | None) -> None:
    """Stop a schedule for a while; runs that go on are not touched."""
    from kfx.submit import schedule as schedules_

    api, name = _named(schedule, place)
    schedules_.pause(api, name)
    _tell(name, "paused", output)


@schedules.command("resume")
@_schedule
@click.option("--catch-up", is_flag=True, help="Start the runs that were missed as well.")
@placed
def resume(schedule: str, catch_up: bool, output: str, **place: str | None) -> None:
    """Let a paused schedule go on."""
    from kfx.submit import schedule as schedules_

    api, name = _named(schedule, place)
    schedules_.resume(api, name, catch_up=catch_up)
    _tell(name, "resumed", output)


@schedules.command("delete")
@_schedule
@placed
def delete(schedule: str, output: str, **place: str | None) -> None:
    """Remove a schedule; its runs stay."""
    from kfx.submit import schedule as schedules_

    api, name = _named(schedule, place)
    schedules_.delete(api, name)
    _tell(name, "deleted", output)


def _named(schedule: str, place: dict[str, str | None]) -> tuple[Any, str]:
    parts = schedule.split("/")
    if len(parts) == 6 and parts[4] == "schedules":
        return locate({**place, "project": parts[1], "region": parts[3]})[0], schedule
    if len(parts) > 1:
        raise UsageError(f"The schedule {schedule!r} must be an id or projects/P/locations/L/schedules/ID.")
    api, parent = locate(place)
    return api, f"{parent}/schedules/{schedule}"


def _summary(schedule: dict[str, Any]) -> dict[str, str]:
    return {
        "schedule": str(schedule.get("name", "")).rpartition("/")[2],
        "state": str(schedule.get("state", "")).lower(),
        "cron": schedule.get("cron", ""),
        "display_name": schedule.get("displayName", ""),
        "next_run": schedule.get("nextRunTime", ""),
        "runs": schedule.get("startedRunCount", "0"),
    }


def _tell(name: str, state: str, output: str) -> None:
    if output == "json":
        click.echo(json.dumps({"schedule": name.rpartition("/")[2], "name": name, "state": state}, indent=2))
    else:
        click.echo(f"{name.rpartition('/')[2]} {state}")
