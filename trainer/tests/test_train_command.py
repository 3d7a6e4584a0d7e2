"""`python -m trainer.train` as Vertex starts it: a process, its environment, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest

from trainer.train import main

Rows = Callable[..., list[dict[str, Any]]]
Writer = Callable[..., Path]


REPOSITORY = Path(__file__).resolve().parents[2]


Run = Callable[..., tuple[int, str]]


def start(*flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Starts the trainer as a process with exactly these AIP_ variables."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AIP_")}
    command = [sys.executable, "-m", "trainer.train", *flags]
    environment = {**plain, **variables}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Returns a function that runs the trainer in this process: its exit code and what it said on stderr."""

    def call(*flags: str, **variables: str) -> tuple[int, str]:
        for name in ("DATA_FORMAT", "TRAINING_DATA_URI", "VALIDATION_DATA_URI", "TEST_DATA_URI", "MODEL_DIR"):
            monkeypatch.delenv(f"AIP_{name}", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return main(flags), capsys.readouterr().err

    return call


def test_vertex_csv_shards_become_a_model_and_its_metrics(passengers: Rows, table: Writer, tmp_path: Path) -> None:
    """Shards that each repeat the header are one table; the model's folder gets model.joblib and metrics.json."""
    rows = passengers(400)
    for number in range(3):
        table(f"training-0000{number}-of-00003.csv", rows[number * 100 : number * 100 + 100])
    table("validation-00000-of-00001.csv", rows[300:350])
    table("test-00000-of-00001.csv", rows[350:])

    done = start(
        "--label=fate",
        AIP_DATA_FORMAT="csv",
        AIP_TRAINING_DATA_URI=str(tmp_path / "training-*"),
        AIP_VALIDATION_DATA_URI=str(tmp_path / "validation-*"),
        AIP_TEST_DATA_URI=str(tmp_path / "test-*"),
        AIP_MODEL_DIR=str(tmp_path / "model"),
    )

    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())
    assert {split: scores["rows"] for split, scores in metrics["splits"].items()} == {
        "train": 300,
        "validation": 50,
        "test": 50,
    }
    assert metrics["splits"]["test"]["metrics"]["accuracy"] > 0.8
    assert list(joblib.load(tmp_path / "model" / "model.joblib").classes_) == ["lost", "saved"]
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["metrics.json", "model.joblib"]


def test_flags_win_over_variables(run: Run, passengers: Rows, table: Writer, tmp_path: Path) -> None:
    """A flag names another folder than AIP_MODEL_DIR; settings reach the model."""
    rows = table("rows.csv", passengers())

    code, said = run(
        "--label=fate",
        f"--training-uri={rows}",
        f"--model-dir={tmp_path / 'flag'}",
        "--model-kind=decision_tree",
        '--hyperparameters={"max_depth": 2.0}',
        '--exclude-columns=["port"]',
        AIP_MODEL_DIR=str(tmp_path / "variable"),
    )

    assert code == 0, said
    model = joblib.load(tmp_path / "flag" / "model.joblib")
    assert model.named_steps["model"].get_depth() <= 2
    assert list(model.feature_names_in_) == ["age", "fare", "child"]
    assert not (tmp_path / "variable").exists()


@pytest.mark.parametrize(
    ("flags", "variables", "sentence"),
    [
        ([], {"AIP_TRAINING_DATA_URI": ""}, "AIP_TRAINING_DATA_URI is not set"),
        ([], {"AIP_MODEL_DIR": ""}, "AIP_MODEL_DIR is not set"),
        ([], {"AIP_DATA_FORMAT": "jsonl"}, "jsonl is for Vertex datasets of images"),
        ([], {"AIP_DATA_FORMAT": "tfrecord"}, "'tfrecord' is unknown"),
        ([], {"AIP_DATA_FORMAT": "bigquery"}, "does not fit the table"),
        (["--model-kind=xgboost"], {}, "'xgboost' is unknown. There are: decision_tree"),
        (["--hyperparameters={max_depth: 3}"], {}, "is no JSON"),
        (["--hyperparameters=[3]"], {}, "is not a JSON object"),
        (['--hyperparameters={"max_dept": 3}'], {}, "no hyperparameter 'max_dept'. Did you mean 'max_depth'?"),
        (["--seed=-1"], {}, "The seed is -1"),
    ],
)
def test_wrong_usage_ends_with_two_and_one_sentence(
    run: Run,
    passengers: Rows,
    table: Writer,
    tmp_path: Path,
    flags: list[str],
    variables: dict[str, str],
    sentence: str,
) -> None:
    """What the user can mend by other flags is exit code 2, said in one line, and nothing is written."""
    good = {"AIP_TRAINING_DATA_URI": str(table("rows.csv", passengers())), "AIP_MODEL_DIR": str(tmp_path / "model")}

    code, said = run("--label=fate", *flags, **{**good, **variables})

    assert (code, said.count("\n")) == (2, 1), said
    assert sentence in said
    assert not (tmp_path / "model").exists()


def drop(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != name} for row in rows]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda rows: drop(rows, "fate"), "LabelNotFoundError: The table has no label column 'fate'"),
        (
            lambda rows: [{**row, "fate": "lost"} for row in rows],
            "SingleClassError: All 240 training rows have fate = lost",
        ),
        (lambda rows: [{**row, "fate": None} if n == 6 else row for n, row in enumerate(rows)], "first is row 7)"),
        (lambda rows: [{**row, "fate": f"id{n}"} for n, row in enumerate(rows)], "has 240 different values in 240"),
        (lambda rows: [{**row, "fate": n / 7} for n, row in enumerate(rows)], "LabelNotClassError"),
        (lambda rows: [{"fate": row["fate"]} for row in rows], "no column beside the label"),
        (lambda rows: [{**row, "age": "inf"} for row in rows], "'age' holds infinity"),
    ],
    ids=["no label", "one class", "label missing", "label is an id", "label is a measure", "no feature", "infinity"],
)
def test_each_unusable_table_has_its_own_error(
    run: Run, passengers: Rows, table: Writer, tmp_path: Path, spoil: Callable[..., Any], sentence: str
) -> None:
    """A table the trainer cannot learn from is exit code 1 with a sentence of its own."""
    rows = table("rows.csv", spoil(passengers()))

    code, said = run("--label=fate", f"--training-uri={rows}", f"--model-dir={tmp_path / 'model'}")

    assert (code, said.count("\n")) == (1, 1), said
    assert sentence in said
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("split", ["training", "validation", "test"])
def test_a_split_with_a_header_and_no_rows_is_refused_by_name(
    run: Run, passengers: Rows, table: Writer, tmp_path: Path, split: str
) -> None:
    """Vertex writes a header-only shard for a split whose fraction is too small."""
    full = table("full.csv", passengers())
    empty = tmp_path / "empty.csv"
    empty.write_text(full.read_text().splitlines()[0] + "\n")
    uris = {name: empty if name == split else full for name in ("training", "validation", "test")}

    code, said = run(
        "--label=fate", f"--model-dir={tmp_path / 'm'}", *[f"--{name}-uri={uri}" for name, uri in uris.items()]
    )

    assert code == 1
    assert f"EmptySplitError: The {split.replace('training', 'train')} split has no rows" in said


def test_nothing_matches(run: Run, tmp_path: Path) -> None:
    """A glob that matches no file is told with the glob."""
    code, said = run("--label=x", f"--training-uri={tmp_path}/none-*.csv", f"--model-dir={tmp_path / 'm'}")

    assert code == 1
    assert f"No file matches '{tmp_path}/none-*.csv'" in said


def test_a_process_ends_with_the_code_and_one_sentence(tmp_path: Path) -> None:
    """2 for a wrong flag and 1 for a table that is not there, without a traceback."""
    wrong = start("--label=x", f"--model-dir={tmp_path / 'm'}")
    absent = start("--label=x", f"--training-uri={tmp_path}/none.csv", f"--model-dir={tmp_path / 'm'}")

    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert wrong.stderr.startswith("UsageError: AIP_TRAINING_DATA_URI is not set")
    assert (absent.returncode, absent.stderr.count("\n")) == (1, 1)
