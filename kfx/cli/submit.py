"""`kfx submit`: a pipeline to Vertex AI Pipelines."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import click

from kfx.errors import UsageError

if TYPE_CHECKING:
    from kfx.cli.pipeline import Pipeline
    from kfx.gcp import Api
    from kfx.submit.job import Job

_OPTIONS: list[Callable[[Any], Any]] = [
    click.option("-p", "--parameter", "texts", metavar="NAME=VALUE", multiple=True, help="A pipeline parameter."),
    click.option("--project", "--project-id", "project", help="Google Cloud project id."),
    click.option("--region", help="Region of Vertex AI, such as europe-west4."),
    click.option("--pipeline-root", metavar="gs://BUCKET/PATH", help="Where tasks write; a path alone with --bucket."),
    click.option("--bucket", metavar="gs://BUCKET", help="Bucket of a --pipeline-root that is only a path."),
    click.option("--service-account", help="Account that tasks run as."),
    click.option("--network", help="VPC network: NAME or projects/NUMBER/global/networks/NAME."),
    click.option("--reserved-ip-range", "reserved_ip_ranges", multiple=True, help="A reserved range of the network."),
    click.option("--psc-network-attachment", help="Network attachment (Private Service Connect) instead of a network."),
    click.option("--encryption-key", help="Cloud KMS key: projects/P/locations/R/keyRings/K/cryptoKeys/C."),
    click.option("--label", "labels", metavar="KEY=VALUE", multiple=True, help="A label of the run; repeat it."),
    click.option("--caching/--no-caching", default=None, help="Caching of all tasks; unset leaves what each says."),
    click.option("--failure-policy", type=click.Choice(["slow", "fast"]), help="fast starts no task after a failure."),
    click.option("--experiment", help="Vertex AI experiment that the run is recorded in; made if absent."),
    click.option("--job-id", help="The run's id is this and the time, -YYYYmmddHHMMSS. Default: the pipeline's name."),
    click.option("--pipeline-name", help="Another name for the pipeline."),
    click.option("--display-name", help="The run's name in the console."),
    click.option("--image", help="Image of kfx components, instead of BASE_KFX_IMAGE."),
    click.option("--pipeline-container-version", help="Another tag of that image."),
    click.option(
        "--build",
        "--build-pipeline-container",
        "build",
        metavar="[BOOLEAN]",
        type=bool,
        is_flag=False,
        flag_value="true",
        default=False,
        help="Build and push that image first, from the working directory, unless nothing changed.",
    ),
    click.option("--wait/--no-wait", default=False, help="Wait for the end; exit 1 if it is not success."),
    click.option("--poll-seconds", type=click.FloatRange(min=0.01), default=5.0, show_default=True, help="For --wait."),
    click.option(
        "--api-endpoint", help="Vertex AI's address, if not the public one: https://..., http://127.0.0.1:..."
    ),
    click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True),
]


@dataclass(frozen=True)
class _Given:
    """The options as given; `None` and empty mean not given."""

    texts: tuple[str, ...]
    project: str | None
    region: str | None
    pipeline_root: str | None
    bucket: str | None
    service_account: str | None
    network: str | None
    reserved_ip_ranges: tuple[str, ...]
    psc_network_attachment: str | None
    encryption_key: str | None
    labels: tuple[str, ...]
    caching: bool | None
    failure_policy: Literal["slow", "fast"] | None
    experiment: str | None
    job_id: str | None
    pipeline_name: str | None
    display_name: str | None
    image: str | None
    pipeline_container_version: str | None
    build: bool
    wait: bool
    poll_seconds: float
    api_endpoint: str | None
    output: str

    flags: tuple[str, ...] = ()
    """Words that no option took: parameters of the pipeline."""

    own_flags: tuple[str, ...] = ()
    """This command's flags, for messages."""


@click.command(
    "submit",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    options_metavar="",
)
@click.argument("pipeline", metavar="PIPELINE [OPTIONS] [--PARAMETER VALUE]...")
@functools.partial(functools.reduce, lambda command, option: option(command), reversed(_OPTIONS))
@click.pass_context
def submit(ctx: click.Context, /, pipeline: str, **options: Any) -> None:
    """Submit PIPELINE to Vertex AI Pipelines.

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
    given = _Given(**options, flags=tuple(ctx.args), own_flags=own)
    click.echo(f"Compiling {pipeline}", err=True)
    job = _job(pipeline, given)
    sys.exit(_send(job, given))


def _job(reference: str, given: _Given) -> Job:
    """Makes the run from the pipeline and the options, and checks all of it; nothing is created."""
    from kfx.submit import experiment, vertex
    from kfx.submit import job as jobs

    compiled = _resolve(reference, given)
    values = _values(compiled, given)
    job = jobs.Job(
        spec=_spec(compiled, given, values),
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
    compiled.checked(_filled(values, compiled, dataclasses.replace(job, network=given.network or "")))
    if given.experiment:
        experiment.check_name(given.experiment)
    network = given.network and vertex.full_network(given.network, job.project, given.api_endpoint or "")
    job = dataclasses.replace(job, network=network or "", reserved_ip_ranges=given.reserved_ip_ranges)
    job.check()
    parameters, notes = compiled.checked(_filled(values, compiled, job))
    for note in notes:
        click.echo(f"Note: {note}", err=True)
    return dataclasses.replace(job, parameters=parameters)


def _resolve(reference: str, given: _Given) -> Pipeline:
    """Compiles the pipeline with the image the options name."""
    from kfx.cli.pipeline import resolve
    from kfx.submit import spec

    image = given.image or os.environ.get("BASE_KFX_IMAGE")
    if image and given.pipeline_container_version:
        image = spec.with_tag(image, given.pipeline_container_version)
    if given.build:
        image = _build(image)
    if image:
        os.environ["BASE_KFX_IMAGE"] = image
    compiled = resolve(reference)
    renew = given.build or given.image or given.pipeline_container_version
    return dataclasses.replace(compiled, spec=spec.with_image(compiled.spec, image)) if renew and image else compiled


def _build(image: str | None) -> str:
    """Builds and pushes the kfx image. Returns it by digest."""
    from kfx.images import build as images
    from kfx.images.engine import find_engine

    if not image:
        raise UsageError("--build needs a name for the image: --image REGISTRY/REPOSITORY/kfx:TAG, or BASE_KFX_IMAGE.")
    engine = find_engine()
    request = images.Request(tag=image.partition("@")[0])
    built = images.build(request, engine, lambda line: click.echo(line, err=True))
    pushed, sent = images.push(built, request.target, engine, lambda line: click.echo(line, err=True))
    click.echo(f"{built.name} {built.how}, {'pushed' if sent else 'already pushed'}: {pushed.digest}", err=True)
    return pushed.pinned


def _spec(compiled: Pipeline, given: _Given, values: dict[str, Any]) -> dict[str, Any]:
    """The specification as it is sent."""
    from kfx.submit import spec

    spec.check_platforms(compiled.platforms)
    spec.check_images(compiled.spec, values)
    changed = spec.with_caching(compiled.spec, given.caching)
    return spec.with_name(changed, given.pipeline_name) if given.pipeline_name else changed


def _values(compiled: Pipeline, given: _Given) -> dict[str, Any]:
    """The parameters the user gave, as flags and as `-p`."""
    from kfx.cli._flags import read_flags
    from kfx.cli.parameters import parse

    return {
        **read_flags(given.flags, compiled.parameters, given.own_flags),
        **parse(given.texts, compiled.spec),
    }


def _filled(values: dict[str, Any], compiled: Pipeline, job: Job) -> dict[str, Any]:
    """Adds the run's own settings for parameters of their names without a value, and refuses a contradiction."""
    own = {
        "project": job.project,
        "region": job.region,
        "location": job.region,
        "service_account": job.service_account,
        "network": job.network,
        "bucket": "/".join(job.pipeline_root.split("/")[:3]),
        "pipeline_root": job.pipeline_root,
        "job_id": job.job_id,
    }
    for name in ("project", "region"):
        if name in compiled.parameters and values.get(name, own[name]) != own[name]:
            raise UsageError(f"The pipeline's {name} is {values[name]!r} and the run's {own[name]!r}; they must agree.")
    open_ = {name for name, parameter in compiled.parameters.items() if parameter.default in (None, "")}
    return {**{name: value for name, value in own.items() if value and name in open_}, **values}


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise UsageError(f"No {name}. Give --{name}, or set KFX_{name.upper()} or {name!r} in kfx.toml.")
    return value


def _root(given: _Given) -> str:
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


def _send(job: Job, given: _Given) -> int:
    """Creates the run, waits for it when asked to, and tells about it. Returns the exit code."""
    from kfx.cli._vertex import result as result_of
    from kfx.gcp import Api
    from kfx.runs.vertex import console_url
    from kfx.submit import experiment, vertex

    if warning := vertex.check_bucket(vertex.storage(), job):
        click.echo(f"Note: {warning}", err=True)
    api = Api(vertex.endpoint(job.region, given.api_endpoint or ""))
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


def _watch(api: Api, job: Job, given: _Given) -> dict[str, Any]:
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
