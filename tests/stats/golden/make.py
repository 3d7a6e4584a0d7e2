r"""Makes the golden statistics with TFDV, to be run where it is: in kfx's full image.

    podman run --rm -u 0 -v "$PWD/tests/stats/golden:/golden" -v FOLDER:/data:ro localhost/kfx:VERSION \
        python3 /golden/make.py /data/dry_bean.csv

Writes NAME.pbtxt beside itself for every table of tables.py, and dry_bean.pbtxt when its table is given. Flat columns
are made list columns first, as TFDV's own decoders make them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.csv as pacsv
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_data_validation.utils import slicing_util

sys.path.insert(0, str(Path(__file__).parent))
import tables


def listed(array: pa.Array) -> pa.Array:
    """Returns a flat column as lists of one value, null where the value is."""
    if pa.types.is_list(array.type):
        return array
    return pa.array([None if value is None else [value] for value in array.to_pylist()], pa.list_(array.type))


def on_beam(batch: pa.RecordBatch, options: tfdv.StatsOptions) -> object:
    """Runs TFDV's pipeline, the only way of its that makes slices."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/stats.tfrecord"
        with beam.Pipeline(runner="DirectRunner") as pipeline:
            rows = pipeline | beam.Create([batch])
            _ = rows | tfdv.GenerateStatistics(options) | tfdv.WriteStatisticsToTFRecord(path)
        return tfdv.load_statistics(path)


def main() -> None:
    """Writes the files."""
    made = dict(tables.TABLES)
    if len(sys.argv) > 1:
        beans = pacsv.read_csv(sys.argv[1]).combine_chunks()
        made["dry_bean"] = {name: beans[name].chunk(0) for name in beans.schema.names}
    for name, columns in made.items():
        options = tfdv.StatsOptions(weight_feature=tables.WEIGHTS.get(name))
        if name in tables.SLICES:
            options.experimental_slice_functions = [slicing_util.get_feature_value_slicer({tables.SLICES[name]: None})]
        batch = pa.RecordBatch.from_arrays([listed(array) for array in columns.values()], list(columns))
        statistics = (on_beam if name in tables.SLICES else stats_impl.generate_statistics_in_memory)(batch, options)
        path = Path(__file__).parent / f"{name}.pbtxt"
        path.write_text(f"# TFDV {tfdv.__version__}\n{statistics}", encoding="utf-8")
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
