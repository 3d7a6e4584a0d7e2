"""A hash of everything that goes into an image: the same hash means the same image, so nothing needs building.

What goes in is what the engine is sent: the files of the build folder that `.dockerignore` lets through, the
Dockerfile, the target, the platform and the build arguments. Build secrets (credentials, certificates) stay out, since
they leave no trace in the image. The base image counts by its name: give `kfx build --force` when it moved.

`.env` files, `.git` and kfx's own `.kfx` are left out also where no `.dockerignore` says so: the first two may hold
passwords, and all three change without a change to the image. A line such as `!.git` takes one in. Pipes, sockets and
devices are never sent: what they hold is not in the folder, and reading one may never end.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from kfx.errors import UsageError

_LEFT_OUT = ("**/.env*", "**/.git", "**/.kfx")


def content_hash(folder: Path, dockerfile: Path, choices: Mapping[str, str]) -> str:
    """Hashes what goes into an image.

    Args:
        folder: The build folder (Docker calls it the context).
        dockerfile: The Dockerfile, which may lie elsewhere.
        choices: Target, platform and build arguments by name.

    Returns:
        12 hex digits of a SHA-256: 48 bits, enough that two images of one repository do not meet by chance.

    Raises:
        UsageError: The folder or the Dockerfile cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for name, value in sorted(choices.items()):
            _add(digest, f"choice {name}", value.encode())
        _add(digest, "dockerfile", dockerfile.read_bytes())
        for path in sent_files(folder):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink():
                _add(digest, f"link {name}", str(path.readlink()).encode())
            else:
                executable = path.stat().st_mode & 0o111 != 0
                _add(digest, f"file {name} {executable}", path.read_bytes())
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()[:12]


def sent_files(folder: Path) -> Iterator[Path]:
    """Yields the files and links an engine is sent, in the order of their names: those the folder's rules let through.

    Raises:
        OSError: The folder cannot be read.
    """
    return (path for path in _let_through(folder) if not _is_special(path))


def specials(folder: Path) -> list[str]:
    """Returns what the folder's rules let through and no engine is sent: the names of pipes, sockets and devices.

    Raises:
        OSError: The folder cannot be read.
    """
    return [path.relative_to(folder).as_posix() for path in _let_through(folder) if _is_special(path)]


def _let_through(folder: Path) -> Iterator[Path]:
    rules = _rules(folder)
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        # A folder that no rule can bring a file of back from is not entered: .git and .venv hold many thousands.
        folders[:] = sorted(name for name in folders if _may_hold(rules, (here / name).relative_to(folder).as_posix()))
        for name in sorted([*names, *(each for each in folders if (here / each).is_symlink())]):
            path = here / name
            if not is_ignored(rules, path.relative_to(folder).as_posix()):
                yield path


def _is_special(path: Path) -> bool:
    mode = path.lstat().st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISLNK(mode))


def left_out(folder: Path) -> list[str]:
    """Returns what stays behind although `.dockerignore` does not say so: the names of files and folders, sorted.

    Raises:
        OSError: The folder cannot be read.
    """
    own = _own_rules(folder)
    rules = _rules(folder)
    found = []
    for parent, folders, names in os.walk(folder):
        inside = {name: (Path(parent) / name).relative_to(folder).as_posix() for name in [*folders, *names]}
        behind = {name for name, path in inside.items() if is_ignored(rules, path) and not is_ignored(own, path)}
        found += [inside[name] for name in behind]
        folders[:] = [name for name in folders if name not in behind and _may_hold(rules, inside[name])]
    return sorted(found)


@contextlib.contextmanager
def sent_folder(folder: Path) -> Iterator[Path]:
    """Gives the folder an engine is to be sent: the folder itself, or a copy while engines would send more of it.

    An engine reads `.dockerignore` and nothing else, and not every engine takes another file in its place. A pipe is
    sent by one, and stops another.

    Raises:
        OSError: The folder cannot be read, or there is no room for a copy.
    """
    if not left_out(folder) and not specials(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="kfx-build-") as scratch:
        copy = Path(scratch, "sent")
        copy_sent(folder, copy)
        yield copy


def copy_sent(folder: Path, target: Path) -> None:
    """Copies what an engine is sent, with times, modes and links, into a folder that is not there yet.

    Raises:
        OSError: A file cannot be read or written.
    """
    rules = _rules(folder)

    def behind(parent: str, names: list[str]) -> list[str]:
        paths = {name: Path(parent, name) for name in names}
        folders = {name for name, path in paths.items() if path.is_dir() and not path.is_symlink()}
        inside = {name: path.relative_to(folder).as_posix() for name, path in paths.items()}
        files = set(names) - folders
        return [
            *(name for name in folders if not _may_hold(rules, inside[name])),
            *(name for name in files if is_ignored(rules, inside[name]) or _is_special(paths[name])),
        ]

    shutil.copytree(folder, target, symlinks=True, ignore=behind)


def any_goes_in(folder: Path, names: Iterable[str]) -> bool:
    """Tells whether one of these files, by its path from the folder, is among those an engine is sent.

    Raises:
        OSError: `.dockerignore` cannot be read.
    """
    rules = _rules(folder)
    return any(not is_ignored(rules, name) for name in names)


Rule = tuple[bool, str, "re.Pattern[str]"]
"""Whether it lets files through (`!`), the pattern, and the pattern as a regular expression."""


def parse_rules(lines: Sequence[str]) -> list[Rule]:
    """Reads the lines of a `.dockerignore` file (docs.docker.com/build/concepts/context/#dockerignore-files).

    Raises:
        UsageError: A line is no pattern.
    """
    rules = []
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        pattern = text.removeprefix("!").strip().strip("/")
        if pattern not in ("", "."):
            try:
                # Each part is looked at by itself as well, for the folders above a file.
                for part in pattern.split("/"):
                    _regex(part)
                rules.append((text.startswith("!"), pattern, _regex(pattern)))
            except re.error as error:
                raise UsageError(f"The line {text!r} is no pattern: {error}.") from error
    return rules


def _rules(folder: Path) -> list[Rule]:
    """The rules of a build folder: its own decide after kfx's."""
    return [*parse_rules(_LEFT_OUT), *_own_rules(folder)]


def _own_rules(folder: Path) -> list[Rule]:
    ignore_file = folder / ".dockerignore"
    if not ignore_file.is_file():
        return []
    lines = read_text(ignore_file).splitlines()
    try:
        return parse_rules(lines)
    except UsageError as error:
        raise UsageError(f"{ignore_file} cannot be used. {error}") from error


def read_text(path: Path) -> str:
    """Reads a Dockerfile or a `.dockerignore`.

    Raises:
        OSError: It cannot be read.
        UsageError: It is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8.") from error


def is_ignored(rules: Sequence[Rule], name: str) -> bool:
    """Tells whether a file stays behind: the last rule that matches it, or a folder it lies in, decides."""
    parts = name.split("/")
    names = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    ignored = False
    for lets_through, _, regex in rules:
        if any(regex.fullmatch(each) for each in names):
            ignored = not lets_through
    return ignored


def _may_hold(rules: Sequence[Rule], folder: str) -> bool:
    if not is_ignored(rules, folder):
        return True
    inside = (pattern for lets_through, pattern, _ in rules if lets_through)
    return any(pattern.startswith(("**", f"{folder}/")) or _is_wild_above(pattern, folder) for pattern in inside)


def _is_wild_above(pattern: str, folder: str) -> bool:
    """Whether a pattern with wildcards in its first parts could match something in the folder."""
    wanted, parts = pattern.split("/"), folder.split("/")
    pairs = zip(wanted, parts, strict=False)
    return len(wanted) > len(parts) and all(_regex(want).fullmatch(part) for want, part in pairs)


@functools.cache
def _regex(pattern: str) -> re.Pattern[str]:
    """Go's filepath.Match with `**` for any number of folders, as Docker reads it."""
    parts = {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    pieces = re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|\\.|.", pattern)
    return re.compile(
        "".join(parts.get(p, p if p.startswith("[") else re.escape(p.removeprefix("\\"))) for p in pieces)
    )


def _add(digest: hashlib._Hash, name: str, value: bytes) -> None:
    # Lengths keep "a" + "bc" apart from "ab" + "c".
    digest.update(f"{len(name)} {name} {len(value)} ".encode())
    digest.update(value)
