"""The gate in the image: kfx's checks in both sizes, and beside TFDV's own in the full one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from kfx.images.build import Built
from kfx.stats.schema.infer import infer_schema
from kfx.stats.schema.validate import update_schema

from ..conftest import REPOSITORY
from ..stats.golden import random_cases
from ..stats.test_schema_golden import as_data, validated
from .conftest import run
from .test_kfx_image import image, program, target

__all__ = ["image", "program"]  # fixtures

GOLDEN = REPOSITORY / "tests" / "stats" / "golden"
INFER = "kfx schema infer sklearn:iris -o /tmp/schema.pbtxt"
VALIDATE = "kfx validate sklearn:wine --schema /tmp/schema.pbtxt --format json --fail-on never"


def test_the_checks_need_no_tensorflow(image: Built, program: str) -> None:
    """Schema, gate and comparison run in either image, without network and on a read-only root."""
    said = run(program, image, "sh", "-ec", f"{INFER}; {VALIDATE}; kfx compare sklearn:iris sklearn:iris")
    assert '"SCHEMA_NEW_COLUMN"' in said
    assert said.endswith("No anomalies.\n")


def test_tfdv_finds_the_same_or_is_named_with_the_way_to_it(image: Built, program: str) -> None:
    """In the full image both validators give the same message; in the slim one the error names the full one."""
    both = f"{INFER} 2>/dev/null; {VALIDATE}; echo; echo ---; {VALIDATE} --validator tfdv"
    if target(image) == "slim":
        said = run(program, image, "sh", "-c", f"{both} 2>&1; test $? = 2")
        assert "pip install 'kfx[tfdv]'" in said
        assert "docker run" in said
        return
    ours, theirs = run(program, image, "sh", "-ec", f"{both} 2>/dev/null").split("---")
    assert json.loads(theirs) == json.loads(ours)


def test_the_golden_anomalies_are_what_the_image_s_tfdv_finds(image: Built, program: str) -> None:
    """The file that kfx is compared with everywhere is made again, by the TFDV of the full image."""
    if target(image) == "slim":
        pytest.skip("TFDV is in the full image")
    made = _made(program, image)
    kept = json.loads((GOLDEN / "anomalies.json").read_text(encoding="utf-8"))
    assert made["tfdv"] == kept["tfdv"]
    kinds = {"inferred": schema_pb2.Schema, "updated": schema_pb2.Schema, "validated": anomalies_pb2.Anomalies}
    for kind, message in kinds.items():
        for name, text in kept[kind].items():
            assert as_data(text_format.Parse(made[kind][name], message())) == as_data(
                text_format.Parse(text, message())
            ), name
        assert set(made[kind]) == set(kept[kind])


def test_kfx_finds_what_tfdv_finds_in_cases_nobody_wrote(image: Built, program: str) -> None:
    """Five hundred random tables and schemas: inferred, updated and validated by both, field by field."""
    if target(image) == "slim":
        pytest.skip("TFDV is in the full image")
    made = _made(program, image, "2026", "500")
    for at, case in enumerate(random_cases.make(2026, 500)):
        name, schema = str(at), text_format.Parse(case.schema, schema_pb2.Schema())
        results = {
            "inferred": infer_schema(case.statistics),
            "updated": update_schema(schema, case.statistics),
            "validated": validated(case),
        }
        for kind, ours in results.items():
            assert as_data(ours) == as_data(text_format.Parse(made[kind][name], type(ours)())), (kind, case.schema)


def _made(program: str, image: Built, *arguments: str) -> dict[str, Any]:
    """What TFDV makes of the written cases, or of random ones."""
    command = (
        f"python3 /golden/make_anomalies.py /tmp/made.json {' '.join(arguments)} >/dev/null 2>&1; cat /tmp/made.json"
    )
    said = run(program, image, "sh", "-ec", command, volumes=[f"{GOLDEN}:/golden:ro"])
    made: dict[str, Any] = json.loads(said)
    return made
