"""What is wrong with a build or a push, said before it begins: an engine says it after minutes, or not at all."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from kfx.errors import UsageError
from kfx.images.dockerfile import instructions
from kfx.images.record import recorded
from kfx.images.reference import Reference

# Go's names of processors that the OCI image specification takes, as far as containers run on them.
_PROCESSORS = ("amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64", "mips64le")
_PLATFORM = re.compile(rf"(?:linux|windows)/(?:{'|'.join(_PROCESSORS)})(?:/v\d+)?")
# docs.docker.com/reference/dockerfile/#predefined-args, and BuildKit's own, which need no ARG instruction.
_PREDEFINED = re.compile(r"(?:(?:https?|ftp|no|all)_proxy|buildkit_\w+|source_date_epoch)", re.IGNORECASE)


def check_platform(platform: str) -> None:
    """Refuses a platform no image can be for.

    Args:
        platform: `SYSTEM/PROCESSOR`, perhaps `/VARIANT` after it; several with commas, for engines that take them.

    Raises:
        UsageError: The system or the processor is unknown.
    """
    for each in platform.split(","):
        if not _PLATFORM.fullmatch(each):
            known = ", ".join(f"linux/{name}" for name in _PROCESSORS)
            raise UsageError(f"There is no platform {each!r}. There are: {known}. Vertex AI runs linux/amd64.")


def arguments(dockerfile: str) -> list[str]:
    """Returns the names of a Dockerfile's ARGs, each once, in their order.

    Args:
        dockerfile: Its text.
    """
    found: dict[str, None] = {}
    for line in re.findall(r"^ARG[ \t]+(.+)$", "\n".join(instructions(dockerfile)), re.IGNORECASE | re.MULTILINE):
        # One ARG may declare several; what is quoted is a value.
        bare = re.sub(r"\"[^\"]*\"|'[^']*'", "", line)
        found.update(dict.fromkeys(re.findall(r"(?:^|\s)([A-Za-z_]\w*)(?==|\s|$)", bare)))
    return list(found)


def check_arguments(given: Iterable[str], dockerfile: str, path: object) -> None:
    """Refuses build arguments that the Dockerfile does not have: an engine only warns, and builds without them.

    Args:
        given: The arguments' names.
        dockerfile: The Dockerfile's text.
        path: Its path, for the message.

    Raises:
        UsageError: The Dockerfile has no such ARG; the message has the nearest name, or all.
    """
    known = arguments(dockerfile)
    for name in given:
        if name in known or _PREDEFINED.fullmatch(name):
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(known) or 'none'}."
        raise UsageError(f"{path} has no ARG {name}. {hint}")


def check_ignore_files(folder: Path, dockerfile: Path) -> None:
    """Refuses files that an engine would read in place of `.dockerignore`.

    podman and buildah prefer `.containerignore` and a file of the Dockerfile's name with such an ending, BuildKit the
    latter (docs.docker.com/build/concepts/context/#filename-and-location). What `.dockerignore` keeps out, `.env` for
    one, would go in, and the hash would not know of it.

    Args:
        folder: The build folder.
        dockerfile: The Dockerfile, which may lie elsewhere.

    Raises:
        UsageError: There is such a file.
    """
    beside = [dockerfile.with_name(f"{dockerfile.name}{ending}") for ending in (".containerignore", ".dockerignore")]
    for path in (folder / ".containerignore", *beside):
        if path.exists():
            raise UsageError(
                f"An engine would read {path} in place of .dockerignore. kfx reads .dockerignore only: move the lines "
                f"of {path.name} there."
            )


def check_push(name: Reference) -> None:
    """Refuses a push that cannot end well.

    Args:
        name: The image.

    Raises:
        UsageError: The name has no registry, or the record of pushes here cannot be read.
    """
    if name.is_on_this_machine:
        raise UsageError(
            f"{name} has no registry to push to. Name one: --tag REGION-docker.pkg.dev/PROJECT/REPOSITORY/kfx:TAG"
        )
    recorded()
