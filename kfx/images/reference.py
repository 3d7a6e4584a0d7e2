"""The parts of an image's name: `registry/repository:tag@digest` (github.com/distribution/reference, its grammar)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from kfx.errors import UsageError

_LOOPBACK = re.compile(r"^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$")
_PATTERN = re.compile(
    r"^(?:(?P<registry>(?:[A-Za-z0-9.-]+\.[A-Za-z0-9.-]+|localhost|\[[0-9a-fA-F:]+\]|[A-Za-z0-9-]+(?=:\d))(?::\d+)?)/)?"
    r"(?P<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?$"
)


@dataclass(frozen=True)
class Reference:
    """An image's name."""

    registry: str
    """Host and port; `docker.io` where the name has none."""

    repository: str
    """Path in the registry, such as `my-project/kfx/kfx`."""

    tag: str = ""
    """Tag; empty when the name has none."""

    digest: str = ""
    """`sha256:` and 64 hex digits; empty when the name has none."""

    def __str__(self) -> str:
        """The name in full, with the registry also where it was left out."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}/{self.repository}{tag}{'@' if self.digest else ''}{self.digest}"

    @property
    def is_on_this_machine(self) -> bool:
        """Whether `localhost/...` without a port names an image that was built and never pushed."""
        return self.registry == "localhost"

    @property
    def is_loopback(self) -> bool:
        """Whether the registry runs on this machine, where plain http is usual."""
        return bool(_LOOPBACK.match(self.registry))

    def with_tag(self, tag: str) -> Reference:
        """The same image under another tag, without a digest."""
        return parse(f"{self.registry}/{self.repository}:{tag}")

    def with_digest(self, digest: str) -> Reference:
        """The same image by digest; the tag goes, because it could move on."""
        return replace(self, tag="", digest=digest)


def parse(name: str) -> Reference:
    """Reads an image's name.

    Raises:
        UsageError: It is none; the message says which form it must have.
    """
    match = _PATTERN.fullmatch(name)
    if not match:
        raise UsageError(
            f"{name!r} is no image name. It looks like europe-west4-docker.pkg.dev/PROJECT/REPOSITORY/kfx:TAG, the "
            "path in lower case."
        )
    parts = {key: value or "" for key, value in match.groupdict().items()}
    if not parts["registry"]:
        parts["registry"] = "docker.io"
        if "/" not in parts["repository"]:
            parts["repository"] = f"library/{parts['repository']}"
    return Reference(**parts)
