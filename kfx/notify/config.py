"""Many notifications: from a list, as a pipeline parameter holds it, or from a YAML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kfx.errors import UsageError
from kfx.notify.notification import Notification


def read_all(documents: Iterable[Notification | Mapping[str, Any]]) -> tuple[Notification, ...]:
    """Reads a list of notifications and checks that no two share a name.

    Raises:
        UsageError: One of them is wrong, or a name is given twice.
    """
    made = tuple(item if isinstance(item, Notification) else Notification.from_dict(item) for item in documents)
    names = [item.name for item in made if item.name]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated:
        raise UsageError(f"Notification names must be unique, and {repeated!r} is given more than once.")
    return made


def load(path: Path) -> tuple[Notification, ...]:
    """Reads a YAML (or JSON) file that holds a list of notifications, bare or under the key `notifications`.

    Raises:
        UsageError: The file cannot be read, is not YAML, or holds something else.
    """
    import yaml  # slower to import than this whole package

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{path} is not YAML: {error}") from error
    items = document.get("notifications") if isinstance(document, dict) else document
    if not isinstance(items, list):
        raise UsageError(f"{path} must hold a list of notifications, bare or under the key 'notifications'.")
    return read_all(items)
