"""Dataset statistics: a source is read by an engine into a TFDV-compatible proto, which a report shows.

`from kfx.stats import display` shows the report in a notebook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kfx.stats.notebook import display as display

__all__ = ["display"]


def __getattr__(name: str) -> Any:
    """Imports `display` when it is first asked for."""
    if name != "display":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kfx.stats.notebook import display

    return display
