"""Secrets by reference: looked up where they are, shown nowhere."""

from __future__ import annotations

import base64
import json
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from kfx.errors import PermanentError, UsageError
from kfx.secret import MASK, Redactor, Secret, check_reference, is_reference, refuse_literals, resolve, token_kind

from .notify.http_double import Double, Reply

CANARY = "canary-7f3a9c"


def shout(text: str) -> str:
    """A decrypt_fn."""
    return text.upper()


def explode(text: str) -> str:
    """A decrypt_fn that fails with the secret in its error."""
    raise ValueError(f"cannot decrypt {text}")


def test_an_environment_reference_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """env:NAME is the variable's value."""
    monkeypatch.setenv("KFX_TEST_SECRET", CANARY)
    assert resolve("env:KFX_TEST_SECRET").reveal() == CANARY


def test_a_file_reference_loses_one_newline(tmp_path: Path) -> None:
    """file:PATH is the file's text without the newline an editor or kubectl adds."""
    (tmp_path / "token").write_text(f"{CANARY}\n\n")
    assert resolve(f"file:{tmp_path}/token").reveal() == f"{CANARY}\n"


@pytest.mark.parametrize("reference", ["env:KFX_NOT_SET", "file:/no/such/file", "file:/proc/self/mem"])
def test_a_missing_secret_is_named_with_the_way_out(reference: str) -> None:
    """The reference is in the message: it is not secret, and it is what has to be mended."""
    with pytest.raises(UsageError, match=reference):
        resolve(reference)


def test_a_file_that_is_not_text_does_not_show_its_bytes(tmp_path: Path) -> None:
    """Neither the error nor its traceback holds what the file holds."""
    (tmp_path / "binary").write_bytes(CANARY.encode() + b"\xff\xfe")
    with pytest.raises(UsageError) as caught:
        resolve(f"file:{tmp_path}/binary")
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "text",
    ["", "xoxb-123-abc", "env:", "env:A B", "file:", "gsm:secret", "gsm:projects/p/secrets/s/versions/", "vault:x"],
)
def test_what_is_no_reference_is_refused_unseen(text: str) -> None:
    """A malformed reference may be the secret itself, so the error does not repeat it."""
    with pytest.raises(UsageError) as caught:
        check_reference(text)
    assert "env:NAME" in str(caught.value)
    assert not text or text not in str(caught.value).replace("env:NAME", "").replace("file:PATH", "")


@pytest.fixture
def secret_manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    """A Secret Manager on loopback that knows one secret."""
    known = {"/v1/projects/p/secrets/s/versions/latest:access", "/v1/projects/p/secrets/s/versions/7:access"}

    def answer(received: object) -> Reply:
        path = getattr(received, "path", "")
        if path not in known:
            error = {"error": {"code": 404, "message": f"Secret [{path}] not found", "status": "NOT_FOUND"}}
            return Reply(404, json.dumps(error).encode())
        data = base64.b64encode(f"{CANARY}{path[-8]}".encode()).decode()
        return Reply(200, json.dumps({"name": path, "payload": {"data": data}}).encode())

    with Double(answer) as double:
        monkeypatch.setenv("KFX_SECRET_MANAGER_ENDPOINT", double.url)
        yield double


def test_a_secret_manager_reference_is_read(secret_manager: Double) -> None:
    """gsm: asks for the version named, else for the latest, over Secret Manager's REST API."""
    assert resolve("gsm:projects/p/secrets/s").reveal().startswith(CANARY)
    assert resolve("gsm:projects/p/secrets/s/versions/7").reveal() == f"{CANARY}7"
    assert [one.path for one in secret_manager.received] == [
        "/v1/projects/p/secrets/s/versions/latest:access",
        "/v1/projects/p/secrets/s/versions/7:access",
    ]


def test_a_secret_manager_refusal_is_permanent(secret_manager: Double) -> None:
    """A secret that is not there is not asked for again."""
    with pytest.raises(PermanentError, match="not found"):
        resolve("gsm:projects/p/secrets/other")
    assert len(secret_manager.received) == 1


def test_a_payload_that_is_no_text_is_refused(secret_manager: Double) -> None:
    """A binary payload is reported without its bytes."""
    secret_manager.script.append(Reply(200, json.dumps({"payload": {"data": "/w=="}}).encode()))
    with pytest.raises(PermanentError, match="not UTF-8"):
        resolve("gsm:projects/p/secrets/s")


def test_decrypt_fn_turns_the_stored_value_into_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function is imported by its dotted path and applied to the stored text."""
    monkeypatch.setenv("KFX_TEST_SECRET", CANARY)
    assert resolve("env:KFX_TEST_SECRET", f"{__name__}.shout").reveal() == CANARY.upper()


@pytest.mark.parametrize("function", ["nowhere.fn", "json.nothing", "nodots", "json.loads", f"{__name__}.explode"])
def test_a_decrypt_fn_that_fails_does_not_show_the_value(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing, failing or wrong function is an error that names the function only, traceback included."""
    monkeypatch.setenv("KFX_TEST_SECRET", CANARY)
    with pytest.raises((UsageError, PermanentError)) as caught:
        resolve("env:KFX_TEST_SECRET", function)
    shown = "".join(traceback.format_exception(caught.value))
    assert function in str(caught.value)
    assert CANARY not in shown


def test_a_secret_shows_itself_to_reveal_only() -> None:
    """repr, str, format, JSON and pickle give no value; equality and truth work."""
    secret = Secret(CANARY, source="env:X")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>10}", repr([secret]), repr({"a": secret})]
    assert all(CANARY not in text for text in shown)
    assert "env:X" in repr(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert secret == Secret(CANARY)
    assert secret != Secret("other")
    assert not Secret("")


@pytest.mark.parametrize(
    "form",
    [CANARY, quote(f"{CANARY}/&x", safe=""), base64.b64encode(f"{CANARY}/&x".encode()).decode(), f'"{CANARY}/&x"'],
)
def test_a_known_value_is_hidden_in_every_form(form: str) -> None:
    """The raw, URL-quoted, JSON and base64 forms of a known secret are masked."""
    hidden = Redactor([Secret(f"{CANARY}/&x"), Secret(CANARY)]).redact(f"before {form} after")
    assert CANARY not in hidden
    assert base64.b64encode(CANARY.encode()).decode()[:8] not in hidden
    assert hidden.startswith("before ")
    assert hidden.endswith(" after")
    assert MASK in hidden


@pytest.mark.parametrize("secret", [CANARY, f"{CANARY}1", f"{CANARY}12", "??>>~~\u00fc\u00fc-word"])
@pytest.mark.parametrize("around", ["%s", "u:%s", "us:%s", "use:%s", "\0user\0%s", "%s:x", "u:%s\n"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_of_a_text_with_a_secret_in_it_is_hidden(
    secret: str, around: str, encode: Callable[[bytes], bytes]
) -> None:
    """Basic authentication and SMTP's AUTH PLAIN encode user and secret together, at any of three alignments."""
    told = Redactor([Secret(secret)]).redact(f"sent {encode((around % secret).encode()).decode()} end")
    assert told.startswith("sent ")
    assert told.endswith(" end")
    left = told.removeprefix("sent ").removesuffix(" end").split(MASK)
    assert len(left) == 2
    assert len(left[0]) <= len("AHVzZXIAx") + 1
    assert len(left[1].rstrip("=")) <= 4


def test_a_url_is_hidden_by_its_telling_parts() -> None:
    """An error that shows only the path of a secret URL shows nothing."""
    redactor = Redactor([Secret("https://hooks.example.com/services/T000/B000/canarycanary")])
    assert "canary" not in redactor.redact("404 for /services/T000/B000/canarycanary on hooks.example.com")
    assert "canary" not in redactor.redact("no route canarycanary")


def test_a_short_secret_hides_whole_words_only() -> None:
    """A three-letter password does not blank the words it is part of."""
    assert Redactor([Secret("sun")]).redact("sunday: password sun") == f"sunday: password {MASK}"


TOKENS = [
    "xoxb-123456789012-abcdefghijkl",
    "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuv",
    "glpat-abcdefghijklmnopqrst",
    "AIzaSyA-1234567890abcdefghijklmnopqrstu",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbU",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    "Authorization: Bearer abcdefghijklmnop1234",
    "postgres://user:hunter2pass@db.example.com/x",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "https://prod-01.westeurope.logic.azure.com/workflows/abc/triggers/x?sig=AbCdEfGhIjKlMnOpQrStUvWxYz",
]


@pytest.mark.parametrize("token", TOKENS)
def test_what_looks_like_a_token_is_known_and_hidden(token: str) -> None:
    """Common tokens are recognised in parameters and masked in texts even when nobody declared them."""
    assert token_kind(f"value {token} value")
    assert token_kind(Redactor().redact(f"value {token} value")) is None
    with pytest.raises(UsageError) as caught:
        refuse_literals({"headers": [{"x": token}]}, "params")
    assert "params.headers[0].x" in str(caught.value)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn",
        "the skeleton-of-a-very-long-hyphenated-word",
        "https://example.com/a:b",
        "me@example.com",
        "env:TOKEN",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Words, addresses and references are not taken for tokens."""
    assert token_kind(text) is None
    assert Redactor().redact(text) == text


def test_references_are_told_from_text() -> None:
    """Only the three schemes are references."""
    assert [
        is_reference(text) for text in ("env:A", "file:/a", "gsm:projects/p/secrets/s", "smtp:x", "environment")
    ] == [
        True,
        True,
        True,
        False,
        False,
    ]
