"""Secrets by reference: where to find one, a type that never shows it, and a redactor for texts.

A pipeline is compiled into YAML, its parameters are shown in two UIs, and its logs are read by many. So a secret is
written down as a reference and looked up in the step that needs it:

- `env:NAME`: an environment variable of the step, such as a mounted Kubernetes secret.
- `file:PATH`: a mounted file; one trailing newline is dropped.
- `gsm:projects/P/secrets/S[/versions/V]`: Google Secret Manager, version `latest` unless named. The regional form
  `projects/P/locations/L/secrets/S` works too.
"""

from __future__ import annotations

import base64
import hmac
import importlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit

from kfx.errors import PermanentError, UsageError

SECRET_MANAGER_ENDPOINT_VARIABLE = "KFX_SECRET_MANAGER_ENDPOINT"  # noqa: S105  (a variable's name)
MASK = "***"
_GSM = re.compile(
    r"projects/(?P<project>[^/]+)(?:/locations/(?P<location>[a-z0-9-]+))?/secrets/(?P<secret>[A-Za-z0-9_-]+)"
    r"(?:/versions/(?P<version>[A-Za-z0-9_-]+))?"
)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_TOKENS: dict[str, re.Pattern[str]] = {
    "a Slack token": re.compile(r"\bx(?:ox[abeoprs]|app)-[A-Za-z0-9-]{8,}"),
    "a Slack webhook URL": re.compile(r"https://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[\w/-]{8,}"),
    "a Teams webhook URL": re.compile(r"https://[\w.-]+\.(?:webhook\.office\.com|logic\.azure\.com)\S*/[^\s\"'<>]{8,}"),
    "a Power Automate signature": re.compile(r"[?&]sig=[\w%~.-]{16,}"),
    "a Discord webhook URL": re.compile(r"https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/[\w-]{8,}"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
    "a GitLab token": re.compile(r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{16,}"),
    "a Google API key": re.compile(r"\bAIza[A-Za-z0-9_-]{30,}"),
    "a Google OAuth token": re.compile(r"\bya29\.[A-Za-z0-9._-]{20,}"),
    "an AWS key id": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "an API key": re.compile(r"\bsk-[A-Za-z0-9_-]{20,}"),
    "a SendGrid key": re.compile(r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    "a webhook signing secret": re.compile(r"\bwh(?:sec|sk)_[A-Za-z0-9+/=]{16,}"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    "an Authorization header": re.compile(r"(?i)\b(?:bearer|basic)\s+[A-Za-z0-9._~+/-]{16,}=*"),
    "a password in a URL": re.compile(r"://[^/\s:@]+:[^/\s@]+@"),
}

_TELLING_NAME = re.compile(r"(?i)token|secret|password|passwd|api[-_]?key|^(?:proxy-)?authorization$")
_QUERY = re.compile(r"[?&]([^=&#\s]+)=([^&#\s]+)")


class Secret:
    """A secret's value, which shows itself only to `reveal`.

    Its `repr`, `str` and format are a mask, and it cannot be pickled, so that neither a log line nor a traceback nor a
    saved object carries it by accident.
    """

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str = "") -> None:
        """Keeps a value and the reference it came from (safe to show)."""
        self._value = value
        self.source = source

    def reveal(self) -> str:
        """Returns the value. Call it where the value leaves for the service it belongs to, and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.source or MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        ours, theirs = (one.reveal().encode("utf-8", "surrogatepass") for one in (self, other))
        return hmac.compare_digest(ours, theirs)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret is not pickled: pass its reference and resolve it where it is needed.")


def is_reference(text: object) -> bool:
    """Tells whether a text is a secret reference by its scheme (`env:`, `file:`, `gsm:`)."""
    return isinstance(text, str) and text.partition(":")[0] in ("env", "file", "gsm") and ":" in text


def check_reference(reference: str) -> None:
    """Checks a reference's form without looking anything up.

    Raises:
        UsageError: It is not a reference, or its name, path or resource is malformed. The text itself is not shown:
            what stands where a reference should stand may be the secret.
    """
    scheme, _, where = reference.partition(":")
    if scheme == "env" and _ENV_NAME.fullmatch(where):
        return
    if scheme == "file" and where.strip():
        return
    if scheme == "gsm" and _GSM.fullmatch(where):
        return
    raise UsageError(
        "A secret is given by reference, and this value is none. Write env:NAME, file:PATH or "
        "gsm:projects/P/secrets/S[/versions/V]."
    )


def resolve(reference: str, decrypt_fn: str = "") -> Secret:
    """Looks a secret up.

    Args:
        reference: `env:NAME`, `file:PATH` or `gsm:projects/P/secrets/S[/versions/V]`.
        decrypt_fn: Dotted path of a function `str -> str` that turns the stored value into the real one; empty to use
            the value as it is stored. The function must be importable where this runs.

    Raises:
        UsageError: The reference is malformed, or names a variable that is unset or a file that cannot be read.
        MissingExtraError: A `gsm:` reference without google-auth installed.
        TransientError: Secret Manager did not answer, or asked to come back later.
        PermanentError: Secret Manager refused, or decrypt_fn failed.
    """
    check_reference(reference)
    scheme, _, where = reference.partition(":")
    readers: dict[str, Callable[[str], str]] = {"env": _from_env, "file": _from_file, "gsm": _from_secret_manager}
    value = readers[scheme](where)
    return Secret(_decrypted(value, decrypt_fn) if decrypt_fn else value, source=reference)


def _from_env(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise UsageError(f"The secret env:{name} is not there: the variable is unset or empty in this step.")
    return value


def _from_file(path: str) -> str:
    try:
        value = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        # A UnicodeDecodeError carries the file's bytes, so only the kind of failure is passed on.
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UsageError(f"The secret file:{path} cannot be read: {reason}.") from None
    if not value.strip():
        raise UsageError(f"The secret file:{path} is empty.")
    return value.removesuffix("\n").removesuffix("\r")


def _from_secret_manager(resource: str) -> str:
    """Reads one version's payload (REST: secretmanager.v1 `projects.secrets.versions.access`)."""
    from kfx.gcp import Api

    location = resource.split("/")[3] if "/locations/" in resource else ""
    host = f"secretmanager.{location}.rep.googleapis.com" if location else "secretmanager.googleapis.com"
    api = Api(os.environ.get(SECRET_MANAGER_ENDPOINT_VARIABLE) or f"https://{host}")
    version = resource if "/versions/" in resource else f"{resource}/versions/latest"
    payload = api.get(f"/v1/{version}:access").get("payload", {})
    try:
        return base64.b64decode(payload["data"]).decode("utf-8")
    except (ValueError, KeyError, TypeError):
        raise PermanentError(f"The payload of gsm:{resource} is not UTF-8 text.") from None


def _decrypted(value: str, decrypt_fn: str) -> str:
    """Applies the user's function; its error is named by type only, because its text may hold the value."""
    module, _, name = decrypt_fn.rpartition(".")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"decrypt_fn {decrypt_fn!r} is not an importable function: {error}") from error
    try:
        plain = function(value)
    except Exception as error:  # noqa: BLE001  (any failure of foreign code means the same here)
        raise PermanentError(f"decrypt_fn {decrypt_fn!r} raised {type(error).__name__}.") from None
    if not isinstance(plain, str):
        raise PermanentError(f"decrypt_fn {decrypt_fn!r} returned {type(plain).__name__} instead of str.")
    return plain


def token_kind(text: str) -> str | None:
    """Names what a text looks like when it holds something that looks like a secret ("a Slack token"), else None."""
    return next((kind for kind, pattern in _TOKENS.items() if pattern.search(text)), None)


def refuse_literals(value: object, where: str) -> None:
    """Refuses values that look like a secret anywhere in a parameter, at any depth.

    Args:
        value: A JSON-like value.
        where: What it is, for the message ("params.url").

    Raises:
        UsageError: A text in it looks like a token, a webhook URL or a password. The text is not shown.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            refuse_literals(inner, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            refuse_literals(inner, f"{where}[{index}]")
    elif isinstance(value, str) and (kind := token_kind(value)):
        raise UsageError(
            f"{where} looks like {kind}, and it would be readable in the compiled pipeline. Put it in secret_params as "
            "a reference (env:NAME, file:PATH, gsm:projects/P/secrets/S)."
        )


def is_telling(name: str) -> bool:
    """Tells whether a header, key or query parameter is named like one that holds a secret (`X-Api-Key`)."""
    return bool(_TELLING_NAME.search(name))


def named_secrets(value: object, where: str = "") -> Iterator[tuple[str, str]]:
    """Finds texts that are secrets by the name they stand under, at any depth and in a URL's query.

    Args:
        value: A JSON-like value. Templates (`{{ }}`), empty texts and references are no secrets.
        where: What it is, for the places ("params").

    Yields:
        Place ("params.headers.X-Api-Key") and text.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            place = f"{where}.{key}"
            if isinstance(inner, str) and is_telling(str(key)):
                if _is_literal(inner):
                    yield place, inner
            else:
                yield from named_secrets(inner, place)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from named_secrets(inner, f"{where}[{index}]")
    elif isinstance(value, str) and "://" in value:
        for name, text in _QUERY.findall(value):
            if is_telling(name) and _is_literal(text):
                yield f"{where}?{name}", text


def _is_literal(text: str) -> bool:
    return bool(text.strip()) and "{{" not in text and not is_reference(text)


def refuse_named_secrets(value: object, where: str) -> None:
    """Refuses what `named_secrets` finds.

    Raises:
        UsageError: There is such a text. It is not shown.
    """
    for place, _ in named_secrets(value, where):
        raise UsageError(
            f"{place} is named like a secret, and its value would be readable in the compiled pipeline. Put it in "
            "secret_params as a reference (env:NAME, file:PATH, gsm:projects/P/secrets/S)."
        )


class Redactor:
    """Takes known secrets and everything that looks like one out of texts."""

    def __init__(self, secrets: Iterable[Secret | str] = ()) -> None:
        """Learns the values to hide, each also in the forms it takes inside URLs, JSON and headers."""
        forms: set[str] = set()
        for secret in secrets:
            forms |= _forms(secret.reveal() if isinstance(secret, Secret) else secret)
        longest_first = sorted(forms, key=len, reverse=True)
        # A value of one to three characters would blank ordinary text, so it is hidden only as a whole word.
        parts = [re.escape(form) if len(form) > 3 else rf"\b{re.escape(form)}\b" for form in longest_first]
        self._known = re.compile("|".join(parts)) if parts else None

    def __repr__(self) -> str:
        return "Redactor()"

    def redact(self, text: str) -> str:
        """Returns the text with each secret replaced by a mask."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern in _TOKENS.values():
            text = pattern.sub(MASK, text)
        return text


def _forms(value: str) -> set[str]:
    """Lists the ways a secret may appear in a text: raw, quoted, JSON, base64, and the telling parts of a URL."""
    value = value.strip()
    if not value:
        return set()
    raw = value.encode("utf-8", "surrogatepass")
    forms = {value, quote(value, safe="", errors="replace"), json.dumps(value)[1:-1], *_base64_forms(raw)}
    if "://" in value:
        parts = urlsplit(value)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        pieces = [target, parts.password or "", *re.split(r"[/?&=]", target)]
        forms |= {piece for piece in pieces if len(piece) > 7}
    if "\n" in value:
        forms |= {line.strip() for line in value.splitlines() if len(line.strip()) > 7}
    return forms


def _base64_forms(raw: bytes) -> set[str]:
    """Lists how a value looks in base64 (RFC 4648), alone and inside a longer text such as `user:secret`.

    Three bytes make four characters, so there are three alignments; the characters at the edges depend on the
    neighbours and are left out.
    """
    forms = {base64.b64encode(raw).decode()}
    for before in range(3):
        padded = bytes(before) + raw
        core = base64.b64encode(padded).decode().rstrip("=")
        core = core[(0, 2, 3)[before] : len(core) - (len(padded) % 3 > 0)]
        if len(core) > 5:  # a shorter one stands in ordinary words
            forms.add(core)
    return forms | {form.translate(str.maketrans("+/", "-_")) for form in forms}
