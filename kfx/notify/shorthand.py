"""Builds the one notification a single-channel component such as `notify_slack` stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kfx.secret import is_reference

ANY_END = ("completed", "error", "aborted")


def one(
    kind: str,
    params: Mapping[str, Any],
    secrets: Mapping[str, str],
    message: str = "",
    on_failure_only: bool = False,
    severity: str = "info",
) -> dict[str, Any]:
    """Returns a notification as a dict, told at every end of a run unless `on_failure_only`.

    It is not checked here: `announce` does, and reports what is wrong as it reports a failed delivery.

    Args:
        kind: The channel.
        params: The channel's parameters; an empty one is left out, so that its default or environment variable holds.
        secrets: Parameters that may be secret: a reference goes to secret_params, anything else to params.
        message: The user's own words.
        on_failure_only: Say nothing when the run succeeded.
        severity: As `Notification.severity`.
    """
    given = {name: value for name, value in {**params, **secrets}.items() if value not in ("", None, [], {})}
    hidden = {name: value for name, value in given.items() if name in secrets and is_reference(value)}
    return {
        "kind": kind,
        "message": message,
        "severity": severity,
        "when": list(ANY_END),
        "on_failure_only": on_failure_only,
        "params": {name: value for name, value in given.items() if name not in hidden},
        "secret_params": hidden,
    }
