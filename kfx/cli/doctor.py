"""`kfx doctor`: what this machine and the Google Cloud project lack, each with the command that mends it."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kfx.submit.findings import Finding

_NAME_IMAGE = "kfx build --push --tag REGION-docker.pkg.dev/PROJECT/REPOSITORY/kfx:TAG"
_MARKS = {"ok": ("✔", "green"), "failed": ("✘", "red"), "skipped": ("○", "bright_black")}


@click.command("doctor")
@click.option("--project", "--project-id", "project", help="Google Cloud project id.")
@click.option("--region", help="Region of Vertex AI.")
@click.option("--pipeline-root", metavar="gs://BUCKET/PATH", help="Where tasks write.")
@click.option("--service-account", help="Account that tasks run as.")
@click.option("--image", help="Image of kfx components, instead of BASE_KFX_IMAGE.")
@click.option("--api-endpoint", help="Vertex AI's address, if not the public one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def doctor(
    project: str | None,
    region: str | None,
    pipeline_root: str | None,
    service_account: str | None,
    image: str | None,
    api_endpoint: str | None,
    as_json: bool,
) -> None:
    """Check what runs need: engine, images, credentials, APIs, bucket, roles, registry.

    It only looks, and costs nothing. Without a service account it looks at the one Google gives. Exits with 1 when
    something failed; the line has the command that mends it.
    """
    from kfx.images.record import recorded
    from kfx.submit.doctor import examine
    from kfx.submit.findings import Setup, emulated

    pushed = {target: entry.name for target, entry in recorded().items()}
    setup = Setup(
        project=project or "",
        region=region or "",
        pipeline_root=pipeline_root or "",
        service_account=service_account or "",
        image=image or os.environ.get("BASE_KFX_IMAGE") or pushed.get("full", ""),
        dataflow_image=os.environ.get("BASE_KFX_DATAFLOW_IMAGE") or pushed.get("dataflow", ""),
        api_endpoint=api_endpoint or "",
    )
    slim = os.environ.get("BASE_KFX_SLIM_IMAGE") or pushed.get("slim", "")
    images = {"image": setup.image, "slim image": slim, "dataflow image": setup.dataflow_image}
    found = []
    for finding in (*_here(images, is_emulated=emulated(setup)), *examine(setup)):
        found.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in found], indent=2))
    sys.exit(1 if any(finding.state == "failed" for finding in found) else 0)


def _here(images: Mapping[str, str], *, is_emulated: bool) -> Iterator[Finding]:
    """Looks at this machine's engine, and for the images in their registries.

    Args:
        images: Name of the line -> the configured image; without `image` there is none, the others may be empty.
        is_emulated: Whether the platform is on this machine, too, and can pull from a registry here.
    """
    from kfx.errors import KfxError
    from kfx.images.engine import find_engine
    from kfx.submit.findings import Finding

    try:
        yield Finding("engine", "ok", find_engine().program)
    except KfxError as error:
        yield Finding("engine", "failed", str(error), "sudo apt-get install podman")
    seen = {line: _image(line, image, is_emulated=is_emulated) for line, image in images.items() if image}
    full = seen.pop("image", None)
    if full is None:
        unset = "BASE_KFX_IMAGE is not set, and no full image was pushed from here"
        full = Finding("image", "failed", unset, _NAME_IMAGE)
    if full.state == "failed" and "slim image" in seen and seen["slim image"].state == "ok":
        # A team whose pipelines do without TFDV never builds it.
        full = dataclasses.replace(full, state="skipped", detail=f"{full.detail}; only TFDV needs it")
    yield from (full, *seen.values())


def _image(line: str, image: str, *, is_emulated: bool) -> Finding:
    """Asks the registry for the image; one that does not answer, or not without a login, leaves that open."""
    from kfx.errors import KfxError, UsageError
    from kfx.images.reference import parse
    from kfx.images.registry import digest_of
    from kfx.submit.findings import Finding

    try:
        reference = parse(image)
    except UsageError as error:
        return Finding(line, "failed", str(error), _NAME_IMAGE)
    try:
        if reference.is_on_this_machine:
            return Finding(line, "failed", f"{image} has no registry: no cluster can pull it", _NAME_IMAGE)
        if reference.is_loopback and not is_emulated:
            where = f"{reference.registry} is this machine"
            return Finding(line, "failed", f"{where}: Google cannot pull {image} from it", _NAME_IMAGE)
        if digest_of(reference) is None:
            target = "" if line == "image" else f"--target {line.partition(' ')[0]} "
            build = f"kfx build {target}--push --tag {image.partition('@')[0]}"
            return Finding(line, "failed", f"{reference.registry} holds no image {image}", build)
    except UsageError as error:
        return Finding(line, "failed", str(error), "kfx doctor  # again, when that is mended")
    except KfxError as error:
        return Finding(line, "skipped", f"whether {image} is there is not known: {error}")
    return Finding(line, "ok", image)


def _show(finding: Finding) -> None:
    mark, colour = _MARKS[finding.state]
    click.echo(f"{click.style(mark, fg=colour)} {finding.name:<30} {finding.detail}")
    if finding.fix:
        click.echo(f"  {'':<30} {click.style(finding.fix, bold=True)}")
