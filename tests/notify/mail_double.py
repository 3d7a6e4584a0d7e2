"""A real SMTP server (aiosmtpd) on loopback: STARTTLS, implicit TLS or none, with a login or without."""

from __future__ import annotations

import ssl
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

USER, PASSWORD = "mailer", "canary-mail-password"


class _AnyPort(Controller):
    """aiosmtpd's first connection to itself goes to the port it was told, which is 0 here."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class MailDouble:
    """Keeps what it is given; refuses the recipients in `refused` with the reply it maps them to."""

    def __init__(self, tls: ssl.SSLContext | None = None, security: str = "none", *, login: bool = False) -> None:
        self.envelopes: list[Envelope] = []
        self.refused: dict[str, str] = {}
        options: dict[str, Any] = {}
        if security == "starttls":
            options |= {"tls_context": tls, "require_starttls": True}
        if login:
            options |= {
                "authenticator": _authenticate,
                "auth_required": True,
                "auth_require_tls": security == "starttls",
            }
        self._controller = _AnyPort(
            self,
            hostname="127.0.0.1",
            port=0,
            server_hostname="localhost",
            ssl_context=tls if security == "tls" else None,
            ready_timeout=10,
            **options,
        )

    def __enter__(self) -> MailDouble:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._controller.port)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        """Accepts or refuses a recipient."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Takes a mail."""
        self.envelopes.append(envelope)
        return "250 taken"


def _authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and data == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=good)
