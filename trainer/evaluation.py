"""Measures a classifier: the scores and the confusion matrix of the rows of one split."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_score, recall_score

from trainer.columns import features, labels
from trainer.errors import EmptySplitError, TableError
from trainer.model import columns_of
from trainer.storage import MODEL_FILE, fetch
from trainer.tables import read_table

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Scores:
    """How well a model does on the rows of one split."""

    rows: int
    """Rows measured."""

    metrics: dict[str, float]
    """Name -> value: accuracy, balanced_accuracy (mean recall of the classes that occur), macro_f1, macro_precision,
    macro_recall (means over the classes that occur or are predicted), and log_loss (natural logarithm; left out when a
    class occurs that the model never saw, because no probability is given for it)."""

    classes: tuple[str, ...]
    """The classes, in the order of the confusion matrix."""

    confusion: tuple[tuple[int, ...], ...]
    """Rows counted by true class (first index) and predicted class (second)."""


def measure(model: Pipeline, frame: pd.DataFrame, label: str, split: str) -> Scores:
    """Measures a model on a table.

    Args:
        model: A pipeline of `trainer.model.build`, fitted.
        frame: The table.
        label: The label's column.
        split: The split's name, for messages.

    Raises:
        EmptySplitError: The table has no rows.
        TrainerError: The label or a column is absent or unusable.
    """
    if frame.empty:
        raise EmptySplitError(f"The {split} split has no rows. Give it a larger fraction, or more data.")
    known = np.asarray(model.classes_)
    truth = labels(frame, label, like=known)
    table = features(frame, columns_of(model))
    predicted = model.predict(table)
    classes = np.unique(np.concatenate([known, truth]))
    counts = confusion_matrix(truth, predicted, labels=classes)
    averages: dict[str, Any] = {"average": "macro", "zero_division": 0}
    metrics = {
        "accuracy": accuracy_score(truth, predicted),
        "balanced_accuracy": _balanced_accuracy(counts),
        "macro_f1": f1_score(truth, predicted, **averages),
        "macro_precision": precision_score(truth, predicted, **averages),
        "macro_recall": recall_score(truth, predicted, **averages),
    }
    if len(classes) == len(known):
        metrics["log_loss"] = log_loss(truth, model.predict_proba(table), labels=known)
    return Scores(
        rows=len(frame),
        metrics={name: float(value) for name, value in metrics.items()},
        classes=tuple(str(name) for name in classes),
        confusion=tuple(tuple(int(count) for count in row) for row in counts),
    )


def evaluate_saved_model(model_dir: str, table_uri: str, label: str) -> Scores:
    """Measures the model in a folder on a table; the scores also carry `test_rows`.

    Args:
        model_dir: Folder (a path or gs://) with model.joblib. Only load models you trust: joblib runs code in them.
        table_uri: The table, as `trainer.tables.read_table` takes it.
        label: The label's column.

    Raises:
        TrainerError: The model or the table cannot be read, or does not fit the other.
    """
    scores = measure(load(model_dir), read_table(table_uri), label, "test")
    return Scores(scores.rows, {**scores.metrics, "test_rows": scores.rows}, scores.classes, scores.confusion)


def load(model_dir: str) -> Pipeline:
    """Loads model.joblib from a folder.

    Raises:
        TableError: It is not there, or this scikit-learn does not load it.
        UsageError: It is a model of another make.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = fetch(model_dir, MODEL_FILE, Path(folder))
        try:
            model: Pipeline = joblib.load(path)
        except Exception as error:  # unpickling calls the constructors of what was pickled, which may raise anything
            raise TableError(f"{model_dir}/{MODEL_FILE} cannot be loaded: {type(error).__name__}: {error}") from error
    columns_of(model)
    return model


def _balanced_accuracy(counts: Any) -> float:
    """Mean recall over the classes that occur (scikit-learn's definition, without its warning for absent ones)."""
    occurring = counts.sum(axis=1) > 0
    return float(np.mean(counts.diagonal()[occurring] / counts.sum(axis=1)[occurring]))
