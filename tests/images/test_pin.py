"""Digests into compiled pipelines, and the record of pushes."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import kfx
from kfx.errors import UsageError
from kfx.images.pin import pinned, tags, targets, with_digests, with_image, with_local_slim, with_pushed
from kfx.images.record import Pushed, beside, record, recorded, serving
from kfx.images.reference import Reference

DIGESTS = {"host.example/kfx:1": "sha256:" + "1" * 64, "host.example/kfx:1-slim": "sha256:" + "2" * 64}


class Lookup:
    """What the registry holds, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, name: Reference) -> str | None:
        """Looks a name up."""
        self.asked.append(str(name))
        return DIGESTS.get(str(name))


@pytest.fixture
def compiled(tmp_path: Path) -> dict[str, Any]:
    """sklearn_train as `kfp dsl compile` writes it, with an image for each group."""
    script = (
        "from kfp import compiler\nfrom kfx.pipelines.sklearn_train import sklearn_train\n"
        f"compiler.Compiler().compile(sklearn_train, {str(tmp_path / 'p.yaml')!r})"
    )
    images = {"BASE_KFX_IMAGE": "host.example/kfx:1", "BASE_KFX_SLIM_IMAGE": "host.example/kfx:1-slim"}
    subprocess.run([sys.executable, "-c", script], env={**os.environ, **images}, check=True, capture_output=True)
    document: dict[str, Any] = yaml.safe_load((tmp_path / "p.yaml").read_text())
    return document


def images_of(spec: dict[str, Any]) -> set[str]:
    return {e["container"]["image"] for e in spec["deploymentSpec"]["executors"].values() if "container" in e}


def test_every_kfx_component_gets_the_digest_of_its_own_size(compiled: dict[str, Any]) -> None:
    """Each name is asked for once, however many components run in it; the given document stays as it was."""
    before, look_up = copy.deepcopy(compiled), Lookup()
    names = images_of(compiled)

    changed = with_digests(compiled, digest=look_up)

    assert names <= set(DIGESTS)
    assert images_of(changed) == {f"host.example/kfx@{DIGESTS[name]}" for name in names}
    assert sorted(look_up.asked) == sorted(names)
    assert compiled == before
    assert with_digests(changed, digest=look_up) == changed
    assert sorted(look_up.asked) == sorted(names)


def executor(image: str, command: str) -> dict[str, Any]:
    return {"container": {"image": image, "command": ["sh", "-c", command]}}


def test_other_peoples_components_keep_their_tags_unless_asked() -> None:
    """Placeholders and importers have no image to pin."""
    spec = {
        "deploymentSpec": {
            "executors": {
                "ours": executor("host.example/kfx:1", "python3 -m kfx.entrypoint -m kfp.dsl.executor_main"),
                "theirs": executor("host.example/kfx:1-slim", "python3 -m theirs"),
                "late": executor("{{$.inputs.parameters['image']}}", "python3 -m kfx.entrypoint"),
                "importer": {"importer": {"artifactUri": {"constant": "gs://x"}}},
            }
        }
    }

    ours = with_digests(spec, digest=Lookup())["deploymentSpec"]["executors"]
    every = with_digests(spec, every=True, digest=Lookup())["deploymentSpec"]["executors"]

    assert ours["ours"]["container"]["image"].endswith("@" + DIGESTS["host.example/kfx:1"])
    assert ours["theirs"] == spec["deploymentSpec"]["executors"]["theirs"]
    assert every["theirs"]["container"]["image"].endswith("@" + DIGESTS["host.example/kfx:1-slim"])
    assert (ours["late"], ours["importer"]) == (every["late"], every["importer"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("localhost/kfx:0.1.0", "is on this machine only. Push it: kfx build --push"),
        ("host.example/kfx:2", "holds no image host.example/kfx:2. Build and push it"),
    ],
)
def test_what_no_registry_holds_is_refused_with_the_way_out(name: str, sentence: str) -> None:
    """The message has the command."""
    with pytest.raises(UsageError, match=sentence):
        pinned(name, Lookup())


def test_the_record_keeps_each_target_and_replaces_whole(tmp_path: Path) -> None:
    """A push of slim leaves full's entry; nothing temporary is left."""
    path = tmp_path / ".kfx" / "images.json"
    full, slim = (Pushed(name, digest) for name, digest in DIGESTS.items())

    assert recorded(path) == {}
    record("full", full, path)
    record("slim", full, path)
    record("slim", slim, path)

    assert recorded(path) == {"full": full, "slim": slim}
    assert slim.pinned == f"host.example/kfx@{slim.digest}"
    assert [each.name for each in path.parent.iterdir()] == ["images.json"]


WRONG: list[dict[str, object]] = [{"name": "x"}, {"name": "x", "digest": "bogus"}, {"name": "x", "digest": 1},
                                  {"name": 1, "digest": f"sha256:{'0' * 64}"}]  # fmt: skip


@pytest.mark.parametrize("text", ["{", "[1]", *(json.dumps({"full": entry}) for entry in WRONG)])
def test_a_record_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """The file is named, and what to do."""
    (tmp_path / "images.json").write_text(text)

    with pytest.raises(UsageError, match=r"images\.json is no record of pushed images .*Remove it and push again"):
        recorded(tmp_path / "images.json")


FULL, SLIM = "host.example/kfx:1", "host.example/kfx:1-slim"


def pushed_both(**files: str) -> dict[str, Pushed]:
    """Both targets, the slim one last."""
    return {
        "full": Pushed(FULL, DIGESTS[FULL], files.get("full", "a")),
        "slim": Pushed(SLIM, DIGESTS[SLIM], files.get("slim", "a")),
    }


def by_digest(name: str) -> str:
    return f"host.example/kfx@{DIGESTS[name]}"


def images_by_target(spec: dict[str, Any]) -> dict[str, str]:
    executors = spec["deploymentSpec"]["executors"].values()
    return {e["container"]["command"][2].split()[0].partition("=")[2]: e["container"]["image"] for e in executors}


def spec_of(name: str) -> dict[str, Any]:
    """A component of each target, both under one name."""
    return {
        "root": {},
        "deploymentSpec": {
            "executors": {
                target: executor(name, f"KFX_IMAGE_TARGET={target} exec python3 -m kfx.entrypoint")
                for target in ("slim", "full")
            }
        },
    }


@pytest.mark.parametrize("name", ["localhost/kfx:0.1.0", FULL])
def test_a_component_gets_the_image_of_its_target_that_was_pushed(name: str) -> None:
    """Named never (localhost) or after the full image, a slim component runs in the slim image pushed beside it."""
    changed = with_pushed(spec_of(name), pushed_both())

    assert images_by_target(changed) == {"slim": by_digest(SLIM), "full": by_digest(FULL)}
    assert with_pushed(changed, {}) == changed
    assert targets(changed) == {"slim", "full"}
    assert tags(changed) == []


@pytest.mark.parametrize(
    ("pushed", "slim", "full"),
    [
        ({}, "localhost/kfx:0", "localhost/kfx:0"),
        ({"full": Pushed(FULL, DIGESTS[FULL])}, by_digest(FULL), by_digest(FULL)),
        ({"slim": Pushed(SLIM, DIGESTS[SLIM])}, by_digest(SLIM), "localhost/kfx:0"),
        ({"trainer": Pushed("host.example/trainer:1", DIGESTS[FULL])}, "localhost/kfx:0", "localhost/kfx:0"),
    ],
)
def test_without_a_slim_image_the_full_one_serves_and_never_the_other_way(
    pushed: dict[str, Pushed], slim: str, full: str
) -> None:
    """The slim image lacks what full components need; what was never pushed keeps its name, and is refused later."""
    assert images_by_target(with_pushed(spec_of("localhost/kfx:0"), pushed)) == {"slim": slim, "full": full}


def test_an_outdated_slim_image_is_passed_over() -> None:
    """The full image pushed last, from other files, has newer code; pushed first, it is the slim one that is newer."""
    other = pushed_both(full="b")

    assert serving("slim", other) == other["slim"]
    assert serving("slim", {"slim": other["slim"], "full": other["full"]}) == other["full"]
    assert serving("slim", {"slim": other["slim"], "full": Pushed(FULL, DIGESTS[FULL])}) == other["slim"]


def test_a_slim_image_under_another_name_is_not_beside_the_full_one() -> None:
    """A private one pushed last is nobody's but who names it."""
    pushed = {"full": Pushed(FULL, DIGESTS[FULL]), "slim": Pushed("host.example/private/kfx:exp", DIGESTS[SLIM])}
    assert images_by_target(with_pushed(spec_of(FULL), pushed)) == {"slim": by_digest(FULL), "full": by_digest(FULL)}


def test_other_names_and_digests_stay() -> None:
    """What was compiled with an image of its own runs in that."""
    for name in ("localhost/mine:1", "other.example/kfx:1", by_digest(FULL), "{{$.inputs.parameters['image']}}"):
        assert with_pushed(spec_of(name), pushed_both()) == spec_of(name)
    assert images_by_target(with_pushed(spec_of(SLIM), pushed_both())) == {
        "slim": by_digest(SLIM),
        "full": by_digest(SLIM),
    }


def test_a_parameters_default_that_was_pushed_gets_its_digest() -> None:
    """bq_sklearn_train names the trainer's image in a parameter."""
    pushed = {"trainer": Pushed("host.example/trainer:1", DIGESTS[FULL])}
    defaults = {
        "training_image": "host.example/trainer:1",
        "local": "localhost/trainer:0",
        "title": "trainer",
        "database": "localhost/postgres:5432",
        "endpoint": "localhost/kfx:8080/v1",
        "n": 1.0,
    }
    spec = {"root": {"inputDefinitions": {"parameters": {k: {"defaultValue": v} for k, v in defaults.items()}}}}

    changed = with_pushed(spec, pushed)["root"]["inputDefinitions"]["parameters"]

    trainer = f"host.example/trainer@{DIGESTS[FULL]}"
    assert {name: each["defaultValue"] for name, each in changed.items()} == {
        **defaults,
        "training_image": trainer,
        "local": trainer,
    }


def test_images_by_name_go_to_the_components_of_their_target() -> None:
    """The full one serves all unless a slim one is named; naming only that leaves the others."""
    spec = spec_of("old")
    assert images_by_target(with_image(spec, "new")) == {"slim": "new", "full": "new"}
    assert images_by_target(with_image(spec, "new", "thin")) == {"slim": "thin", "full": "new"}
    assert images_by_target(with_image(spec, "", "thin")) == {"slim": "thin", "full": "old"}


def test_names_beside_the_full_image() -> None:
    """A target goes after the tag; the trainer is an image of its own."""
    assert beside("host.example/p/kfx:1@sha256:0", "full") == "host.example/p/kfx:1"
    assert beside("host.example:5000/kfx:1", "slim") == "host.example:5000/kfx:1-slim"
    assert beside("host.example/p/kfx:1", "trainer") == "host.example/p/trainer:1"
    assert beside("host.example/p/kfx@sha256:0", "slim") == f"host.example/p/kfx:{kfx.__version__}-slim"


@pytest.mark.parametrize(
    ("built", "slim"),
    [
        ({"localhost/kfx:0-slim"}, "localhost/kfx:0-slim"),
        ({"localhost/kfx:0", "localhost/kfx:0-slim"}, "localhost/kfx:0"),
        (set(), "localhost/kfx:0"),
    ],
)
def test_where_only_the_slim_image_was_built_slim_components_run_in_it(built: set[str], slim: str) -> None:
    """`kfx build --target slim`, then `kfx run --on docker`; the full image serves all where it is there."""
    changed = with_local_slim(spec_of("localhost/kfx:0"), built.__contains__)
    assert images_by_target(changed) == {"slim": slim, "full": "localhost/kfx:0"}
    assert with_local_slim(spec_of(FULL), built.__contains__) == spec_of(FULL)
