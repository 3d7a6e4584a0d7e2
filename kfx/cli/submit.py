"""`kfx submit`: a pipeline to Vertex AI Pipelines, now or on a schedule; `_submit_kfp.py` has open-source KFP."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from kfx.cli import _submission as submission
from kfx.cli._completion import pipelines
from kfx.cli._submission import Given
from kfx.errors import UsageError

if TYPE_CHECKING:
    from kfx.gcp import Api
    from kfx.submit.job import Job
    from kfx.submit.schedule import Schedule


@click.command(
    "submit",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    options_metavar="",
)
@click.argument("pipeline", metavar="PIPELINE [OPTIONS] [--PARAMETER VALUE]...", shell_complete=pipelines)
@functools.partial(functools.reduce, lambda command, option: option(command), reversed(submission.OPTIONS))
@click.pass_context
def submit(ctx: click.Context, /, pipeline: str, **options: Any) -> None:
    """Submit PIPELINE to Vertex AI Pipelines, or to open-source KFP (--to kfp).

    PIPELINE is a name from `kfx list`, module:function, a .py file (file.py:function) or a compiled .yaml file. A
    parameter of the pipeline is given as -p name=value, or as a flag of its own name after PIPELINE: --bq-source X.
    Parameters named project, region, location, service_account, network, bucket, pipeline_root and job_id that have
    no default take the run's own.

    Exits with 0 when the run was created (with --wait: succeeded), 1 when it failed or was cancelled, 2 when an input
    is wrong; then nothing was sent.
    """
    if pipeline.startswith("-"):
        raise UsageError(f"PIPELINE goes before its parameters: kfx submit PIPELINE {pipeline} ...")
    own = tuple(name for param in ctx.command.params for name in param.opts if name.startswith("--"))
    given = Given(**options, flags=tuple(ctx.args), own_flags=own)
    from kfx.cli.pipeline import beginning

    if line := beginning(pipeline):
        click.echo(line, err=True)
    when = _when(given)
    if given.to == "kfp":
        from kfx.cli._submit_kfp import submit_to_kfp

        sys.exit(submit_to_kfp(pipeline, when, given))
    job = _job(pipeline, given)
    sys.exit(_run(job, given) if when is None else _schedule(job, when, given))


def _when(given: Given) -> Schedule | None:
    """The schedule, checked; None to run now."""
    from kfx.submit.schedule import Schedule

    if given.schedule is None:
        for name in ("time_zone", "start_time", "end_time", "max_runs"):
            if getattr(given, name):
                raise UsageError(f"--{name.replace('_', '-')} belongs to a schedule: give --schedule CRON too.")
        return None
    if given.wait or (given.experiment and given.to == "vertex"):
        raise UsageError(f"A schedule takes no {'--wait' if given.wait else '--experiment'}: its runs start later.")
    when = Schedule(
        cron=given.schedule,
        time_zone=given.time_zone or "",
        start_time=given.start_time or "",
        end_time=given.end_time or "",
        max_runs=given.max_runs or 0,
        max_concurrent_runs=given.max_concurrent_runs,
    )
    when.check()
    return when


def _job(reference: str, given: Given) -> Job:
    """Makes the run from the pipeline and the options, and checks all of it; nothing is created."""
    from kfx.submit import experiment, spec, vertex
    from kfx.submit import job as jobs

    compiled = submission.compile_given(reference, given)
    values = submission.values(compiled, given)
    spec.check_platforms(compiled.platforms)
    job = jobs.Job(
        spec=compiled.spec,
        project=_needed(given.project, "project"),
        region=_needed(given.region, "region"),
        pipeline_root=_root(given),
        job_id=jobs.new_job_id(given.job_id or given.pipeline_name or compiled.name, datetime.now()),
        display_name=given.display_name or "",
        labels=jobs.parse_labels(given.labels),
        service_account=given.service_account or "",
        psc_network_attachment=given.psc_network_attachment or "",
        encryption_key=given.encryption_key or "",
        failure_policy=given.failure_policy or "",
    )
    job.check()
    submission.parameters(compiled, values, _own(job, given.network or "", given))
    spec.check_images(compiled.spec, values, emulated=submission.emulated(given))
    if given.experiment:
        experiment.check_name(given.experiment)
    network = given.network and vertex.full_network(given.network, job.project, given.api_endpoint or "")
    job = dataclasses.replace(job, network=network or "", reserved_ip_ranges=given.reserved_ip_ranges)
    job.check()
    parameters, notes = submission.parameters(compiled, values, _own(job, job.network, given))
    for note in notes:
        click.echo(f"Note: {note}", err=True)
    return dataclasses.replace(job, parameters=parameters, spec=submission.placed(compiled, values, given))


def _own(job: Job, network: str, given: Given) -> dict[str, str]:
    """What pipeline parameters of these names take from the run. The runs of a schedule have ids of Vertex's."""
    return {
        "project": job.project,
        "region": job.region,
        "location": job.region,
        "service_account": job.service_account,
        "network": network,
        "bucket": "/".join(job.pipeline_root.split("/")[:3]),
        "pipeline_root": job.pipeline_root,
        "job_id": "" if given.schedule else job.job_id,
    }


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise UsageError(f"No {name}. Give --{name}, or set KFX_{name.upper()} or {name!r} in kfx.toml.")
    return value


def _root(given: Given) -> str:
    """The pipeline root: a full one, or `BUCKET/PATH`, as the original KFX put it together."""
    root, bucket = given.pipeline_root or "", (given.bucket or "").rstrip("/")
    if bucket and not bucket.startswith("gs://"):
        bucket = f"gs://{bucket}"
    if root.startswith("gs://"):
        if bucket and root != bucket and not root.startswith(f"{bucket}/"):
            raise UsageError(f"The pipeline root {root!r} is not in the bucket {bucket!r}. Give one of them.")
        return root.rstrip("/")
    if bucket:
        return f"{bucket}/{root.strip('/')}".rstrip("/")
    if root:
        raise UsageError(f"The pipeline root {root!r} is no gs://BUCKET/PATH. Write it so, or give --bucket too.")
    raise UsageError(
        "No pipeline root. Give --pipeline-root gs://BUCKET/PATH, or set KFX_PIPELINE_ROOT or 'pipeline_root' in "
        "kfx.toml. kfx creates no bucket."
    )


def _api(job: Job, given: Given) -> Api:
    """Looks at the bucket, which must exist, and returns Vertex's API."""
    from kfx.gcp import Api
    from kfx.submit import vertex

    api = Api(vertex.endpoint(job.region, given.api_endpoint or ""))
    if warning := vertex.check_bucket(vertex.storage(), job):
        click.echo(f"Note: {warning}", err=True)
    return api


def _run(job: Job, given: Given) -> int:
    """Creates the run, waits for it when asked to, and tells about it. Returns the exit code."""
    from kfx.cli._vertex import result as result_of
    from kfx.runs.vertex import console_url
    from kfx.submit import experiment, vertex

    api = _api(job, given)
    if given.experiment:
        experiment.ensure(api, job.parent, given.experiment)
    made = vertex.create(api, job)
    url = console_url(made.get("name", job.name), job.project)
    click.echo(f"Created {job.job_id}: {url}", err=given.output == "json")
    if given.experiment:
        experiment.associate(api, job.parent, given.experiment, made["name"], given.poll_seconds)
    if given.wait:
        made = _watch(api, job, given)
    result = result_of(made, url)
    if given.output == "json":
        click.echo(json.dumps(result, indent=2))
    elif given.wait:
        click.echo(f"{job.job_id} {result['state']}{': ' + result['error'] if result['error'] else ''}")
    return 0 if not given.wait or result["state"] == "succeeded" else 1


def _watch(api: Api, job: Job, given: Given) -> dict[str, Any]:
    """Shows the run's tasks until it has ended."""
    from kfx.cli._display import RunDisplay
    from kfx.runs.vertex import read
    from kfx.submit import vertex

    with RunDisplay() as display:
        try:
            return vertex.watch(api, job.name, lambda found: display.update(read(found)), given.poll_seconds)
        except KeyboardInterrupt:
            click.echo(f"\nThe run goes on. Stop it with: kfx runs cancel {job.job_id}", err=True)
            raise


def _schedule(job: Job, when: Schedule, given: Given) -> int:
    """Creates the schedule and tells about it. Returns the exit code."""
    from kfx.submit import schedule

    api = _api(job, given)
    made = schedule.create(api, when, job, given.display_name or given.job_id or job.spec["pipelineInfo"]["name"])
    url = schedule.console_url(made["name"], job.project)
    number = made["name"].rpartition("/")[2]
    if given.output == "json":
        click.echo(json.dumps({"schedule": number, "name": made["name"], "url": url, "cron": made["cron"]}, indent=2))
    else:
        click.echo(f"Created the schedule {number} ({made['cron']}): {url}")
    return 0
