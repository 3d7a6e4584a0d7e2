"""The contract of every kind that goes over HTTP, by one table: add a kind, add a row.

Right request bytes, success, 400, 401, 404, 429 with Retry-After, 500 then ok, time-out, connection refused, half a
response, TLS failure, no secret shown, the service's limits, preview equals what is sent.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from kfx.errors import KfxError
from kfx.notify import Policy, announce, kinds
from kfx.notify.channel import channel_class, parameters

from .http_double import Double, Received, Reply
from .situations import hostile_message, message
from .slack_double import broken_rule

CANARY = "canary1234567890abcdef"


@dataclass(frozen=True)
class Kind:
    """One row: how to point a kind at a server, and what has to arrive there."""

    kind: str
    params: Callable[[str], dict[str, Any]]
    """Server URL -> params."""

    secrets: Callable[[str], dict[str, str]]
    """Server URL -> secret parameter -> value."""

    path: str
    ok: Reply
    auth: Callable[[Received], str]
    """Where the credential is in a request."""

    text: Callable[[dict[str, Any]], str]
    """All foreign text of a body."""

    within: Callable[[bytes], bool]
    """Whether a body keeps the service's limits."""


def _everything(document: Any) -> str:
    if isinstance(document, dict):
        return " ".join(_everything(value) for value in document.values())
    return " ".join(map(_everything, document)) if isinstance(document, list) else str(document)


def _slack_within(body: bytes) -> bool:
    return broken_rule(json.loads(body)) is None


def _header(name: str) -> Callable[[Received], str]:
    return lambda received: received.headers.get(name, "")


KINDS = {
    "slack bot": Kind(
        "slack",
        lambda url: {"channel": "#ml", "base_url": f"{url}/api/"},
        lambda url: {"token": CANARY},
        "/api/chat.postMessage",
        Reply(200, b'{"ok": true, "channel": "C1", "ts": "1.2"}'),
        _header("authorization"),
        _everything,
        _slack_within,
    ),
    "slack webhook": Kind(
        "slack",
        lambda url: {},
        lambda url: {"webhook": f"{url}/services/{CANARY}"},
        f"/services/{CANARY}",
        Reply(200, b"ok"),
        lambda received: received.path,
        _everything,
        _slack_within,
    ),
    "webhook": Kind(
        "webhook",
        lambda url: {"url": f"{url}/hook", "headers": {"X-Team": "ml"}},
        lambda url: {"bearer_token": CANARY},
        "/hook",
        Reply(204, b""),
        _header("authorization"),
        _everything,
        lambda body: len(body) < 3_000_000,
    ),
    "teams": Kind(
        "teams",
        lambda url: {},
        lambda url: {"webhook": f"{url}/workflows/x?sig={CANARY}"},
        f"/workflows/x?sig={CANARY}",
        Reply(202, b""),
        lambda received: received.path,
        _everything,
        lambda body: len(body) <= 28_000,
    ),
    "pagerduty": Kind(
        "pagerduty",
        lambda url: {"server": url},
        lambda url: {"routing_key": CANARY},
        "/v2/enqueue",
        Reply(202, b'{"status": "success"}'),
        lambda received: json.loads(received.body)["routing_key"],
        _everything,
        lambda body: len(body) < 512_000 and len(json.loads(body)["payload"]["summary"]) <= 1024,
    ),
    "github": Kind(
        "git",
        lambda url: {"repo": "org/repo", "issue": "7", "server": url},
        lambda url: {"token": CANARY},
        "/repos/org/repo/issues/7/comments",
        Reply(201, b'{"id": 1}'),
        _header("authorization"),
        _everything,
        lambda body: len(json.loads(body)["body"]) <= 65_536 and "@org" not in json.loads(body)["body"],
    ),
    "gitlab": Kind(
        "git",
        lambda url: {"repo": "group/sub/repo", "merge_request": 3.0, "server": url, "gitlab": True},
        lambda url: {"token": CANARY},
        "/api/v4/projects/group%2Fsub%2Frepo/merge_requests/3/notes",
        Reply(201, b'{"id": 1}'),
        _header("private-token"),
        _everything,
        lambda body: len(json.loads(body)["body"]) <= 1_000_000 and "@org" not in json.loads(body)["body"],
    ),
}

every_kind = pytest.mark.parametrize("row", KINDS.values(), ids=KINDS)


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the CI that runs the tests is taken for the user's."""
    for name in ("CI_PROJECT_ID", "CI_ISSUE_IID", "CI_MERGE_REQUEST_IID", "GITHUB_EVENT_PATH", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)


def notification(row: Kind, url: str, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> dict[str, Any]:
    """A notification of a kind, its secrets in the environment."""
    references = {}
    for name, value in row.secrets(url).items():
        monkeypatch.setenv(f"TEST_{name.upper()}", value)
        references[name] = f"env:TEST_{name.upper()}"
    when = ["completed", "error", "aborted"]
    return {"kind": row.kind, "when": when, "params": row.params(url), "secret_params": references, **changes}


def channel(row: Kind, url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The kind's channel."""
    from kfx.notify import Notification

    return Notification.from_dict(notification(row, url, monkeypatch)).open()[0]


def tell(row: Kind, double: Double, monkeypatch: pytest.MonkeyPatch, policy: Policy) -> Any:
    """Tells of a failure and returns what was announced."""
    status = {"state": "FAILED", "error": {"message": "because"}, "pipelineJobResourceName": "wf-1"}
    return announce(status, [notification(row, double.url, monkeypatch)], policy=policy)


@every_kind
def test_the_request_is_the_previewed_one_with_the_credential_in_its_place(
    row: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Path, credential and body arrive as the service wants them, byte for byte as previewed."""
    with Double(lambda _: row.ok) as double:
        made = channel(row, double.url, monkeypatch)
        request = made.render(message())
        made.judge(request.send(5))
        [received] = double.received
    assert (received.method, received.path) == ("POST", row.path)
    assert CANARY in row.auth(received)
    assert received.body == request.preview()
    assert "application/json" in received.headers["content-type"]
    assert "j-1 failed" in row.text(json.loads(received.body)).replace("\\", "")


@every_kind
def test_a_success_is_sent_in_one_try(row: Kind, monkeypatch: pytest.MonkeyPatch, quick: Policy) -> None:
    """The service's own success answer is one."""
    with Double(lambda _: row.ok) as double:
        [told] = tell(row, double, monkeypatch, quick).deliveries
    assert (told.status, told.tries, told.reason) == ("sent", 1, "")


@every_kind
@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_is_told_once(row: Kind, status: int, monkeypatch: pytest.MonkeyPatch, quick: Policy) -> None:
    """400, 401 and 404 are not tried again, and the report says what the service said."""
    with Double(lambda _: Reply(status, b"go away")) as double:
        [told] = tell(row, double, monkeypatch, quick).deliveries
    assert (told.status, told.tries) == ("error", 1)
    assert str(status) in told.reason or "go away" in told.reason or "unexpected" in told.reason


@every_kind
def test_too_many_requests_wait_as_asked(row: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with Retry-After is tried again then; the policy's own wait of minutes does not apply."""
    with Double(lambda _: row.ok) as double:
        double.script.append(Reply(429, b"{}", {"Retry-After": "0"}))
        policy = Policy(tries=3, timeout_s=2, budget_s=10, backoff_s=600)
        [told] = tell(row, double, monkeypatch, policy).deliveries
    assert (told.status, told.tries) == ("sent", 2)


@every_kind
def test_a_server_error_is_tried_again_with_the_same_bytes(
    row: Kind, monkeypatch: pytest.MonkeyPatch, quick: Policy
) -> None:
    """500 then ok: sent in two tries, the second the same as the first."""
    with Double(lambda _: row.ok) as double:
        double.script.append(Reply(500, b"oops"))
        [told] = tell(row, double, monkeypatch, quick).deliveries
        assert (told.status, told.tries) == ("sent", 2)
        assert double.received[0].body == double.received[1].body


@every_kind
@pytest.mark.parametrize("how", ["hang", "half", "drop", "drip"])
def test_no_whole_answer_is_tried_again(row: Kind, how: str, monkeypatch: pytest.MonkeyPatch, quick: Policy) -> None:
    """A time-out, half a response, a dropped and an endless one are retried, then reported."""
    broken = Reply(row.ok.status, b'{"ok": true, "padding": "xxxxxxxxxx"}', how=how)
    with Double(lambda _: row.ok) as double:
        double.script.append(broken)
        assert tell(row, double, monkeypatch, quick).deliveries[0].status == "sent"
        double.script += [broken] * 3
        [told] = tell(row, double, monkeypatch, quick).deliveries
    assert (told.status, told.tries) == ("error", 3)


@every_kind
def test_a_refused_connection_is_reported(row: Kind, monkeypatch: pytest.MonkeyPatch, quick: Policy) -> None:
    """Nobody listens: three tries, then an error."""
    with Double() as gone:
        pass
    [told] = tell(row, gone, monkeypatch, quick).deliveries
    assert (told.status, told.tries, told.reason) == ("error", 3, "Connection refused.")


@every_kind
def test_an_untrusted_certificate_stops_it(
    row: Kind, monkeypatch: pytest.MonkeyPatch, quick: Policy, server_tls: ssl.SSLContext
) -> None:
    """Nothing is sent to a server nobody vouches for."""
    with Double(lambda _: row.ok, tls=server_tls) as double:
        [told] = tell(row, double, monkeypatch, quick).deliveries
        assert not double.received
    assert (told.status, told.tries) == ("error", 1)
    assert "certificate is not trusted" in told.reason


@every_kind
def test_a_hostile_message_keeps_the_limits(row: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Endless, coloured, half-encoded text with markup: the request is valid and small enough."""
    with Double(lambda _: row.ok) as double:
        made = channel(row, double.url, monkeypatch)
        made.judge(made.render(hostile_message()).send(5))
        [received] = double.received
    assert row.within(received.body)
    shown = row.text(json.loads(received.body))
    assert "\x1b" not in shown
    shown.encode("utf-8")


@every_kind
@pytest.mark.parametrize("path", ["sent", "refused", "echoed", "hang", "gone", "broken"])
def test_the_canary_is_never_shown(
    row: Kind,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
    quick: Policy,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """On no path does the secret reach log, report, result or exception: not even when the service echoes it."""
    caplog.set_level("DEBUG")
    answers = {
        "sent": row.ok,
        "refused": Reply(403, b"no"),
        "echoed": Reply(400, f'{{"ok": false, "error": "bad {CANARY}"}}'.encode()),
        "hang": Reply(how="hang"),
        "broken": Reply(200, b"\xff\xfe", {"Content-Type": "application/json; charset=utf-8"}),
    }
    with Double(lambda _: answers.get(path, row.ok)) as double:
        notifications = [notification(row, double.url, monkeypatch)]
        if path == "gone":
            double.__exit__()
        raised = ""
        try:
            told = repr(announce({"state": "FAILED"}, notifications, on_delivery_error="fail", policy=quick))
        except KfxError as error:
            told, raised = "", repr(error)
        printed = capsys.readouterr()
    shown = told + raised + printed.out + printed.err + caplog.text + repr(notifications)
    assert CANARY not in shown
    assert CANARY[:12] not in shown


def test_every_kind_is_in_a_table_or_tested_by_itself() -> None:
    """A new kind's file needs a row here or a test file of its own."""
    assert {row.kind for row in KINDS.values()} | {"console", "ipython", "mail", "apprise"} == set(kinds())


def test_every_parameter_of_every_kind_is_described() -> None:
    """The docs are generated from the declarations, so each has a sentence."""
    for kind in kinds():
        made = channel_class(kind)
        assert (made.__doc__ or "").strip()
        for parameter in parameters(made).values():
            assert parameter.doc.endswith("."), (kind, parameter.name)
