"""What became of each notification: as JSON for machines, Markdown for the run's page, Prometheus text, log lines."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kfx.notify.deliver import Delivery
from kfx.notify.formats import escape_markdown, markdown
from kfx.notify.message import Message
from kfx.notify.text import one_line

_COUNTERS = {
    "kfx_notifications_total": "Notifications by kind and status (sent, suppressed, error).",
    "kfx_notification_tries_total": "Tries at sending, by kind.",
    "kfx_notification_seconds_total": "Seconds spent on sending, waits included, by kind.",
}


def document(message: Message, deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """Returns the delivery report as data."""
    return {
        "run": message.facts.get("Run", ""),
        "pipeline": message.facts.get("Pipeline", ""),
        "state": "started" if message.phase == "started" else message.outcome.state,
        "notes": list(message.notes),
        "deliveries": [
            {
                "kind": one.kind,
                "name": one.name,
                "status": one.status,
                "reason": one.reason,
                "time": one.time,
                "tries": one.tries,
                "seconds": round(one.seconds, 3),
            }
            for one in deliveries
        ],
    }


def page(message: Message, deliveries: Sequence[Delivery]) -> str:
    """Returns the message and what became of it as Markdown."""
    lines = [markdown(message), "### Notifications", ""]
    lines += ["| Kind | Name | Status | Tries | Reason |", "|---|---|---|---|---|"]
    for one in deliveries:
        cells = (one.kind, one.name, one.status, str(one.tries), one.reason)
        lines.append("| " + " | ".join(escape_markdown(one_line(cell)) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def prometheus(deliveries: Sequence[Delivery]) -> str:
    """Returns counters in Prometheus' text format, version 0.0.4."""
    counts = Counter((one.kind, one.status) for one in deliveries)
    tries: Counter[str] = Counter()
    seconds: dict[str, float] = {}
    for one in deliveries:
        tries[one.kind] += one.tries
        seconds[one.kind] = seconds.get(one.kind, 0.0) + one.seconds
    samples: dict[str, Mapping[str, float]] = {
        "kfx_notifications_total": {
            f'kind="{_label(kind)}",status="{status}"': count for (kind, status), count in counts.items()
        },
        "kfx_notification_tries_total": {f'kind="{_label(kind)}"': count for kind, count in tries.items()},
        "kfx_notification_seconds_total": {f'kind="{_label(kind)}"': total for kind, total in seconds.items()},
    }
    lines = []
    for name, help_text in _COUNTERS.items():
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} counter"]
        lines += [f"{name}{{{labels}}} {value:g}" for labels, value in sorted(samples[name].items())]
    return "\n".join(lines) + "\n"


def line(one: Delivery) -> str:
    """Returns one delivery as a log line."""
    tries = f" after {one.tries} tries" if one.tries > 1 else ""
    reason = f": {one.reason}" if one.reason else ""
    return f"kfx notify: {one.kind}{' ' + one.name if one.name else ''} {one.status}{tries}{reason}"


def write(path: str, text: str) -> None:
    """Writes a file beside its place and renames it, so that a collector never reads half of it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(target)


def write_json(path: str, data: Mapping[str, Any]) -> None:
    """Writes the delivery report."""
    write(path, json.dumps(data, indent=1) + "\n")


def _label(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
