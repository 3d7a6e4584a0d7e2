"""Image names: read, written, and told apart."""

from __future__ import annotations

import pytest

from kfx.errors import UsageError
from kfx.images.reference import Reference, parse

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("python:3.12", Reference("docker.io", "library/python", "3.12")),
        ("apache/beam", Reference("docker.io", "apache/beam")),
        ("localhost/kfx:0.1.0", Reference("localhost", "kfx", "0.1.0")),
        ("127.0.0.1:5000/a/b:c", Reference("127.0.0.1:5000", "a/b", "c")),
        ("registry:5000/kfx", Reference("registry:5000", "kfx")),
        ("[::1]:5000/kfx:1", Reference("[::1]:5000", "kfx", "1")),
        (
            "europe-west4-docker.pkg.dev/p/r/kfx:1@" + DIGEST,
            Reference("europe-west4-docker.pkg.dev", "p/r/kfx", "1", DIGEST),
        ),
    ],
)
def test_a_name_is_read_into_its_parts(name: str, expected: Reference) -> None:
    """The first part is a registry when it has a dot or a port, or is localhost."""
    assert parse(name) == expected
    assert parse(str(expected)) == expected


@pytest.mark.parametrize("name", ["", "Kfx:1", "kfx:", "a b", "kfx@sha256:12", "https://host/kfx", "kfx:ta g", "-kfx"])
def test_what_is_no_name_is_refused_with_an_example(name: str) -> None:
    """The message shows a name as it should be."""
    with pytest.raises(UsageError, match=r"is no image name. It looks like europe-west4-docker.pkg.dev/"):
        parse(name)


def test_a_digest_takes_the_tags_place_and_the_other_way_round() -> None:
    """By digest there is no tag that could move; under a new tag there is no digest that belongs to the old."""
    named = parse("host.example/r/kfx:1")

    assert str(named.with_digest(DIGEST)) == f"host.example/r/kfx@{DIGEST}"
    assert str(named.with_digest(DIGEST).with_tag("2")) == "host.example/r/kfx:2"


@pytest.mark.parametrize(
    ("name", "here", "loopback"),
    [
        ("localhost/kfx:1", True, True),
        ("localhost:5000/kfx:1", False, True),
        ("127.0.0.1:5000/kfx", False, True),
        ("localhost.example/kfx", False, False),
    ],
)
def test_this_machine_and_its_registry_are_told_apart(name: str, here: bool, loopback: bool) -> None:
    """`localhost/kfx` is no registry's; `localhost:5000/kfx` is, and may be asked over plain http."""
    assert (parse(name).is_on_this_machine, parse(name).is_loopback) == (here, loopback)
