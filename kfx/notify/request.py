"""What a channel renders and what comes back: a request knows its exact bytes and how it is put on the wire.

`deliver` calls `send`; a channel only builds the request and reads the answer. A request's `send` tries once, within
its time-out, and says by the type of its error whether another try may help.
"""

from __future__ import annotations

import email.utils
import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

from kfx.errors import PermanentError, TransientError

RETRIED = frozenset({408, 425, 429})
"""The client errors (4xx) that ask for another try; every other one would be refused again."""


@dataclass(frozen=True)
class Answer:
    """What the other side said."""

    status: int
    """HTTP status or SMTP reply code; 0 where the transport has none."""

    body: bytes = b""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""

    remark: str = ""
    """What the sender of a taken message should know all the same; goes into the report."""

    def json(self) -> Any:
        """Returns the body read as JSON, or None when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def text(self, limit: int = 300) -> str:
        """Returns the start of the body as text, for an error message."""
        return self.body[: limit * 4].decode("utf-8", "replace")[:limit].strip()


class Request(ABC):
    """One message, ready to send."""

    here: ClassVar[bool] = False
    """Whether it goes out in the caller's own thread, in order, because it writes to the caller's own output."""

    @abstractmethod
    def preview(self) -> bytes:
        """Returns the exact bytes that `send` puts on the wire as the message."""

    def load(self) -> None:  # noqa: B027 - most requests need nothing
        """Imports what sending needs. Called before the first send: threads that import at once wait for each other."""

    @abstractmethod
    def send(self, timeout_s: float) -> Answer:
        """Sends once.

        Args:
            timeout_s: Seconds the try may take in all. `deliver` waits no longer; a request of several steps must not
                begin another one after that, because the message will be sent anew.

        Raises:
            TransientError: No usable answer came; the same request may pass later.
            PermanentError: The connection cannot be made as asked, such as a certificate nobody vouches for.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@dataclass(frozen=True, repr=False)
class TextRequest(Request):
    """Text for the step's standard output, where every platform shows it as the task's log."""

    here: ClassVar[bool] = True

    text: str

    def preview(self) -> bytes:
        """Returns the text as UTF-8."""
        return self.text.encode()

    def send(self, timeout_s: float) -> Answer:  # noqa: ARG002  (printing has no time-out)
        """Prints the text in one piece."""
        encoding = sys.stdout.encoding or "utf-8"
        printable = self.text.encode(encoding, "replace").decode(encoding)
        print(printable, end="", flush=True)
        return Answer(status=0)


def refuse(answer: Answer, what: str) -> NoReturn:
    """Raises the error an answer stands for.

    Args:
        answer: An answer that is not a success.
        what: Who said no and why, as the start of a sentence.
    """
    if answer.status in RETRIED or answer.status >= 500:
        raise TransientError(what, retry_after_s=retry_after(answer))
    raise PermanentError(what)


def retry_after(answer: Answer) -> float | None:
    """Reads `Retry-After` (RFC 9110, 10.2.3: seconds or an HTTP date) as seconds from now, None when absent."""
    value = answer.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
