"""What to do when the platform stops a task: it sends SIGTERM, and kills what is still there half a minute later."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def on_terminate(call: Callable[[], None]) -> Iterator[None]:
    """Calls something on SIGTERM for a while. Only a program's main thread can; elsewhere nothing changes.

    Args:
        call: Called from the signal handler, so it should do no more than set an event.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = signal.signal(signal.SIGTERM, lambda _number, _frame: call())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, kept)
