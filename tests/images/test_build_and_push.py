"""Building and pushing with a real engine and a real registry: what changed, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import kfx
from kfx.errors import PermanentError, UsageError
from kfx.images.build import Request, build, push, stages
from kfx.images.content import content_hash
from kfx.images.engine import Engine, find_engine
from kfx.images.record import RECORD, default_name, recorded
from kfx.images.reference import parse
from kfx.images.registry import digest_of

Ask = Callable[..., Request]


@pytest.fixture
def lines() -> list[str]:
    """The engine's output."""
    return []


def remove(engine: Engine, *names: object) -> None:
    subprocess.run([engine.program, "rmi", "--force", *map(str, names)], capture_output=True, check=True)


def test_a_second_build_finds_the_first(request_for: Ask, engine: Engine, name: str, lines: list[str]) -> None:
    """Nothing changed, so nothing is built; a changed file builds again, and --force always does."""
    first = build(request_for(tag=name), engine, lines.append)
    said = len(lines)
    second = build(request_for(tag=name), engine, lines.append)

    assert (first.how, second.how, len(lines)) == ("built", "on this machine", said)
    assert first.content == second.content
    assert first.content.tag.startswith(f"{kfx.__version__}-slim-")
    assert first.size_bytes or engine.program == "buildah"  # which does not tell
    assert build(request_for(tag=name, force=True), engine, lines.append).how == "built"

    (request_for().folder / "greeting").write_text("changed")
    third = build(request_for(tag=name), engine, lines.append)
    assert third.how == "built"
    assert third.content != first.content


def test_labels_say_version_and_revision(request_for: Ask, engine: Engine, name: str, lines: list[str]) -> None:
    """The commit of the folder that was built stands in the image, and whether the image holds something else."""
    folder = request_for().folder
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "greeting", "Dockerfile"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    (folder / "notes").write_text("not in the image, so it does not count\n")

    build(request_for(tag=name), engine, lines.append)
    assert labels(engine, name)["org.opencontainers.image.version"] == kfx.__version__
    assert labels(engine, name)["org.opencontainers.image.revision"] == commit

    (folder / "greeting").write_text("changed")
    build(request_for(tag=name), engine, lines.append)
    assert labels(engine, name)["org.opencontainers.image.revision"] == f"{commit}-dirty"


def labels(engine: Engine, name: str) -> dict[str, str]:
    """The labels of an image on this machine."""
    asked = ["inspect", "--type=image"] if engine.program == "buildah" else ["image", "inspect"]
    done = subprocess.run([engine.program, *asked, name], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    given: dict[str, str] = (
        found["OCIv1"]["config"]["Labels"] if engine.program == "buildah" else found[0]["Config"]["Labels"]
    )
    return given


def test_a_failed_step_is_named_and_its_output_shown(request_for: Ask, engine: Engine, lines: list[str]) -> None:
    """The exit code of the engine is an error, not a line in a log."""
    with pytest.raises(PermanentError, match=r"build failed with exit code \d+ at the step: .*exit 7"):
        build(request_for(target="broken", tag="localhost/kfx-test:broken"), engine, lines.append)

    assert any("about to fail" in line for line in lines)


def test_an_unknown_target_is_refused_before_the_engine_starts(request_for: Ask, engine: Engine) -> None:
    """The message lists the targets there are."""
    with pytest.raises(UsageError, match=r"no target 'slimm'. It has: first, slim, broken"):
        build(request_for(target="slimm"), engine, pytest.fail)


def test_push_twice_sends_once_and_records_the_digest(
    request_for: Ask, engine: Engine, name: str, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry holds the image under its name and its content's; the record has the digest pipelines get."""
    monkeypatch.chdir(tmp_path)
    built = build(request_for(tag=name), engine, lines.append)

    pushed, sent = push(built, engine, lines.append)
    again, sent_again = push(built, engine, pytest.fail)

    assert (sent, sent_again) == (True, False)
    assert pushed == again == recorded()["slim"]
    assert pushed.digest == digest_of(parse(name)) == digest_of(built.content)
    assert pushed.pinned == f"{name.removesuffix(':1')}@{pushed.digest}"
    assert sorted(path.name for path in RECORD.parent.iterdir()) == [RECORD.name]


def test_what_the_registry_has_is_not_built_on_another_machine(
    request_for: Ask, engine: Engine, name: str, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the image gone from this machine, the registry's digest is enough."""
    monkeypatch.chdir(tmp_path)
    built = build(request_for(tag=name), engine, lines.append)
    pushed, _ = push(built, engine, lines.append)
    remove(engine, built.name, built.content)

    found = build(request_for(tag=name), engine, pytest.fail)

    assert found.how == "in the registry"
    assert push(found, engine, pytest.fail) == (pushed, False)


def test_a_push_that_fails_is_an_error(request_for: Ask, engine: Engine, lines: list[str]) -> None:
    """No registry listens on port 1."""
    built = build(request_for(tag="127.0.0.1:1/kfx-test:1"), engine, lines.append)
    assert any("Building without asking the registry" in line for line in lines)

    with pytest.raises(PermanentError, match=r"push of 127.0.0.1:1/kfx-test.* failed with exit code"):
        engine.push(built.name, lines.append)


def test_an_image_without_a_registry_is_not_pushed(request_for: Ask, engine: Engine, lines: list[str]) -> None:
    """The default name stays on this machine."""
    built = build(request_for(tag="localhost/kfx-test:1"), engine, lines.append)

    with pytest.raises(UsageError, match="has no registry to push to"):
        push(built, engine, pytest.fail)


def test_the_default_name_is_the_configured_one_else_local(monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest is dropped: it names what was built before."""
    for variable in ("BASE_KFX_IMAGE", "BASE_KFX_SLIM_IMAGE"):
        monkeypatch.delenv(variable, raising=False)
    assert default_name("full") == f"localhost/kfx:{kfx.__version__}"
    assert default_name("slim") == f"localhost/kfx:{kfx.__version__}-slim"
    monkeypatch.setenv("BASE_KFX_IMAGE", "host.example/kfx:3@sha256:" + "0" * 64)
    monkeypatch.setenv("BASE_KFX_SLIM_IMAGE", "host.example/kfx:3-slim")
    assert (default_name("full"), default_name("slim")) == ("host.example/kfx:3", "host.example/kfx:3-slim")


def test_engines_that_are_not_there_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown, not installed, and installed but not answering are three sentences."""
    with pytest.raises(UsageError, match=r"'kaniko' is unknown. There are: docker, podman, buildah"):
        find_engine("kaniko")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="docker is not installed; podman is not installed; buildah is not installed"):
        find_engine()
    dead = tmp_path / "docker"
    dead.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    dead.chmod(0o755)
    with pytest.raises(UsageError, match=r"docker does not answer \(Cannot connect to the Docker daemon\)"):
        find_engine("docker")


def program(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kfx.cli.main", *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("BASE_KFX", "KFX_"))}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_kfx_build_push_does_nothing_the_second_time(
    request_for: Ask, engine: Engine, name: str, container_engine: str
) -> None:
    """Standard output is the result, the engine's output goes to standard error, and a second run has none."""
    options = [f"--option={option}" for option in request_for().options]
    flags = [
        f"--engine={engine.program}",
        "--target=slim",
        f"--tag={name}",
        f"--build-arg=BASE={container_engine}",
        *options,
    ]
    folder = request_for().folder

    first = program("build", *flags, "--push", cwd=folder)
    second = program("build", *flags, "--push", cwd=folder)
    third = program("build", *flags, "--push", "--output=json", cwd=folder)

    assert first.returncode == 0, first.stderr
    assert f"Built {name}" in first.stdout
    assert f"Pushed {name}" in first.stdout
    assert "greeting" in first.stderr
    assert (second.returncode, second.stderr) == (0, "")
    assert f"Nothing changed: {name} is on this machine" in second.stdout
    assert f"Nothing to push: the registry has {name}" in second.stdout
    result = json.loads(third.stdout)
    assert (result["state"], result["pushed"]) == ("on this machine", False)
    assert result["digest"] == recorded(folder / RECORD)["slim"].digest
    assert program("push", name, f"--engine={engine.program}", cwd=folder).returncode == 0


def test_a_teams_folder_without_dockerignore_is_built_once(
    engine: Engine, name: str, tmp_path: Path, container_engine: str
) -> None:
    """The record of the push, .git and .env change without the image, hold what is nobody's business, and stay out."""
    (tmp_path / "Dockerfile").write_text(f"FROM {container_engine}\nCOPY . /sent\n")
    (tmp_path / "empty").mkdir()
    for secret in (".env", "deep/.env.local", ".git/config"):
        (tmp_path / secret).parent.mkdir(exist_ok=True)
        (tmp_path / secret).write_text("TOKEN=never in an image\n")
    options = [f"--option={option}" for option in os.environ.get("KFX_TEST_BUILD_ARGS", "").split()]
    flags = ["--push", f"--engine={engine.program}", f"--tag={name}", *options]

    first = program("build", *flags, cwd=tmp_path)
    (tmp_path / ".env").write_text("TOKEN=other\n")
    (tmp_path / ".git" / "index").write_text("other")
    again = [program("build", *flags, cwd=tmp_path) for _ in range(2)]

    assert first.returncode == 0, first.stderr
    assert "Left out: .env, .git, deep/.env.local. A line such as !.env in .dockerignore" in first.stderr
    assert [(done.returncode, done.stderr) for done in again] == [(0, "")] * 2
    assert all(f"Nothing changed: {name} is " in done.stdout for done in again)
    assert sent_to(engine, name) == ["Dockerfile", "deep", "empty"]


def sent_to(engine: Engine, name: str) -> list[str]:
    """What lies in the image's folder /sent and below; buildah runs commands in working containers only."""
    ask = ["run", "--rm", name]
    if engine.program == "buildah":
        made = subprocess.run(["buildah", "from", name], capture_output=True, text=True, check=True).stdout.strip()
        ask = ["run", made]
    command = [engine.program, *ask, "find", "/sent", "-mindepth", "1"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    finally:
        if engine.program == "buildah":
            subprocess.run(["buildah", "rm", made], capture_output=True, check=True)
    return sorted(line.removeprefix("/sent/") for line in listed.split())


def test_kfx_build_ends_with_the_codes_of_the_program(request_for: Ask, engine: Engine, container_engine: str) -> None:
    """1 when the engine failed, 2 when the input is wrong."""
    folder = request_for().folder
    options = [f"--option={option}" for option in request_for().options]
    broken = program(
        "build",
        f"--engine={engine.program}",
        "--target=broken",
        f"--build-arg=BASE={container_engine}",
        *options,
        cwd=folder,
    )
    wrong = program("build", "--target=nope", cwd=folder)
    absent = program("push", "host.invalid/kfx-test:never-built", f"--engine={engine.program}", cwd=folder)

    assert (broken.returncode, wrong.returncode, absent.returncode) == (1, 2, 2)
    assert "failed with exit code" in broken.stderr.splitlines()[-1]
    assert "no target 'nope'" in wrong.stderr
    assert "is not on this machine. Build it: kfx build" in absent.stderr


BUILDKIT = """\
#5 [base 1/2] FROM docker.io/library/python:3.12-slim-trixie
#7 [slim-packages 3/3] RUN kfx-install packages /src/requirements-slim.txt
#8 [kfx 4/4] RUN kfx-install kfx /src
#7 ERROR: process did not complete successfully: exit code: 1
------
 > [slim-packages 3/3] RUN kfx-install packages /src/requirements-slim.txt:
ERROR: failed to solve: process "/bin/sh -c kfx-install packages" did not complete successfully
"""
PODMAN = """\
[2/7] STEP 8/8: RUN kfx-install kfx /src
[3/7] STEP 1/4: FROM 7df61c37 AS slim-packages
building at STEP "RUN kfx-install kfx /src": while running runtime: exit status 1
[3/7] STEP 2/4: ARG SOURCE_DATE_EPOCH=0
"""


@pytest.mark.parametrize(
    ("transcript", "step"),
    [
        (BUILDKIT, r'process "/bin/sh -c kfx-install packages" did not complete'),
        (PODMAN, r"RUN kfx-install kfx /src\. Its output"),
    ],
    ids=["buildkit", "podman"],
)
def test_the_step_that_failed_is_named_not_the_one_begun_last(
    transcript: str, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Engines run stages side by side."""
    (tmp_path / "Dockerfile").write_text("FROM scratch AS slim\n")
    (tmp_path / "transcript").write_text(transcript)
    docker = tmp_path / "docker"
    docker.write_text(
        f'#!/bin/sh\n[ "$1" = version ] && exit 0\n[ "$1" = image ] && exit 1\ncat {tmp_path}/transcript; exit 1\n'
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(PermanentError, match=f"at the step: {step}"):
        build(Request(folder=tmp_path, target="slim", tag="localhost/kfx-test:1"), find_engine("docker"), print)


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A program named docker that has no image, and prints what it is asked to build."""
    docker = folder / "docker"
    docker.write_text('#!/bin/sh\n[ "$1" = version ] && exit 0\n[ "$1" = image ] && exit 1\necho "$@"\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return find_engine("docker")


@pytest.mark.parametrize(
    ("dockerfile", "stage", "counts_as", "name"),
    [
        ("FROM a AS slim\nFROM slim AS full\nFROM full AS test\n", "full", "full", "localhost/kfx:{}"),
        ("FROM registry/kfx:1\nRUN true\n", "", "full", "localhost/kfx:{}"),
        ("FROM a AS tools\nFROM --platform=linux/amd64 registry/kfx:1\n", "", "full", "localhost/kfx:{}"),
        ("FROM a AS base\nfrom base as trainer\n", "trainer", "trainer", "localhost/trainer:{}"),
        ("FROM a AS base\nFROM base AS dataflow\n", "dataflow", "dataflow", "localhost/kfx:{}-dataflow"),
        ("FROM a AS base\n  FROM base AS odd\n", "odd", "odd", "localhost/kfx:{}-odd"),
        ("FROM a AS base\nFROM base \\ \n# in between\n\n AS one\n", "one", "one", "localhost/kfx:{}-one"),
        ("#syntax=x\n# escape=`\nFROM a `\n\tAS one\nRUN b\\\n", "one", "one", "localhost/kfx:{}-one"),
        ("FROM a AS Full\nFROM Full AS test\n", "Full", "full", "localhost/kfx:{}"),
        (
            "FROM a AS one\nRUN python <<'E' && b <<-F\nfrom x\nE\nfrom x as y\n\tF\n",
            "one",
            "one",
            "localhost/kfx:{}-one",
        ),
        ("FROM a AS one\nRUN echo 1 << n\nFROM one AS two\n", "two", "two", "localhost/kfx:{}-two"),
    ],
)
def test_without_a_target_the_full_stage_or_the_last_is_built(
    dockerfile: str, stage: str, counts_as: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A team's own Dockerfile need not name its stages; its image counts as the full one."""
    for variable in ("BASE_KFX_IMAGE", "BASE_KFX_SLIM_IMAGE"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "Dockerfile").write_text(dockerfile)
    lines: list[str] = []

    built = build(Request(folder=tmp_path), stand_in(tmp_path, monkeypatch), lines.append)

    assert (built.target, str(built.name)) == (counts_as, name.format(kfx.__version__))
    words = lines[0].split()
    assert (words[words.index("--target") + 1] if "--target" in words else "") == stage


@pytest.mark.parametrize(
    "other", [".containerignore", "docker/train.dockerignore", "docker/train.containerignore", "train.dockerignore"]
)
def test_a_file_an_engine_reads_in_place_of_dockerignore_is_refused(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would let `.env` in, and the hash would not tell; the file of another Dockerfile is no matter."""
    folder = tmp_path / "folder"
    (folder / "docker").mkdir(parents=True)
    (folder / ".dockerignore").write_text(".env\n")
    (folder / other).write_text("nothing\n")
    (folder / "docker" / "train").write_text("FROM scratch\n")
    request = Request(folder=folder, dockerfile=folder / "docker" / "train", tag="localhost/kfx-test:1")
    engine = stand_in(tmp_path, monkeypatch)

    if other == "train.dockerignore":
        assert build(request, engine, lambda _: None).how == "built"
    else:
        with pytest.raises(UsageError, match=rf"{other}.*move the lines of {Path(other).name} there"):
            build(request, engine, pytest.fail)


def test_options_that_change_the_image_change_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments and labels, however they are written, and the time of the files; the network a build uses does not."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nARG SOURCE_DATE_EPOCH=0\n")
    (tmp_path / ".dockerignore").write_text("*\n")
    engine = stand_in(tmp_path, monkeypatch)
    for variable in ("SOURCE_DATE_EPOCH", "KFX_TEST_COLOUR"):
        monkeypatch.delenv(variable, raising=False)

    def tag(*options: str) -> str:
        request = Request(folder=tmp_path, tag="localhost/kfx-test:1", options=options)
        return build(request, engine, lambda _: None).content.tag.rpartition("-")[2]

    plain = tag()
    assert plain == content_hash(tmp_path, tmp_path / "Dockerfile", {"target": "", "platform": "linux/amd64"})
    assert tag("--network=host", "--no-cache") == plain
    red = tag("--build-arg=KFX_TEST_COLOUR=red")
    assert red == tag("--network=host", "--build-arg", "KFX_TEST_COLOUR=red")
    seen = [plain, red, tag("--build-arg=KFX_TEST_COLOUR=blue"), tag("--label=a=1"), tag("--label", "a=2")]
    seen.append(tag("--build-arg=KFX_TEST_COLOUR"))
    monkeypatch.setenv("KFX_TEST_COLOUR", "red")
    assert tag("--build-arg=KFX_TEST_COLOUR") == red
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    seen.append(tag())

    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("target", ["full", "Full", "FULL"])
def test_a_stage_is_found_whatever_its_case(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine gets the name as the Dockerfile writes it; tags and records have it in small letters."""
    (tmp_path / "Dockerfile").write_text("FROM scratch AS Full\nFROM Full AS test\n")
    request = Request(folder=tmp_path, target=target, tag="localhost/kfx-test:1")
    lines: list[str] = []

    built = build(request, stand_in(tmp_path, monkeypatch), lines.append)

    assert "--target Full " in lines[-1]
    assert (built.target, stages(request)) == ("full", ["full", "test"])
