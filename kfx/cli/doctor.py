"""`kfx doctor`: what this machine and the Google Cloud project lack, each with the command that mends it."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kfx.submit.doctor import Finding

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
    """Check what runs need: engine, credentials, APIs, bucket, roles, registry.

    It only looks, and costs nothing. Without a service account it looks at the one Google gives. Exits with 1 when
    something failed; the line has the command that mends it.
    """
    from kfx.images.record import recorded
    from kfx.submit.doctor import Setup, examine

    pushed = recorded().get("full")
    setup = Setup(
        project=project or "",
        region=region or "",
        pipeline_root=pipeline_root or "",
        service_account=service_account or "",
        image=image or os.environ.get("BASE_KFX_IMAGE") or (pushed.name if pushed else ""),
        api_endpoint=api_endpoint or "",
    )
    found = []
    for finding in (*_here(setup.image), *examine(setup)):
        found.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in found], indent=2))
    sys.exit(1 if any(finding.state == "failed" for finding in found) else 0)


def _here(image: str) -> Iterator[Finding]:
    """Looks at this machine: the engine and the image's name."""
    from kfx.errors import KfxError
    from kfx.images.engine import find_engine
    from kfx.images.reference import parse
    from kfx.submit.doctor import Finding

    try:
        yield Finding("engine", "ok", find_engine().program)
    except KfxError as error:
        yield Finding("engine", "failed", str(error), "sudo apt-get install podman")
    if not image:
        yield Finding("image", "failed", "BASE_KFX_IMAGE is not set, and nothing was pushed from here", _NAME_IMAGE)
        return
    try:
        reference = parse(image)
    except KfxError as error:
        yield Finding("image", "failed", str(error), _NAME_IMAGE)
        return
    if reference.is_on_this_machine:
        yield Finding("image", "failed", f"{image} has no registry: no cluster can pull it", _NAME_IMAGE)
    else:
        yield Finding("image", "ok", image)


def _show(finding: Finding) -> None:
    mark, colour = _MARKS[finding.state]
    click.echo(f"{click.style(mark, fg=colour)} {finding.name:<30} {finding.detail}")
    if finding.fix:
        click.echo(f"  {'':<30} {click.style(finding.fix, bold=True)}")
