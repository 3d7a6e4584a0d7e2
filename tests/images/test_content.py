"""The hash of what goes into an image, and which files those are."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from kfx.errors import UsageError
from kfx.images.build import Request, build
from kfx.images.content import (
    content_hash,
    copy_sent,
    is_ignored,
    left_out,
    parse_rules,
    sent_files,
    sent_folder,
    specials,
)
from kfx.images.engine import Build, Engine
from kfx.images.reference import parse

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("lines", "sent", "left"),
    [
        (["*", "!kfx"], ["kfx", "kfx/a.py", "kfx/b/c.py"], ["other", "x/kfx"]),
        (["*", "!kfx", "**/__pycache__"], ["kfx/a.py"], ["kfx/__pycache__/a.pyc", "__pycache__/b"]),
        (["**/.env*"], ["env", "a/env"], [".env", "a/.env.local", "a/b/.env"]),
        (["a/*/c"], ["a/b/d", "a/c"], ["a/b/c", "a/b/c/d"]),
        (["a/**/z"], ["a/y"], ["a/z", "a/b/z", "a/b/c/z"]),
        (["# comment", "", " b ", "!b/keep"], ["b/keep", "a"], ["b", "b/other"]),
        (["*.md", "!README.md"], ["README.md", "docs/a.md"], ["a.md"]),
        (["f?le[0-9]"], ["file", "f/le1"], ["file1", "fale9"]),
        (["[!]x", "[^a]y", "(b"], ["ax", "ay", "b"], ["!x", "by", "(b"]),
    ],
)
def test_rules_are_dockers(lines: list[str], sent: list[str], left: list[str]) -> None:
    """The last rule that matches a file, or a folder it lies in, decides; `*` stops at a slash and `**` does not."""
    rules = parse_rules(lines)

    assert [name for name in sent if is_ignored(rules, name)] == []
    assert [name for name in left if not is_ignored(rules, name)] == []


def program(engine: Engine, *arguments: str) -> str:
    """What the engine prints."""
    done = subprocess.run([engine.program, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_engine_is_sent_the_same_files(tmp_path: Path, engine: Engine, container_engine: str) -> None:
    """An image that copies everything holds exactly what `sent_files` lists."""
    for name in ("kfx/a.py", "kfx/__pycache__/a.pyc", "kfx/deep/b.py", ".env", "kfx/.env.local", "docs/x.md", "run"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / ".dockerignore").write_text("*\n!kfx\n!run\n!docs/*.md\n**/__pycache__\n**/.env*\n")
    (tmp_path / "Dockerfile").write_text(f"FROM {container_engine}\nCOPY . /sent\n")
    image = parse("localhost/kfx-test-sent:1")

    engine.build(Build(tmp_path, tmp_path / "Dockerfile", (image,)), print)

    # buildah runs commands in working containers only.
    container = program(engine, "from", str(image)) if engine.program == "buildah" else ""
    try:
        listed = program(
            engine, "run", *([container] if container else ["--rm", str(image)]), "find", "/sent", "-type", "f"
        )
    finally:
        if container:
            program(engine, "rm", container)
    there = sorted(line.removeprefix("/sent/") for line in listed.split())
    assert there == sorted(path.relative_to(tmp_path).as_posix() for path in sent_files(tmp_path))
    assert there == ["docs/x.md", "kfx/a.py", "kfx/deep/b.py", "run"]


@pytest.mark.parametrize(
    ("lines", "behind", "sent"),
    [
        ([], [".env", ".git", ".kfx", "src/.envrc"], ["run", "src/a.py"]),
        (["!.git/HEAD", "!**/*.py"], [".env", ".git", ".kfx", "src/.envrc"], [".git/HEAD", "run", "src/a.py"]),
        (["*", "!src", "**/.env*"], [], ["src/a.py"]),
        (["!.env"], [".git", ".kfx", "src/.envrc"], [".env", "run", "src/a.py"]),
    ],
    ids=["none", "one file back", "allow-list", "asked for"],
)
def test_secrets_and_records_stay_behind_unless_asked_for(
    lines: list[str], behind: list[str], sent: list[str], tmp_path: Path
) -> None:
    """What is hashed and what an engine gets are the same files; a folder with nothing to leave out is not copied."""
    folder = tmp_path / "folder"
    for name in (".env", ".git/HEAD", ".git/config", ".kfx/images.json", "run", "src/a.py", "src/.envrc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "run").chmod(0o755)
    if lines:
        (folder / ".dockerignore").write_text("\n".join(lines))
        sent = sorted({*sent, *(() if "*" in lines else [".dockerignore"])})

    copy_sent(folder, tmp_path / "copy")

    assert left_out(folder) == behind
    assert sorted(path.relative_to(folder).as_posix() for path in sent_files(folder)) == sent
    copied = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    assert sorted(path.relative_to(tmp_path / "copy").as_posix() for path in copied) == sent
    assert all(path.stat().st_mode & 0o111 for path in copied if path.name == "run")
    with sent_folder(folder) as given:
        assert (given == folder) == (not behind)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_only_files_and_links_are_sent_and_hashed(kind: str, folder: Path) -> None:
    """Reading a pipe nobody writes to would never end; an engine gets a copy without it."""
    (folder / ".dockerignore").write_text("*\n!greeting\n!odd\n!link\n")
    (folder / "link").symlink_to("odd/special")
    (folder / "odd").mkdir()
    before = content_hash(folder, folder / "Dockerfile", {})
    make_special(kind, folder / "odd" / "special")

    assert specials(folder) == ["odd/special"]
    assert [path.name for path in sent_files(folder)] == ["greeting", "link"]
    assert content_hash(folder, folder / "Dockerfile", {}) == before
    with sent_folder(folder) as given:
        assert sorted(path.name for path in given.rglob("*")) == ["greeting", "link", "odd"]


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_folder_with_a_pipe_or_a_socket_is_built(
    kind: str, folder: Path, engine: Engine, container_engine: str
) -> None:
    """The build says what it left out."""
    (folder / "Dockerfile").write_text(f"FROM {container_engine}\nCOPY . /sent\n")
    (folder / ".dockerignore").unlink()
    make_special(kind, folder / "special")
    lines: list[str] = []

    tag = f"localhost/kfx-test:{uuid.uuid4().hex}"
    assert build(Request(folder=folder, tag=tag), engine, lines.append).how == "built"
    assert "Left out: special. Pipes, sockets and devices go into no image." in lines


def make_special(kind: str, path: Path) -> None:
    if kind == "pipe":
        os.mkfifo(path)
        return
    # A socket's path has at most 107 characters, fewer than a test's folder may have.
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as made:
        made.bind(f"{short}/s")
        Path(short, "s").rename(path)


def test_kfxs_own_image_gets_no_secret_and_no_test() -> None:
    """The repository sends its packages and locks: no .env, no tests, no data, nothing of git."""
    names = [path.relative_to(REPOSITORY).as_posix() for path in sent_files(REPOSITORY)]

    assert {"pyproject.toml", "requirements.txt", "kfx/__init__.py", "trainer/train.py", "image/install"} <= set(names)
    tops = {name.split("/")[0] for name in names}
    assert tops <= {
        "LICENSE", "README.md", "image", "kfx", "pyproject.toml", "requirements-build.txt", "requirements-slim.txt",
        "requirements.txt", "setup.py", "trainer",
    }  # fmt: skip
    assert not [name for name in names if ".env" in name or "__pycache__" in name or "/tests/" in name]


def change(path: Path, text: str) -> Callable[[], object]:
    return lambda: path.write_text(text)


def test_the_hash_follows_everything_that_goes_in(folder: Path) -> None:
    """A changed file, mode, name, Dockerfile or choice changes it; what stays behind and file times do not."""
    dockerfile, choices = folder / "Dockerfile", {"target": "slim"}
    greeting = folder / "greeting"
    seen = [content_hash(folder, dockerfile, choices)]

    (folder / ".env").write_text("other")
    (folder / "notes").write_text("stays behind")
    greeting.touch()
    assert content_hash(folder, dockerfile, choices) == seen[0]

    for step in (
        change(greeting, "other"),
        lambda: greeting.chmod(0o755),
        change(dockerfile, "FROM x"),
        change(folder / ".dockerignore", "*\n!greeting\n!notes*\n"),
        lambda: (folder / "notes").rename(folder / "notes2"),
    ):
        step()
        seen.append(content_hash(folder, dockerfile, choices))
    seen.append(content_hash(folder, dockerfile, {"target": "full"}))

    assert len(set(seen)) == len(seen)


def test_an_absent_dockerfile_is_named(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(UsageError, match="Dockerfile cannot be read"):
        content_hash(tmp_path, tmp_path / "Dockerfile", {})


@pytest.mark.parametrize("line", ["[z-a]", "!src/[^]x", "a[", "b/[c/d]/e"])
def test_a_line_that_is_no_pattern_is_named(line: str, folder: Path) -> None:
    """With the file it stands in."""
    (folder / ".dockerignore").write_text(f"*\n{line}\n")
    (folder / "b").mkdir()
    for use in (lambda: content_hash(folder, folder / "Dockerfile", {}), lambda: left_out(folder)):
        with pytest.raises(UsageError, match=rf"context/\.dockerignore .*The line '{re.escape(line)}' is no pattern: "):
            use()


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore"])
def test_a_file_that_is_not_utf8_is_named(name: str, folder: Path) -> None:
    """A Dockerfile saved by an old editor."""
    (folder / name).write_bytes("FROM scratch AS slim\n# für alle\n".encode("latin-1"))
    with pytest.raises(UsageError, match=rf"context/{re.escape(name)} is not UTF-8 at byte 24"):
        build(Request(folder=folder, tag="localhost/kfx-test:1"), Engine("docker"), pytest.fail)
