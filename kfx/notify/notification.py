"""A notification as the user writes it: which kind, when, on what condition, with which parameters.

The fields, their defaults and their checks are MLRun's (`mlrun.model.Notification`); a literal secret is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kfx.errors import UsageError
from kfx.notify import channel as channels
from kfx.notify import condition
from kfx.notify.channel import Channel
from kfx.notify.message import Severity
from kfx.secret import (
    Secret,
    check_reference,
    is_reference,
    named_secrets,
    refuse_literals,
    refuse_named_secrets,
    resolve,
)

LookUp = Callable[[str, str], Secret]
"""Reference and decrypt_fn -> secret; `kfx.secret.resolve` is one."""

SEVERITIES: tuple[Severity, ...] = ("info", "debug", "verbose", "warning", "error")
WHEN = {
    "running": "started",
    "started": "started",
    "completed": "succeeded",
    "succeeded": "succeeded",
    "error": "failed",
    "failed": "failed",
    "aborted": "cancelled",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "recovered": "recovered",
    "still_failing": "still_failing",
}
"""MLRun's and kfx's words for when to send -> the rule they stand for."""

SECRET_PARAMS_LIMIT = 900 * 1024
"""Characters of secret_params as JSON; MLRun's limit, below a Kubernetes secret's 1 MB."""

_FROM_MLRUN = frozenset({"status", "sent_time", "reason"})  # a delivery's result, which kfx keeps in the report


@dataclass(frozen=True)
class Notification:
    """Whom to tell, how, and when."""

    kind: str = "slack"
    """The channel: the name of a file in `kfx/notify/channels/` or of an entry point."""

    name: str = ""
    """Shown in the message and the report; unique within a list."""

    message: str = ""
    """The user's own words; the outcome and its cause are added to them."""

    severity: Severity = "info"

    when: Sequence[str] = ("completed",)
    """States that are told: running, completed, error, aborted (or started, succeeded, failed, cancelled), and
    recovered or still_failing. An unknown outcome is told to everyone who asks for one of the ends."""

    condition: str = ""
    """A Jinja2 template over `run` and `notification`; the message goes out unless it renders to a word for no."""

    params: Mapping[str, Any] = field(default_factory=dict)
    """The channel's parameters that anyone may read."""

    secret_params: Mapping[str, Any] = field(default_factory=dict)
    """The channel's secret parameters as references, or `{"secret": NAME}` for a JSON object of them in NAME."""

    on_failure_only: bool = False
    """Short for `when=[error, aborted]`, whatever `when` says."""

    allow_literal_secrets: bool = False
    """Accept secrets by value. They will be readable in the compiled pipeline and in the run's parameters."""

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            UsageError: A field has the wrong type, a kind, severity or state is not one kfx knows, a parameter is
                missing, unknown or of the wrong type, or a secret is given by value.
        """
        self._check_fields()
        made = channels.channel_class(self.kind)
        if self.condition:
            condition.check(self.condition)
        self._check_secrets()
        if "secret" not in self.secret_params:
            self._check_parameters(made)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Notification:
        """Reads a notification from a dict such as a pipeline parameter holds; also from one MLRun has stored.

        Raises:
            UsageError: It is not a mapping, has a field no notification has, or fails the checks.
        """
        if not isinstance(document, Mapping):
            raise UsageError(f"A notification is a mapping of its fields, not {type(document).__name__}.")
        known = cls.__dataclass_fields__
        extra = [name for name in document if name not in known and name not in _FROM_MLRUN]
        if extra:
            raise UsageError(f"A notification has no field {extra[0]!r}. Its fields: {', '.join(known)}.")
        given = {name: value for name, value in document.items() if name in known and value is not None}
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields that differ from their defaults, as JSON-able data for a pipeline parameter."""
        full = {
            "name": self.name,
            "message": self.message,
            "severity": self.severity,
            "when": list(self.when),
            "condition": self.condition,
            "params": dict(self.params),
            "secret_params": dict(self.secret_params),
            "on_failure_only": self.on_failure_only,
            "allow_literal_secrets": self.allow_literal_secrets,
        }
        defaults = {"severity": "info", "when": ["completed"]}
        return {
            "kind": self.kind,
            **{key: value for key, value in full.items() if value != defaults.get(key) and value},
        }

    @property
    def label(self) -> str:
        """What logs and reports call it."""
        return f"{self.kind} {self.name}".strip()

    def seen(self) -> dict[str, Any]:
        """Returns what conditions and templates see as `notification`: every field but the secret ones."""
        return {
            "kind": self.kind,
            "name": self.name,
            "message": self.message,
            "severity": self.severity,
            "when": list(self.when),
            "condition": self.condition,
            "params": dict(self.params),
        }

    def rules(self) -> frozenset[str]:
        """Returns the rules `when` and `on_failure_only` stand for, in kfx's words."""
        if self.on_failure_only:
            return frozenset({"failed", "cancelled"})
        return frozenset(WHEN[word] for word in self.when)

    def open(self, decrypt_fn: str = "", look_up: LookUp = resolve) -> tuple[Channel, list[Secret]]:
        """Looks the secrets up and makes the channel. Only the step that sends calls this.

        Args:
            decrypt_fn: As `kfx.secret.resolve`.
            look_up: Looks a reference up; a preview gives one that needs no secrets.

        Returns:
            The channel, and every secret looked up, for redaction.

        Raises:
            UsageError: A reference cannot be resolved or the parameters do not fit the kind.
            TransientError: Secret Manager did not answer.
            PermanentError: Secret Manager refused.
        """
        found: list[Secret] = []
        made = channels.channel_class(self.kind)
        declared = channels.parameters(made)

        def opening(value: Any) -> Any:
            return _opened(value, lambda reference: look_up(reference, decrypt_fn), found)

        opened = {name: opening(value) for name, value in self._secret_document(decrypt_fn, look_up, found).items()}
        for name, value in self.params.items():
            if name in declared and declared[name].secret and is_reference(value):
                opened[name] = opening(value)
            else:
                opened[name] = _merged(opened.get(name), value)
        built = channels.build(made, {name: _revealed(value) for name, value in opened.items()})
        found += [value for value in vars(built).values() if isinstance(value, Secret)]
        found += [Secret(text, source="a literal") for _, text in named_secrets(self.params)]
        return built, found

    def _check_fields(self) -> None:
        texts = {"kind": self.kind, "name": self.name, "message": self.message, "condition": self.condition}
        for name, value in texts.items():
            if not isinstance(value, str):
                raise UsageError(f"A notification's {name} must be a text, not {type(value).__name__}.")
        if self.severity not in SEVERITIES:
            raise UsageError(f"severity is {self.severity!r}; it must be one of {', '.join(SEVERITIES)}.")
        if isinstance(self.when, str) or not isinstance(self.when, Sequence) or not self.when:
            raise UsageError(f"when must be a list of one or more of {', '.join(WHEN)}.")
        for word in self.when:
            if word not in WHEN:
                raise UsageError(f"when holds {word!r}; it may hold {', '.join(WHEN)}.")
        for name, mapping in {"params": self.params, "secret_params": self.secret_params}.items():
            if not isinstance(mapping, Mapping):
                raise UsageError(f"{name} must be a mapping, not {type(mapping).__name__}.")
        if len(json.dumps(self.secret_params, default=str)) > SECRET_PARAMS_LIMIT:
            raise UsageError("secret_params is longer than 900 KiB. It holds references, which are short.")

    def _check_secrets(self) -> None:
        if "secret" in self.secret_params and len(self.secret_params) > 1:
            raise UsageError("secret_params with the key 'secret' must have no other key: the secret holds them all.")
        if self.allow_literal_secrets:
            return
        for name, value in self.secret_params.items():
            if name != "secret":
                _each_text(value, check_reference)
        refuse_literals(dict(self.params), "params")
        refuse_named_secrets(self._undeclared_params(), "params")
        refuse_literals(self.message, "message")

    def _undeclared_params(self) -> dict[str, Any]:
        """Returns the params whose kind does not declare them a secret, which is checked with its own words."""
        declared = channels.parameters(channels.channel_class(self.kind))
        return {name: value for name, value in self.params.items() if name not in declared or not declared[name].secret}

    def _check_parameters(self, made: type[Channel]) -> None:
        declared = channels.parameters(made)
        from_env = any(os.environ.get(name) for item in declared.values() for name in item.env)
        if made.needs and not self.params and not self.secret_params and not from_env:
            ways = " or ".join(" + ".join(names) for names in made.needs)
            raise UsageError(f"Both params and secret_params are empty; {self.kind} needs {ways}.")
        for name, value in self.params.items():
            secret = name in declared and declared[name].secret
            if secret and value and not is_reference(value) and not self.allow_literal_secrets:
                raise UsageError(
                    f"{self.kind}'s {name} is a secret and would be readable in the compiled pipeline. Put it in "
                    "secret_params as a reference (env:NAME, file:PATH, gsm:projects/P/secrets/S)."
                )
        unopened = {name: _unopened(value) for name, value in self.secret_params.items()}
        for name, value in self.params.items():
            hidden = name in declared and declared[name].secret and is_reference(value)
            unopened[name] = _unopened(value) if hidden else _merged(unopened.get(name), value)
        channels.checked(made, unopened, complete=False)

    def _secret_document(self, decrypt_fn: str, look_up: LookUp, found: list[Secret]) -> Mapping[str, Any]:
        """Returns secret_params, read out of the one secret that holds them when it is written `{"secret": NAME}`."""
        name = self.secret_params.get("secret")
        if name is None:
            return self.secret_params
        reference = name if is_reference(name) else f"env:{name}"
        holder = look_up(reference, decrypt_fn)
        found.append(holder)
        try:
            document = json.loads(holder.reveal())
        except ValueError:
            raise UsageError(f"The secret {reference} does not hold a JSON object of parameters.") from None
        if not isinstance(document, dict):
            raise UsageError(f"The secret {reference} does not hold a JSON object of parameters.")
        return {key: Secret(value, reference) if isinstance(value, str) else value for key, value in document.items()}


def _each_text(value: Any, check: Callable[[str], None]) -> None:
    if isinstance(value, str):
        check(value)
    elif isinstance(value, Mapping):
        for inner in value.values():
            _each_text(inner, check)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _each_text(inner, check)


def _unopened(value: Any) -> Any:
    """Stands in for a secret that is not looked up yet: present, of unknown value."""
    return Secret("", source="a reference") if isinstance(value, str) else value


def _opened(value: Any, look_up: Callable[[str], Secret], found: list[Secret]) -> Any:
    """Resolves every reference in a value, at any depth, and keeps what it found for redaction."""
    if isinstance(value, Mapping):
        return {name: _opened(inner, look_up, found) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_opened(inner, look_up, found) for inner in value]
    if isinstance(value, str):
        value = look_up(value) if is_reference(value) else Secret(value, source="a literal")
    if isinstance(value, Secret):
        found.append(value)
    return value


def _revealed(value: Any) -> Any:
    """Takes the secrets inside a dict or list out of their wrapping; a secret that is the whole value keeps it."""
    if isinstance(value, Mapping):
        return {
            name: inner.reveal() if isinstance(inner, Secret) else _revealed(inner) for name, inner in value.items()
        }
    if isinstance(value, list):
        return [inner.reveal() if isinstance(inner, Secret) else _revealed(inner) for inner in value]
    return value


def _merged(old: Any, new: Any) -> Any:
    """Joins two mappings key by key, the new one winning; anything else is replaced."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}
    return new
