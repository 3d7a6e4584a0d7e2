"""Shell completion of PIPELINE: the names in kfx.pipelines, else a file."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def pipelines(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Returns the names that begin with what is typed; a file where none does."""
    from kfx.cli.pipeline import names

    known = [CompletionItem(name) for name in names() if name.startswith(incomplete)]
    return known or [CompletionItem(incomplete, type="file")]
