"""kfx's schemas and anomalies beside TFDV's own of the same statistics, message by message.

The golden file is made by `golden/make_anomalies.py` with TFDV. Everything must agree: types, words, severities,
measurements; the few differences on purpose are listed here and in docs/validation.md.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from kfx.stats.schema.infer import infer_schema
from kfx.stats.schema.validate import update_schema, validate

from .golden.cases import INFERRED, UPDATED, VALIDATED, Case

# Where TFDV and the data disagree, kfx is with the data (docs/validation.md says why): the case, and what kfx finds.
OTHERWISE = {
    "many_rows_alone": {"DATASET_HIGH_NUM_EXAMPLES"},  # TFDV reads the maximum only where there is a minimum
    "jensen_shannon_with_nan": set(),  # TFDV finds 0.33 bits between a column with NaN and itself
    "jensen_shannon_with_infinity": set(),  # likewise
}

GOLDEN = json.loads((Path(__file__).parent / "golden" / "anomalies.json").read_text(encoding="utf-8"))


# What protobuf puts before a message printed for debugging, so that nobody relies on how it looks.
DEBUG_STRING = re.compile(r"goo\.gle/\w+ *\n")


def as_data(message: Any) -> Any:
    """The message as plain data, floats as approximations: both sides compute them in another order."""

    def inexact(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: inexact(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [inexact(inner) for inner in value]
        if isinstance(value, str):
            return DEBUG_STRING.sub("", value)
        return pytest.approx(value, rel=1e-6, abs=1e-12) if isinstance(value, float) else value

    return inexact(json_format.MessageToDict(message))


def validated(case: Case) -> anomalies_pb2.Anomalies:
    schema = text_format.Parse(case.schema, schema_pb2.Schema())
    made = validate(
        case.statistics, schema, environment=case.environment or "", previous=case.previous, serving=case.serving
    )
    assert made.baseline == schema
    made.ClearField("baseline")
    return made


@pytest.mark.parametrize("name", INFERRED)
def test_inferred_schemas_are_tfdvs(name: str) -> None:
    """The schema inferred from the statistics is TFDV's."""
    theirs = text_format.Parse(GOLDEN["inferred"][name], schema_pb2.Schema())
    assert as_data(infer_schema(INFERRED[name])) == as_data(theirs)


@pytest.mark.parametrize("name", UPDATED)
def test_updated_schemas_are_tfdvs(name: str) -> None:
    """The schema widened to the statistics is TFDV's."""
    case = UPDATED[name]
    theirs = text_format.Parse(GOLDEN["updated"][name], schema_pb2.Schema())
    ours = update_schema(text_format.Parse(case.schema, schema_pb2.Schema()), case.statistics)
    assert as_data(ours) == as_data(theirs)


@pytest.mark.parametrize("name", sorted(set(VALIDATED) - set(OTHERWISE)))
def test_anomalies_are_tfdvs(name: str) -> None:
    """Anomalies, their words and severities, and measurements of drift and skew are TFDV's."""
    theirs = text_format.Parse(GOLDEN["validated"][name], anomalies_pb2.Anomalies())
    assert as_data(validated(VALIDATED[name])) == as_data(theirs)


def test_no_case_is_without_its_golden_and_no_golden_without_its_case() -> None:
    """The golden file was made of these cases."""
    for kind, cases in {"inferred": INFERRED, "updated": UPDATED, "validated": VALIDATED}.items():
        assert set(GOLDEN[kind]) == set(cases)


@pytest.mark.parametrize("name", OTHERWISE)
def test_differences_from_tfdv_are_these(name: str) -> None:
    """Where kfx differs on purpose, it finds what the data says, and TFDV still does not."""
    theirs = text_format.Parse(GOLDEN["validated"][name], anomalies_pb2.Anomalies())
    ours = validated(VALIDATED[name])
    assert as_data(ours) != as_data(theirs)
    found = [
        *ours.anomaly_info.values(),
        *([ours.dataset_anomaly_info] if ours.HasField("dataset_anomaly_info") else []),
    ]
    assert {anomalies_pb2.AnomalyInfo.Type.Name(reason.type) for one in found for reason in one.reason} == OTHERWISE[
        name
    ]
    assert not any(measured.value for entry in ours.drift_skew_info for measured in entry.drift_measurements)
