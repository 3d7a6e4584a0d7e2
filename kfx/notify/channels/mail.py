"""Mail over SMTP, with a text and an HTML part. MLRun's parameters and names, safer defaults.

Where neither `use_tls` nor `start_tls` is given the port decides: 465 means implicit TLS (RFC 8314), any other one
STARTTLS. A server that offers none of them has to be asked for with `start_tls: false`.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import Annotated, Any, cast

from kfx.errors import PermanentError, UsageError
from kfx.notify.channel import About, Channel
from kfx.notify.formats import html, plain
from kfx.notify.message import Message
from kfx.notify.request import Answer, Request
from kfx.notify.smtp import MailRequest, Security
from kfx.notify.text import cut
from kfx.secret import Secret

SUBJECT_LIMIT = 250
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_RUNS = re.compile(r"\{\{\s*runs\s*\}\}")


@dataclass(frozen=True, repr=False)
class Mail(Channel):
    """Sends a mail."""

    kind = "mail"
    needs = (
        ("server_host", "sender_address", "email_addresses"),
        ("server_host", "sender_address", "default_email_addresses"),
    )

    server_host: Annotated[str, About("The SMTP server.", env="KFX_SMTP_HOST")] = ""
    server_port: Annotated[int, About("Its port: 587 for STARTTLS, 465 for implicit TLS.", env="KFX_SMTP_PORT")] = 587
    sender_address: Annotated[str, About("Who it is from.", env="KFX_SMTP_SENDER")] = ""
    email_addresses: Annotated[list[str], About("Who gets it: a list, or one text with commas.")] = field(
        default_factory=list
    )
    default_email_addresses: Annotated[
        list[str], About("Added to email_addresses.", env="KFX_SMTP_DEFAULT_RECIPIENTS")
    ] = field(default_factory=list)
    use_tls: Annotated[bool | None, About("Implicit TLS; left out, the port decides.", env="KFX_SMTP_USE_TLS")] = None
    start_tls: Annotated[bool | None, About("STARTTLS; left out, the port decides.", env="KFX_SMTP_START_TLS")] = None
    security: Annotated[str, About("starttls, tls or none, in place of the two flags.", env="KFX_SMTP_SECURITY")] = ""
    validate_certs: Annotated[
        bool, About("Whether the server's certificate is checked.", env="KFX_SMTP_VALIDATE_CERTS")
    ] = True
    ca_file: Annotated[str, About("PEM file of a private certificate authority.", env="KFX_SMTP_CA_FILE")] = ""
    username: Annotated[str, About("For the login; none without it.", env="KFX_SMTP_USERNAME")] = ""
    password: Annotated[Secret | None, About("For the login.", env="KFX_SMTP_PASSWORD")] = None
    bcc: Annotated[bool, About("Hide the recipients from each other.")] = False
    message_body_override: Annotated[
        str, About("HTML in place of the usual one; {{ runs }} stands for the usual one.")
    ] = ""

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> None:
        """Checks the addresses and that the flags and the login go together."""
        if given.get("use_tls") and given.get("start_tls"):
            raise UsageError("mail's use_tls and start_tls exclude each other: implicit TLS needs no STARTTLS.")
        if (
            given.get("password") is not None
            and not given.get("username")
            and not isinstance(given.get("username"), Secret)
        ):
            raise UsageError("mail has a password and no username.")
        if given.get("security", "") not in ("", "starttls", "tls", "none"):
            raise UsageError(f"mail's security is {given['security']!r}; it must be starttls, tls or none.")
        addresses = [("sender_address", given.get("sender_address", ""))]
        addresses += [("email_addresses", one) for one in given.get("email_addresses", [])]
        addresses += [("default_email_addresses", one) for one in given.get("default_email_addresses", [])]
        for name, address in addresses:
            if isinstance(address, str) and address and not _ADDRESS.fullmatch(email.utils.parseaddr(address)[1]):
                raise UsageError(f"mail's {name} holds {address!r}, which is not a mail address.")

    def render(self, message: Message) -> Request:
        """Builds the mail: multipart/alternative, the subject on one line."""
        named = dict.fromkeys([*self.email_addresses, *self.default_email_addresses])
        return MailRequest(
            host=self.server_host,
            port=self.server_port,
            security=self._security(),
            sender=email.utils.parseaddr(self.sender_address)[1],
            recipients=tuple(email.utils.parseaddr(one)[1] for one in named),
            message=self._mail(message, list(named)),
            username=self.username,
            password=self.password,
            validate_certs=self.validate_certs,
            ca_file=self.ca_file,
        )

    def judge(self, answer: Answer) -> None:
        """Reports refused recipients; the others have their mail, so nothing is sent again."""
        if answer.status != 250:
            raise PermanentError(f"Delivered to {answer.text(2000)}")

    def _security(self) -> Security:
        if self.security:
            return cast("Security", self.security)
        if self.use_tls or (self.use_tls is None and not self.start_tls and self.server_port == 465):
            return "tls"
        if self.start_tls or (self.start_tls is None and self.use_tls is None):
            return "starttls"
        return "none"

    def _mail(self, message: Message, shown: list[str]) -> bytes:
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self.sender_address
        mail["To"] = self.sender_address if self.bcc else ", ".join(shown)
        mail["Subject"] = cut(f"[{message.severity.upper()}] {message.title}", SUBJECT_LIMIT)
        mail["Date"] = email.utils.formatdate(message.time)
        domain = self.sender_address.rpartition("@")[2].strip("> ") or "kfx"
        mail["Message-ID"] = f"<{message.id}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
        page = html(message)
        if self.message_body_override:
            page = _RUNS.sub(lambda _: page, self.message_body_override)
        mail.set_content(plain(message))
        mail.add_alternative(f"<!DOCTYPE html>\n<html><body>\n{page}\n</body></html>\n", subtype="html")
        mail.set_boundary(f"kfx-{message.id}")
        return mail.as_bytes()
