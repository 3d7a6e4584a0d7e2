"""Statistics of a table, as TFDV computes them, without TensorFlow.

Use it on the table a pipeline starts from, or on a data set an earlier task made. The statistics artifact is a folder
with `stats.tfrecord` (`tfdv.load_statistics` reads it), `stats.pb`, `report.html` and `metrics.json`; the report is
also an artifact of its own, which Vertex AI Pipelines and the KFP UI show.

    from kfx.components import statistics_gen

    @dsl.pipeline
    def look(source: str = "gs://bucket/beans/*.parquet"):
        statistics_gen(source=source)

With `engine="tfdv"` TFDV itself computes, on Apache Beam: in the task, or on Dataflow with
`beam_runner="DataflowRunner"`. The task then runs in the full image.
"""

from typing import Any, Dict, List, Optional

from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output

from kfx.components._image import component


@component("slim", full_for={"engine": ("tfdv", "auto")})
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
    histograms: List[str] = [],  # noqa: B006
    slice_sqls: List[str] = [],  # noqa: B006
    on_bad_rows: str = "error",
    delimiter: str = "",
    mergeable: bool = False,
    top_values: int = 20,
    rank_buckets: int = 1000,
    buckets: int = 10,
    quantile_buckets: int = 10,
    engine: str = "arrow",
    beam_runner: str = "DirectRunner",
    beam_options: List[str] = [],  # noqa: B006
    project: str = "",
    region: str = "",
    temp_location: str = "",
    staging_location: str = "",
    job_name: str = "kfx-statistics",
    service_account: str = "",
    network: str = "",
    subnetwork: str = "",
    machine_type: str = "",
    num_workers: int = 0,
    max_num_workers: int = 0,
    autoscaling: str = "",
    disk_size_gb: int = 0,
    public_ips: bool = True,
    labels: Dict[str, str] = {},  # noqa: B006
    sdk_container_image: str = "",
    encryption_key: str = "",
    sample_by: str = "auto",
    maximum_bytes_billed: str = "",
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
        histograms: Histograms of single numeric columns: `x=50` buckets, `x=none`, `x=standard:50`, `x=quantiles`;
            `*` for every other column.
        slice_sqls: SQL that names slices, such as `SELECT STRUCT(country) FROM example.country`; for the engine
            bigquery alone.
        on_bad_rows: What to do with rows of CSV, TSV or JSON lines that cannot be read: `error`, or `skip` and report.
        delimiter: What stands between two cells of a text file; empty for the comma of CSV and the tab of TSV.
        mergeable: Whether to keep what `kfx merge` needs to join statistics of shards, such as days, exactly.
        top_values: Most frequent values kept of a string column.
        rank_buckets: Values in a string column's rank histogram.
        buckets: Equal-width buckets of a numeric column; 0 for no such histogram.
        quantile_buckets: Quantile buckets of a numeric column; 0 for no such histogram.
        engine: What computes: `arrow`; `bigquery`, where the table is in BigQuery; `tfdv`, TFDV on Beam; or `auto`,
            which is `tfdv` for a beam_runner other than DirectRunner, else `arrow`.
        beam_runner: Where engine `tfdv` runs: `DirectRunner` (in this task), `DataflowRunner`, `FlinkRunner`,
            `SparkRunner`, `PortableRunner` or `PrismRunner`. An unknown one is refused before anything starts.
        beam_options: More arguments for Beam, each `--name=value`.
        project: Project of the Dataflow job; Dataflow needs it.
        region: Region of the Dataflow job and its workers; Dataflow needs it.
        temp_location: Folder for what the job writes on the way, gs://BUCKET/FOLDER; beside the statistics when empty.
        staging_location: Folder for the job's own files; inside temp_location when empty.
        job_name: Start of the job's name, which is made valid and unique.
        service_account: Email the workers run as; empty for Compute Engine's default account.
        network: VPC network of the workers.
        subnetwork: Subnetwork of the workers: its name, or projects/P/regions/R/subnetworks/NAME.
        machine_type: Compute Engine machine type of the workers; empty for Dataflow's choice.
        num_workers: Workers at the start; 0 for Dataflow's choice.
        max_num_workers: Most workers at a time; 0 for Dataflow's limit.
        autoscaling: `THROUGHPUT_BASED`, or `NONE` for a fixed number of workers; empty for Dataflow's default.
        disk_size_gb: Gigabytes of each worker's disk; 0 for Dataflow's default.
        public_ips: Whether workers have public addresses.
        labels: Labels of the Dataflow job.
        sdk_container_image: Image the workers run in, kfx's target `dataflow`; empty for BASE_KFX_DATAFLOW_IMAGE, read
            when the pipeline is compiled.
        encryption_key: Cloud KMS key of what the Dataflow job keeps on the way.
        sample_by: What engine `bigquery` samples: `rows`, `blocks` of a table, which cost less to read, or `auto`:
            blocks of a table of 20 GiB or more.
        maximum_bytes_billed: Most that all queries of engine `bigquery` together may be billed for, such as `2TiB`;
            empty for KFX_BIGQUERY_MAX_BYTES, else 100 GiB.
        statistics: Folder with stats.tfrecord, stats.pb, report.html and metrics.json.
        report: The report, one self-contained HTML page.
        metrics: Rows, rows skipped, features, share of missing cells, empty and constant features.
    """
    from kfx.stats.task import describe

    beam: Any = {"project": project, "region": region, "temp_location": temp_location, "job_name": job_name}
    beam |= {"staging_location": staging_location, "service_account": service_account, "network": network}
    beam |= {"subnetwork": subnetwork, "machine_type": machine_type, "num_workers": num_workers, "labels": labels}
    beam |= {"max_num_workers": max_num_workers, "autoscaling": autoscaling, "disk_size_gb": disk_size_gb}
    beam |= {"public_ips": public_ips, "sdk_container_image": sdk_container_image, "extra": beam_options}
    beam |= {"runner": beam_runner, "encryption_key": encryption_key}
    describe(
        source, dataset, statistics, report, features=features, slices=slices, weight_feature=weight_feature,
        sample_rate=sample_rate, title=title, memory_limit=memory_limit, histograms=histograms, mergeable=mergeable,
        slice_sqls=slice_sqls, on_bad_rows=on_bad_rows, delimiter=delimiter, engine=engine, beam=beam, buckets=buckets,
        sample_by=sample_by, maximum_bytes_billed=maximum_bytes_billed, top_values=top_values,
        rank_buckets=rank_buckets, quantile_buckets=quantile_buckets, log=metrics.log_metric,
    )  # fmt: skip
