"""Makes the golden schemas and anomalies with TFDV, to be run by an interpreter that has it.

    PYTHON_WITH_TFDV tests/stats/golden/make_anomalies.py [FILE [SEED COUNT]]

Writes what TFDV makes of every case of cases.py, as text protos in one JSON file (anomalies.json beside this one), with
TFDV's version; with a seed, of so many cases of random_cases.py instead. Anomalies go without the schema they repeat.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from golden import cases, random_cases


def validated(case: cases.Case) -> str:
    """Returns TFDV's anomalies, or its refusal."""
    schema = text_format.Parse(case.schema, schema_pb2.Schema())
    anomalies = tfdv.validate_statistics(case.statistics, schema, case.environment, case.previous, case.serving)
    anomalies.ClearField("baseline")
    return str(anomalies)


def updated(case: cases.Case) -> str:
    """Returns the schema as TFDV updates it."""
    schema = text_format.Parse(case.schema, schema_pb2.Schema())
    return str(tfdv.update_schema(schema, case.statistics))


def main() -> None:
    """Writes the file."""
    inferred, to_update, to_validate = cases.INFERRED, cases.UPDATED, cases.VALIDATED
    if len(sys.argv) > 2:
        made_up = {str(at): case for at, case in enumerate(random_cases.make(int(sys.argv[2]), int(sys.argv[3])))}
        inferred = {name: case.statistics for name, case in made_up.items()}
        to_update = to_validate = made_up
    made = {
        "tfdv": tfdv.__version__,
        "inferred": {name: str(tfdv.infer_schema(statistics)) for name, statistics in inferred.items()},
        "updated": {name: updated(case) for name, case in to_update.items()},
        "validated": {name: validated(case) for name, case in to_validate.items()},
    }
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("anomalies.json")
    path.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
