"""Mail, against a real SMTP server."""

from __future__ import annotations

import contextlib
import email
import email.policy
import socket
import ssl
import threading
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from kfx.errors import TransientError
from kfx.notify import Policy, announce
from kfx.notify.channels.mail import Mail

from ..statuses import STATUSES
from .mail_double import PASSWORD, USER, MailDouble
from .situations import failed_run, hostile_message, message

FIVE = [f"{name}@example.com" for name in ("ann", "bob", "cat", "dan", "eve")]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The login as the step would find it."""
    monkeypatch.setenv("TEST_USER", USER)
    monkeypatch.setenv("TEST_PASSWORD", PASSWORD)


def mail_to(server: MailDouble, *, login: bool = False, **params: Any) -> dict[str, Any]:
    """A notification by mail."""
    given = {
        "server_host": "localhost",
        "server_port": server.port,
        "sender_address": "kfx <kfx@example.com>",
        "email_addresses": FIVE,
        "security": "none",
        **params,
    }
    secrets = {"username": "env:TEST_USER", "password": "env:TEST_PASSWORD"} if login else {}
    when = ["completed", "error", "aborted"]
    return {"kind": "mail", "when": when, "params": given, "secret_params": secrets}


def parsed(server: MailDouble) -> EmailMessage:
    """The one mail the server got."""
    [envelope] = server.envelopes
    assert isinstance(envelope.content, bytes)
    return email.message_from_bytes(envelope.content, policy=email.policy.default)  # type: ignore[return-value]


@pytest.mark.parametrize(("status", "state"), STATUSES.values(), ids=STATUSES)
def test_every_status_is_told_by_mail(status: dict[str, Any], state: str, mail: MailDouble, quick: Policy) -> None:
    """The subject tells the outcome; text and HTML part are there; all recipients are."""
    [told] = announce(status, [mail_to(mail)], policy=quick).deliveries
    assert told.status == "sent", told
    got = parsed(mail)
    words = {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled"}
    assert words.get(state, "unknown outcome") in got["Subject"]
    assert [part.get_content_type() for part in got.iter_parts()] == ["text/plain", "text/html"]  # type: ignore[attr-defined]
    assert mail.envelopes[0].rcpt_tos == FIVE
    assert (got["From"], got["To"]) == ("kfx <kfx@example.com>", ", ".join(FIVE))


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_tls_and_login(security: str, server_tls: ssl.SSLContext, ca_file: Path, quick: Policy) -> None:
    """STARTTLS with a login, and implicit TLS with a login, against a certificate of a private authority."""
    with MailDouble(server_tls, security, login=True) as server:
        notification = mail_to(server, login=True, security=security, ca_file=str(ca_file))
        [told] = announce({"state": "FAILED"}, [notification], policy=quick).deliveries
        assert told.status == "sent", told
        assert len(server.envelopes) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_nobody_vouches_for_is_refused(security: str, server_tls: ssl.SSLContext, quick: Policy) -> None:
    """Without the authority nothing is sent, once; validate_certs=false sends all the same."""
    with MailDouble(server_tls, security) as server:
        strict = mail_to(server, security=security)
        lax = mail_to(server, security=security, validate_certs=False)
        refused, sent = announce({"state": "FAILED"}, [strict, lax], policy=quick).deliveries
        assert (refused.status, refused.tries) == ("error", 1)
        assert "certificate is not trusted" in refused.reason
        assert sent.status == "sent"
        assert len(server.envelopes) == 1


def test_a_server_without_starttls_gets_no_mail_in_clear(mail: MailDouble, quick: Policy) -> None:
    """The default asks for STARTTLS, and a server that cannot is a failure, not a fall-back."""
    notification = mail_to(mail)
    del notification["params"]["security"]
    [told] = announce({"state": "FAILED"}, [notification], policy=quick).deliveries
    assert (told.status, told.tries) == ("error", 1)
    assert "STARTTLS" in told.reason
    assert not mail.envelopes


def test_a_wrong_password_is_reported_and_not_shown(
    server_tls: ssl.SSLContext,
    ca_file: Path,
    quick: Policy,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A refused login is not tried again, and neither log nor report holds the password."""
    monkeypatch.setenv("TEST_PASSWORD", "canary-wrong")
    with MailDouble(server_tls, "starttls", login=True) as server:
        notification = mail_to(server, login=True, security="starttls", ca_file=str(ca_file))
        told = announce({"state": "FAILED"}, [notification], policy=quick)
    printed = capsys.readouterr()
    assert (told.deliveries[0].status, told.deliveries[0].tries) == ("error", 1)
    assert "535" in told.deliveries[0].reason
    assert "canary" not in told.report + printed.out + printed.err + repr(told)


def test_one_bad_recipient_among_five_is_reported_and_the_others_are_delivered(mail: MailDouble, quick: Policy) -> None:
    """The four others have their mail; the report names the fifth and the server's words."""
    mail.refused["cat@example.com"] = "550 no such user"
    [told] = announce({"state": "FAILED"}, [mail_to(mail)], policy=quick).deliveries
    assert mail.envelopes[0].rcpt_tos == [one for one in FIVE if not one.startswith("cat")]
    assert (told.status, told.tries) == ("error", 1)
    assert "cat@example.com: 550 no such user" in told.reason
    assert "4 of 5" in told.reason


@pytest.mark.parametrize(("reply", "tries"), [("450 greylisted, try later", 3), ("550 go away", 1)])
def test_when_all_recipients_are_refused_only_a_later_is_tried_again(
    reply: str, tries: int, mail: MailDouble, quick: Policy
) -> None:
    """4xx replies are retried, 5xx are not."""
    mail.refused = dict.fromkeys(FIVE, reply)
    [told] = announce({"state": "FAILED"}, [mail_to(mail)], policy=quick).deliveries
    assert (told.status, told.tries) == ("error", tries)
    assert not mail.envelopes


def test_no_server_is_tried_again_and_reported(mail: MailDouble, quick: Policy) -> None:
    """A refused connection is transient; the report names host and port."""
    with MailDouble() as gone:
        notification = mail_to(gone)
    [told] = announce({"state": "FAILED"}, [notification], policy=quick).deliveries
    assert (told.status, told.tries) == ("error", 3)
    assert "localhost" in told.reason


def test_recipients_may_be_hidden_from_each_other(mail: MailDouble, quick: Policy) -> None:
    """With bcc no header names a recipient, and all get the mail."""
    announce({"state": "FAILED"}, [mail_to(mail, bcc=True)], policy=quick)
    got = parsed(mail)
    assert got["To"] == "kfx <kfx@example.com>"
    assert not any(one in str(value) for one in FIVE for value in got.values())
    assert mail.envelopes[0].rcpt_tos == FIVE


def test_default_recipients_are_added_once(mail: MailDouble, quick: Policy) -> None:
    """default_email_addresses join email_addresses, each address once."""
    added = ["eve@example.com", "fay@example.com"]
    announce({"state": "FAILED"}, [mail_to(mail, default_email_addresses=added)], policy=quick)
    assert mail.envelopes[0].rcpt_tos == [*FIVE, "fay@example.com"]


def test_the_steps_environment_gives_the_server(
    mail: MailDouble, quick: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mounted secret's variables are enough: the notification names recipients only."""
    settings = {"HOST": "localhost", "PORT": str(mail.port), "SENDER": "kfx@example.com", "START_TLS": "false"}
    for name, value in settings.items():
        monkeypatch.setenv(f"KFX_SMTP_{name}", value)
    notification = {"kind": "mail", "when": ["error"], "params": {"email_addresses": "ann@example.com"}}
    [told] = announce({"state": "FAILED"}, [notification], policy=quick).deliveries
    assert told.status == "sent", told
    assert mail.envelopes[0].rcpt_tos == ["ann@example.com"]


def test_the_body_may_be_replaced(mail: MailDouble, quick: Policy) -> None:
    """message_body_override is the HTML part, with {{ runs }} standing for the usual one."""
    override = "<h1>Ours \\x1b</h1>{{runs}}"
    announce({"state": "FAILED"}, [mail_to(mail, message_body_override=override)], policy=quick)
    page = parsed(mail).get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "<h1>Ours" in page
    assert "<table" in page


def test_the_preview_is_what_is_sent_whatever_the_text(mail: MailDouble) -> None:
    """Headers, both parts and hostile text arrive byte for byte as previewed; the subject is one line."""
    channel = Mail(
        server_host="localhost",
        server_port=mail.port,
        security="none",
        sender_address="kfx@example.com",
        email_addresses=FIVE,
    )
    for made in (message(run=failed_run(log=".\n..\n. leading dots")), hostile_message()):
        request = channel.render(made)
        channel.judge(request.send(5))
        assert mail.envelopes[-1].content == request.preview()
        assert request.preview() == channel.render(made).preview()
        subject = str(email.message_from_bytes(request.preview(), policy=email.policy.default)["Subject"])
        assert "\n" not in subject
        assert len(subject) <= 250


@pytest.mark.parametrize(
    ("params", "security"),
    [
        ({}, "starttls"),
        ({"server_port": 465}, "tls"),
        ({"use_tls": True}, "tls"),
        ({"start_tls": True, "server_port": 465}, "starttls"),
        ({"start_tls": False}, "none"),
        ({"use_tls": False, "server_port": 465}, "none"),
        ({"security": "tls", "start_tls": True}, "tls"),
    ],
)
def test_the_flags_else_the_port_decide_about_tls(params: dict[str, Any], security: str) -> None:
    """Explicit flags win; 465 is implicit TLS; anything else is STARTTLS."""
    request = Mail(server_host="h", sender_address="a@b.example", email_addresses=FIVE, **params).render(message())
    assert vars(request)["security"] == security


def test_a_server_that_drips_its_replies_is_given_up_in_time(quick: Policy) -> None:
    """One deadline for the whole dialogue: a reply line every while does not keep it going, and it is tried again."""
    asked: list[bytes] = []

    def drip(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(b"220 slow\r\n")
            while line := connection.recv(4096):
                asked.append(line)
                time.sleep(0.2)
                connection.sendall(b"354 go\r\n" if line.startswith(b"data") else b"250 slow\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        params = {"server_host": "127.0.0.1", "server_port": server.getsockname()[1], "email_addresses": FIVE}
        given = {**params, "sender_address": "kfx@example.com", "security": "none"}
        notification = {"kind": "mail", "when": ["error"], "params": given}
        [told] = announce({"state": "FAILED"}, [notification], policy=quick).deliveries
        request = Mail(**given).render(message())
        with pytest.raises(TransientError, match=r"timed out|in time"):
            request.send(0.5)
    assert (told.status, told.tries) == ("error", 3)
    assert "in time" in told.reason
    assert not any(line.startswith(b"data") for line in asked)
