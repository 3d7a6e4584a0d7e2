"""Both gates inside `sklearn_train`, run for real: what they find stops the training and is in the message."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ..cli.test_main import kfx
from ..notify.slack_double import WEBHOOK_PATH, SlackDouble
from .test_sklearn_train import _run, _task

pytest.importorskip("sklearn")


def _drifted(table: pd.DataFrame) -> pd.DataFrame:
    """12 % of a column lost, a class of its own in 4 % of the rows, another column half as large again."""
    random = np.random.default_rng(1)
    made = table.assign(Perimeter=table["Perimeter"] * 1.5, Area=table["Area"].astype(float))
    made.loc[random.random(len(made)) < 0.12, "Area"] = np.nan
    made.loc[random.random(len(made)) < 0.04, "Class"] = "BLAU"
    return made


@pytest.fixture(scope="module")
def tables(dry_bean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the real table, its schema, and the table drifted."""
    folder = tmp_path_factory.mktemp("tables")
    table = pd.read_csv(dry_bean)
    table.to_parquet(folder / "beans.parquet")
    _drifted(table).to_parquet(folder / "drifted.parquet")
    assert kfx("schema", "infer", "beans.parquet", cwd=folder).returncode == 0
    return folder


def test_a_drifted_table_is_stopped_and_slack_is_told_why(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run is accepted, the drifted one is not trained on; the lines are in the message, on Slack and here."""
    common = ("label=Class", "model_kind=decision_tree", f"baseline={tmp_path / 'accepted'}")
    code, result = _run(tmp_path, f"source={tables / 'beans.parquet'}", *common)
    assert code == 0, result["error"]
    assert (tmp_path / "accepted" / "stats.pb").is_file()

    with SlackDouble() as slack:
        monkeypatch.setenv("TEST_HOOK", slack.url + WEBHOOK_PATH)
        told = [{"kind": "slack", "when": ["error"], "secret_params": {"webhook": "env:TEST_HOOK"}}]
        notifications = f"notifications={json.dumps(told)}"
        code, result = _run(tmp_path, f"source={tables / 'drifted.parquet'}", *common, notifications)
    assert code == 1
    assert _task(result, "compare-statistics")["state"] == "failed"
    assert _task(result, "train-sklearn")["state"] == "skipped"
    (message,) = slack.messages
    for line in ("null rate of Area 0 % -> 1", "type of Area INT -> FLOAT", "distribution of Perimeter moved: mean 8"):
        assert line in result["error"]
        assert line.replace(">", "&gt;") in json.dumps(message, ensure_ascii=False)
    page = Path(result["folder"]) / "compare-statistics" / "anomalies" / "report.html"
    assert str(page) in result["error"]
    assert "BLAU" in page.read_text(encoding="utf-8")


def test_a_table_that_breaks_its_schema_is_stopped_and_what_only_warns_is_told(tables: Path, tmp_path: Path) -> None:
    """With `fail_on` never the run goes on, and its message has the lines among the metrics."""
    common = (f"source={tables / 'drifted.parquet'}", "label=Class", f"schema={tables / 'schema.pbtxt'}")
    code, result = _run(tmp_path, *common)
    assert code == 1
    assert _task(result, "train-sklearn")["state"] == "skipped"
    assert "new value 'BLAU' in Class (" in result["error"]
    assert "null rate of Area 1" in result["error"]

    code, result = _run(tmp_path, *common, "model_kind=decision_tree", 'fail_on=["never"]')
    assert code == 0, result["error"]
    assert result["metrics"]["schema_errors"] >= 3
    message = Path(result["outputs"]["notify.message"]).read_text(encoding="utf-8").replace("\\", "")
    assert "new value 'BLAU' in Class (" in message
