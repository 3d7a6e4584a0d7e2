"""Why no connection came about, found in the depths of a client library's error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit


def unreachable(error: BaseException) -> str:
    """Returns `HOST cannot be reached (REASON)`, without a full stop; empty when the error is of another kind.

    Args:
        error: What requests, aiohttp, google-auth or google-api-core raised. They wrap the system's own error, some as
            cause, some as argument or attribute.
    """
    chain = list(_within(error, set()))
    if not any(isinstance(each, _network()) for each in chain):
        return ""
    host = next(filter(None, map(_host, chain)), "The server")
    return f"{host} cannot be reached ({why_unreachable(error)})"


def why_unreachable(error: BaseException) -> str:
    """Returns the operating system's own words for a connection that failed, such as `Connection refused`.

    HTTP libraries wrap them in several exceptions, and their text is a dump of those.

    Args:
        error: What the library raised.
    """
    chain = list(_within(error, set()))
    for kind in (_network(), OSError):
        if words := next(filter(None, (_words(each) for each in chain if isinstance(each, kind))), ""):
            return words
    slow = any("Timeout" in type(each).__name__ for each in chain)
    return "no answer in time" if slow else type(chain[-1]).__name__


def _network() -> tuple[type[OSError], ...]:
    """Returns the errors of connections; ssl takes longer to import than most programs that never fail can spare."""
    import socket
    import ssl

    return ConnectionError, TimeoutError, socket.gaierror, ssl.SSLError


def _words(system: OSError) -> str:
    # asyncio words a refused connection in its own way; the resolver and TLS number their errors in theirs.
    if system.errno and isinstance(system, (ConnectionError, TimeoutError)):
        return os.strerror(system.errno)
    return system.strerror or ""


def _within(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    named = [getattr(error, name, None) for name in ("__cause__", "__context__", "cause", "reason")]
    for inner in [*named, *error.args]:
        if isinstance(inner, BaseException):
            yield from _within(inner, seen)


def _host(error: Any) -> str:
    request = getattr(error, "request", None)
    if request is not None:
        return urlsplit(str(request.url)).netloc.rpartition("@")[2]
    host = getattr(error, "host", None)
    return f"{host}:{error.port}" if isinstance(host, str) and hasattr(error, "port") else ""
