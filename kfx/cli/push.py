"""`kfx push`: an image to its registry, and its digest on record."""

from __future__ import annotations

import click


@click.command("push")
@click.argument("name", default="")
@click.option("--target", default="full", show_default=True, help="full or slim: whose digest is recorded.")
@click.option("--engine", default="", help="docker, podman or buildah. Default: the first that answers.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def push(name: str, target: str, engine: str, output: str) -> None:
    """Push the image NAME (default: BASE_KFX_IMAGE), and record its digest in .kfx/images.json.

    `kfx build --push` builds it first, and skips the push when the registry has it.
    """
    from kfx.cli._images import push_and_tell
    from kfx.errors import UsageError
    from kfx.images.build import Built, default_name
    from kfx.images.engine import find_engine
    from kfx.images.reference import parse

    program = find_engine(engine)
    image = parse(name or default_name(target))
    if not program.has(image):
        raise UsageError(f"{image} is not on this machine. Build it: kfx build --target {target} --tag {image}")
    push_and_tell(Built(image, image, "on this machine"), target, program, output)
