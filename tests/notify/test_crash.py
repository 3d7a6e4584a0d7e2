"""A crash shows no secret: not in a traceback with locals, not in a core of repr, not in what kfx prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kfx.notify import kinds

CANARY = "canary1234567890abcdef"

CRASH = """
import faulthandler, json, sys, traceback
from kfx.notify import channel, announce, Notification
kind, secrets, params = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])


def broken(self, message):
    known = vars(self)
    raise RuntimeError("the channel crashed")


made = channel.channel_class(kind)
if sys.argv[4] == "render":
    made.render = broken
    announce({"state": "FAILED"}, [{"kind": kind, "when": ["error"], "params": params, "secret_params": secrets}])
opened, found = Notification.from_dict({"kind": kind, "params": params, "secret_params": secrets}).open()
print(opened, found, vars(opened) if kind != "webhook" else "")
try:
    broken(opened, None)
except RuntimeError as error:
    print("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()))
"""

ROWS = {
    "slack": ({"token": "env:CANARY"}, {"channel": "#ml"}),
    "webhook": ({"bearer_token": "env:CANARY"}, {"url": "https://127.0.0.1:1/"}),
    "teams": ({"webhook": "env:CANARY"}, {}),
    "pagerduty": ({"routing_key": "env:CANARY"}, {}),
    "git": ({"token": "env:CANARY"}, {"repo": "o/r", "issue": "1"}),
    "apprise": ({"url": "env:CANARY"}, {}),
    "mail": (
        {"password": "env:CANARY"},
        {"username": "u", "server_host": "h", "sender_address": "a@b.example", "email_addresses": ["c@d.example"]},
    ),
}


@pytest.mark.parametrize("at", ["render", "open"])
@pytest.mark.parametrize("kind", ROWS)
def test_a_crash_shows_no_secret(kind: str, at: str, tmp_path: Path) -> None:
    """Standard output and error, locals of every frame included, are free of the canary."""
    secrets, params = ROWS[kind]
    done = subprocess.run(
        [sys.executable, "-c", CRASH, kind, json.dumps(secrets), json.dumps(params), at],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "CANARY": CANARY},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the channel crashed" in done.stdout
    assert CANARY not in done.stdout + done.stderr


def test_every_kind_with_a_secret_is_crashed() -> None:
    """A new kind needs a row here, unless it has no parameters."""
    assert set(ROWS) | {"console", "ipython"} == set(kinds())
