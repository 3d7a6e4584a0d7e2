"""What kfx reads of a Dockerfile: its instructions, and the names of its stages."""

from __future__ import annotations

import re

# docs.docker.com/reference/dockerfile/#from; an image's name has no blanks.
_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*\S+(?:\s+AS\s+(\S+))?", re.IGNORECASE)
_ESCAPE = re.compile(r"#\s*escape\s*=\s*([\\`])\s*", re.IGNORECASE)
_DIRECTIVE = re.compile(r"#\s*\w+\s*=.*")
_HEREDOC = re.compile(r"(?:^|\s)\d*<<(-?)([\"']?)(\w+)\2(?=\s|$)")
_TAKE_HEREDOCS = ("RUN", "COPY", "ADD")


def instructions(dockerfile: str) -> list[str]:
    """Returns a Dockerfile's instructions, each in one line: without comments, and without what here-documents hold.

    Args:
        dockerfile: Its text (docs.docker.com/reference/dockerfile/#format).
    """
    lines = dockerfile.splitlines()
    escape = _escape(lines)
    found = []
    begun = ""
    while lines:
        line = lines.pop(0).rstrip()
        # Comments and empty lines do not end an instruction that goes on.
        if not line or line.lstrip().startswith("#"):
            continue
        if line.endswith(escape):
            begun += line.removesuffix(escape)
            continue
        found.append((begun + line).strip())
        begun = ""
        if found[-1].upper().startswith(_TAKE_HEREDOCS):
            _skip_heredocs(found[-1], lines)
    return [*found, begun.strip()] if begun else found


def stages(dockerfile: str) -> list[str]:
    """Returns the names of a Dockerfile's stages as they are written, in their order; empty for one without a name.

    Args:
        dockerfile: Its text.
    """
    found = [_FROM.fullmatch(each) for each in instructions(dockerfile)]
    return [match[1] or "" for match in found if match]


def _escape(lines: list[str]) -> str:
    """The character that joins lines: a backslash, unless a directive at the top names another."""
    for line in lines:
        if match := _ESCAPE.fullmatch(line.strip()):
            return match[1]
        if not _DIRECTIVE.fullmatch(line.strip()):
            break
    return "\\"


def _skip_heredocs(instruction: str, lines: list[str]) -> None:
    """Drops the here-documents that an instruction begins; one that never ends is none."""
    for dash, _, word in _HEREDOC.findall(instruction):
        ends = [number for number, line in enumerate(lines) if (line.lstrip("\t") if dash else line) == word]
        if ends:
            del lines[: ends[0] + 1]
