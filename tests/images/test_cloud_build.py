"""Cloud Build as an engine, against a gcloud double that does what Cloud Build does: run the step, push the images."""

from __future__ import annotations

import json
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kfx.errors import PermanentError, UsageError
from kfx.images.build import Request, build, push
from kfx.images.cloud_build import CloudBuild, configuration, find_cloud_build
from kfx.images.engine import Build, Engine
from kfx.images.reference import parse
from kfx.images.registry import digest_of

Ask = Callable[..., Request]

GCLOUD = """\
#!{python}
import json, os, subprocess, sys
words = [word for word in sys.argv[1:] if not word.startswith("--")]
flags = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:] if word.startswith("--"))
assert words[:2] == ["builds", "submit"], words
folder, config = words[2], json.load(open(flags["config"]))
json.dump({{"flags": flags, "config": config, "files": sorted(
    os.path.relpath(os.path.join(parent, name), folder) for parent, _, names in os.walk(folder) for name in names
)}}, open({log!r}, "w"))
for step in config["steps"]:
    # The builder is the docker program; substitutions are undone as Cloud Build undoes them.
    arguments = [argument.replace("$$", "$") for argument in step["args"]]
    code = subprocess.call([{docker!r}, *arguments[:1], *{options!r}, *arguments[1:]], cwd=folder)
    if code:
        sys.exit(f"ERROR: build step 0 {{step['name']}} failed: step exited with non-zero status: {{code}}")
for image in config["images"]:
    subprocess.check_call([{docker!r}, "push", image])
"""


@pytest.fixture
def gcloud(tmp_path: Path, engine: Engine, request_for: Ask, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts the double on PATH. Returns the file that holds what it was given."""
    log, program = tmp_path / "submitted.json", tmp_path / "bin" / "gcloud"
    program.parent.mkdir()
    docker, options = shutil.which(engine.program), list(request_for().options)
    program.write_text(GCLOUD.format(python=sys.executable, log=str(log), docker=docker, options=options))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return log


def test_a_build_ends_with_both_names_in_the_registry(gcloud: Path, request_for: Ask, name: str) -> None:
    """Exactly the files a local engine gets are submitted; a second build finds the image in the registry."""
    cloud = CloudBuild(project="p", region="europe-west4")
    wanted = request_for(tag=name, options=())

    built = build(wanted, cloud, print)
    pushed, _ = push(built, cloud, print)
    again = build(wanted, cloud, pytest.fail)

    submitted = json.loads(gcloud.read_text())
    assert submitted["files"] == ["Dockerfile", "greeting"]
    assert submitted["flags"]["project"] == "p"
    assert submitted["flags"]["region"] == "europe-west4"
    assert pushed.digest == digest_of(parse(name)) == digest_of(built.content)
    assert (built.how, again.how) == ("built", "in the registry")


def test_a_failed_build_is_an_error(gcloud: Path, request_for: Ask, name: str) -> None:
    """gcloud's exit code counts, and its log was shown."""
    lines: list[str] = []

    with pytest.raises(PermanentError, match="gcloud builds submit failed with exit code 1"):
        build(request_for(tag=name, target="broken", options=()), CloudBuild(), lines.append)

    assert any("about to fail" in line for line in lines)
    assert gcloud.is_file()


def test_the_configuration_is_one_docker_step(tmp_path: Path) -> None:
    """A dollar sign in a value is not one of Cloud Build's substitutions."""
    image = parse("host.example/kfx:1")
    made = configuration(Build(tmp_path, tmp_path / "Dockerfile", (image,), "slim", build_args={"A": "$B", "C": "d"}))

    (step,) = made["steps"]
    assert step["args"] == [
        "build",
        "--file=Dockerfile",
        "--platform=linux/amd64",
        "--target=slim",
        "--build-arg=A=$$B",
        "--build-arg=C=d",
        "--tag=host.example/kfx:1",
        ".",
    ]
    assert made["images"] == ["host.example/kfx:1"]


def test_what_cloud_build_cannot_do_is_said_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No registry, a secret of this machine, and no gcloud are three sentences."""
    here = Build(tmp_path, tmp_path / "Dockerfile", (parse("localhost/kfx:1"),))
    secret = Build(tmp_path, tmp_path / "Dockerfile", (parse("host.example/kfx:1"),), secrets=("id=ca,src=ca.pem",))
    with pytest.raises(UsageError, match="has no registry"):
        CloudBuild().build(here, print)
    with pytest.raises(UsageError, match="takes no --secret"):
        CloudBuild().build(secret, print)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="gcloud, which is not installed"):
        find_cloud_build(parse("host.example/kfx:1"))


@pytest.mark.parametrize("name", ["127.0.0.1:5000/kfx:1", "localhost:5000/kfx:1", "localhost/kfx:1"])
def test_a_name_on_this_machine_is_refused_before_gcloud(name: str) -> None:
    """Google cannot reach this machine's registry, with or without a port."""
    with pytest.raises(UsageError, match=f"{name} is a name on this machine, which Cloud Build cannot push to"):
        find_cloud_build(parse(name))


def test_a_project_is_needed_before_anything_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the command line, else gcloud's own; one that was never set is an empty line."""
    gcloud = tmp_path / "gcloud"
    gcloud.write_text('#!/bin/sh\n[ "$*" = "config get-value project --quiet" ] && echo "$CLOUDSDK_CORE_PROJECT"\n')
    gcloud.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CLOUDSDK_CORE_PROJECT", raising=False)
    image = parse("host.example/kfx:1")

    with pytest.raises(UsageError, match=r"Cloud Build needs a project\. Name it: --project"):
        find_cloud_build(image)
    assert find_cloud_build(image, "given").project == "given"
    monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", "gclouds-own")
    assert find_cloud_build(image).project == ""
