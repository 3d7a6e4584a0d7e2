"""Trains, measures and saves one classifier: from the tables' URIs to model.joblib and metrics.json."""

from __future__ import annotations

import dataclasses
import json
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import sklearn

import trainer
from trainer.columns import decide, features, labels
from trainer.errors import EmptySplitError, FitError, LabelNotClassError, SingleClassError, UsageError
from trainer.evaluation import Scores, measure
from trainer.model import build, check
from trainer.storage import METRICS_FILE, MODEL_FILE, store
from trainer.tables import check_format, read_table

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_FEWEST_ROWS_TO_TELL = 20
"""Training rows from which on a label with more than half as many values is taken for no class."""


@dataclass(frozen=True)
class TrainingSettings:
    """What to train, on which rows, and where to put it."""

    training_uri: str
    """The rows to fit on, as `trainer.tables.read_table` takes them."""

    label: str
    """Column that holds the class."""

    model_dir: str
    """Folder for model.joblib and metrics.json: a path or gs://."""

    validation_uri: str = ""
    """Rows to measure on; empty for none."""

    test_uri: str = ""
    """Rows to measure on that the user has not looked at; empty for none."""

    data_format: str = ""
    """csv, parquet or bigquery; empty to tell from the URIs and the first bytes."""

    model_kind: str = "random_forest"
    """One of `trainer.model.MODEL_KINDS`."""

    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the model by scikit-learn's names."""

    exclude_columns: tuple[str, ...] = ()
    """Columns the model must not see."""

    seed: int = 42
    """Seed of everything random in the training; 0 or above and below 2**32."""


@dataclass(frozen=True)
class TrainingReport:
    """What was trained and how well it does."""

    scores: dict[str, Scores]
    """Split name (train, validation, test) -> its scores."""

    model: dict[str, Any]
    """What describes the model: framework and its version, model kind and settings, label, classes, serving image."""

    columns: dict[str, str]
    """Feature column -> kind (numeric, boolean, text), in the order the model takes them."""

    @property
    def metrics(self) -> dict[str, float]:
        """One flat dict: `train_rows`, `validation_accuracy` and so on."""
        flat: dict[str, float] = {}
        for split, scores in self.scores.items():
            flat[f"{split}_rows"] = scores.rows
            flat.update({f"{split}_{name}": value for name, value in scores.metrics.items()})
        return flat


def train_model(settings: TrainingSettings) -> TrainingReport:
    """Trains the model, measures it on each split, and writes model.joblib and metrics.json.

    Raises:
        UsageError: The format, the model kind, a hyperparameter or the seed is wrong.
        TrainerError: A table, its label or a column cannot be used; see `trainer.errors`.
    """
    check_format(settings.data_format)
    check(settings.model_kind, settings.hyperparameters)
    if not 0 <= settings.seed < 2**32:
        raise UsageError(f"The seed is {settings.seed}; it must be between 0 and 4294967295.")
    uris = {"train": settings.training_uri, "validation": settings.validation_uri, "test": settings.test_uri}
    frames = {split: read_table(uri, settings.data_format) for split, uri in uris.items() if uri}
    for split, frame in frames.items():
        if frame.empty:
            raise EmptySplitError(f"The {split} split has no rows. Give it a larger fraction, or more data.")
    columns = decide(frames["train"], settings.label, settings.exclude_columns)
    truth = labels(frames["train"], settings.label)
    _check_classes(truth, settings.label)
    model = build(settings.model_kind, settings.hyperparameters, columns, settings.seed)
    _fit(model, features(frames["train"], columns), truth)
    scores = {split: measure(model, frame, settings.label, split) for split, frame in frames.items()}
    report = TrainingReport(scores, _describe(model, settings), dict(columns.kinds))
    _save(model, report, settings)
    return report


def _check_classes(truth: Any, label: str) -> None:
    """Refuses a label that has one value, or nearly as many values as rows: an id, a free text, a measure."""
    classes = len(np.unique(truth))
    if classes < 2:
        raise SingleClassError(
            f"All {len(truth)} training rows have {label} = {truth[0]!s}: there is nothing to learn."
        )
    if len(truth) >= _FEWEST_ROWS_TO_TELL and classes > len(truth) / 2:
        raise LabelNotClassError(
            f"The label column {label!r} has {classes} different values in {len(truth)} training rows: it tells rows "
            "apart, not classes. Choose another label."
        )


def _fit(model: Pipeline, table: Any, truth: Any) -> None:
    try:
        model.fit(table, truth)
    except (ValueError, TypeError) as error:  # scikit-learn's own errors for data and settings it refuses
        raise FitError(f"scikit-learn refused the training: {error}") from error
    _make_portable(model.named_steps["model"])


def _make_portable(classifier: Any) -> None:
    """Takes from a fitted classifier what prediction does not need and another process may not want."""
    # The forest was grown on all cores; a served model answers one small request at a time.
    if "n_jobs" in classifier.get_params():
        classifier.set_params(n_jobs=None)
    # A generator pickled by numpy 2 does not load in numpy 1, which serving containers may still have.
    for name, value in vars(classifier).items():
        if isinstance(value, np.random.Generator):
            setattr(classifier, name, None)


def _describe(model: Pipeline, settings: TrainingSettings) -> dict[str, Any]:
    served = sklearn.__version__.startswith(f"{trainer.SERVED_SCIKIT_LEARN}.")
    return {
        "framework": "scikit-learn",
        "framework_version": sklearn.__version__,
        "model_kind": settings.model_kind,
        "hyperparameters": dict(settings.hyperparameters),
        "label": settings.label,
        "classes": [str(name) for name in model.classes_],
        "seed": settings.seed,
        # Another minor's pickle may load there and predict wrongly, so no image is named for it.
        "serving_container_image_uri": trainer.SERVING_IMAGE if served else "",
    }


def _save(model: Pipeline, report: TrainingReport, settings: TrainingSettings) -> None:
    versions = {"python": platform.python_version(), "numpy": np.__version__, "trainer": trainer.__version__}
    splits = {split: dataclasses.asdict(scores) for split, scores in report.scores.items()}
    with tempfile.TemporaryDirectory() as folder:
        model_file, metrics_file = Path(folder, MODEL_FILE), Path(folder, METRICS_FILE)
        joblib.dump(model, model_file, compress=3)
        found = {"model": report.model, "columns": report.columns, "versions": versions, "splits": splits}
        metrics_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        # The model last: whoever sees it finds its metrics beside it.
        store({METRICS_FILE: metrics_file, MODEL_FILE: model_file}, settings.model_dir)
