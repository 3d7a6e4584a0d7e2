"""From a table to a trained scikit-learn model, its statistics and a message; runs on a laptop, OSS KFP and Vertex AI.

    kfx run sklearn_train -p source=beans.csv -p label=Class
    kfx submit sklearn_train -p source=gs://bucket/beans-*.parquet -p label=Class

The table is split once, each class keeping its share; statistics and training read the same training rows, the test
rows judge the model. However the run ends, the exit task sends its notifications.

Training waits for two gates. With `schema`, the training rows must conform to it; with `baseline`, a place of your own,
they must not have drifted from the last accepted run's. Without them both pass.

    kfx schema infer beans.csv -o schema.pbtxt      # once; look it over
    kfx run sklearn_train -p source=beans.csv -p label=Class -p schema=schema.pbtxt -p baseline=accepted/beans
"""

from typing import Any, Dict, List

from kfp import dsl

from kfx.components import (
    compare_statistics,
    evaluate,
    notify,
    statistics_gen,
    train_sklearn,
    train_test_split,
    validate_statistics,
)


@dsl.pipeline(name="sklearn-train")
def sklearn_train(
    source: str = "sklearn:breast_cancer",
    label: str = "target",
    train_fraction: float = 0.8,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    seed: int = 42,
    exclude_columns: List[str] = [],  # noqa: B006 - kfp reads the default when it compiles
    model_kind: str = "random_forest",
    hyperparameters: Dict[str, Any] = {},  # noqa: B006
    schema: str = "",
    baseline: str = "",
    fail_on: List[str] = ["error"],  # noqa: B006
    notifications: List[Dict[str, Any]] = [{"kind": "console", "when": ["completed", "error", "aborted"]}],  # noqa: B006
) -> None:
    """Trains and judges a classifier on a table and tells how it went.

    Args:
        source: The table: a path or glob of CSV or Parquet files, gs://..., bq://project.dataset.table,
            bq-query:SELECT ..., or sklearn:NAME
            for a data set that ships with scikit-learn.
        label: Column that holds the class.
        train_fraction: Share of the rows to fit on.
        validation_fraction: Share of the rows to choose settings by.
        test_fraction: Share of the rows to judge the model by. The three add up to 1.
        seed: Seed of the split and of the training.
        exclude_columns: Columns the model must not see, such as an id, or cannot take: lists, structs, bytes.
        model_kind: decision_tree, hist_gradient_boosting, logistic_regression or random_forest.
        hyperparameters: Settings of that model by scikit-learn's names.
        schema: A schema that the training rows must conform to: schema.pbtxt, a path or gs://; empty for none.
        baseline: Folder that keeps the last accepted run's statistics, a path or gs://, for the training rows to be
            compared with; the first run fills it. Empty for no comparison.
        fail_on: What stops the run before it trains: error, warning (both), never, or names of anomaly types and
            features.
        notifications: Who is told how the run ended: a list of notifications, such as
            {"kind": "slack", "when": ["error"], "secret_params": {"webhook": "env:SLACK_WEBHOOK"}}.
    """
    told = notify(
        notifications=notifications,
        # Who was told what is remembered beside all runs: nobody is told twice, and a recovery is known as one.
        run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        state_dir=dsl.PIPELINE_ROOT_PLACEHOLDER,
    )
    told.set_caching_options(False)
    with dsl.ExitHandler(told, name="train"):
        split = train_test_split(
            source=source,
            train_fraction=train_fraction,
            validation_fraction=validation_fraction,
            test_fraction=test_fraction,
            seed=seed,
            stratify=label,
            to_train=True,
            exclude_columns=exclude_columns,
        )
        described = statistics_gen(dataset=split.outputs["train"])
        # What stands at an address may have changed since: neither gate may come from a cache.
        checked = validate_statistics(
            statistics=described.outputs["statistics"], schema_uri=schema, fail_on=fail_on
        ).set_caching_options(False)
        compared = compare_statistics(
            statistics=described.outputs["statistics"], previous_uri=baseline, schema_uri=schema, fail_on=fail_on
        )
        compared.after(checked).set_caching_options(False)
        trained = train_sklearn(
            train=split.outputs["train"],
            validation=split.outputs["validation"],
            label=label,
            model_kind=model_kind,
            hyperparameters=hyperparameters,
            exclude_columns=exclude_columns,
            seed=seed,
        ).after(compared)
        evaluate(model=trained.outputs["model"], test=split.outputs["test"], label=label)
