"""The errors kfx raises, split by who can mend them.

KfxError
├── UsageError             the input is wrong: name the value, say the way out (CLI exit code 2)
│   └── MissingExtraError  an optional dependency is not installed
├── TransientError         trying again may work; carries how long to wait
└── PermanentError         trying again will not help
"""

from __future__ import annotations


class KfxError(Exception):
    """Root of every error kfx raises on purpose.

    The text is one or two sentences for a person: what was tried, the offending value (redacted when it may be
    secret), and the next step. The CLI prints it without a traceback.
    """


class UsageError(KfxError):
    """The caller's input is wrong and nothing was done with it."""


class MissingExtraError(UsageError):
    """A feature needs a package that the core install leaves out."""

    def __init__(self, feature: str, extra: str) -> None:
        """Builds the message from the feature's name and the extra that carries it.

        Args:
            feature: What the user asked for, as the start of a sentence ("BigQuery sources").
            extra: Name of the extra in kfx's package metadata ("gcp").
        """
        super().__init__(f"{feature} need an optional dependency. Install it with: pip install 'kfx[{extra}]'")
        self.extra = extra


class TransientError(KfxError):
    """The other side may accept the same request later.

    Attributes:
        retry_after_s: Seconds the other side asked to wait, or None when it did not say.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        """Keeps the wait the other side asked for next to the message."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PermanentError(KfxError):
    """The other side refused for good, or the run ended badly."""
