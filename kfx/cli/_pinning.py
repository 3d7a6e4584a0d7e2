"""Which image each component of a compiled pipeline runs in: what `kfx compile`, `kfx push` and `kfx submit` share."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kfx.errors import TransientError, UsageError
from kfx.images.record import Pushed, recorded

if TYPE_CHECKING:
    from kfx.cli.pipeline import Pipeline
    from kfx.images.build import Request


def name_images(image: str | None, slim_image: str | None) -> None:
    """Makes the images of the command line those of the components that are imported from here on.

    The image of Dataflow's workers, which a component only names in an argument, is the one pushed from here, unless
    BASE_KFX_DATAFLOW_IMAGE names another.

    Args:
        image: Of every kfx component. It overrules a configured slim image, which may be of another version.
        slim_image: Of those that need the slim one only.
    """
    if image:
        os.environ["BASE_KFX_IMAGE"] = image
        os.environ.pop("BASE_KFX_SLIM_IMAGE", None)
    if slim_image:
        os.environ["BASE_KFX_SLIM_IMAGE"] = slim_image
    if workers := recorded().get("dataflow"):
        os.environ.setdefault("BASE_KFX_DATAFLOW_IMAGE", workers.pinned)


def with_configured(compiled: Pipeline) -> Pipeline:
    """Puts in the configured images where none was named when the pipeline was compiled, perhaps long ago."""
    from kfx.images.pin import with_configured as configured

    full, slim = (os.environ.get(name, "") for name in ("BASE_KFX_IMAGE", "BASE_KFX_SLIM_IMAGE"))
    return compiled.changed(configured(compiled.spec, full, slim))


def with_recorded(compiled: Pipeline) -> Pipeline:
    """Puts in what was pushed from here, by digest; asks no registry."""
    from kfx.images.pin import with_pushed

    return compiled.changed(with_pushed(compiled.spec, recorded()))


def pinned(compiled: Pipeline, values: Mapping[str, Any], *, emulated: bool = False) -> Pipeline:
    """Puts in every kfx image by digest; what was not pushed from here is looked up in its registry.

    A tag can move between the submission and the run, or the next run of a schedule.

    Args:
        compiled: The pipeline.
        values: The parameters the user gave; an image among them stays as it is.
        emulated: Whether the platform is an emulator on this machine; then a registry out of reach is only noted.

    Raises:
        UsageError: The registry holds no such image.
        TransientError: It cannot be reached.
    """
    from kfx.images.pin import with_digests

    compiled = with_recorded(compiled)
    try:
        found = compiled.changed(with_digests(compiled.spec))
        return _with_defaults(found, {name: _looked_up(name, found) for name in _own_images(found, values)})
    except TransientError as error:
        if emulated:
            click.echo(f"Note: {error} Images go by tag.", err=True)
            return compiled
        raise TransientError(f"{error} Without it there is no digest; --no-pin leaves the tag as it is.") from error


def built(compiled: Pipeline, values: Mapping[str, Any]) -> Pipeline:
    """Builds and pushes every image the pipeline needs, from the working directory, unless nothing changed.

    That is the target of each kfx component (the full one for all where the Dockerfile has no slim target), and the
    images of `Pipeline.images` that the user chose no other for. Each gets its default name.

    Args:
        compiled: The pipeline.
        values: The parameters the user gave.

    Returns:
        The pipeline with their digests.

    Raises:
        UsageError: There is no Dockerfile, or no engine.
        PermanentError: A build or a push failed.
    """
    from kfx.images import pin
    from kfx.images.build import Request, stages

    requests = {"full": Request(), "slim": Request(target="slim")}
    wanted = pin.targets(compiled.spec)
    if "slim" in wanted and "slim" not in stages(requests["slim"]):
        wanted = {"full"}
    made = {target: _build(requests[target]).pinned for target in sorted(wanted)}
    compiled = compiled.changed(pin.with_image(compiled.spec, made.get("full", ""), made.get("slim", "")))
    own = {}
    for name in _own_images(compiled, values):
        folder = compiled.images[name]
        if not Path(folder, "Dockerfile").is_file():
            raise UsageError(
                f"{compiled.name} needs an image built from {folder}/, which is not here. Run this in a clone of kfx, "
                f"or name an image: --{name.replace('_', '-')} IMAGE"
            )
        own[name] = _build(Request(folder=Path(folder), target=folder)).pinned
    return _with_defaults(compiled, own)


def _build(request: Request) -> Pushed:
    from kfx.images.build import build, push
    from kfx.images.engine import find_engine

    engine = find_engine()
    image = build(request, engine, lambda line: click.echo(line, err=True), to_push=True)
    pushed, sent = push(image, engine, lambda line: click.echo(line, err=True))
    click.echo(f"{image.name} {image.how}, {'pushed' if sent else 'already pushed'}: {pushed.digest}", err=True)
    return pushed


def _own_images(compiled: Pipeline, values: Mapping[str, Any]) -> list[str]:
    """The parameters of `Pipeline.images` that keep their default."""
    there = compiled.spec["root"].get("inputDefinitions", {}).get("parameters", {})
    return [name for name in compiled.images if name in there and not values.get(name)]


def _looked_up(parameter: str, compiled: Pipeline) -> str:
    from kfx.images.pin import pinned as by_digest

    image = compiled.spec["root"]["inputDefinitions"]["parameters"][parameter]["defaultValue"]
    try:
        return by_digest(image)
    except UsageError as error:
        raise UsageError(
            f"{parameter} is {image}, which was never pushed. In a clone of kfx: kfx build "
            f"{compiled.images[parameter]} --target {compiled.images[parameter]} --push --tag {image}. Or name another "
            f"image: --{parameter.replace('_', '-')} IMAGE"
        ) from error


def _with_defaults(compiled: Pipeline, defaults: Mapping[str, str]) -> Pipeline:
    """Replaces default values of pipeline parameters."""
    spec = copy.deepcopy(compiled.spec)
    for name, value in defaults.items():
        spec["root"]["inputDefinitions"]["parameters"][name]["defaultValue"] = value
    return compiled.changed(spec)
