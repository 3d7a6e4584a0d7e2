"""The model as Vertex's prebuilt scikit-learn container uses it: loaded without this package, fed lists from JSON."""

from __future__ import annotations

import json
import os
import pickle
import pickletools
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from trainer.columns import features
from trainer.model import MODEL_KINDS, columns_of
from trainer.tables import read_table
from trainer.training import TrainingSettings, train_model

Rows = Callable[..., list[dict[str, Any]]]
Writer = Callable[..., Path]


@pytest.fixture(params=sorted(MODEL_KINDS))
def trained(passengers: Rows, request: pytest.FixtureRequest, table: Writer, tmp_path: Path) -> Any:
    """A model of every kind, trained on numbers, text, booleans and gaps."""
    settings = TrainingSettings(
        str(table("rows.csv", passengers())), "fate", str(tmp_path / "model"), model_kind=request.param
    )
    train_model(settings)
    return joblib.load(tmp_path / "model" / "model.joblib")


def test_instances_as_the_container_hands_them_predict_as_the_table_does(
    passengers: Rows, trained: Any, table: Writer
) -> None:
    """Lists, an object array, and the all-text array numpy makes of a mixed row agree with the table; nothing warns."""
    rows = passengers(80, seed=2)
    instances = json.loads(json.dumps([[row[name] for name in trained.feature_names_in_] for row in rows]))
    whole = [number for number, instance in enumerate(instances) if None not in instance]
    expected = trained.predict(features(read_table(str(table("new.csv", rows))), columns_of(trained)))

    as_text = np.asarray([instances[number] for number in whole])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_lists, from_objects = trained.predict(instances), trained.predict(np.asarray(instances))
        from_text = trained.predict(as_text)

    assert as_text.dtype.kind == "U"
    assert from_lists.tolist() == from_objects.tolist() == expected.tolist()
    assert from_text.tolist() == expected[whole].tolist()


def test_a_table_of_numbers_and_booleans_predicts_from_floats(table: Writer, tmp_path: Path) -> None:
    """In a row of numbers numpy makes true 1.0; the model takes it for true."""
    rows = [{"size": n % 50, "wet": n % 2 == 0, "kind": "a" if n % 2 == 0 else "b"} for n in range(200)]
    train_model(TrainingSettings(str(table("rows.csv", rows)), "kind", str(tmp_path / "m"), model_kind="decision_tree"))
    model = joblib.load(tmp_path / "m" / "model.joblib")

    instances = np.asarray([[3.5, True], [3.5, False]])

    assert instances.dtype == np.float64
    assert model.predict(instances).tolist() == ["a", "b"]


def test_a_value_never_seen_does_not_stop_a_prediction(trained: Any) -> None:
    """A new port, and a null in every column, still get one of the classes."""
    unseen = [[30, 20.0, "Reykjavik", True], [None, None, None, None]]

    assert set(trained.predict(unseen)) <= {"lost", "saved"}


def test_the_pickle_names_scikit_learn_and_numpy_only(trained: Any) -> None:
    """Every class and function the pickle imports comes from scikit-learn, numpy or Python itself."""
    strings, modules = [""], set()
    for opcode, argument, _ in pickletools.genops(pickle.dumps(trained, protocol=4)):
        if opcode.name in ("SHORT_BINUNICODE", "BINUNICODE"):
            strings.append(argument)
        elif opcode.name == "MEMOIZE":
            continue
        elif opcode.name == "STACK_GLOBAL":
            modules.update(name.partition(".")[0] for name in strings[-2:-1])

    assert {"sklearn", "numpy"} <= modules
    assert "numpy.random._pickle" not in strings, "numpy 1 does not load a generator of numpy 2"
    assert not {"trainer", "pandas", "pyarrow", "kfx"} & set(strings) | {n for n in strings if n.startswith("trainer.")}


@pytest.mark.usefixtures("trained")
def test_another_process_loads_it_without_the_trainer(tmp_path: Path) -> None:
    """Python loads the file and predicts where neither the trainer nor pandas can be imported."""
    script = (
        "import joblib, json, sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('trainer', 'pandas'): raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        f"model = joblib.load({str(tmp_path / 'model' / 'model.joblib')!r})\n"
        "print(json.dumps(model.predict([[30, 20.0, 'Cork', True]]).tolist()))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0] in ("lost", "saved")
