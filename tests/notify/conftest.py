"""Loopback servers that stand in for the services, with certificates of their own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from kfx.notify import Policy

from .mail_double import MailDouble
from .slack_double import SlackDouble


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority nobody but these tests knows."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The authority's certificate, for a client to trust."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server's TLS settings with a certificate for localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def slack() -> Iterator[SlackDouble]:
    """A Slack on loopback."""
    with SlackDouble() as double:
        yield double


@pytest.fixture
def mail() -> Iterator[MailDouble]:
    """A mail server without TLS and login."""
    with MailDouble() as double:
        yield double


@pytest.fixture
def quick() -> Policy:
    """Retries without waiting long."""
    return Policy(tries=3, timeout_s=0.5, budget_s=5, backoff_s=0.01)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine that runs the tests reaches a notification."""
    for name in ("SLACK_WEBHOOK", "SLACK_BOT_TOKEN", "SLACK_CHANNEL", "KFX_RUN_FILE", "KFX_SMTP_HOST"):
        monkeypatch.delenv(name, raising=False)
