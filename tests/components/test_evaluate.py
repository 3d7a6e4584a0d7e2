"""The component evaluate: as a function, and after train_sklearn in a pipeline of kfp.local."""

import json
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl, local

from kfx.components import evaluate, train_sklearn, train_test_split
from kfx.errors import PermanentError
from kfx.split import split_table
from trainer.training import TrainingSettings, train_model


def outputs(folder: Path) -> dict[str, Any]:
    return {
        "metrics": dsl.Metrics(uri=str(folder / "metrics"), metadata={}),
        "classification_metrics": dsl.ClassificationMetrics(uri=str(folder / "confusion"), metadata={}),
    }


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Any]:
    """A model of scikit-learn's iris table and its test rows."""
    paths = [str(tmp_path / name) for name in ("train", "validation", "test")]
    split_table("sklearn:iris", paths, stratify="target")
    train_model(TrainingSettings(paths[0], "target", str(tmp_path / "model"), model_kind="logistic_regression"))
    return {
        "model": dsl.Model(uri=str(tmp_path / "model"), metadata={}),
        "test": dsl.Dataset(uri=paths[2], metadata={}),
    }


def test_metrics_and_confusion_matrix_agree(inputs: dict[str, Any], tmp_path: Path) -> None:
    """Accuracy is the diagonal's share of the matrix, and every row is in it."""
    made = outputs(tmp_path)

    evaluate.python_func(**inputs, label="target", **made)

    matrix = made["classification_metrics"].metadata["confusionMatrix"]
    counts = [row["row"] for row in matrix["rows"]]
    measured = made["metrics"].metadata
    assert [each["displayName"] for each in matrix["annotationSpecs"]] == ["setosa", "versicolor", "virginica"]
    assert sum(map(sum, counts)) == measured["test_rows"] == 15
    assert measured["accuracy"] == pytest.approx(sum(counts[n][n] for n in range(3)) / 15)
    assert {"balanced_accuracy", "macro_f1", "macro_precision", "macro_recall", "log_loss"} <= set(measured)


def test_a_folder_without_a_model_is_told(inputs: dict[str, Any], tmp_path: Path) -> None:
    """The message names the file and the folder."""
    with pytest.raises(PermanentError, match=r"There is no model\.joblib"):
        evaluate.python_func(
            model=dsl.Model(uri=str(tmp_path / "no"), metadata={}), test=inputs["test"], label="y", **outputs(tmp_path)
        )


def test_split_train_and_evaluate_run_as_one_local_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The artifacts of one task are what the next one reads."""
    monkeypatch.chdir(tmp_path)
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "root"))

    @dsl.pipeline
    def judged() -> dsl.Metrics:
        split = train_test_split(source="sklearn:breast_cancer", stratify="target")
        trained = train_sklearn(
            train=split.outputs["train"],
            validation=split.outputs["validation"],
            label="target",
            model_kind="hist_gradient_boosting",
        )
        return evaluate(model=trained.outputs["model"], test=split.outputs["test"], label="target").outputs["metrics"]

    run = judged()

    assert run.output.metadata["accuracy"] > 0.9
    (executed,) = (tmp_path / "root").rglob("evaluate/executor_output.json")
    assert (
        "confusionMatrix"
        in json.loads(executed.read_text())["artifacts"]["classification_metrics"]["artifacts"][0]["metadata"]
    )
