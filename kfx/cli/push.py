"""`kfx push`: an image to its registry, and its digest on record; or a pipeline to a pipeline registry."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import click

_TARGETS = ("full", "slim", "dataflow", "trainer")


@click.command("push")
@click.argument("name", default="")
@click.option("--target", default="full", show_default=True, help="Whose digest is recorded: full, slim, another.")
@click.option("--engine", default="", help="docker, podman or buildah. Default: the first that answers.")
@click.option(
    "--registry", metavar="URL", help="Push the pipeline NAME there: https://REGION-kfp.pkg.dev/PROJECT/REPO."
)
@click.option("--tag", "tags", multiple=True, help="With --registry: a tag of the pipeline's version; repeat it.")
@click.option("--token", metavar="REFERENCE", help="With --registry: its token, env:NAME or file:PATH.")
@click.option("--pin/--no-pin", default=True, show_default=True, help="With --registry: kfx images by digest.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def push(
    name: str,
    target: str,
    engine: str,
    registry: str | None,
    tags: tuple[str, ...],
    token: str | None,
    pin: bool,
    output: str,
) -> None:
    """Push the image NAME (default: BASE_KFX_IMAGE), and record its digest in .kfx/images.json.

    `kfx build --push` builds it first, and skips the push when the registry has it. With --registry, NAME is a
    pipeline, as `kfx compile` takes it, and goes to a registry of pipelines.
    """
    if registry:
        _push_pipeline(name, registry, tags, token, pin, output)
        return
    from kfx.errors import UsageError

    if tags or token or not pin:
        option = "--tag" if tags else "--token" if token else "--no-pin"
        raise UsageError(f"{option} is for pipelines, with --registry URL. An image is pushed as: kfx push NAME:TAG")
    from kfx.cli._images import push_and_tell
    from kfx.images.build import Built
    from kfx.images.check import check_push
    from kfx.images.engine import find_engine
    from kfx.images.record import default_name
    from kfx.images.reference import parse

    how_to_build = _how_to_build(target)
    image = parse(name or default_name(target))
    check_push(image)
    program = find_engine(engine)
    if not program.has(image):
        raise UsageError(f"{image} is not on this machine. Build it{how_to_build} --tag {image}")
    push_and_tell(Built(image, image, "on this machine", target), program, output)


def _how_to_build(target: str) -> str:
    """Returns the words of a message that say how a target is built.

    Raises:
        UsageError: Neither kfx nor the Dockerfile here has such a target.
    """
    from kfx.errors import UsageError
    from kfx.images.build import Request, stages

    here = stages(Request()) if Path("Dockerfile").is_file() else []
    if target not in (*_TARGETS, *here):
        known = ", ".join(dict.fromkeys([*_TARGETS, *here]))
        raise UsageError(f"There is no target {target!r}. There are: {known}.")
    if target in here:
        return f": kfx build --target {target}"
    if target == "full":
        return ": kfx build"
    return f" in a clone of kfx: kfx build {'trainer ' if target == 'trainer' else ''}--target {target}"


def _push_pipeline(name: str, registry: str, tags: tuple[str, ...], token: str | None, pin: bool, output: str) -> None:
    """Compiles a pipeline, uploads it with its images by digest, and tells where it is."""
    from kfx.cli import _pinning
    from kfx.cli.pipeline import resolve
    from kfx.errors import UsageError
    from kfx.secret import check_reference
    from kfx.secret import resolve as reveal
    from kfx.submit.registry import upload
    from kfx.submit.spec import check_images

    if not name:
        raise UsageError("Name the pipeline: kfx push PIPELINE --registry URL")
    if token:
        check_reference(token)
    compiled = _pinning.with_configured(resolve(name))
    compiled = _pinning.with_recorded(compiled) if pin else compiled
    here = urlsplit(registry).hostname in ("localhost", "127.0.0.1", "::1")
    check_images(compiled.spec, {}, emulated=here)
    compiled = _pinning.pinned(compiled, {}, emulated=here) if pin else compiled
    found = upload(registry, compiled.yaml, tags, reveal(token) if token else None)
    if output == "json":
        click.echo(json.dumps({"package": found.package, "version": found.version, "url": found.url}))
    else:
        click.echo(f"Pushed {found.package}: {found.url}")
