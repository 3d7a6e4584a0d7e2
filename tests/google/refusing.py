"""A server that answers every request with errors as Google's JSON APIs word them."""

from __future__ import annotations

from typing import Any

from tests.loopback import Asked


class Refusing:
    """What to answer, in turn; the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any, str]] = []  # status, message (or a body), reason
        self.requests: list[tuple[str, str, Any]] = []  # method, path, body
        self.url = ""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """Writes the request down and gives the next answer."""
        self.requests.append((asked.method, asked.path, asked.json or asked.body))
        status, said, reason = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(said, str):
            said = {"error": {"code": status, "message": said, "errors": [{"reason": reason, "message": said}]}}
        return status, said
