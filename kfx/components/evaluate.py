"""Judges a model of `train_sklearn` on rows it has not seen.

Use it last, on the test split: its `accuracy` is the number the run's message and `kfx run` report.

    evaluate(model=trained.outputs["model"], test=split.outputs["test"], label="Class")
"""

from kfp.dsl import ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from kfx.components._image import component


@component("slim")
def evaluate(
    model: Input[Model],
    test: Input[Dataset],
    label: str,
    metrics: Output[Metrics],
    classification_metrics: Output[ClassificationMetrics],
) -> None:
    """Measures a classifier on the test rows.

    Args:
        model: Folder with model.joblib, from train_sklearn or a Vertex training job of trainer/.
        test: The rows to judge by (Parquet or CSV).
        label: Column that holds the true class.
        metrics: accuracy, balanced_accuracy, macro_f1, log_loss (where the model gives probabilities) and test_rows.
        classification_metrics: The confusion matrix, one row a true class.
    """
    from kfx.bundled import bundled

    with bundled("trainer.evaluation"):
        from trainer.evaluation import evaluate_saved_model

        scores = evaluate_saved_model(model.path, test.path, label)
    for name, value in scores.metrics.items():
        metrics.log_metric(name, value)
    classification_metrics.log_confusion_matrix(list(scores.classes), [list(row) for row in scores.confusion])
