"""Run inside the full image: kfx describes /data/table.csv with the engine arrow, and TFDV takes what it wrote.

Prints one JSON object.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import tensorflow_data_validation as tfdv
from tensorflow_data_validation.utils import display_util
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from kfx.stats import artifact
from kfx.stats.generate import generate
from kfx.stats.options import StatsOptions

TABLE = "/data/table.csv"


def main() -> None:
    """Describes, and prints what TFDV says to it."""
    folder = Path("/tmp/statistics")
    artifact.write(generate(TABLE), folder, "table")
    record = tfdv.load_statistics(str(folder / artifact.TFRECORD))
    binary = tfdv.load_stats_binary(str(folder / artifact.BINARY))
    schema = tfdv.infer_schema(record)
    clean = tfdv.validate_statistics(record, schema)
    # A column less is what TFDV must see.
    fewer = generate(TABLE, StatsOptions(feature_allowlist=tuple(_names(record)[1:])))
    changed = tfdv.validate_statistics(fewer, schema)
    tfdv.visualize_statistics(record)
    page = display_util.get_statistics_html(record, fewer, "all", "fewer")
    # The page carries the statistics as base64, the longest there is in it.
    carried = max(re.findall(r"[A-Za-z0-9+/]{100,}={0,2}", page), key=len)
    shown = statistics_pb2.DatasetFeatureStatisticsList.FromString(base64.b64decode(carried))
    print(json.dumps({
        "version": tfdv.__version__,
        "same": record == binary,
        "rows": record.datasets[0].num_examples,
        "features": _names(record),
        "types": {feature.name: feature.type for feature in schema.feature},
        "domain": sorted(value for domain in schema.string_domain for value in domain.value),
        "clean": sorted(clean.anomaly_info),
        "changed": {name: _kinds(info) for name, info in changed.anomaly_info.items()},
        "shown": [len(dataset.features) for dataset in shown.datasets],
    }))  # fmt: skip


def _names(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> list[str]:
    return [feature.path.step[0] for feature in statistics.datasets[0].features]


def _kinds(info: anomalies_pb2.AnomalyInfo) -> list[str]:
    return [anomalies_pb2.AnomalyInfo.Type.Name(reason.type) for reason in info.reason]


if __name__ == "__main__":
    main()
