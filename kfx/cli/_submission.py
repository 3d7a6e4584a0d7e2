"""What `kfx submit` is given, and the compiled pipeline and parameters it makes of that, whatever the platform."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import click

from kfx.cli import _pinning
from kfx.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kfx.cli.pipeline import Pipeline

OPTIONS: list[Callable[[Any], Any]] = [
    click.option("-p", "--parameter", "parameters", metavar="NAME=VALUE", multiple=True, help="A pipeline parameter."),
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
    click.option("--experiment", help="Experiment that the run is recorded in; made if absent."),
    click.option("--job-id", help="The run's id is this and the time, -YYYYmmddHHMMSS. Default: the pipeline's name."),
    click.option("--pipeline-name", help="Another name for the pipeline."),
    click.option("--display-name", help="The run's name in the console."),
    click.option("--image", help="Image of kfx components, instead of BASE_KFX_IMAGE."),
    click.option("--slim-image", help="Image of those that need no TensorFlow, instead of BASE_KFX_SLIM_IMAGE."),
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
        help="Build and push the images it needs first, from the working directory, unless nothing changed.",
    ),
    click.option("--pin/--no-pin", default=True, show_default=True, help="Submit kfx images by digest, not by tag."),
    click.option("--schedule", metavar="CRON", help="Start a run at these times: '0 6 * * 1-5'. See kfx schedules."),
    click.option("--time-zone", help="Of the schedule, such as Europe/Berlin. Default: UTC."),
    click.option("--start-time", help="No scheduled run before it: 2026-12-01T06:00:00Z."),
    click.option("--end-time", help="No scheduled run after it."),
    click.option("--max-runs", type=click.IntRange(min=1), help="Scheduled runs in all."),
    click.option("--max-concurrent-runs", type=click.IntRange(min=1), default=1, show_default=True),
    click.option("--to", type=click.Choice(["vertex", "kfp"]), default="vertex", show_default=True, help="Platform."),
    click.option("--host", metavar="URL", help="KFP's API, with --to kfp. Default: the cluster kfx runs in."),
    click.option("--namespace", help="Namespace of the runs, where KFP serves several users."),
    click.option("--token", metavar="REFERENCE", help="KFP's token: env:NAME or file:PATH."),
    click.option("--cookies", metavar="REFERENCE", help="Cookies of a KFP login: env:NAME or file:PATH."),
    click.option("--iap-client-id", help="OAuth client id of the Identity-Aware Proxy in front of KFP."),
    click.option("--ca-cert", metavar="FILE", help="Authority that signed KFP's certificate."),
    click.option("--wait/--no-wait", default=False, help="Wait for the end; exit 1 if it is not success."),
    click.option("--poll-seconds", type=click.FloatRange(min=0.01), default=5.0, show_default=True, help="For --wait."),
    click.option(
        "--api-endpoint", help="Vertex AI's address, if not the public one: https://..., http://127.0.0.1:..."
    ),
    click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True),
]


@dataclass(frozen=True)
class Given:
    """The options as given; `None` and empty mean not given. Their help texts describe them."""

    parameters: tuple[str, ...]
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
    slim_image: str | None
    pipeline_container_version: str | None
    build: bool
    pin: bool
    schedule: str | None
    time_zone: str | None
    start_time: str | None
    end_time: str | None
    max_runs: int | None
    max_concurrent_runs: int
    to: Literal["vertex", "kfp"]
    host: str | None
    namespace: str | None
    token: str | None
    cookies: str | None
    iap_client_id: str | None
    ca_cert: str | None
    wait: bool
    poll_seconds: float
    api_endpoint: str | None
    output: str

    flags: tuple[str, ...] = ()
    """Words that no option took: parameters of the pipeline."""

    own_flags: tuple[str, ...] = ()
    """This command's flags, for messages."""

    @property
    def full_image(self) -> str:
        """The name of the full image, given or configured; empty when there is neither.

        Raises:
            UsageError: The version is no tag.
        """
        from kfx.submit import spec

        image = self.image or os.environ.get("BASE_KFX_IMAGE", "")
        version = self.pipeline_container_version
        return spec.with_tag(image, version) if image and version else image


def compile_given(reference: str, given: Given) -> Pipeline:
    """Compiles the pipeline with the images and the name the options give it; what was pushed from here by digest.

    Args:
        reference: PIPELINE of the command line.
        given: The options.

    Raises:
        UsageError: There is no such pipeline, or it does not compile, or an image or the name is none.
    """
    from kfx.cli.pipeline import resolve
    from kfx.images.pin import with_image
    from kfx.submit import spec

    image = given.full_image
    if given.build and not image:
        raise UsageError("--build needs a name for the image: --image REGISTRY/REPOSITORY/kfx:TAG, or BASE_KFX_IMAGE.")
    renamed = bool(given.image or given.pipeline_container_version)
    _pinning.name_images(image if renamed else None, given.slim_image)
    compiled = _pinning.with_configured(resolve(reference))
    named = with_image(compiled.spec, image if renamed or given.build else "", given.slim_image or "")
    compiled = compiled.changed(named)
    if given.pin and not given.build:
        compiled = _pinning.with_recorded(compiled)
    changed = compiled.spec
    if given.pipeline_name:
        changed = spec.with_name(changed, given.pipeline_name)
    return compiled.changed(spec.with_caching(changed, given.caching))


def values(compiled: Pipeline, given: Given) -> dict[str, Any]:
    """Returns the parameters the user gave, as flags and as `-p`.

    Raises:
        UsageError: A name is unknown or a value is of another type.
    """
    from kfx.cli._flags import read_flags
    from kfx.cli.parameters import parse

    return {
        **read_flags(given.flags, compiled.parameters, given.own_flags),
        **parse(given.parameters, compiled.spec),
    }


def parameters(
    compiled: Pipeline, found: Mapping[str, Any], own: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """Returns the run's parameters, checked, and what the user should know of them.

    Args:
        compiled: The pipeline.
        found: The parameters the user gave.
        own: What parameters of these names take from the run.

    Raises:
        UsageError: A name is unknown, a value is wrong or looks like a secret, or a required one is missing.
    """
    from kfx.notify.lint import check_spec

    checked, notes = compiled.checked(filled(found, compiled, own))
    check_spec(compiled.spec, checked)
    return checked, notes


def filled(found: Mapping[str, Any], compiled: Pipeline, own: Mapping[str, str]) -> dict[str, Any]:
    """Adds the run's own settings for parameters of their names without a value, and refuses a contradiction.

    Args:
        found: The parameters the user gave.
        compiled: The pipeline.
        own: The run's project, region and so on.

    Raises:
        UsageError: The user gave the pipeline another project or region than the run.
    """
    for name in {"project", "region"} & set(own):
        if name in compiled.parameters and found.get(name, own[name]) != own[name]:
            raise UsageError(f"The pipeline's {name} is {found[name]!r} and the run's {own[name]!r}; they must agree.")
    open_ = {name for name, parameter in compiled.parameters.items() if parameter.default in (None, "")}
    return {**{name: value for name, value in own.items() if value and name in open_}, **found}


def emulated(given: Given) -> bool:
    """Whether the platform is on this machine, so that it can pull from a registry here."""
    from kfx.gcp import is_loopback

    address = (given.host if given.to == "kfp" else given.api_endpoint) or ""
    # A KFP may be reached over plain http inside a network of its own; that is no emulator and no error here.
    return urlsplit(address).hostname in ("localhost", "127.0.0.1", "::1") and is_loopback(address)


def placed(compiled: Pipeline, found: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """Returns the specification with every kfx image by digest: built first with --build, as it is with --no-pin.

    Args:
        compiled: The pipeline, checked.
        found: The parameters the user gave.
        given: The options.

    Raises:
        UsageError: The registry holds no such image, or the images cannot be built here.
        TransientError: The registry cannot be reached.
        PermanentError: A build or a push failed.
    """
    if given.build:
        return _pinning.built(compiled, found).spec
    return _pinning.pinned(compiled, found, emulated=emulated(given)).spec if given.pin else compiled.spec
