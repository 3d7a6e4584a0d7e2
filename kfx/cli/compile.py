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
def compile_(pipeline: str, path: Path, image: str | None, slim_image: str | None) -> None:
    """Compile PIPELINE to YAML.

    PIPELINE is a name from `kfx list`, module:function, a .py file (file.py:function) or a compiled .yaml file.
    """
    from kfx.cli.pipeline import resolve
    from kfx.errors import UsageError
    from kfx.notify.lint import check_spec

    # Components read the image when they are imported.
    for name, given in (("BASE_KFX_IMAGE", image), ("BASE_KFX_SLIM_IMAGE", slim_image)):
        if given:
            os.environ[name] = given
    if path.suffix not in (".yaml", ".yml"):
        raise UsageError(f"The output {str(path)!r} must end in .yaml, as Vertex AI and KFP expect.")
    compiled = resolve(pipeline)
    check_spec(compiled.spec)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(compiled.text, encoding="utf-8")
    beside.replace(path)
    click.echo(f"{compiled.name} -> {path}")
    local = [name for name in _images(compiled.spec) if name.startswith("localhost/")]
    if local:
        click.echo(
            f"Note: components run in {local[0]}, which no cluster can pull. Name yours: --image or BASE_KFX_IMAGE.",
            err=True,
        )


def _images(spec: dict[str, object]) -> list[str]:
    """The distinct images of a compiled pipeline's tasks."""
    executors = spec["deploymentSpec"]["executors"].values()  # type: ignore[index]
    return sorted({executor["container"]["image"] for executor in executors if "container" in executor})
