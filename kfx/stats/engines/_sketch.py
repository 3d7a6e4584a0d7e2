"""Where a value stands among too many values to keep: a summary of fixed size, with a bound on its error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kfx.stats.histograms import CountedValues

if TYPE_CHECKING:
    import numpy.typing as npt

_POINTS = 4096
_RAW = 16 * _POINTS  # values sorted and thinned at a time


class RankSketch:
    """Keeps evenly spaced values of sorted runs, merging runs of equal weight as a binary counter carries.

    Every thinning moves a rank by at most the weight of a point, so that after n values a rank is off by at most
    (1 + log2(n / 65536)) / 8192 of n: 0.2 % for a billion values. This is the deterministic scheme of Manku,
    Rajagopalan and Lindsay, "Approximate medians and other quantiles in one pass" (SIGMOD 1998).
    """

    def __init__(self) -> None:
        self._raw: list[npt.NDArray[Any]] = []
        self._raw_size = 0
        # Level k holds at most one run, whose points stand for 16 * 2**k values each.
        self._runs: list[npt.NDArray[Any] | None] = []

    def add(self, values: npt.NDArray[Any]) -> None:
        """Takes in values, none of them NaN."""
        self._raw.append(values)
        self._raw_size += len(values)
        if self._raw_size < _RAW:
            return
        import numpy as np

        joined = np.concatenate(self._raw)
        whole = len(joined) - len(joined) % _RAW
        for start in range(0, whole, _RAW):
            run = np.sort(joined[start : start + _RAW])
            self._carry(run[_RAW // _POINTS // 2 :: _RAW // _POINTS])
        self._raw = [joined[whole:].copy()]
        self._raw_size = len(joined) - whole

    def _carry(self, run: npt.NDArray[Any]) -> None:
        import numpy as np

        level = 0
        while level < len(self._runs) and (other := self._runs[level]) is not None:
            merged = np.sort(np.concatenate([run, other]), kind="stable")
            # Every other point, beginning with the first or the second by turns, so that errors cancel.
            run = merged[level % 2 :: 2]
            self._runs[level] = None
            level += 1
        if level == len(self._runs):
            self._runs.append(None)
        self._runs[level] = run

    def ordered(self) -> CountedValues:
        """Returns the summary as distinct values with the number of values each stands for; there must be one."""
        import numpy as np

        runs = [(run, _RAW // _POINTS << level) for level, run in enumerate(self._runs) if run is not None]
        parts = [(np.concatenate(self._raw), 1), *runs] if self._raw_size else runs
        values = np.concatenate([points for points, _ in parts])
        weights = np.concatenate([np.full(len(points), weight, np.float64) for points, weight in parts])
        order = np.argsort(values, kind="stable")
        return CountedValues(values[order], np.cumsum(weights[order]))
