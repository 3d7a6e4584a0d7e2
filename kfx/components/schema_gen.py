"""The schema of a table: inferred from its statistics as TFDV infers it, or the curated one of your repository.

Use it between `statistics_gen` and `validate_statistics`. Infer once, look the schema over, keep it where the pipeline
finds it, and name it from then on. `update=True` widens the curated schema until the statistics conform to it; what
comes out is an artifact, to be looked over before it takes the place of the curated one.

    described = statistics_gen(source="gs://bucket/beans/*.parquet")
    expected = schema_gen(
        statistics=described.outputs["statistics"],
        schema_uri="gs://bucket/beans/schema.pbtxt",
    )
"""

from kfp.dsl import Artifact, Input, Output

from kfx.components._image import component


@component("slim")
def schema_gen(
    statistics: Input[Artifact],
    schema: Output[Artifact],
    schema_uri: str = "",
    update: bool = False,
    infer_feature_shape: bool = True,
    max_string_domain_size: int = 100,
) -> None:
    """Infers a schema, or takes the curated one.

    Args:
        statistics: Statistics of statistics_gen (or TFDV's), of the whole table.
        schema: Folder with schema.pbtxt, the text proto that TFX and TFDV read.
        schema_uri: A curated schema, .pbtxt or .pb, a path or gs://; empty to infer one.
        update: Widen the curated schema until the statistics conform to it.
        infer_feature_shape: Give a shape to features that have the same number of values in every row.
        max_string_domain_size: Most different values of a string feature that become its domain.
    """
    from kfx.stats.schema.task import make_schema

    make_schema(
        statistics, schema, schema_uri=schema_uri, update=update, infer_feature_shape=infer_feature_shape,
        max_string_domain_size=max_string_domain_size,
    )  # fmt: skip
