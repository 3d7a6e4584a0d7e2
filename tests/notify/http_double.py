"""A loopback HTTP(S) server that records what it gets and answers as told: well, badly, half, in drops or never."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request as it came off the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One answer. `how` is `whole`, `half` (it breaks off), `hang` (nothing comes), `drip` (without end) or `drop`."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    how: str = "whole"


class Double:
    """The server. Replies in `script` come first, then `answer` decides."""

    def __init__(self, answer: Callable[[Received], Reply] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.script: list[Reply] = []
        self.answer = answer or (lambda _: Reply())
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https" if tls else "http"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"{self.scheme}://localhost:{self.port}"

    def __enter__(self) -> Double:
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        double = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Keeps the test's output clean."""

            def respond(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = Received(self.command, self.path, headers, self.rfile.read(length))
                double.received.append(received)
                reply = double.script.pop(0) if double.script else double.answer(received)
                if reply.how == "hang":
                    double._released.wait(30)
                    return
                if reply.how == "drop":
                    return
                if reply.how == "drip":
                    self.drip()
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body[: len(reply.body) // 2] if reply.how == "half" else reply.body)

            def drip(self) -> None:
                """Sends one byte of an endless header at a time, faster than any socket's time-out."""
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                with contextlib.suppress(OSError):
                    while not double._released.wait(0.05):
                        self.wfile.write(b"x")

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815 - http.server's names

        return Handler
