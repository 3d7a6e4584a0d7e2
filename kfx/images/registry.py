"""What a registry holds under a name: one HEAD request of the OCI distribution API (distribution-spec 1.1).

Credentials are the ones `docker login`, `podman login` or `gcloud auth configure-docker` left: a helper program or an
entry in their configuration file. They go to the registry, or to the token server it names, and nowhere else.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from email.message import Message
from pathlib import Path
from typing import Any

import kfx
from kfx.errors import PermanentError, TransientError, UsageError
from kfx.images.reference import Reference
from kfx.unreachable import why_unreachable

_TIMEOUT_S = 30
_ACCEPT = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
_MEND = "Mend the file or move it away, then log in again."
_TRANSIENT = {408, 429, 500, 502, 503, 504}


def digest_of(name: Reference) -> str | None:
    """Returns the digest a registry holds under a name, or None when it holds none.

    Args:
        name: The image; one with a digest is asked for by that.

    Raises:
        TransientError: The registry cannot be reached or is overloaded.
        PermanentError: It refuses: no permission, or no registry at that address.
        UsageError: The stored logins, or what a credential helper prints, cannot be read.
    """
    url = f"{_address(name)}/v2/{_path(name)}/manifests/{name.digest or name.tag or 'latest'}"
    status, headers = _head(url, {})
    if status == 401:
        status, headers = _head(url, {"Authorization": _authorization(name, headers.get("WWW-Authenticate", ""))})
    if status == 404:
        return None
    if status != 200:
        kind = TransientError if status in _TRANSIENT else PermanentError
        raise kind(f"{name.registry} answers {status} for {name}.{_hint(name, status)}")
    digest = headers.get("Docker-Content-Digest", "")
    if not _DIGEST.match(digest):
        raise PermanentError(f"{name.registry} tells no digest of {name} (it says {digest!r}). Is it an OCI registry?")
    return digest


def _address(name: Reference) -> str:
    host = "registry-1.docker.io" if name.registry == "docker.io" else name.registry
    return f"{'http' if name.is_loopback else 'https'}://{host}"


def _path(name: Reference) -> str:
    return urllib.parse.quote(name.repository)


def _head(url: str, headers: Mapping[str, str]) -> tuple[int, Message]:
    agent = {"User-Agent": f"kfx/{kfx.__version__}", "Accept": _ACCEPT}
    request = urllib.request.Request(url, method="HEAD", headers={**agent, **headers})  # noqa: S310 - http(s) only
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers
    except OSError as error:
        raise TransientError(
            f"{urllib.parse.urlsplit(url).netloc} cannot be reached ({why_unreachable(error)})."
        ) from error


def _authorization(name: Reference, challenge: str) -> str:
    """Answers a registry's challenge: Basic, or Bearer with a token from the server it names (RFC 6750, section 3)."""
    basic = _basic(name)
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() == "basic":
        if not basic:
            raise PermanentError(f"{name.registry} wants a login for {name}.{_hint(name, 401)}")
        return basic
    if scheme.lower() != "bearer":
        raise PermanentError(f"{name.registry} asks for a login that kfx does not know: {challenge!r}.")
    given = dict(_PARAMETER.findall(rest))
    scope = given.get("scope") or f"repository:{name.repository}:pull"
    query = urllib.parse.urlencode({"service": given.get("service", ""), "scope": scope})
    realm = given.get("realm", "")
    if not realm.startswith("https://") and not _is_loopback(realm):
        raise PermanentError(
            f"{name.registry} names no https token server ({realm!r}); kfx sends no credentials there."
        )
    request = urllib.request.Request(  # noqa: S310 - checked above
        f"{realm}?{query}", headers={"Authorization": basic} if basic else {}
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            document = json.load(answer)
    except urllib.error.HTTPError as error:
        raise PermanentError(f"{name.registry} gives no access to {name} ({error.code}).{_hint(name, 401)}") from error
    except (OSError, ValueError) as error:
        raise TransientError(
            f"The token server of {name.registry} gives no answer ({why_unreachable(error)})."
        ) from error
    return f"Bearer {document.get('token') or document.get('access_token')}"


def _is_loopback(url: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")


def _basic(name: Reference) -> str:
    """Returns the Authorization header of a stored login, or an empty string when there is none."""
    key = "https://index.docker.io/v1/" if name.registry == "docker.io" else name.registry
    for place, config in _configurations():
        helper = _table(place, config, "credHelpers").get(name.registry) or config.get("credsStore")
        if helper and (login := _ask(str(helper), key)):
            return _header(f"{login['Username']}:{login['Secret']}".encode())
        if auth := _table(place, _table(place, config, "auths"), key).get("auth"):
            return f"Basic {auth}"
    return ""


def _configurations() -> Iterator[tuple[Path, dict[str, Any]]]:
    places = [Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"]
    if authfile := os.environ.get("REGISTRY_AUTH_FILE"):
        places.insert(0, Path(authfile))
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        places.append(Path(runtime, "containers", "auth.json"))
    for place in places:
        if place.is_file():
            yield place, _read(place)


def _read(place: Path) -> dict[str, Any]:
    # Without the cause: Python's own error carries the text, logins included.
    try:
        config = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{place}, where logins for registries are, cannot be read ({error.strerror}).") from None
    except ValueError:
        raise UsageError(f"{place} is not JSON, so no login for a registry can be read. {_MEND}") from None
    if not isinstance(config, dict):
        raise UsageError(f"{place} is no JSON object, so no login for a registry can be read. {_MEND}")
    return config


def _table(place: Path, config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Returns a JSON object of a configuration file; an empty one where there is none."""
    found = config.get(key, {})
    if not isinstance(found, Mapping):
        raise UsageError(f"{key!r} in {place} is no JSON object, so no login for a registry can be read. {_MEND}")
    return found


def _ask(helper: str, key: str) -> dict[str, str] | None:
    """Asks a credential helper (github.com/docker/docker-credential-helpers); None when it knows no login."""
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run([program, "get"], input=key.encode(), capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PermanentError(f"The login for {key} comes from {program}, which does not answer: {error}") from error
    if done.returncode:
        return None
    try:
        login = json.loads(done.stdout)
    except ValueError:
        login = None
    if not isinstance(login, dict) or not {"Username", "Secret"} <= login.keys():
        raise UsageError(
            f"The login for {key} comes from {program}, which prints no JSON object with Username and Secret. "
            "Reinstall it, or name another credential helper in Docker's configuration."
        )
    return login


def _header(login: bytes) -> str:
    return f"Basic {base64.b64encode(login).decode()}"


def _hint(name: Reference, status: int) -> str:
    if status not in (401, 403):
        return ""
    login = "gcloud auth configure-docker" if name.registry.endswith(".pkg.dev") else "docker login"
    return f" Log in with: {login} {name.registry}"
