"""Uploads compiled pipelines to a registry with the KFP registry API, such as an Artifact Registry KFP repository."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kfx.errors import PermanentError, TransientError, UsageError
from kfx.gcp import LOGIN
from kfx.secret import Secret
from kfx.unreachable import why_unreachable

_TRANSIENT = {408, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Uploaded:
    """A pipeline in a registry."""

    package: str
    """Its name there: the pipeline's name."""

    version: str
    """`sha256:` and the digest of what was uploaded."""

    url: str
    """Address of this version, which google-cloud-aiplatform takes as a template."""


def upload(host: str, text: str, tags: Sequence[str] = (), token: Secret | None = None) -> Uploaded:
    """Uploads a compiled pipeline.

    Args:
        host: `https://REGION-kfp.pkg.dev/PROJECT/REPOSITORY`, or another registry of that API.
        text: The compiled YAML.
        tags: Names this version gets, such as `v1` or `latest`.
        token: Bearer token; Artifact Registry takes the application default credentials without one.

    Raises:
        UsageError: The address is no URL, or a tag is none.
        PermanentError: The registry refuses, or there are no credentials.
        TransientError: It cannot be reached.
    """
    if not host.startswith(("https://", "http://")):
        raise UsageError(f"The registry {host!r} must be https://REGION-kfp.pkg.dev/PROJECT/REPOSITORY.")
    if urlsplit(host).username is not None:
        raise UsageError("The registry's address holds a user or a password. Leave it out, and give --token env:NAME.")
    import requests
    from google.auth.exceptions import GoogleAuthError
    from kfp.registry import ApiAuth, RegistryClient

    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pipeline.yaml"
            path.write_text(text, encoding="utf-8")
            client = RegistryClient(host=host, auth=ApiAuth(token.reveal()) if token else None)
            package, version = client.upload_pipeline(str(path), tags=list(tags) or None)
    except GoogleAuthError as error:
        raise PermanentError(f"{host} wants credentials: {error}. Sign in: {LOGIN}") from error
    except requests.HTTPError as error:
        status = error.response.status_code
        kind = TransientError if status in _TRANSIENT else PermanentError
        raise kind(f"{host} answers {status}: {error.response.text[:300]}") from error
    except requests.RequestException as error:
        raise TransientError(f"{host} cannot be reached ({why_unreachable(error)}).") from error
    except ValueError as error:
        raise UsageError(f"{host} cannot take the pipeline: {error}") from error
    if not version.startswith("sha256:"):
        raise PermanentError(f"{host} answers something else than a pipeline registry does. Nothing was pushed.")
    return Uploaded(package, version, f"{host.rstrip('/')}/{package}/{version}")
