"""Delivery: together, bounded, told apart, and honest about what happened."""

from __future__ import annotations

import contextlib
import email.utils
import socket
import ssl
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kfx.errors import PermanentError, TransientError
from kfx.notify import Answer, HttpRequest, Policy, Request
from kfx.notify.deliver import Delivery, Parcel, deliver
from kfx.notify.request import refuse, retry_after

from .http_double import Double, Reply


@dataclass(frozen=True, repr=False)
class Scripted(Request):
    """A request whose tries end as listed."""

    outcomes: list[Exception | Answer]

    def preview(self) -> bytes:
        """Nothing."""
        return b""

    def send(self, timeout_s: float) -> Answer:
        """Ends as the next entry says."""
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def judge(answer: Answer) -> None:
    """Takes every 2xx."""
    if not 200 <= answer.status < 300:
        refuse(answer, f"HTTP {answer.status}")


def send(request: Request, policy: Policy | None = None) -> Delivery:
    """Delivers one request."""
    return deliver([Parcel("test", "one", request, judge)], policy)[0]


def post(double: Double, **options: object) -> HttpRequest:
    """A POST to the double."""
    return HttpRequest("POST", double.url + "/hook", b'{"a": 1}', {"Content-Type": "application/json"}, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 301, 302, 307])
def test_a_refusal_is_not_tried_again(status: int, quick: Policy) -> None:
    """A 4xx would be refused again, and a redirect is not followed."""
    with Double(lambda _: Reply(status, b"no", {"Location": "http://localhost:1/"})) as double:
        told = send(post(double), quick)
        assert (told.status, told.tries, len(double.received)) == ("error", 1, 1)
        assert str(status) in told.reason


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int, quick: Policy) -> None:
    """Time-out, too early, too many and server errors are retried until the tries run out or it works."""
    with Double() as double:
        double.script += [Reply(status), Reply(status)]
        told = send(post(double), quick)
        assert (told.status, told.tries) == ("sent", 3)
        assert [one.body for one in double.received] == [b'{"a": 1}'] * 3
        double.script += [Reply(status)] * 3
        assert send(post(double), quick).status == "error"


@pytest.mark.parametrize(
    ("how", "words"), [("hang", "in time"), ("drip", "in time"), ("half", "half way"), ("drop", "connection failed")]
)
def test_no_whole_answer_is_tried_again(how: str, words: str, quick: Policy) -> None:
    """A time-out, half a response and a dropped connection are transient and named."""
    with Double() as double:
        double.script += [Reply(how=how)]
        assert send(post(double), quick).tries == 2
        double.script += [Reply(how=how)] * 3
        told = send(post(double), quick)
        assert (told.status, told.tries) == ("error", 3)
        assert words in told.reason


def test_a_refused_connection_is_tried_again(quick: Policy) -> None:
    """Nobody listens: transient, and the URL, which may be the secret, is not in the reason."""
    with Double() as double:
        request = post(double)
    told = send(request, quick)
    assert (told.status, told.tries, told.reason) == ("error", 3, "Connection refused.")


def test_tls_failures_are_permanent_and_a_private_authority_may_be_named(
    server_tls: ssl.SSLContext, ca_file: Path, quick: Policy
) -> None:
    """An unknown certificate is refused once; with its authority, or unchecked on request, the message goes."""
    with Double(tls=server_tls) as double:
        told = send(post(double), quick)
        assert (told.status, told.tries) == ("error", 1)
        assert "certificate is not trusted" in told.reason
        assert send(post(double, ca_file=str(ca_file)), quick).status == "sent"
        assert send(post(double, verify_ssl=False), quick).status == "sent"
        told = send(post(double, ca_file="/no/such/file.pem"), quick)
        assert (told.status, told.tries) == ("error", 1)
        assert "/no/such/file.pem" in told.reason


@pytest.mark.parametrize("url", ["nonsense", "file:///etc/passwd", "http://bad host/", "http://[::1", "ftp://x/y"])
def test_an_address_that_is_no_http_url_is_an_error_not_a_crash(url: str, quick: Policy) -> None:
    """Bad URLs are reported; a file URL reads no file."""
    told = send(HttpRequest("POST", url, b""), quick)
    assert told.status == "error"
    assert "root:" not in told.reason


def test_retry_after_is_read_as_seconds_or_date() -> None:
    """Both forms of RFC 9110; nonsense is no wish."""
    soon = email.utils.formatdate(time.time() + 100, usegmt=True)
    waits = [retry_after(Answer(429, headers={"retry-after": value})) for value in ("7", soon, "-3", "later", "")]
    assert waits[0] == 7
    assert waits[1] is not None
    assert 90 < waits[1] <= 100
    assert waits[2:] == [0, None, None]


def test_one_that_fails_or_hangs_stops_no_other(quick: Policy) -> None:
    """Each parcel has its own result, in the order given; a channel's own exception is a failure like any other."""

    def broken(answer: Answer) -> None:
        raise ZeroDivisionError("channel's own fault")

    with Double() as good, Double(lambda _: Reply(how="hang")) as hanging, Double(lambda _: Reply(404)) as wrong:
        parcels = [
            Parcel("a", "", post(hanging), judge),
            Parcel("b", "", post(good), broken),
            Parcel("c", "", post(wrong), judge),
            Parcel("d", "", post(good), judge),
        ]
        told = deliver(parcels, quick)
    assert [(one.kind, one.status) for one in told] == [("a", "error"), ("b", "error"), ("c", "error"), ("d", "sent")]
    assert "ZeroDivisionError" in told[1].reason


def test_all_go_out_at_once() -> None:
    """Twenty sends meet at a barrier that opens only when all of them are under way."""
    barrier = threading.Barrier(20)

    @dataclass(frozen=True, repr=False)
    class Meeting(Request):
        def preview(self) -> bytes:
            return b""

        def send(self, timeout_s: float) -> Answer:
            barrier.wait(10)
            return Answer(200)

    told = deliver([Parcel("test", str(index), Meeting(), judge) for index in range(20)])
    assert {one.status for one in told} == {"sent"}


def test_the_budget_ends_even_a_send_that_ignores_its_time_out() -> None:
    """A send that never returns is reported when the budget is over, and the others are not late for it."""
    release = threading.Event()

    @dataclass(frozen=True, repr=False)
    class Stuck(Request):
        def preview(self) -> bytes:
            return b""

        def send(self, timeout_s: float) -> Answer:
            release.wait(30)
            return Answer(200)

    told = deliver(
        [Parcel("stuck", "", Stuck(), judge), Parcel("fine", "", Scripted([Answer(200)]), judge)], Policy(budget_s=0.3)
    )
    release.set()
    assert [one.status for one in told] == ["error", "sent"]
    assert "0.3 s" in told[0].reason


def test_what_ends_on_the_budget_tells_its_real_tries_and_seconds(quick: Policy) -> None:
    """A peer that drips its answers is tried until the budget ends; the report says how often and how long."""
    with Double(lambda _: Reply(how="drip")) as double:
        told = send(post(double), replace(quick, tries=50, timeout_s=0.2, budget_s=1))
        assert told.status == "error"
        assert 2 <= told.tries == len(double.received) <= 6
    assert told.seconds > 0.5
    assert "The 1 s that all deliveries together may take are over" in told.reason


def test_an_answer_that_drips_its_body_ends_by_its_deadline() -> None:
    """The request itself stops reading, so that no thread is left behind for the length of the body."""

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: drip(server.accept()[0]), daemon=True).start()
        with pytest.raises(TransientError, match="in time"):
            HttpRequest("POST", f"http://127.0.0.1:{server.getsockname()[1]}/", b"").send(0.3)


def test_a_permanent_error_ends_the_tries() -> None:
    """Transient, then permanent: two tries."""
    told = send(Scripted([TransientError("x", 0), PermanentError("gone"), Answer(200)]))
    assert (told.status, told.tries, told.reason) == ("error", 2, "gone")


def test_the_reason_is_redacted_then_cut() -> None:
    """At most 255 characters, and a token at the cut is not left in half."""
    request = Scripted([PermanentError("x" * 245 + " xoxb-123456789012-abcdefghijkl")])
    from kfx.secret import Redactor

    [told] = deliver([Parcel("test", "", request, judge)], redact=Redactor().redact)
    assert len(told.reason) <= 255
    assert "xoxb" not in told.reason


def test_back_off_doubles_within_its_bounds() -> None:
    """Full jitter: between nothing and a ceiling that doubles up to its limit."""
    from kfx.notify.deliver import _wait

    policy = Policy(backoff_s=1, backoff_limit_s=4)
    for tried, ceiling in ((1, 1), (2, 2), (3, 4), (4, 4), (9, 4)):
        waits = [_wait(TransientError("x"), tried, policy) for _ in range(200)]
        assert 0 <= min(waits) <= max(waits) <= ceiling
        assert max(waits) > ceiling / 2
    assert _wait(TransientError("x", 9.0), 1, policy) == 9
