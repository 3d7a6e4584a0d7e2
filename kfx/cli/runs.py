"""`kfx runs`: runs on Vertex AI Pipelines: list, look at, watch, cancel, start again."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from kfx.errors import UsageError

if TYPE_CHECKING:
    from kfx.gcp import Api

_STATES = ("pending", "running", "succeeded", "failed", "cancelled")
_PLACE: list[Callable[[Any], Any]] = [
    click.option("--project", "--project-id", "project", help="Google Cloud project id."),
    click.option("--region", help="Region of Vertex AI."),
    click.option("--api-endpoint", help="Vertex AI's address, if not the public one."),
    click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True),
]
_poll = click.option("--poll-seconds", type=click.FloatRange(min=0.01), default=5.0, show_default=True)
_run = click.argument("run_id", metavar="RUN")


def placed(command: Callable[..., Any]) -> Any:
    """Adds the options that say where runs are."""
    return functools.reduce(lambda made, option: option(made), reversed(_PLACE), command)


@click.group("runs")
def runs() -> None:
    """Runs on Vertex AI Pipelines.

    RUN is a run's id, as `kfx submit` and the console show it, or its full resource name.
    """


@runs.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only runs in this state.")
@click.option("--pipeline", help="Only runs of this pipeline (its name).")
@click.option("--label", "labels", metavar="KEY=VALUE", multiple=True, help="Only runs with this label; repeat it.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@placed
def list_(
    state: str | None, pipeline: str | None, labels: tuple[str, ...], limit: int, output: str, **place: str | None
) -> None:
    """List runs, newest first."""
    from itertools import islice

    from kfx.runs.vertex import STATES
    from kfx.submit import vertex
    from kfx.submit.job import parse_labels

    wanted = [f'labels.{key}="{value}"' for key, value in parse_labels(labels).items()]
    wanted += [f'pipeline_name="{pipeline}"'] if pipeline else []
    if state:
        states = [name for name, word in STATES.items() if word == state]
        wanted.append("(" + " OR ".join(f'state="{name}"' for name in states) + ")")
    api, parent = locate(place)
    found = [_summary(job) for job in islice(vertex.list_jobs(api, parent, " AND ".join(wanted)), limit)]
    if output == "json":
        click.echo(json.dumps(found, indent=2))
        return
    for job in found:
        click.echo(f"{job['run']:<50} {job['state']:<10} {job['created'][:19]:<20} {job['display_name']}")
    if not found:
        click.echo("No runs.", err=True)


@runs.command("get")
@_run
@placed
def get(run_id: str, output: str, **place: str | None) -> None:
    """Show a run: state, tasks, errors, metrics."""
    from kfx.submit import vertex

    api, name = _named(run_id, place)
    _tell(vertex.get(api, name), output)


@runs.command("watch")
@_run
@_poll
@placed
def watch(run_id: str, poll_seconds: float, output: str, **place: str | None) -> None:
    """Follow a run until it ends. Exits with 0 when it succeeded, else with 1."""
    from kfx.cli._display import RunDisplay
    from kfx.runs.vertex import STATES, read
    from kfx.submit import vertex

    api, name = _named(run_id, place)
    with RunDisplay() as display:
        job = vertex.watch(api, name, lambda found: display.update(read(found)), poll_seconds)
    _tell(job, output)
    sys.exit(0 if STATES.get(job.get("state", "")) == "succeeded" else 1)


@runs.command("cancel")
@_run
@click.option("--wait/--no-wait", default=False, help="Wait until it has stopped.")
@_poll
@placed
def cancel(run_id: str, wait: bool, poll_seconds: float, output: str, **place: str | None) -> None:
    """Stop a run and its tasks."""
    from kfx.runs.vertex import ENDED
    from kfx.submit import vertex

    api, name = _named(run_id, place)
    job = vertex.get(api, name)
    if job.get("state") in ENDED:
        raise UsageError(f"The run {run_id} has ended already: {_summary(job)['state']}.")
    vertex.cancel(api, name)
    _tell(vertex.watch(api, name, None, poll_seconds) if wait else vertex.get(api, name), output)


@runs.command("clone")
@_run
@click.option(
    "-p", "--parameter", "changes", metavar="NAME=VALUE", multiple=True, help="A changed parameter; repeat it."
)
@click.option("--job-id", help="The new run's id is this and the time. Default: the pipeline's name.")
@placed
def clone(run_id: str, changes: tuple[str, ...], job_id: str | None, output: str, **place: str | None) -> None:
    """Start a run again, with some parameters changed and all else the same."""
    from kfx.cli.parameters import check, parse
    from kfx.submit import vertex
    from kfx.submit.job import from_body, new_job_id

    api, name = _named(run_id, place)
    old = from_body(vertex.get(api, name), project=name.split("/")[1], region=name.split("/")[3])
    parameters = check({**old.parameters, **parse(changes, old.spec)}, old.spec)
    new = new_job_id(job_id or old.spec["pipelineInfo"]["name"], datetime.now())
    job = dataclasses.replace(old, parameters=parameters, job_id=new)
    job.check()
    _tell(vertex.create(api, job), output)


def locate(place: dict[str, str | None]) -> tuple[Api, str]:
    """Returns Vertex's API and `projects/P/locations/L` of the options."""
    from kfx.gcp import Api
    from kfx.submit import vertex

    for name in ("project", "region"):
        if not place[name]:
            raise UsageError(f"No {name}. Give --{name}, or set KFX_{name.upper()} or {name!r} in kfx.toml.")
    region = str(place["region"])
    api = Api(vertex.endpoint(region, place["api_endpoint"] or ""))
    return api, f"projects/{place['project']}/locations/{region}"


def _named(run_id: str, place: dict[str, str | None]) -> tuple[Api, str]:
    """Returns Vertex's API and the resource name of a run; a full name needs no options."""
    parts = run_id.split("/")
    if len(parts) == 6 and parts[4] == "pipelineJobs":
        return locate({**place, "project": parts[1], "region": parts[3]})[0], run_id
    if len(parts) > 1:
        raise UsageError(f"The run {run_id!r} must be an id or projects/P/locations/L/pipelineJobs/ID.")
    api, parent = locate(place)
    return api, f"{parent}/pipelineJobs/{run_id}"


def _summary(job: dict[str, Any]) -> dict[str, Any]:
    from kfx.runs.vertex import STATES, error

    return {
        "run": str(job.get("name", "")).rpartition("/")[2],
        "state": STATES.get(job.get("state", ""), "unknown"),
        "display_name": job.get("displayName", ""),
        "created": job.get("createTime", ""),
        "ended": job.get("endTime", ""),
        "labels": job.get("labels", {}),
        "error": error(job),
    }


def _tell(job: dict[str, Any], output: str) -> None:
    """Prints a run, for a program or for a person."""
    from kfx.cli._vertex import result

    found = result(job)
    if output == "json":
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"{found['run']} {found['state']}: {found['url']}")
    for task in found["tasks"]:
        click.echo(f"  {task['state']:<10} {task['name']}" + (f"\n    {task['error']}" if task["error"] else ""))
    for name, value in found["metrics"].items():
        click.echo(f"  {name} = {value}")
    if found["error"] and not any(task["error"] for task in found["tasks"]):
        click.echo(f"  {found['error']}")
