"""Google's REST APIs with the caller's credentials: what `google-cloud-*` clients do, without their import time.

google-cloud-aiplatform takes 7 seconds to import; this takes 0.3. The requests are the ones its REST transport sends
(the tests compare them). What those clients give is kept: application default credentials, quota project, time-outs,
retries of what may be retried, and errors by kind.
"""

from __future__ import annotations

import ipaddress
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kfx
from kfx.errors import KfxError, MissingExtraError, PermanentError, TransientError, UsageError
from kfx.unreachable import why_unreachable

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
LOGIN = "gcloud auth application-default login"
KEY_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
"""Names a key file, which goes before what `LOGIN` leaves."""

_TIMEOUT_S = (10, 120)
_ATTEMPTS = 5
_FIRST_PAUSE_S = 1.0
_TRANSIENT = {408, 429, 500, 502, 503, 504}


class ApiError(PermanentError):
    """A Google API refused a request.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        """Keeps the status next to the message."""
        super().__init__(message)
        self.status = status


class NoJsonError(PermanentError):
    """Something between here and Google answered in its place, or the address is no Google API's."""


class Api:
    """One Google API at one address."""

    def __init__(self, base: str, *, pause_s: float = _FIRST_PAUSE_S) -> None:
        """Prepares calls; credentials are looked up at the first one.

        Args:
            base: Scheme and host, such as `https://europe-west4-aiplatform.googleapis.com`. Plain http is for this
                machine only (an emulator) and goes without credentials.
            pause_s: Seconds before the first retry; each further one waits twice as long.

        Raises:
            UsageError: The address is not https, nor http on a loopback address.
        """
        self.base = base.rstrip("/")
        self._pause_s = pause_s
        self._anonymous = is_loopback(self.base)
        self._session: Any = None

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """GETs a resource, trying again on what may pass.

        Args:
            path: From the root of the host: `/v1/projects/...`.
            query: Query parameters; None is left out.

        Raises:
            PermanentError: Refused (`ApiError`, with the status), answered by something that is no Google API
                (`NoJsonError`), or there are no credentials.
            TransientError: Still failing after several attempts.
        """
        return self._retried("GET", path, query, None)

    def post(self, path: str, body: Mapping[str, Any], **query: Any) -> dict[str, Any]:
        """POSTs once: what a retry may repeat is for the caller to know. Arguments and errors as in `get`."""
        return self._once("POST", path, query, body)

    def post_again(self, path: str, body: Mapping[str, Any], **query: Any) -> dict[str, Any]:
        """POSTs something that may be sent twice without harm, retrying as `get` does."""
        return self._retried("POST", path, query, body)

    def delete(self, path: str) -> dict[str, Any]:
        """DELETEs a resource. Errors as in `get`."""
        return self._retried("DELETE", path, {}, None)

    def pages(self, path: str, field: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Lists a collection, page after page.

        Args:
            path: The collection.
            field: Name of the list in each page.
            query: Query parameters. Errors as in `get`.
        """
        token: str | None = None
        while True:
            page = self.get(path, pageToken=token, **query)
            yield from page.get(field, [])
            token = page.get("nextPageToken")
            if not token:
                return

    def _retried(
        self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        pause_s = self._pause_s
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._once(method, path, query, body)
            except TransientError as error:  # noqa: PERF203 - what the loop is for
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(error.retry_after_s if error.retry_after_s is not None else pause_s)
                pause_s *= 2
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any] | None) -> dict[str, Any]:
        import requests
        from google.auth import exceptions

        url = f"{self.base}{path}"
        given = {name: value for name, value in query.items() if value is not None}
        try:
            answer = self._signed_in().request(
                method, url, params=given, json=body, timeout=_TIMEOUT_S, allow_redirects=False
            )
        except (exceptions.RefreshError, exceptions.InvalidOperation) as error:
            raise PermanentError(f"Google refused the credentials: {error}. Sign in again: {sign_in()}") from error
        except (requests.ConnectionError, requests.Timeout, exceptions.TransportError) as error:
            raise TransientError(f"{self.base} cannot be reached ({why_unreachable(error)}).") from error
        if answer.status_code >= 300:
            raise _refused(method, url, answer.status_code, answer.headers, answer.text)
        return _parsed(url, answer.content)

    def _signed_in(self) -> Any:
        if self._session is None:
            from google.auth.transport.requests import AuthorizedSession

            self._session = AuthorizedSession(credentials(anonymous=self._anonymous))  # type: ignore[no-untyped-call]
            self._session.headers["User-Agent"] = f"kfx/{kfx.__version__}"
        return self._session


def credentials(*, anonymous: bool) -> Any:
    """Returns google-auth credentials.

    Args:
        anonymous: True for an emulator on this machine: nothing secret is sent.

    Raises:
        MissingExtraError: google-auth is not installed.
        UsageError: GOOGLE_APPLICATION_CREDENTIALS names what is no key file.
        PermanentError: This machine has no application default credentials.
    """
    try:
        import google.auth
        from google.auth.credentials import AnonymousCredentials
        from google.auth.exceptions import DefaultCredentialsError
    except ImportError as error:
        raise MissingExtraError("Google Cloud credentials", "gcp") from error
    if anonymous:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    try:
        found, _ = google.auth.default(scopes=[SCOPE])
    except (DefaultCredentialsError, OSError, ValueError, TypeError, AttributeError, LookupError) as error:
        # google-auth checks little of a file before it uses it. Its own messages quote the file.
        if path := os.environ.get(KEY_VARIABLE):
            raise UsageError(
                f"{KEY_VARIABLE} names {path}, which {_what_is_wrong(path, error)}. Unset the variable, or let it "
                "name a key file."
            ) from None
        raise PermanentError(f"There are no Google Cloud credentials here. Sign in: {LOGIN}") from error
    return found


def sign_in() -> str:
    """Returns the command that gives other credentials than the ones in use."""
    return f"unset {KEY_VARIABLE}; {LOGIN}" if os.environ.get(KEY_VARIABLE) else LOGIN


def _what_is_wrong(path: str, error: Exception) -> str:
    if not Path(path).exists():
        return "is not there"
    if Path(path).is_dir():
        return "is a folder"
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror})"
    return "holds no credentials of Google's"


def storage_address() -> str:
    """Returns Cloud Storage's address, or the emulator that `STORAGE_EMULATOR_HOST` names, as Google's clients do."""
    return os.environ.get("STORAGE_EMULATOR_HOST") or "https://storage.googleapis.com"


def is_loopback(base: str) -> bool:
    """Whether an address is an emulator's on this machine.

    Raises:
        UsageError: It is plain http to another machine, which would show the access token to the network, or no URL.
    """
    parts = urlsplit(base)
    host = parts.hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if parts.scheme == "https" and host:
        return False
    if parts.scheme == "http" and local:
        return True
    raise UsageError(f"The API address {base!r} must start with https:// (http:// only for 127.0.0.1 and localhost).")


def _parsed(url: str, content: bytes) -> dict[str, Any]:
    """Reads an answer that says it is a success; every method answers an object, or nothing."""
    try:
        parsed = json.loads(content) if content else {}
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise NoJsonError(
            f"{urlsplit(url).netloc} answered no JSON. A proxy or a captive portal answers in its place, or the API "
            "address (--api-endpoint) is wrong."
        )
    return parsed


def _refused(method: str, url: str, status: int, headers: Mapping[str, str], text: str) -> KfxError:
    """Turns an error answer (google.rpc.Status as JSON) into an error of ours."""
    message = f"{method} {url}: {status} {_status_message(text)}"
    if status in _TRANSIENT:
        wait = headers.get("Retry-After", "")
        return TransientError(message, float(wait) if wait.isdigit() else None)
    if status == 401:
        message += f" Sign in again: {sign_in()}"
    return ApiError(message, status)


def _status_message(text: str) -> str:
    try:
        error = json.loads(text)["error"]
        return str(error.get("message") or error.get("status")) if isinstance(error, dict) else str(error)
    except (ValueError, KeyError, TypeError):
        return text.strip()[:300]
