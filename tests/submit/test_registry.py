"""`kfx push PIPELINE --registry` with kfp's real registry client against a double."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kfx.cli.main import kfx_
from kfx.errors import PermanentError, TransientError, UsageError
from tests.loopback import Asked, serving

TOKEN = "ey-registry-token"
PIPELINE = """
from kfp import dsl

@dsl.component(base_image="python:3.12")
def own(name: str):
    print(name)

@dsl.pipeline(name="nightly")
def nightly(name: str):
    own(name=name)
"""


@dataclass
class Registry:
    """Takes an upload with the right token and answers its name and version."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    answer_with: bytes = b"nightly/sha256:0123"

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        """Handles one request."""
        self.bodies.append(asked.body)
        allowed = asked.headers.get("Authorization") == f"Bearer {TOKEN}"
        return (200, self.answer_with) if allowed else (403, b"denied")


@pytest.fixture
def registry() -> Iterator[tuple[str, list[bytes]]]:
    with serving(Registry()) as double:
        yield f"{double.url}/p/repo", double.bodies


@pytest.fixture(autouse=True)
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "nightly.py").write_text(PIPELINE, encoding="utf-8")
    monkeypatch.setenv("REGISTRY_TOKEN", TOKEN)


def push(*arguments: str) -> Result:
    return CliRunner().invoke(kfx_, ["push", *arguments], catch_exceptions=False)


def test_a_pipeline_is_uploaded_with_its_tags(registry: tuple[str, list[bytes]]) -> None:
    """The compiled YAML and the tags, in one form; the answer is its version's address."""
    url, bodies = registry
    done = push(
        "nightly.py", f"--registry={url}", "--tag=v1", "--tag=latest", "--token=env:REGISTRY_TOKEN", "--output=json"
    )
    assert json.loads(done.stdout) == {
        "package": "nightly",
        "version": "sha256:0123",
        "url": f"{url}/nightly/sha256:0123",
    }
    assert b"name: nightly" in bodies[0]
    assert b"v1,latest" in bodies[0]


def test_a_refusal_is_told_without_the_token(
    registry: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status and the registry's words."""
    monkeypatch.setenv("REGISTRY_TOKEN", "ey-wrong")
    with pytest.raises(PermanentError) as error:
        push("nightly.py", f"--registry={registry[0]}", "--token=env:REGISTRY_TOKEN")
    assert "answers 403: denied" in str(error.value)
    assert "ey-wrong" not in str(error.value)


def test_an_answer_of_something_else_is_no_push() -> None:
    """A captive portal says 200 to everything."""
    portal = Registry(answer_with=b"<html>portal</html>")
    with serving(portal), pytest.raises(PermanentError, match="answers something else"):
        push("nightly.py", f"--registry={portal.url}/p/repo", "--token=env:REGISTRY_TOKEN")


def test_an_address_with_a_password_is_refused_without_it() -> None:
    """It would stand in every message."""
    with pytest.raises(UsageError, match="holds a user or a password") as error:
        push("nightly.py", "--registry=https://u:S3cret@host.invalid/p/repo")
    assert "S3cret" not in str(error.value)


@pytest.mark.parametrize("option", ["--tag=v1", "--token=env:REGISTRY_TOKEN", "--no-pin"])
def test_a_pipelines_options_are_not_ignored_for_an_image(option: str) -> None:
    """Who gives them means another push."""
    with pytest.raises(UsageError, match=f"{option.split('=')[0]} is for pipelines"):
        push(option)


def test_a_registry_that_cannot_be_used_is_said() -> None:
    """No URL, nobody there, no pipeline named."""
    with pytest.raises(UsageError, match="must be https://REGION-kfp"):
        push("nightly.py", "--registry=europe-west4-kfp.pkg.dev/p/r")
    with pytest.raises(TransientError, match=r" cannot be reached \(Connection refused\)\.$"):
        push("nightly.py", "--registry=http://127.0.0.1:9/p/r", "--token=env:REGISTRY_TOKEN")
    with pytest.raises(UsageError, match="Name the pipeline"):
        push("--registry=http://127.0.0.1:9/p/r")
