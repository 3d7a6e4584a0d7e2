"""Sends a request over HTTP with the standard library: proxies from the environment, no redirects, TLS checked.

A redirect is not followed: it would hand the credentials in the headers to a host nobody named.
"""

from __future__ import annotations

import functools
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import kfx
from kfx.errors import PermanentError, TransientError
from kfx.notify.request import Answer, Request

_ANSWER_LIMIT = 1 << 20
"""Bytes of an answer that are read; a longer one is cut, since only its status and first words matter."""

T = TypeVar("T")


@dataclass(frozen=True, repr=False)
class HttpRequest(Request):
    """One HTTP request."""

    method: str
    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    verify_ssl: bool = True
    """Whether the server's certificate is checked."""

    ca_file: str = ""
    """A PEM file with the authorities to trust instead of the system's."""

    def preview(self) -> bytes:
        """Returns the body."""
        return self.body

    def send(self, timeout_s: float) -> Answer:
        """Sends once and returns the answer, whatever its status."""
        headers = {"User-Agent": f"kfx/{kfx.__version__}", **self.headers}
        return guarded(lambda: self._exchange(headers, timeout_s))

    def _exchange(self, headers: Mapping[str, str], timeout_s: float) -> Answer:
        if not self.url.startswith(("https://", "http://")):
            raise PermanentError("The address must start with https:// or http://.")
        deadline = time.monotonic() + timeout_s
        request = urllib.request.Request(self.url, data=self.body, headers=dict(headers), method=self.method)  # noqa: S310
        context = tls_context(verify=self.verify_ssl, ca_file=self.ca_file)
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=timeout_s) as response:
                return _answer(response.status, response.headers, response, deadline)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, error.headers, error, deadline)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Declines every redirect, so that the 3xx itself is the answer."""


def _answer(status: int, headers: Any, source: Any, deadline: float) -> Answer:
    """Reads the answer in pieces, because the socket's time-out starts anew with every byte."""
    declared = headers.get("Content-Length") or ""
    limit = min(int(declared), _ANSWER_LIMIT) if declared.isdigit() else _ANSWER_LIMIT
    body = b""
    while len(body) < limit and (piece := source.read1(limit - len(body))):
        body += piece
        if time.monotonic() > deadline:
            raise TimeoutError
    if declared.isdigit() and len(body) < limit:
        raise http.client.IncompleteRead(body, limit - len(body))
    return Answer(status=status, body=body, headers={name.lower(): value for name, value in headers.items()})


@functools.cache  # reading the system's authorities takes some 30 ms
def tls_context(*, verify: bool, ca_file: str = "") -> ssl.SSLContext:
    """Returns the TLS settings of a client.

    Args:
        verify: False accepts any certificate and host name.
        ca_file: A PEM file with the authorities to trust instead of the system's.

    Raises:
        PermanentError: The file cannot be read or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise PermanentError(f"The CA file {ca_file!r} cannot be used: {error}") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def guarded(exchange: Callable[[], T]) -> T:
    """Runs a network exchange and turns its failures into kfx's errors, without the URL, which may be the secret."""
    try:
        return exchange()
    except urllib.error.URLError as error:
        raise _failure(error.reason if isinstance(error.reason, BaseException) else error) from None
    except (OSError, http.client.HTTPException) as error:
        raise _failure(error) from None
    except ValueError as error:
        raise PermanentError(f"The request is not one HTTP can carry: {type(error).__name__}.") from None


def _failure(error: BaseException) -> TransientError | PermanentError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return PermanentError(f"The server's certificate is not trusted: {error.verify_message}.")
    if isinstance(error, http.client.InvalidURL):
        return PermanentError("The address is not a URL HTTP can use.")
    if isinstance(error, TimeoutError):
        return TransientError("No answer in time.")
    if isinstance(error, http.client.IncompleteRead):
        return TransientError("The answer broke off half way.")
    if isinstance(error, ConnectionRefusedError):
        return TransientError("Connection refused.")
    if isinstance(error, OSError) and error.strerror:
        return TransientError(f"The connection failed: {error.strerror}.")
    return TransientError(f"The connection failed: {type(error).__name__}.")
