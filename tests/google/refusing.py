"""A server that answers every request with errors as Google's JSON APIs word them."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Refusing:
    """What to answer, in turn; the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any, str]] = []  # status, message (or a body), reason
        self.requests: list[tuple[str, str, Any]] = []  # method, path, body
        self.url = ""


@contextlib.contextmanager
def serving(double: Refusing) -> Iterator[Refusing]:
    """Serves the double until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(sent) if sent.startswith(b"{") else sent
            double.requests.append((self.command, self.path, body))
            status, said, reason = double.answers.pop(0) if len(double.answers) > 1 else double.answers[0]
            if isinstance(said, str):
                said = {"error": {"code": status, "message": said, "errors": [{"reason": reason, "message": said}]}}
            answer = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
