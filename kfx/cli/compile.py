"""`kfx compile`: a pipeline as the YAML that Vertex AI and Kubeflow Pipelines take."""

from __future__ import annotations

import os
from pathlib import Path

import click

from kfx.cli._completion import pipelines


@click.command("compile")
@click.argument("pipeline", shell_complete=pipelines)
@click.option(
    "-o", "--output", "path", type=click.Path(dir_okay=False, path_type=Path), required=True, help="YAML file."
)
@click.option("--image", help="Image of kfx components, instead of BASE_KFX_IMAGE.")
@click.option("--slim-image", help="Image of the components that need no TensorFlow, instead of BASE_KFX_SLIM_IMAGE.")
@click.option(
    "--pin/--no-pin",
    default=None,
    help="--pin asks registries for the digests of images not pushed from here; --no-pin writes names only.",
)
def compile_(pipeline: str, path: Path, image: str | None, slim_image: str | None, pin: bool | None) -> None:
    """Compile PIPELINE to YAML.

    PIPELINE is a name from `kfx list`, module:function, a .py file (file.py:function) or a compiled .yaml file. kfx
    components get the images that were pushed from here (.kfx/images.json), by digest.
    """
    from kfx.cli import _pinning
    from kfx.cli.pipeline import resolve
    from kfx.errors import UsageError
    from kfx.images.pin import tags, with_image
    from kfx.notify.lint import check_spec

    if path.suffix not in (".yaml", ".yml"):
        raise UsageError(f"The output {str(path)!r} must end in .yaml, as Vertex AI and KFP expect.")
    _pinning.name_images(image, slim_image)
    compiled = _pinning.with_configured(resolve(pipeline))
    check_spec(compiled.spec)
    compiled = compiled.changed(with_image(compiled.spec, image or "", slim_image or ""))
    if pin is not False:
        compiled = _pinning.pinned(compiled, {}) if pin else _pinning.with_recorded(compiled)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(compiled.yaml, encoding="utf-8")
    beside.replace(path)
    click.echo(f"{compiled.name} -> {path}")
    for name in tags(compiled.spec):
        if name.startswith("localhost/"):
            what = "which no cluster can pull. Push one (kfx build --push --tag ...) or name yours (--image)."
        else:
            what = "by tag: no push of it is recorded here. kfx submit asks its registry for the digest, as --pin does."
        click.echo(f"Note: components run in {name}, {what}", err=True)
