"""What an exit task needs from its platform: on open-source KFP, a Kubernetes secret as environment variables.

    told = notify_slack(channel="#ml", token="env:SLACK_BOT_TOKEN")
    mount_secret(told, "slack", {"token": "SLACK_BOT_TOKEN"})

Vertex AI mounts no secrets: name one of Secret Manager's there (`gsm:projects/P/secrets/S`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kfx.errors import MissingExtraError, UsageError


def mount_secret(task: Any, secret_name: str, variables: Mapping[str, str], *, optional: bool = False) -> Any:
    """Gives a task the keys of a Kubernetes secret as environment variables.

    The compiled pipeline gets a second YAML document with the platform's settings. Vertex AI refuses it, kfp.local
    ignores it.

    Args:
        task: A task, usually the exit task.
        secret_name: The secret's name in the namespace the run gets.
        variables: Key of the secret -> environment variable.
        optional: Whether the task may start without the secret or a key of it.

    Returns:
        The task.

    Raises:
        MissingExtraError: kfp-kubernetes is not installed.
        UsageError: No key is named.
    """
    if not variables:
        raise UsageError(
            f"mount_secret of {secret_name!r} needs the keys to mount, such as {{'token': 'SLACK_BOT_TOKEN'}}."
        )
    try:
        from kfp import kubernetes
    except ImportError:
        raise MissingExtraError("Kubernetes secrets on a task", "kubernetes") from None
    kubernetes.use_secret_as_env(task, secret_name, dict(variables), optional=optional)
    return task
