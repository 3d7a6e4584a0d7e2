"""Sends a mail over SMTP: implicit TLS, STARTTLS or neither, with or without a login, each recipient accounted for."""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kfx.errors import PermanentError, TransientError
from kfx.notify.http import tls_context
from kfx.notify.request import Answer, Request
from kfx.secret import Secret

Security = Literal["tls", "starttls", "none"]


@dataclass(frozen=True, repr=False)
class MailRequest(Request):
    """One mail and the server that takes it."""

    host: str
    port: int
    security: Security
    sender: str
    recipients: tuple[str, ...]
    message: bytes
    username: str = ""
    password: Secret | None = None
    validate_certs: bool = True
    ca_file: str = ""

    def preview(self) -> bytes:
        """Returns the mail with its headers, as it goes after DATA."""
        return self.message

    def send(self, timeout_s: float) -> Answer:
        """Sends once.

        Returns:
            Status 250 when every recipient was accepted, else 550 with a body such as
            `4 of 5 recipients; refused: address: reply`; the others have been delivered to.

        Raises:
            TransientError: The server is away, busy, or refused every recipient for now (4xx).
            PermanentError: TLS, login, sender or every recipient was refused.
        """
        try:
            with self._connect(timeout_s) as server:
                self._secure_and_login(server)
                refused = server.sendmail(self.sender, self.recipients, self.message)
        except smtplib.SMTPRecipientsRefused as error:
            raise self._all_refused(error.recipients) from None
        except smtplib.SMTPNotSupportedError as error:
            raise PermanentError(f"The mail server cannot do what was asked: {error}") from None
        except smtplib.SMTPResponseException as error:
            raise self._response(error) from None
        except ssl.SSLCertVerificationError as error:
            raise PermanentError(f"The mail server's certificate is not trusted: {error.verify_message}.") from None
        except TimeoutError:
            raise TransientError("The mail server did not answer in time.") from None
        except (OSError, smtplib.SMTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise TransientError(f"No mail server to talk to at {self.host}:{self.port}: {reason}.") from None
        taken, asked = len(self.recipients) - len(refused), len(self.recipients)
        report = f"{taken} of {asked} recipients; refused: {_lines(refused)}" if refused else ""
        return Answer(550 if refused else 250, report.encode())

    def _connect(self, timeout_s: float) -> smtplib.SMTP:
        deadline = time.monotonic() + timeout_s
        if self.security == "tls":
            return _TlsDialogue(deadline, self.host, self.port, timeout=timeout_s, context=self._tls())
        return _Dialogue(deadline, self.host, self.port, timeout=timeout_s)

    def _secure_and_login(self, server: smtplib.SMTP) -> None:
        if self.security == "starttls":
            server.starttls(context=self._tls())
        if self.username:
            server.login(self.username, self.password.reveal() if self.password else "")

    def _tls(self) -> ssl.SSLContext:
        return tls_context(verify=self.validate_certs, ca_file=self.ca_file)

    def _all_refused(self, refused: Mapping[str, tuple[int, bytes]]) -> TransientError | PermanentError:
        later = all(400 <= code < 500 for code, _ in refused.values())
        return (TransientError if later else PermanentError)(f"Every recipient was refused: {_lines(refused)}")

    def _response(self, error: smtplib.SMTPResponseException) -> TransientError | PermanentError:
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        what = "login" if isinstance(error, smtplib.SMTPAuthenticationError) else "mail"
        later = 400 <= error.smtp_code < 500 or error.smtp_code <= 0
        kind = TransientError if later else PermanentError
        return kind(f"The mail server refused the {what}: {error.smtp_code} {said}")


class _Dialogue(smtplib.SMTP):
    """A dialogue with one deadline: each line waits for what is left of it, and none is said after it."""

    def __init__(self, deadline: float, *args: Any, **options: Any) -> None:
        self._deadline = deadline
        super().__init__(*args, **options)

    def send(self, s: Any) -> None:
        self._shorten()
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        self._shorten()
        return super().getreply()

    def _shorten(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            self.close()
            raise smtplib.SMTPServerDisconnected("It did not answer in time")
        if self.sock is not None:
            try:
                self.sock.settimeout(left)
            except OSError:  # a TLS handshake that failed has closed it
                raise smtplib.SMTPServerDisconnected("The connection is closed") from None


class _TlsDialogue(_Dialogue, smtplib.SMTP_SSL):
    """The same over implicit TLS."""


def _lines(refused: Mapping[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{who}: {code} {said.decode('utf-8', 'replace')}" for who, (code, said) in refused.items())
