"""What computes statistics: one file an engine, found by its file.

An engine is a module with a function `compute(source, options, progress) -> DatasetFeatureStatisticsList`. Every
engine fills the same proto with the same figures, so that a user switches by name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from kfx.errors import UsageError

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from kfx.stats.options import StatsOptions
    from kfx.stats.sources import Source

DEFAULT = "arrow"

Progress = Callable[[str, int, int], None]
"""Called now and then with what is counted ("rows", "columns"), how many are done, and how many there are (0: unknown).

It may be called from several threads, one at a time.
"""


class Engine(Protocol):
    """Computes a table's statistics."""

    def __call__(
        self, source: Source, options: StatsOptions, progress: Progress
    ) -> statistics_pb2.DatasetFeatureStatisticsList:
        """Computes the statistics of a whole table; one data set in the list."""


def names() -> list[str]:
    """Returns the engines' names, in alphabetical order: the public modules of this package."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def engine(name: str) -> Engine:
    """Returns an engine's compute function.

    Raises:
        UsageError: There is no such engine.
    """
    if name not in names():
        raise UsageError(f"There is no statistics engine {name!r}. There are: {', '.join(names())}.")
    compute: Engine = importlib.import_module(f"{__name__}.{name}").compute
    return compute
