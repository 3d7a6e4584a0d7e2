"""A JSON server on loopback, which tests fill with what the real one would answer."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeVar


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    path: str
    """With the query."""

    headers: Message
    """Their names in any case."""

    body: bytes

    @property
    def json(self) -> Any:
        """The body, if it is a JSON object; an empty object otherwise."""
        return json.loads(self.body) if self.body.startswith(b"{") else {}


class Double(Protocol):
    """What can be served."""

    url: str
    """Its address, without a path; set while it is served."""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """Returns status and body: bytes as they are, anything else as JSON."""


D = TypeVar("D", bound=Double)


@contextlib.contextmanager
def serving(double: D) -> Iterator[D]:
    """Serves the double until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = double.answer(Asked(self.command, self.path, self.headers, sent))
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    double.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
