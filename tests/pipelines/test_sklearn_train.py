"""The pipeline `sklearn_train`, run for real by the kfx program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

pytest.importorskip("sklearn")


def _run(cwd: Path, *parameters: str) -> tuple[int, dict[str, Any]]:
    arguments = [word for parameter in parameters for word in ("-p", parameter)]
    done = subprocess.run(
        [sys.executable, "-m", "kfx.cli.main", "run", "sklearn_train", "--output", "json", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def _task(result: dict[str, Any], name: str) -> dict[str, Any]:
    return next(task for task in result["tasks"] if task["name"] == name)


def test_dry_bean_trains_to_at_least_090_accuracy(tmp_path: Path, dry_bean: Path) -> None:
    """The real table: accuracy on rows the model has not seen, statistics of the training rows, a model, a message."""
    code, result = _run(tmp_path, f"source={dry_bean}", "label=Class")
    assert code == 0, result["error"]
    assert result["state"] == "succeeded"
    assert result["metrics"]["accuracy"] >= 0.90
    outputs = {name: Path(path) for name, path in result["outputs"].items()}
    assert all(path.exists() for path in outputs.values())

    rows = {name: len(pd.read_parquet(outputs[f"train-test-split.{name}"])) for name in ("train", "validation", "test")}
    assert sum(rows.values()) == 13611
    statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(
        (outputs["statistics-gen.statistics"] / "stats.pb").read_bytes()
    )
    assert statistics.datasets[0].num_examples == rows["train"]
    assert len(statistics.datasets[0].features) == 17

    model = joblib.load(outputs["train-sklearn.model"] / "model.joblib")
    test = pd.read_parquet(outputs["train-test-split.test"])
    again = (model.predict(test.drop(columns="Class")) == test["Class"]).mean()
    assert again == pytest.approx(result["metrics"]["accuracy"])

    message = outputs["notify.message"].read_text().replace("\\", "")  # Markdown escapes
    assert "sklearn-train" in message
    assert "succeeded" in message
    assert "accuracy" in message


def test_a_wrong_label_names_the_task_and_the_reason_and_still_tells(tmp_path: Path, dry_bean: Path) -> None:
    """The run fails in the first task that needs the label, says so, and the exit task's message has the same cause."""
    code, result = _run(tmp_path, f"source={dry_bean}", "label=NoSuch")
    assert code == 1
    assert result["state"] == "failed"
    assert "train-test-split" in result["error"]
    assert "NoSuch" in result["error"]
    assert _task(result, "train-sklearn")["state"] == "skipped"
    assert _task(result, "notify")["state"] == "succeeded"
    message = Path(result["outputs"]["notify.message"]).read_text().replace("\\", "")
    assert "failed" in message
    assert "train-test-split" in message
    assert "NoSuch" in message


def test_the_default_is_a_real_table_that_ships_with_scikit_learn(tmp_path: Path) -> None:
    """Without a parameter it runs on a bundled table; another model and its settings go through."""
    code, result = _run(tmp_path, "model_kind=decision_tree", 'hyperparameters={"max_depth": 3}', "seed=7")
    assert code == 0, result["error"]
    assert result["metrics"]["accuracy"] > 0.8
