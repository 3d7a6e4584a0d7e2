"""`kfx build`: the kfx image, or one of yours on top of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("build")
@click.argument("folder", type=click.Path(file_okay=False, exists=True, path_type=Path), default=".")
@click.option("--target", default="", help="full (the default), slim (no TensorFlow), or another stage.")
@click.option(
    "--tag",
    default="",
    help="Name of the image. Default: BASE_KFX_IMAGE, else localhost/kfx:VERSION; with -slim for slim.",
)
@click.option("--platform", default="linux/amd64", show_default=True, help="System and processor it is for.")
@click.option("--file", "dockerfile", type=click.Path(dir_okay=False, path_type=Path), help="Another Dockerfile.")
@click.option("--build-arg", "build_args", metavar="NAME=VALUE", multiple=True, help="An ARG of the Dockerfile.")
@click.option("--secret", "secrets", metavar="id=NAME,src=FILE", multiple=True, help="A build secret: pip_conf, ca.")
@click.option("--option", "options", multiple=True, help="One more option for the engine: --option=--network=host.")
@click.option("--engine", default="", help="docker, podman, buildah or cloud-build. Default: the first that answers.")
@click.option("--project", help="Google Cloud project of --engine cloud-build.")
@click.option("--region", help="Region of --engine cloud-build.")
@click.option("--force", is_flag=True, help="Build although nothing changed.")
@click.option("--push", "then_push", is_flag=True, help="Push it as well: kfx push.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def build(
    folder: Path,
    build_args: tuple[str, ...],
    engine: str,
    project: str | None,
    region: str | None,
    then_push: bool,
    output: str,
    **choices: Any,
) -> None:
    """Build the image of FOLDER (default: here), unless nothing changed.

    The image also gets a tag with a hash of what went in, by which kfx tells that nothing changed: on this machine, or
    in the registry it would be pushed to. Cloud Build always pushes.
    """
    from kfx.cli._images import push_and_tell, split_args, tell_built
    from kfx.images import build as images
    from kfx.images.cloud_build import find_cloud_build
    from kfx.images.engine import Builder, find_engine

    request = images.Request(folder=folder, build_args=split_args(build_args), **choices)
    on_google = engine == "cloud-build"
    pushes = then_push or on_google
    program: Builder = (
        find_cloud_build(images.name_of(request), project or "", region or "") if on_google else find_engine(engine)
    )
    built = images.build(request, program, lambda line: click.echo(line, err=True), to_push=pushes)
    if pushes:
        push_and_tell(built, program, output)
    else:
        tell_built(built, output)
