"""Splits a table into train, validation and test rows: exact, disjoint, and the same for the same seed.

Use it first in a pipeline that trains outside Vertex's managed datasets, so that every later step reads the same rows.

    split = train_test_split(source="gs://bucket/beans-*.csv", stratify="Class")
    model = train_sklearn(train=split.outputs["train"], validation=split.outputs["validation"], label="Class")
"""

from typing import List

from kfp.dsl import Dataset, Output

from kfx.components._image import component


@component("slim")
def train_test_split(
    source: str,
    train: Output[Dataset],
    validation: Output[Dataset],
    test: Output[Dataset],
    train_fraction: float = 0.8,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    seed: int = 42,
    stratify: str = "",
    to_train: bool = False,
    exclude_columns: List[str] = [],  # noqa: B006 - kfp copies the default from this line
) -> None:
    """Splits a table into three Parquet files.

    Args:
        source: The table: a path or glob of CSV or Parquet files, gs://..., bq://project.dataset.table,
            bq-query:SELECT ..., sklearn:NAME.
        train: The rows to fit on, one Parquet file.
        validation: The rows to choose settings by, one Parquet file.
        test: The rows to judge the model by, one Parquet file.
        train_fraction: Share of the rows in train, above 0.
        validation_fraction: Share of the rows in validation, above 0.
        test_fraction: Share of the rows in test, above 0. The three add up to 1.
        seed: Rows of the same table in the same order are split the same way for the same seed.
        stratify: Column whose values keep their shares in each split, usually the label; empty for none.
        to_train: Refuse a table with columns that train_sklearn cannot learn from (lists, structs, bytes), before a row
            is read.
        exclude_columns: Columns that train_sklearn is told to leave out and that may be of any type; they are in the
            files all the same.
    """
    from kfx.split import Fractions, split_table

    fractions = Fractions(train_fraction, validation_fraction, test_fraction)
    paths = (train.path, validation.path, test.path)
    counts = split_table(
        source, paths, fractions, seed=seed, stratify=stratify, to_train=to_train, exclude_columns=exclude_columns
    )
    for artifact, rows in zip((train, validation, test), counts, strict=True):
        artifact.metadata.update({"format": "parquet", "rows": rows, "source": source, "seed": seed})
