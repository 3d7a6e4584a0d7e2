"""The scores against scikit-learn's own and by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

import trainer
from trainer.errors import FitError, TableError, TrainerError
from trainer.evaluation import evaluate_saved_model, load, measure
from trainer.training import TrainingSettings, train_model

Rows = Callable[..., list[dict[str, Any]]]
Writer = Callable[..., Path]


def test_scores_agree_with_a_count_by_hand(passengers: Rows, table: Writer, tmp_path: Path) -> None:
    """Accuracy, confusion matrix and balanced accuracy follow from the predictions."""
    train_model(TrainingSettings(str(table("a.csv", passengers())), "fate", str(tmp_path / "m")))
    rows = passengers(90, seed=3)

    scores = evaluate_saved_model(str(tmp_path / "m"), str(table("b.csv", rows)), "fate")

    model = load(str(tmp_path / "m"))
    predicted = model.predict([[row[name] for name in model.feature_names_in_] for row in rows])
    truth = np.array([row["fate"] for row in rows])
    by_hand = [[int(((truth == a) & (predicted == b)).sum()) for b in scores.classes] for a in scores.classes]
    assert scores.classes == ("lost", "saved")
    assert [list(row) for row in scores.confusion] == by_hand
    assert scores.metrics["accuracy"] == pytest.approx((truth == predicted).mean())
    assert scores.metrics["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert scores.metrics["test_rows"] == 90


def test_a_class_the_model_never_saw_is_counted_wrong(passengers: Rows, table: Writer, tmp_path: Path) -> None:
    """It gets a row in the confusion matrix; log loss, which has no probability for it, is left out."""
    train_model(TrainingSettings(str(table("a.csv", passengers())), "fate", str(tmp_path / "m")))
    rows = [{**row, "fate": "rescued"} if n < 5 else row for n, row in enumerate(passengers(40, seed=4))]

    scores = measure(load(str(tmp_path / "m")), pd.DataFrame(rows), "fate", "test")

    assert scores.classes == ("lost", "rescued", "saved")
    assert sum(scores.confusion[1]) == 5
    assert scores.confusion[1][1] == 0
    assert "log_loss" not in scores.metrics


def test_the_same_seed_trains_the_same_model(passengers: Rows, table: Writer, tmp_path: Path) -> None:
    """Two trainings agree in every score, although the forest grows on all cores."""
    rows, check = str(table("a.csv", passengers())), str(table("b.csv", passengers(90, seed=3)))
    reports = [train_model(TrainingSettings(rows, "fate", str(tmp_path / name), check)) for name in ("one", "two")]

    assert reports[0].metrics == reports[1].metrics


def test_metrics_json_says_what_was_trained_and_with_what(passengers: Rows, table: Writer, tmp_path: Path) -> None:
    """Versions, columns, classes and settings are there for whoever finds the model."""
    settings = TrainingSettings(str(table("a.csv", passengers())), "fate", str(tmp_path / "m"), seed=7)
    report = train_model(settings)

    written = json.loads((tmp_path / "m" / "metrics.json").read_text())

    assert written["model"] == report.model
    assert written["columns"]["port"] == "text"
    assert written["model"]["seed"] == 7
    assert written["versions"]["trainer"] == trainer.__version__


def test_the_named_serving_image_is_of_the_running_minor_or_none(
    passengers: Rows, table: Writer, tmp_path: Path
) -> None:
    """Vertex's container of another minor is not offered."""
    import sklearn

    report = train_model(TrainingSettings(str(table("a.csv", passengers())), "fate", str(tmp_path / "m")))

    same = sklearn.__version__.startswith(trainer.SERVED_SCIKIT_LEARN + ".")
    assert report.model["serving_container_image_uri"] == (trainer.SERVING_IMAGE if same else "")
    assert trainer.SERVING_IMAGE.endswith(f"sklearn-cpu.{trainer.SERVED_SCIKIT_LEARN.replace('.', '-')}:latest")


def test_a_setting_scikit_learn_refuses_is_told_in_its_words(passengers: Rows, table: Writer, tmp_path: Path) -> None:
    """The name is right and the value is not."""
    rows = str(table("a.csv", passengers()))

    with pytest.raises(FitError, match="max_depth"):
        train_model(TrainingSettings(rows, "fate", str(tmp_path / "m"), hyperparameters={"max_depth": "deep"}))


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """Neither an absent file nor another object ends in a traceback of joblib's."""
    with pytest.raises(TableError, match=r"There is no model\.joblib"):
        load(str(tmp_path))
    (tmp_path / "model.joblib").write_bytes(b"no pickle")
    with pytest.raises(TableError, match="cannot be loaded"):
        load(str(tmp_path))
    joblib.dump({"a": 1}, tmp_path / "model.joblib")
    with pytest.raises(TrainerError, match="was not made by this trainer"):
        evaluate_saved_model(str(tmp_path), str(tmp_path), "y")
