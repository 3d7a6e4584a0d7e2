"""`kfx init`: writes `kfx.toml`, the settings a team shares."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click
from click.core import ParameterSource

from kfx.cli.settings import FILE_NAME
from kfx.errors import UsageError

_QUESTIONS = (
    ("project", "Google Cloud project id"),
    ("region", "Region of Vertex AI, such as europe-west4"),
    ("pipeline_root", "Where runs write, gs://BUCKET/PATH"),
    ("service_account", "Account that tasks run as (empty: the project's default)"),
    ("base_kfx_image", "Image of kfx components, such as REGION-docker.pkg.dev/PROJECT/kfx/kfx:1.0"),
)
_HELP = {
    "project": "Google Cloud project that runs belong to.",
    "region": "Region of Vertex AI. There is no default: a wrong one moves data.",
    "pipeline_root": "Folder that runs write under. kfx never creates the bucket.",
    "service_account": "Account that tasks run as.",
    "base_kfx_image": "Image of kfx components; kfx build and kfx push make it.",
}
_IMAGE_FORM = "Name one that kfx build --push makes, such as REGION-docker.pkg.dev/PROJECT/REPOSITORY/kfx:TAG."


@click.command("init")
@click.option("--project", "--project-id", "project", help="Google Cloud project id.")
@click.option("--region", help="Region of Vertex AI.")
@click.option("--pipeline-root", metavar="gs://BUCKET/PATH", help="Where runs write.")
@click.option("--service-account", help="Account that tasks run as.")
@click.option("--image", "base_kfx_image", help="Image of kfx components.")
@click.option("--force", is_flag=True, help="Replace a kfx.toml that is there.")
@click.pass_context
def init(ctx: click.Context, /, force: bool, **given: str | None) -> None:
    """Write kfx.toml here.

    In a terminal it asks for what no option gives, and proposes what is set already. What stays unknown is a comment
    in the file.
    """
    path = Path(FILE_NAME)
    if path.is_dir():
        raise UsageError(f"{FILE_NAME} is a folder here. Move it away: kfx reads a file of that name.")
    if path.exists() and not force:
        raise UsageError(f"There is a {FILE_NAME} here. Change it with an editor, or replace it with --force.")
    answers = {key: _answer(ctx, key, given[key] or "", question) for key, question in _QUESTIONS}
    _check(answers)
    _write(path, _document(answers))
    click.echo(f"Wrote {path}. Now: kfx doctor")


def _answer(ctx: click.Context, key: str, value: str, question: str) -> str:
    """Asks for a setting; what the file to be replaced says may be what is wrong with it."""
    typed = value and ctx.get_parameter_source(key) is ParameterSource.COMMANDLINE
    if typed or not sys.stdin.isatty():
        return value
    return str(click.prompt(question, default=value, show_default=bool(value))).strip()


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written here: {error.strerror}.") from error


def _check(answers: dict[str, str]) -> None:
    """Refuses values that `kfx submit` would refuse."""
    from kfx.images.reference import parse
    from kfx.submit.job import check_field

    for key in ("project", "region", "pipeline_root", "service_account"):
        if answers[key]:
            check_field(key, answers[key])
    if image := answers["base_kfx_image"]:
        reference = parse(image)
        if reference.is_on_this_machine:
            raise UsageError(f"{image} has no registry: no cluster can pull it. {_IMAGE_FORM}")
        if reference.registry == "docker.io" and reference.repository.startswith("library/"):
            raise UsageError(f"{image} is Docker Hub's own {reference.repository}, which no kfx is. {_IMAGE_FORM}")


def _document(answers: dict[str, str]) -> str:
    """The file: each setting with its meaning, the unknown ones as comments."""
    lines = ["# Settings of kfx, for everyone who works here. A flag, KFX_<NAME> or .env wins over this file.", ""]
    for key, value in answers.items():
        setting = f"{key} = {json.dumps(value)}" if value else f'# {key} = ""'
        lines += [f"# {_HELP[key]}", setting, ""]
    lines += ["# Labels of every run.", "# [labels]", '# team = "search"', ""]
    lines += ["# Options of one command.", "# [submit]", "# caching = false"]
    return "\n".join(lines) + "\n"
