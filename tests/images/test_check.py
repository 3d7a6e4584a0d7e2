"""What is wrong with a build or a push is said before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kfx.cli.main import kfx_
from kfx.errors import UsageError
from kfx.images.check import arguments, check_arguments, check_platform
from kfx.images.record import RECORD

DOCKERFILE = """\
ARG BASE=python:3.12
FROM ${BASE} AS full
arg PIP_INDEX_URL
ARG FIRST=1 \\
    SECOND="a b c" THIRD
ARG FIRST
"""


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a Dockerfile and an engine that leaves a file when it is told to build; nothing else is there."""
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    trace = tmp_path / "begun"
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\n[ "$1" = version ] && exit 0\n[ "$1" = image ] && exit 1\ntouch {trace}\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}:/usr/bin:/bin")
    for variable in ("BASE_KFX_IMAGE", "BASE_KFX_SLIM_IMAGE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return trace


def kfx(*words: str) -> object:
    return CliRunner().invoke(kfx_, words, catch_exceptions=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--platform=foo"], "There is no platform 'foo'. There are: linux/amd64, linux/arm64,"),
        (["--platform=linux/amd46"], "There is no platform 'linux/amd46'"),
        (["--build-arg=TYPO_ARG=1"], "has no ARG TYPO_ARG. It has: BASE, PIP_INDEX_URL, FIRST, SECOND, THIRD."),
        (["--build-arg=PIP_INDEX=1"], "has no ARG PIP_INDEX. Did you mean PIP_INDEX_URL?"),
        (["--push"], "localhost/kfx:.* has no registry to push to"),
        (["--push", "--tag=localhost/x:1"], "localhost/x:1 has no registry to push to"),
        (["--engine=cloud-build", "--tag=127.0.0.1:5000/x:1"], "127.0.0.1:5000/x:1 is a name on this machine"),
    ],
)
def test_a_wrong_build_never_begins(words: list[str], message: str, begun: Path) -> None:
    """An engine says it after minutes with a text of its own, or builds something else."""
    with pytest.raises(UsageError, match=message):
        kfx("build", *words)
    assert not begun.exists()


def test_a_broken_record_is_noticed_before_the_build(begun: Path) -> None:
    """The digest could not be recorded after the push; without a push nothing needs the record."""
    RECORD.parent.mkdir()
    RECORD.write_text("{")

    with pytest.raises(UsageError, match=r"images.json is no record of pushed images"):
        kfx("build", "--push", "--tag=host.example/x:1")
    assert not begun.exists()
    kfx("build", "--build-arg=FIRST=2", "--build-arg=https_proxy=http://proxy:3128", "--platform=linux/arm/v7")
    assert begun.exists()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("banana", "There is no target 'banana'. There are: full, slim, dataflow, trainer, extra."),
        ("extra", "Build it: kfx build --target extra --tag host.example/x:1"),
        ("full", "Build it: kfx build --tag host.example/x:1"),
        ("slim", "Build it in a clone of kfx: kfx build --target slim --tag host.example/x:1"),
        ("trainer", "Build it in a clone of kfx: kfx build trainer --target trainer --tag host.example/x:1"),
    ],
)
def test_a_push_names_a_build_that_exists(target: str, message: str, begun: Path) -> None:
    """The targets are kfx's own and the stages of the Dockerfile here."""
    Path("Dockerfile").write_text("FROM a\nFROM b AS extra\n")
    with pytest.raises(UsageError, match=message):
        kfx("push", "--target", target, "host.example/x:1")
    assert not begun.exists()


def test_a_push_without_a_registry_is_refused_first(begun: Path) -> None:
    """Also where the image was never built: building it would not help."""
    with pytest.raises(UsageError, match="has no registry to push to"):
        kfx("push")
    assert not begun.exists()


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64/v8", "windows/amd64", "linux/amd64,linux/arm64"])
def test_platforms_that_engines_know_pass(platform: str) -> None:
    """Several with commas are for engines that take them."""
    check_platform(platform)


@pytest.mark.parametrize("platform", ["", "linux", "amd64", "linux/amd64/", "linux/amd64/8", "linux/amd64,"])
def test_half_a_platform_is_refused(platform: str) -> None:
    """System and processor, and a variant after a `v`."""
    with pytest.raises(UsageError, match="There is no platform"):
        check_platform(platform)


def test_every_way_to_declare_an_argument_is_read() -> None:
    """In small letters, several in one line, over lines, without a value; quoted text is none."""
    assert arguments(DOCKERFILE) == ["BASE", "PIP_INDEX_URL", "FIRST", "SECOND", "THIRD"]
    assert arguments("RUN echo ARG X\n# ARG Y\nFROM a\n") == []


def test_predefined_arguments_need_no_declaration() -> None:
    """Proxies and BuildKit's own."""
    given = ["HTTP_PROXY", "no_proxy", "BUILDKIT_INLINE_CACHE", "SOURCE_DATE_EPOCH"]
    check_arguments(given, "FROM a\n", "Dockerfile")
    with pytest.raises(UsageError, match=r"Dockerfile has no ARG PROXY\. It has: none\."):
        check_arguments([*given, "PROXY"], "FROM a\n", "Dockerfile")
