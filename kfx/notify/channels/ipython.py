"""Jupyter: the message as HTML under the cell that ran the pipeline. Elsewhere it stays silent."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import ClassVar

from kfx.notify.channel import Channel
from kfx.notify.formats import html
from kfx.notify.message import Message
from kfx.notify.request import Answer, Request


@dataclass(frozen=True, repr=False)
class DisplayRequest(Request):
    """HTML for the notebook."""

    here: ClassVar[bool] = True

    page: str

    def preview(self) -> bytes:
        """Returns the HTML."""
        return self.page.encode()

    def send(self, timeout_s: float) -> Answer:  # noqa: ARG002 - displaying has no time-out
        """Displays it."""
        notebook = importlib.import_module("IPython.display")
        notebook.display(notebook.HTML(self.page))
        return Answer(status=0)


@dataclass(frozen=True, repr=False)
class IPython(Channel):
    """Displays in a notebook."""

    kind = "ipython"

    @classmethod
    def inactive(cls) -> str:
        """Says so where there is no notebook; a program that never imported IPython runs in none."""
        module = sys.modules.get("IPython")
        shell = module.get_ipython() if module else None
        return "" if shell is not None and getattr(shell, "kernel", None) else "This is no Jupyter notebook."

    def render(self, message: Message) -> Request:
        """Words the message as HTML."""
        return DisplayRequest(html(message))

    def judge(self, answer: Answer) -> None:
        """Accepts: what was displayed was displayed."""
