"""Any HTTP endpoint: JSON of ours or yours, signed by Standard Webhooks, or a CloudEvent.

MLRun's parameters (`url`, `method`, `headers`, `override_body`, `verify_ssl`), and more. Signature:
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md. Event: CloudEvents 1.0 in
structured mode, https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from kfx.errors import UsageError
from kfx.notify.channel import About, Channel
from kfx.notify.http import HttpRequest
from kfx.notify.message import Message
from kfx.notify.request import Request
from kfx.notify.text import moment
from kfx.secret import Secret

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PLACE = re.compile(r"\{\{\s*([A-Za-z_][\w.]*)\s*\}\}")


@dataclass(frozen=True, repr=False)
class Webhook(Channel):
    """Calls an HTTP endpoint."""

    kind = "webhook"
    needs = (("url",),)

    url: Annotated[str, About("Where it goes; in secret_params when it holds a key.")] = ""
    method: Annotated[str, About("GET, POST, PUT, PATCH or DELETE.")] = "POST"
    headers: Annotated[dict[str, Any], About("Added to the request; keys and tokens belong in secret_params.")] = field(
        default_factory=dict
    )
    override_body: Annotated[
        dict[str, Any] | None,
        About("JSON in place of the usual body; {{ runs }}, {{ run.state }} and the like are filled in at any depth."),
    ] = None
    verify_ssl: Annotated[bool | None, About("false accepts any certificate (https only).")] = None
    ca_file: Annotated[str, About("PEM file of a private certificate authority.")] = ""
    bearer_token: Annotated[Secret | None, About("Sent as Authorization: Bearer.")] = None
    signing_secret: Annotated[Secret | None, About("Standard Webhooks secret (whsec_...), to sign each message.")] = (
        None
    )
    format: Annotated[str, About("kfx, or cloudevents for a CloudEvents 1.0 envelope around the body.")] = "kfx"
    event_type: Annotated[str, About("CloudEvents type; empty for dev.kfx.run.STATE.")] = ""

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> None:
        """Checks the URL, the method and the format."""
        url = given.get("url", "")
        if isinstance(url, str) and url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
            raise UsageError("webhook's url must start with https:// or http:// and name a host.")
        if str(given.get("method", "POST")).upper() not in METHODS:
            raise UsageError(f"webhook's method is {given['method']!r}; it must be one of {', '.join(METHODS)}.")
        if given.get("format", "kfx") not in ("kfx", "cloudevents"):
            raise UsageError(f"webhook's format is {given['format']!r}; it must be kfx or cloudevents.")
        if isinstance(url, str) and url.startswith("http://") and given.get("verify_ssl") is not None:
            raise UsageError("webhook's verify_ssl is for https:// addresses.")

    def render(self, message: Message) -> Request:
        """Builds the call."""
        body = filled(self.override_body, message) if self.override_body is not None else document(message)
        kind = "application/json"
        if self.format == "cloudevents":
            body, kind = self._event(message, body), "application/cloudevents+json"
        raw = json.dumps(body, sort_keys=True, default=str).encode()
        headers = {"Content-Type": kind, **{name: str(value) for name, value in self.headers.items()}}
        if self.bearer_token:
            headers["Authorization"] = f"Bearer {self.bearer_token.reveal()}"
        if self.signing_secret:
            headers |= signature(self.signing_secret, message.id, int(message.time), raw)
        verify = self.verify_ssl is not False
        return HttpRequest(self.method.upper(), self.url, raw, headers, verify_ssl=verify, ca_file=self.ca_file)

    def _event(self, message: Message, body: Any) -> dict[str, Any]:
        state = "started" if message.phase == "started" else message.outcome.state
        name = message.outcome.resource_name
        vertex = bool(message.outcome.project)
        return {
            "specversion": "1.0",
            "id": message.id,
            "source": f"//aiplatform.googleapis.com/{name}" if vertex else f"urn:kfx:run:{quote(name or message.id)}",
            "type": self.event_type or f"dev.kfx.run.{state}",
            "subject": message.facts.get("Run", ""),
            "time": moment(message.time),
            "datacontenttype": "application/json",
            "data": body,
        }


def document(message: Message) -> dict[str, Any]:
    """Returns the usual body: MLRun's keys (message, severity, name, runs), and kfx's id, state and run."""
    return {
        "id": message.id,
        "message": message.title + (f": {message.text}" if message.text else ""),
        "name": message.name,
        "severity": message.severity,
        "state": "running" if message.phase == "started" else message.outcome.state,
        "run": dict(message.run),
        "runs": [mlrun_run(message)],
        "notes": list(message.notes),
        "time": moment(message.time),
    }


def mlrun_run(message: Message) -> dict[str, Any]:
    """Returns the run in the shape of MLRun's `runs` list: an error wins over results."""
    run = message.run
    status = {
        "state": run.get("state"),
        **({"error": run["error"]} if run.get("error") else {"results": run["results"]}),
    }
    return {"project": run.get("project"), "name": run.get("name"), "id": run.get("id"), "status": status}


def filled(template: Any, message: Message) -> Any:
    """Fills the places of a JSON template, at any depth.

    A text that is one place becomes the value itself (a list stays a list); inside a longer text a value that is no
    text is written as JSON. A place nobody knows is left as it is.
    """
    return _filled(template, {**document(message), "title": message.title, "text": message.text})


def _filled(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, Mapping):
        return {name: _filled(inner, values) for name, inner in template.items()}
    if isinstance(template, (list, tuple)):
        return [_filled(inner, values) for inner in template]
    if not isinstance(template, str):
        return template
    whole = _PLACE.fullmatch(template.strip())
    if whole:
        found, value = _looked_up(whole[1], values)
        return value if found else template

    def written(place: re.Match[str]) -> str:
        found, value = _looked_up(place[1], values)
        return place[0] if not found else value if isinstance(value, str) else json.dumps(value, default=str)

    return _PLACE.sub(written, template)


def _looked_up(path: str, values: Mapping[str, Any]) -> tuple[bool, Any]:
    value: Any = values
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False, None
        value = value[part]
    return True, value


def signature(secret: Secret, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Returns the Standard Webhooks headers: HMAC-SHA256 over `id.timestamp.body`, version v1.

    Args:
        secret: `whsec_` and the base64 of 24 to 64 bytes; the prefix may be missing.
        message_id: The same for every try, so that the receiver can drop duplicates.
        timestamp: Seconds since the epoch.
        body: The exact body.

    Raises:
        UsageError: The secret is not base64.
    """
    try:
        key = base64.b64decode(secret.reveal().removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise UsageError("webhook's signing_secret must be whsec_ and base64 of 24 to 64 random bytes.") from None
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
