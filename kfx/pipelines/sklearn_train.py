"""From a table to a trained scikit-learn model, its statistics and a message; runs on a laptop, OSS KFP and Vertex AI.

    kfx run sklearn_train -p source=beans.csv -p label=Class
    kfx submit sklearn_train -p source=gs://bucket/beans-*.parquet -p label=Class

The table is split once, each class keeping its share; statistics and training read the same training rows, the test
rows judge the model. However the run ends, the exit task sends its notifications.
"""

from typing import Any, Dict, List

from kfp import dsl

from kfx.components import evaluate, notify, statistics_gen, train_sklearn, train_test_split


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
        exclude_columns: Columns the model must not see, such as an id.
        model_kind: decision_tree, hist_gradient_boosting, logistic_regression or random_forest.
        hyperparameters: Settings of that model by scikit-learn's names.
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
        )
        statistics_gen(dataset=split.outputs["train"])
        trained = train_sklearn(
            train=split.outputs["train"],
            validation=split.outputs["validation"],
            label=label,
            model_kind=model_kind,
            hyperparameters=hyperparameters,
            exclude_columns=exclude_columns,
            seed=seed,
        )
        evaluate(model=trained.outputs["model"], test=split.outputs["test"], label=label)
