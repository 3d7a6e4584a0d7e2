"""The Kubernetes API as a pod sees it: its service account's token, its namespace, plain GETs.

The kubernetes client takes 0.8 s to import; an exit task needs three GETs.
"""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from kfx.errors import PermanentError, TransientError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API_VARIABLE = "KFX_KUBERNETES_API"
"""Another address of the Kubernetes API, such as `kubectl proxy`; the pod's token is not sent there."""

NAMESPACE_VARIABLE = "KFX_NAMESPACE"
TIMEOUT_S = 5.0


def address() -> str:
    """Returns the Kubernetes API's address, empty outside a cluster."""
    if os.environ.get(API_VARIABLE):
        return os.environ[API_VARIABLE].rstrip("/")
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}:{port}" if host and (ACCOUNT / "token").exists() else ""


def namespace() -> str:
    """Returns the namespace of this pod, `kubeflow` where it cannot be known."""
    try:
        mounted = (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    except OSError:
        mounted = ""
    return os.environ.get(NAMESPACE_VARIABLE) or mounted or "kubeflow"


def get(path: str) -> bytes:
    """GETs a path of the Kubernetes API.

    Raises:
        PermanentError: Refused; 403 means that the pod's service account may not read it.
        TransientError: No answer.
    """
    base = address()
    headers = {"Accept": "application/json"}
    context: ssl.SSLContext | None = None
    if not os.environ.get(API_VARIABLE):
        headers["Authorization"] = f"Bearer {(ACCOUNT / 'token').read_text(encoding='utf-8').strip()}"
        context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    return fetch(f"{base}{path}", headers, context)


def get_json(path: str) -> dict[str, Any]:
    """GETs a path of the Kubernetes API as JSON. Errors as in `get`."""
    return parsed(get(path), path)


def fetch(url: str, headers: dict[str, str], context: ssl.SSLContext | None = None) -> bytes:
    """GETs an http(s) URL. Errors as in `get`."""
    if not url.startswith(("https://", "http://")):
        raise PermanentError(f"{url!r} is not an http(s) address.")
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - its scheme is checked above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context) as response:  # noqa: S310
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        kind = TransientError if error.code >= 500 or error.code == 429 else PermanentError
        raise kind(f"GET {url}: HTTP {error.code}") from None
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise TransientError(f"GET {url}: {reason}") from None


def parsed(body: bytes, what: str) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        PermanentError: It is none.
    """
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise PermanentError(f"{what} answered something that is no JSON object.")
    return document
