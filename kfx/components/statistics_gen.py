"""Statistics of a table, as TFDV computes them, without TensorFlow.

Use it on the table a pipeline starts from, or on a data set an earlier task made. The statistics artifact is a folder
with `stats.tfrecord` (`tfdv.load_statistics` reads it), `stats.pb`, `report.html` and `metrics.json`; the report is
also an artifact of its own, which Vertex AI Pipelines and the KFP UI show.

    from kfx.components import statistics_gen

    @dsl.pipeline
    def look(source: str = "gs://bucket/beans/*.parquet"):
        statistics_gen(source=source)
"""

from typing import List, Optional

from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output

from kfx.components._image import component


@component("slim")
def statistics_gen(
    statistics: Output[Artifact],
    report: Output[HTML],
    metrics: Output[Metrics],
    source: str = "",
    dataset: Optional[Input[Dataset]] = None,
    features: List[str] = [],  # noqa: B006
    slices: List[str] = [],  # noqa: B006
    weight_feature: str = "",
    sample_rate: float = 1.0,
    title: str = "",
    memory_limit: str = "",
) -> None:
    """Computes dataset statistics and a report. Give either `source` or `dataset`.

    Args:
        source: Where the table is: a path, glob or folder of CSV, TSV, JSON lines or Parquet (plain, gzip, zstd),
            local or `gs://`; `bq://project.dataset.table`; `bq-query:SELECT ...`; or `sklearn:NAME`.
        dataset: An earlier task's data set, a file or folder of CSV or Parquet.
        features: Columns to describe; all when empty.
        slices: Columns whose values are also described apart: `country`, `country=DE|FR`, or crossed, `country,device`.
        weight_feature: Numeric column that says how much a row counts; empty for none.
        sample_rate: Share of the rows to describe, chosen at random, above 0 and at most 1.
        title: Heading of the report; the source's name when empty.
        memory_limit: Memory the computation may take, such as `2GiB`; 60 % of the container's when empty.
        statistics: Folder with stats.tfrecord, stats.pb, report.html and metrics.json.
        report: The report, one self-contained HTML page.
        metrics: Rows, features, share of missing cells, empty and constant features.
    """
    from kfx.stats.task import describe

    figures = describe(
        source, dataset, statistics, report, features=features, slices=slices, weight_feature=weight_feature,
        sample_rate=sample_rate, title=title, memory_limit=memory_limit,
    )  # fmt: skip
    for name, figure in figures.items():
        metrics.log_metric(name, figure)
