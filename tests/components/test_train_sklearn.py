"""The component train_sklearn: as a function, and as a task of kfp.local."""

from pathlib import Path
from typing import Any

import joblib
import pytest
from kfp import dsl, local

from kfx.components import train_sklearn
from kfx.errors import PermanentError, UsageError
from kfx.split import split_table


@pytest.fixture
def artifacts(tmp_path: Path) -> dict[str, Any]:
    """A split of scikit-learn's wine table, and where the outputs go."""
    names = ("train", "validation", "test")
    split_table("sklearn:wine", [str(tmp_path / name) for name in names], stratify="target")
    return {
        "train": dsl.Dataset(uri=str(tmp_path / "train"), metadata={}),
        "validation": dsl.Dataset(uri=str(tmp_path / "validation"), metadata={}),
        "model": dsl.Model(uri=str(tmp_path / "model"), metadata={}),
        "metrics": dsl.Metrics(uri=str(tmp_path / "metrics"), metadata={}),
    }


def test_the_model_says_what_it_is_and_the_metrics_how_good(artifacts: dict[str, Any]) -> None:
    """Settings reach scikit-learn, also as the floats KFP makes of whole numbers."""
    train_sklearn.python_func(
        **artifacts,
        label="target",
        model_kind="random_forest",
        hyperparameters={"n_estimators": 12.0},
        exclude_columns=["hue"],
        seed=5,
    )

    model = joblib.load(Path(artifacts["model"].path, "model.joblib"))
    assert len(model.named_steps["model"].estimators_) == 12
    assert "hue" not in model.feature_names_in_
    described = artifacts["model"].metadata
    assert described["framework"] == "scikit-learn"
    assert described["classes"] == ["class_0", "class_1", "class_2"]
    assert (described["model_kind"], described["label"], described["seed"]) == ("random_forest", "target", 5)
    measured = artifacts["metrics"].metadata
    assert (measured["train_rows"], measured["validation_rows"]) == (142, 18)
    assert measured["validation_accuracy"] > 0.8


@pytest.mark.parametrize(
    ("changes", "kind", "sentence"),
    [
        ({"label": "NoSuch"}, PermanentError, "no label column 'NoSuch'"),
        ({"model_kind": "svm"}, UsageError, "'svm' is unknown"),
        ({"hyperparameters": {"depth": 2}}, UsageError, "no hyperparameter 'depth'. Did you mean 'max_depth'"),
        ({"exclude_columns": ["id"]}, PermanentError, "no column 'id' to exclude"),
    ],
)
def test_the_trainers_errors_are_kfxs(
    artifacts: dict[str, Any], changes: dict[str, Any], kind: type[Exception], sentence: str
) -> None:
    """A failed task ends with the trainer's own sentence, as an error kfx.entrypoint prints without a traceback."""
    with pytest.raises(kind, match=sentence):
        train_sklearn.python_func(**artifacts, **{"label": "target", **changes})


def test_it_runs_as_a_local_task(artifacts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kfp starts it in a process of its own; hyperparameters cross the border as JSON."""
    monkeypatch.chdir(tmp_path)
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "root"))

    @dsl.pipeline
    def trained() -> None:
        train = dsl.importer(artifact_uri=artifacts["train"].uri, artifact_class=dsl.Dataset)
        validation = dsl.importer(artifact_uri=artifacts["validation"].uri, artifact_class=dsl.Dataset)
        train_sklearn(
            train=train.output,
            validation=validation.output,
            label="target",
            model_kind="decision_tree",
            hyperparameters={"max_depth": 1},
        )

    trained()

    (model,) = (tmp_path / "root").rglob("model.joblib")
    assert joblib.load(model).named_steps["model"].get_depth() == 1
