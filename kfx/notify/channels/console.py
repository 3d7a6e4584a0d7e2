"""The step's own output: the message as text, with a table of the run's tasks. It needs no parameters."""

from __future__ import annotations

from dataclasses import dataclass

from kfx.notify.channel import Channel
from kfx.notify.formats import plain
from kfx.notify.message import Message
from kfx.notify.request import Answer, Request, TextRequest


@dataclass(frozen=True, repr=False)
class Console(Channel):
    """Prints to the task's log."""

    kind = "console"
    yields_to = "ipython"

    def render(self, message: Message) -> Request:
        """Words the message as plain text."""
        return TextRequest(plain(message))

    def judge(self, answer: Answer) -> None:
        """Accepts: what was printed was printed."""
