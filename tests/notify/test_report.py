"""The delivery report and the counters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kfx.notify import announce

ITEMS: list[dict[str, Any]] = [
    {"kind": "console", "name": "a", "when": ["error"]},
    {"kind": "console", "name": "b"},
    {"kind": 'no"pe'},
]


def test_the_report_lists_every_delivery(tmp_path: Path) -> None:
    """Kind, name, status, reason, time and tries of each, and the run's state."""
    path = tmp_path / "report.json"
    announce({"state": "FAILED", "pipelineJobResourceName": "wf"}, ITEMS, report_path=str(path))
    report = json.loads(path.read_text())
    assert (report["run"], report["state"]) == ("wf", "failed")
    assert [one["status"] for one in report["deliveries"]] == ["sent", "suppressed", "error"]
    assert set(report["deliveries"][0]) == {"kind", "name", "status", "reason", "time", "tries", "seconds"}
    assert report["deliveries"][0]["time"].startswith("20")
    assert all(len(one["reason"]) <= 255 for one in report["deliveries"])


def test_the_counters_are_prometheus_text(tmp_path: Path) -> None:
    """Help, type and one sample for each kind and status, labels escaped."""
    path = tmp_path / "kfx.prom"
    announce({"state": "FAILED"}, ITEMS, prometheus_path=str(path))
    lines = path.read_text().splitlines()
    assert "# TYPE kfx_notifications_total counter" in lines
    assert 'kfx_notifications_total{kind="console",status="sent"} 1' in lines
    assert 'kfx_notifications_total{kind="console",status="suppressed"} 1' in lines
    assert 'kfx_notifications_total{kind="no\\"pe",status="error"} 1' in lines
    assert 'kfx_notification_tries_total{kind="console"} 1' in lines
    assert path.read_text().endswith("\n")
