"""Asking a registry for a digest: logins, token servers, refusals; against a registry double on loopback."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from kfx.errors import PermanentError, TransientError, UsageError
from kfx.images.reference import parse
from kfx.images.registry import digest_of

DIGEST = "sha256:" + "ab" * 32
LOGIN = "Basic " + base64.b64encode(b"robot:pa:ss").decode()


class Registry(ThreadingHTTPServer):
    """A registry with one image, `r/kfx:1`, which asks for a login as `challenge` says."""

    challenge = ""
    status = 0
    digest = DIGEST
    seen: list[tuple[str, str]]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Manifests for HEAD, tokens for GET."""

    server: Registry

    def do_HEAD(self) -> None:
        """A manifest's digest."""
        given = self.headers.get("Authorization", "")
        self.server.seen.append((self.path, given))
        wanted = {"Basic": LOGIN, "Bearer": "Bearer t0ken"}.get(
            self.server.challenge.partition(" ")[0], self.server.challenge and "no such login"
        )
        if self.server.status:
            return self.answer(self.server.status)
        if wanted and given != wanted:
            return self.answer(401, {"WWW-Authenticate": self.server.challenge})
        if self.path == "/v2/r/kfx/manifests/1":
            return self.answer(200, {"Docker-Content-Digest": self.server.digest})
        return self.answer(404)

    def do_GET(self) -> None:
        """A token for a login."""
        given = self.headers.get("Authorization", "")
        self.server.seen.append((self.path, given))
        query = parse_qs(urlsplit(self.path).query)
        if given != LOGIN or query["scope"] != ["repository:r/kfx:pull"]:
            return self.answer(403)
        return self.answer(200, body=json.dumps({"token": "t0ken"}).encode())

    def answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        """Sends one answer."""
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    """The double, and a Docker configuration without logins."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    server = Registry()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def log_in(folder: Path, double: Registry) -> None:
    (folder / "config.json").write_text(json.dumps({"auths": {double.host: {"auth": LOGIN.removeprefix("Basic ")}}}))


def test_an_open_registry_tells_the_digest_or_that_there_is_none(double: Registry) -> None:
    """No login is sent where none is asked for."""
    assert digest_of(parse(f"{double.host}/r/kfx:1")) == DIGEST
    assert digest_of(parse(f"{double.host}/r/kfx:2")) is None
    assert digest_of(parse(f"{double.host}/r/kfx")) is None
    assert [path for path, _ in double.seen] == [f"/v2/r/kfx/manifests/{tag}" for tag in ("1", "2", "latest")]
    assert {given for _, given in double.seen} == {""}


def test_a_stored_login_answers_basic(double: Registry, tmp_path: Path) -> None:
    """Docker's configuration has the login, and it is sent when asked for."""
    double.challenge = 'Basic realm="r"'
    log_in(tmp_path, double)

    assert digest_of(parse(f"{double.host}/r/kfx:1")) == DIGEST
    assert [given for _, given in double.seen] == ["", LOGIN]


def test_a_token_server_gets_the_login_and_gives_a_token(double: Registry, tmp_path: Path) -> None:
    """The registry itself only sees the token."""
    double.challenge = f'Bearer realm="http://{double.host}/token",service="reg"'
    log_in(tmp_path, double)

    assert digest_of(parse(f"{double.host}/r/kfx:1")) == DIGEST
    assert [given for _, given in double.seen] == ["", LOGIN, "Bearer t0ken"]
    assert "service=reg" in double.seen[1][0]


def test_a_credential_helper_is_asked(double: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`gcloud auth configure-docker` leaves a helper's name; the program prints the login."""
    double.challenge = 'Basic realm="r"'
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {double.host: "test"}}))
    helper = tmp_path / "docker-credential-test"
    login = json.dumps({"Username": "robot", "Secret": "pa:ss"})
    helper.write_text(f"#!/bin/sh\nread host\n[ \"$1 $host\" = 'get {double.host}' ] && echo '{login}'\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert digest_of(parse(f"{double.host}/r/kfx:1")) == DIGEST

    helper.unlink()
    with pytest.raises(PermanentError, match="docker-credential-test, which does not answer"):
        digest_of(parse(f"{double.host}/r/kfx:1"))


@pytest.mark.parametrize("challenge", ['Basic realm="r"', 'Bearer realm="http://{host}/token",service="s"'])
def test_without_a_login_the_way_to_one_is_said(double: Registry, challenge: str) -> None:
    """The message has the command."""
    double.challenge = challenge.format(host=double.host)

    with pytest.raises(PermanentError, match=f"Log in with: docker login {double.host}"):
        digest_of(parse(f"{double.host}/r/kfx:1"))


def test_a_wrong_login_is_not_sent_twice(double: Registry, tmp_path: Path) -> None:
    """One attempt, then the refusal is told."""
    double.challenge = 'Basic realm="r"'
    (tmp_path / "config.json").write_text(json.dumps({"auths": {double.host: {"auth": "d3Jvbmc6b25l"}}}))

    with pytest.raises(PermanentError, match="answers 401"):
        digest_of(parse(f"{double.host}/r/kfx:1"))
    assert len(double.seen) == 2


@pytest.mark.parametrize(
    "challenge", ['Bearer realm="http://elsewhere.example/token"', 'Bearer realm="ftp://x/y"', "Negotiate"]
)
def test_credentials_go_nowhere_unencrypted(double: Registry, tmp_path: Path, challenge: str) -> None:
    """A token server that is not https, or a login of an unknown kind, gets nothing."""
    double.challenge = challenge
    log_in(tmp_path, double)

    with pytest.raises(PermanentError):
        digest_of(parse(f"{double.host}/r/kfx:1"))
    assert [given for _, given in double.seen] == [""]


@pytest.mark.parametrize(("status", "kind"), [(503, TransientError), (429, TransientError), (403, PermanentError)])
def test_an_overloaded_registry_is_no_refusal(double: Registry, status: int, kind: type[Exception]) -> None:
    """What trying again may mend is told apart."""
    double.status = status

    with pytest.raises(kind, match=f"answers {status}"):
        digest_of(parse(f"{double.host}/r/kfx:1"))


def test_what_is_no_registry_is_told(double: Registry) -> None:
    """A web server answers 200 and tells no digest."""
    double.digest = "W/etag"

    with pytest.raises(PermanentError, match="Is it an OCI registry"):
        digest_of(parse(f"{double.host}/r/kfx:1"))


def test_an_absent_registry_is_transient() -> None:
    """Nothing listens on port 1."""
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:1 cannot be reached \(Connection refused\)\.$"):
        digest_of(parse("127.0.0.1:1/r/kfx:1"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{'auths': secret", r"config\.json is not JSON"),
        ("\udcff secret", r"config\.json is not JSON"),
        ('["secret"]', r"config\.json is no JSON object"),
        ('{"auths": null, "x": "secret"}', r"'auths' in .*config\.json is no JSON object"),
        ('{"auths": ["secret"]}', r"'auths' in .*config\.json is no JSON object"),
        ('{"auths": {"HOST": "secret"}}', r"'HOST' in .*config\.json is no JSON object"),
        ('{"credHelpers": null, "x": "secret"}', r"'credHelpers' in .*config\.json is no JSON object"),
    ],
)
def test_a_broken_configuration_is_named(double: Registry, tmp_path: Path, text: str, reason: str) -> None:
    """The file's path is in the message, its content is not, and not in the traceback either."""
    double.challenge = 'Basic realm="r"'
    written = text.replace("HOST", double.host).encode(errors="surrogateescape")
    (tmp_path / "config.json").write_bytes(written)

    with pytest.raises(UsageError, match=reason.replace("HOST", double.host)) as caught:
        digest_of(parse(f"{double.host}/r/kfx:1"))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("printed", ["secret", "[]", '{"Username": "secret"}', "\\377"])
def test_a_helper_that_prints_no_login_is_named(
    double: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str
) -> None:
    """What it printed may be half a login, and stays out of the message."""
    double.challenge = 'Basic realm="r"'
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {double.host: "test"}}))
    helper = tmp_path / "docker-credential-test"
    helper.write_text(f"#!/bin/sh\ncat > /dev/null\nprintf '{printed}'\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(UsageError, match="comes from docker-credential-test, which prints no JSON object") as caught:
        digest_of(parse(f"{double.host}/r/kfx:1"))
    assert "secret" not in str(caught.value)


def test_a_helper_that_is_no_program_is_named(
    double: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that may not be run is told as one that is absent."""
    double.challenge = 'Basic realm="r"'
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "test"}))
    (tmp_path / "docker-credential-test").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PermanentError, match="docker-credential-test, which does not answer"):
        digest_of(parse(f"{double.host}/r/kfx:1"))
