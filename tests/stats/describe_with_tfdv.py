"""Run inside the full image: describes each Arrow file of /in with the engine tfdv, by the options beside it.

/in/NAME.arrow is a table and /in/NAME.json settings: `weight`, `slices`, `features`, `sample_rate`, `histograms`,
`on_bad_rows`. /out/NAME.pb becomes the statistics, or /out/NAME.txt the error.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from kfx.errors import KfxError
from kfx.stats.engines import engine
from kfx.stats.options import HistogramChoice, Slice, StatsOptions
from kfx.stats.sources._memory import MemoryTable


def options(given: dict[str, Any]) -> StatsOptions:
    """Returns a test's settings as options."""
    return StatsOptions(
        weight_feature=given.get("weight"),
        slice_features=tuple(map(Slice.parse, given.get("slices", []))),
        feature_allowlist=tuple(given["features"]) if "features" in given else None,
        sample_rate=given.get("sample_rate"),
        histograms=tuple(map(HistogramChoice.parse, given.get("histograms", []))),
        mergeable=given.get("mergeable", False),
        num_top_values=given.get("top_values", 20),
        num_histogram_buckets=given.get("buckets", 10),
    )


def main(read: Path, written: Path) -> None:
    """Describes every table."""
    for path in sorted(read.glob("*.arrow")):
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        given = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        try:
            made = engine("tfdv")(MemoryTable(path.stem, table), options(given), lambda *_: None)
            (written / f"{path.stem}.pb").write_bytes(made.SerializeToString())
        except KfxError as error:
            (written / f"{path.stem}.txt").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")


if __name__ == "__main__":
    main(Path("/in"), Path("/out"))
