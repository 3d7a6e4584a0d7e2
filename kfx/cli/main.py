"""The `kfx` program: finds its commands by their files and turns errors into exit codes.

Exit codes: 0 done, 1 failed, 2 the input is wrong, 143 ended by SIGTERM, with temporary files removed. A command's file
is imported when the command is used (all of them for `kfx --help`), and imports what is heavy only when it runs, so
help and completion are instant.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import pkgutil
import signal
import sys
from typing import Any

import click

import kfx
from kfx import cli
from kfx.cli import settings
from kfx.errors import KfxError, UsageError


class _Commands(click.Group):
    """The commands in this folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(name for name in _files() if self.get_command(ctx, name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in _files():
            return None
        module = importlib.import_module(f"kfx.cli.{cmd_name}")
        # `list` and `compile` carry an underscore so as not to hide Python's own.
        command = getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_", None)
        return command if isinstance(command, click.Command) else None


def _files() -> list[str]:
    names = (module.name for module in pkgutil.iter_modules(cli.__path__))
    return [name for name in names if name != "main" and not name.startswith("_")]


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(kfx.__version__, prog_name="kfx")
@click.pass_context
def kfx_(ctx: click.Context) -> None:
    """Run, compile, build and submit Kubeflow pipelines; compute statistics; send notifications.

    Settings: flags, else environment (KFX_COMMAND_OPTION), else .env and kfx.toml in the working directory.
    """
    settings.apply(ctx)


def _end(number: int, _frame: Any) -> None:
    """Ends the program as an error would, so that temporary folders go; commands may handle the signal themselves."""
    signal.signal(number, signal.SIG_IGN)  # a second one must not end the cleaning up
    sys.exit(128 + number)


def main() -> None:
    """Runs the program and exits: 0 done, 1 failed, 2 the input is wrong, 143 ended by SIGTERM."""
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)
    # At its end Python looks for garbage among all that was imported, a tenth of a second for memory the system frees.
    atexit.register(gc.freeze)
    try:
        kfx_(prog_name="kfx")
    except KfxError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)


if __name__ == "__main__":
    main()
