"""Trains a scikit-learn classifier on a split table and measures it on the validation rows.

Use it to train inside the pipeline, on a laptop, OSS KFP or Vertex. To train in a Vertex custom job of its own instead
(other machine type, GPUs, a registered model), use `train_custom_container` with the image of `trainer/`.

    model = train_sklearn(
        train=split.outputs["train"],
        validation=split.outputs["validation"],
        label="Class",
        model_kind="hist_gradient_boosting",
        hyperparameters={"learning_rate": 0.05},
    )
"""

from typing import Any, Dict, List

from kfp.dsl import Dataset, Input, Metrics, Model, Output

from kfx.components._image import component


@component("slim")
def train_sklearn(
    train: Input[Dataset],
    validation: Input[Dataset],
    label: str,
    model: Output[Model],
    metrics: Output[Metrics],
    model_kind: str = "random_forest",
    hyperparameters: Dict[str, Any] = {},  # noqa: B006 - kfp copies the default from this line
    exclude_columns: List[str] = [],  # noqa: B006
    seed: int = 42,
) -> None:
    """Trains a classifier: one scikit-learn pipeline that takes the table's own columns, text and gaps included.

    Args:
        train: The rows to fit on (Parquet or CSV).
        validation: The rows the metrics are measured on.
        label: Column that holds the class.
        model: Folder with model.joblib, which Vertex's prebuilt scikit-learn container serves, and metrics.json.
        metrics: validation_accuracy, validation_macro_f1 and others, and the numbers of rows.
        model_kind: decision_tree, hist_gradient_boosting, logistic_regression or random_forest.
        hyperparameters: Settings of that model by scikit-learn's names, such as {"max_depth": 8}.
        exclude_columns: Columns the model must not see, such as an id.
        seed: Seed of everything random in the training.
    """
    from kfx.bundled import bundled

    with bundled("trainer.training"):
        from trainer.training import TrainingSettings, train_model

        tables = {"training_uri": train.path, "validation_uri": validation.path, "model_dir": model.path}
        choices: Any = {"model_kind": model_kind, "hyperparameters": hyperparameters, "seed": seed}
        settings = TrainingSettings(label=label, exclude_columns=tuple(exclude_columns), **tables, **choices)
        report = train_model(settings)
    model.metadata.update(report.model)
    for name, value in report.metrics.items():
        metrics.log_metric(name, value)
