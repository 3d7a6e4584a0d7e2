"""What `kfx build` and `kfx push` share: reading NAME=VALUE, and telling how it went."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kfx.errors import UsageError

if TYPE_CHECKING:
    from kfx.images.build import Built
    from kfx.images.engine import Builder


def split_args(texts: Sequence[str]) -> dict[str, str]:
    """Reads `NAME=VALUE` words.

    Raises:
        UsageError: A word has no `=`.
    """
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--build-arg {text!r} must be NAME=VALUE.")
        values[name] = value
    return values


def tell_built(built: Built, output: str) -> None:
    """Prints what was built or found, as text or as one JSON object."""
    if output == "json":
        found = {"target": built.target, "image": str(built.name), "content": str(built.content), "state": built.how}
        click.echo(json.dumps({**found, "size_bytes": built.size_bytes}))
        return
    size = f", {built.size_bytes / 1e9:.2f} GB" if built.size_bytes else ""
    if built.how == "built":
        click.echo(f"Built {built.name}{size}")
    else:
        click.echo(f"Nothing changed: {built.name} is {built.how} ({built.content.tag}){size}")


def push_and_tell(built: Built, engine: Builder, output: str) -> None:
    """Pushes the image and prints its digest and how to use it.

    Raises:
        KfxError: The push failed.
    """
    from kfx.images.build import push

    pushed, sent = push(built, engine, lambda line: click.echo(line, err=True))
    if output == "json":
        found = {"target": built.target, "image": pushed.name, "digest": pushed.digest, "pinned": pushed.pinned}
        click.echo(json.dumps({**found, "state": built.how, "pushed": sent}))
        return
    tell_built(built, output)
    done = "Pushed" if sent else "Nothing to push: the registry has"
    click.echo(f"{done} {pushed.name}\n{pushed.pinned}")
