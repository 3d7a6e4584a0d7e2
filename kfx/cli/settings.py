"""Where a command's options come from when they are not on its command line.

Precedence, highest first:

1. The flag: `--region europe-west4`.
2. The environment: `KFX_SUBMIT_REGION` for one command, `KFX_REGION` for every command that has the option.
3. `.env`: the same names, for what is personal. It never overrides the environment.
4. `kfx.toml`: what a team shares. A key at the top holds for every command that has the option, a table for one:

       project = "my-project"
       region = "europe-west4"
       base_kfx_image = "europe-west4-docker.pkg.dev/my-project/kfx/kfx:1.0"

       [submit]
       caching = false

Both files are the nearest one from the working directory upwards. `kfx --help` and shell completion read neither.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from kfx.errors import UsageError

FILE_NAME = "kfx.toml"


@dataclass(frozen=True)
class Settings:
    """The settings several commands share. Every one may stand at the top of `kfx.toml` or in `KFX_<NAME>`."""

    project: str | None = None
    """Google Cloud project id. Last resort: `GOOGLE_CLOUD_PROJECT`."""

    region: str | None = None
    """Google Cloud region of Vertex AI, such as `europe-west4`. There is no default: a wrong one moves data."""

    pipeline_root: str | None = None
    """`gs://BUCKET/PATH` that runs write under."""

    service_account: str | None = None
    """Email of the service account that tasks run as."""

    network: str | None = None
    """VPC network that jobs are peered with."""

    labels: dict[str, str] | None = None
    """Labels of runs: a table in `kfx.toml`, `team=search env=prod` in the environment."""

    experiment: str | None = None
    """Vertex AI experiment that runs are recorded in."""

    caching: bool | None = None
    """True or False sets caching of every task; unset leaves what each task says."""

    api_endpoint: str | None = None
    """Base URL of the Vertex AI API where it is not the region's public one (Private Service Connect, a test)."""

    to: str | None = None
    """Platform that pipelines are submitted to: `vertex` or `kfp`."""

    host: str | None = None
    """URL of an open-source KFP API."""

    namespace: str | None = None
    """Kubernetes namespace of open-source KFP runs."""

    engine: str | None = None
    """Container engine that builds and runs images: `docker`, `podman` or `buildah`."""

    base_kfx_image: str | None = None
    """Image of kfx components; `BASE_KFX_IMAGE` in the environment and in `.env`."""

    base_kfx_slim_image: str | None = None
    """Image of the components that need no TensorFlow; `BASE_KFX_SLIM_IMAGE` in the environment and in `.env`."""

    base_kfx_dataflow_image: str | None = None
    """Image of Dataflow's workers; `BASE_KFX_DATAFLOW_IMAGE` in the environment and in `.env`."""


SHARED = {field.name: field for field in dataclasses.fields(Settings)}
_IMAGES = {name: name.upper() for name in ("base_kfx_image", "base_kfx_slim_image", "base_kfx_dataflow_image")}
_LAST_RESORT = {"project": "GOOGLE_CLOUD_PROJECT"}


def apply(ctx: click.Context) -> None:
    """Gives the command about to run its settings. The `kfx` group's callback calls it.

    Sets the context's `default_map` and exports `.env` and the images of `kfx.toml` to the environment, where
    `kfx.components` reads them when a pipeline is imported.

    Args:
        ctx: Context of the group, with `invoked_subcommand` set.

    Raises:
        UsageError: `kfx.toml` cannot be read, or has a key that nothing reads; `kfx init` replaces such a file.
    """
    group, name = ctx.command, ctx.invoked_subcommand
    if not isinstance(group, click.Group) or name is None:
        return
    command = group.get_command(ctx, name)
    if command is None:
        return
    if personal := find_file(Path.cwd(), ".env"):
        import dotenv

        dotenv.load_dotenv(personal, override=False)
    path = find_file(Path.cwd())
    try:
        document = read(path) if path else {}
        if document:
            check(document, path, group.list_commands(ctx), command, name)
    except UsageError:
        # The way out of a broken file is to write another, which asks for --force itself.
        if name != "init":
            raise
        document = {}
    for key, variable in _IMAGES.items():
        if key in document:
            os.environ.setdefault(variable, str(document[key]))
    ctx.default_map = {name: defaults(document, os.environ, command, name)}


def find_file(start: Path, name: str = FILE_NAME) -> Path | None:
    """Returns the nearest `kfx.toml`, or other file of a name, from a folder upwards; None where there is none."""
    for folder in (start, *start.parents):
        path = folder / name
        if path.is_file():
            return path
    return None


def read(path: Path) -> dict[str, Any]:
    """Parses a TOML file.

    Raises:
        UsageError: The file cannot be read or is not TOML; the message has the line.
    """
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    return document


def check(
    document: Mapping[str, Any], path: Path | None, commands: list[str], command: click.Command, name: str
) -> None:
    """Refuses keys that nothing would read.

    Args:
        document: The parsed `kfx.toml`.
        path: Its path, for the message.
        commands: Names of all commands: the tables a file may hold.
        command: The command about to run, whose table is checked against its options.
        name: That command's name.

    Raises:
        UsageError: An unknown key or table, or a table where a value belongs; with the nearest known name.
    """
    for key, value in document.items():
        if key in commands and isinstance(value, Mapping):
            continue
        if key not in SHARED:
            raise UsageError(f"{path} has an unknown key {key!r}. {_nearest(key, [*SHARED, *commands])}")
        if isinstance(value, Mapping) and key != "labels":
            raise UsageError(f"{path}: {key!r} takes one value, not a table.")
    options = sorted({option.name for option in _options(command) if option.name})
    for key in document.get(name, {}):
        if key not in options:
            raise UsageError(f"{path} has an unknown key {key!r} in [{name}]. {_nearest(key, options)}")


def defaults(
    document: Mapping[str, Any], environ: Mapping[str, str], command: click.Command, name: str
) -> dict[str, Any]:
    """Returns option name -> value for one command, from the environment and `kfx.toml`; nested for a group's commands.

    Args:
        document: The parsed `kfx.toml`.
        environ: The environment, `.env` included.
        command: The command about to run.
        name: Its name; `KFX_<NAME>_<OPTION>` goes before `KFX_<OPTION>`, the file's table before its top.
    """
    found: dict[str, Any] = {}
    if isinstance(command, click.Group):
        return {sub: defaults(document, environ, each, name) for sub, each in command.commands.items()}
    for param in _options(command):
        key = param.name or ""
        table = document.get(name, {})
        variables = [f"KFX_{name}_{key}"] + ([f"KFX_{key}"] if key in SHARED else [])
        candidates = [environ.get(variable.upper().replace("-", "_")) for variable in variables]
        candidates += [
            table.get(key),
            document.get(key) if key in SHARED else None,
            environ.get(_LAST_RESORT.get(key, "")),
        ]
        value = next((candidate for candidate in candidates if candidate not in (None, "")), None)
        if value is not None:
            found[key] = _as_option(param, value)
    return found


def _options(command: click.Command) -> list[click.Option]:
    """The options of a command, or of all the commands of a group."""
    if isinstance(command, click.Group):
        return [option for each in command.commands.values() for option in _options(each)]
    return [param for param in command.params if isinstance(param, click.Option) and param.name]


def _as_option(param: click.Option, value: Any) -> Any:
    """Shapes a setting as click expects an option's value: a list for an option that may be repeated."""
    if not param.multiple:
        return value
    if isinstance(value, Mapping):
        return [f"{key}={item if isinstance(item, str) else json.dumps(item)}" for key, item in value.items()]
    return value.split() if isinstance(value, str) else list(value)


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(sorted(known))}."
