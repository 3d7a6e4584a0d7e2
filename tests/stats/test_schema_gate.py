"""Anomalies as lines, and the gate they open or shut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from kfx.errors import MissingExtraError, UsageError
from kfx.runs import logs
from kfx.stats.engines import engine
from kfx.stats.generate import generate, silent
from kfx.stats.options import StatsOptions
from kfx.stats.schema import gate, tfdv
from kfx.stats.schema.compare import compare
from kfx.stats.schema.findings import Finding, findings, percent, table
from kfx.stats.schema.infer import infer_schema
from kfx.stats.schema.unchecked import unchecked
from kfx.stats.schema.validate import update_schema, validate
from kfx.stats.sources._memory import MemoryTable

from .golden.cases import COLOURS, Case, enum, feature, numbers, one, text

Statistics = statistics_pb2.DatasetFeatureStatisticsList


def described(columns: dict[str, Any]) -> Statistics:
    return engine("arrow")(MemoryTable("table", pa.table(columns)), StatsOptions(), silent)


def schema_of(written: str) -> schema_pb2.Schema:
    return text_format.Parse(written, schema_pb2.Schema())


def lines(case: Case) -> list[str]:
    """The lines of what validation finds in a case."""
    found = validate(case.statistics, schema_of(case.schema), previous=case.previous)
    return [finding.text for finding in findings(found, case.statistics, case.previous)]


OPTIONAL = "presence { min_fraction: 0.999 min_count: 1 }"


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (Case(one(text(COLOURS, missing=25), 125), enum(body=OPTIONAL)), "null rate of x 20 % (the schema"),
        (Case(one(text({**COLOURS, "blau": 3}), 103), enum()), "new value 'blau' in x (2.9 % of values)"),
        (
            Case(one(text({**COLOURS, **{f"c{n}": n for n in range(1, 6)}}), 115), enum()),
            "5 new values in x: 'c5' (4.3 % of values), 'c4' (3.5 % of values), 'c3' (2.6 % of values) and 2 more",
        ),
        (Case(one(numbers([1.0])), enum()), "type of x is FLOAT (the schema says BYTES)"),
        (Case(one(text(COLOURS)), ""), "new column x"),
        (Case(one(text(COLOURS)), enum() + feature("type: INT presence { min_count: 1 }", "y")), "column y is missing"),
        (Case(one(text({}, missing=9)), enum(body=OPTIONAL)), "x has no value in any row"),
        (
            Case(one(numbers([-1, 20], "INT")), feature("type: INT int_domain { min: 0 }")),
            "x: Unexpectedly small value: -1",
        ),
        (
            Case(one(text(COLOURS)), feature("type: BYTES drift_comparator { infinity_norm { threshold: 0.1 } }"),
                 previous=one(text({"red": 30, "green": 60, "blue": 10}))),
            "share of 'red' in x 30 % -> 60 % (L-infinity 0.3, above 0.1)",
        ),
    ],
)  # fmt: skip
def test_a_line_says_what_was_expected_and_what_is(case: Case, expected: str) -> None:
    """One line a reason, with the figures of both sides."""
    assert any(line.startswith(expected) for line in lines(case))


def test_with_the_data_before_a_line_says_from_what_to_what() -> None:
    """Null rates, types and means, as they were and as they are."""
    before = described({"x": pa.array([1.5] * 9_990 + [None] * 10), "t": [1] * 10_000, "m": list(range(10_000))})
    now = described(
        {"x": pa.array([1.5] * 8_800 + [None] * 1_200), "t": [1.5] * 10_000, "m": list(range(9_000, 19_000))}
    )
    said = [finding.text for finding in findings(compare(now, before), now, before)]
    assert said[:2] == ["null rate of x 0.1 % -> 12 %", "type of t INT -> FLOAT"]
    assert said[2].startswith("distribution of m moved: mean 5,000 -> 14,000, deviation 2,887 -> 2,887 (Jensen-Shannon")


def test_means_that_are_near_keep_their_decimals_and_an_empty_side_is_told_once() -> None:
    """13 and 14.95 are not 13 and 15; that there were no rows is not said in two ways."""
    before = described({"m": [12.99, 13.0, 13.01] * 1000})
    now = described({"m": [14.94, 14.95, 14.96] * 1000})
    (said,) = findings(compare(now, before), now, before)
    assert said.text.startswith("distribution of m moved: mean 13.00 -> 14.95, deviation 0.008165 -> 0.008165 (")
    none = described({"m": pa.array([], pa.float64())})
    assert "rows 0 -> 3,000" in [finding.text for finding in findings(compare(now, none), now, none)]


def test_errors_come_first_and_a_long_table_is_cut_with_a_count() -> None:
    """What stops the run stands on top; the rest is counted, not hidden."""
    found = [Finding("a", "T", "warning", "a little"), *(Finding(f"b{n}", "T", "error", f"b{n}") for n in range(5))]
    ordered = sorted(found, key=lambda finding: finding.severity != "error")
    assert table(ordered, 4).splitlines() == ["error    b0", "error    b1", "error    b2", "and 3 more"]
    assert table(ordered).splitlines()[-1] == "warning  a little"


def test_values_from_the_data_stay_on_one_short_line() -> None:
    """Control characters and endless values do not break the table."""
    case = Case(one(text({**COLOURS, "a\n\x1b[31m" + "x" * 500: 50}), 150), enum())
    (said,) = lines(case)
    assert "\n" not in said
    assert "\x1b" not in said
    assert len(said) < 120


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.12, "12 %"), (0.031, "3.1 %"), (0.001, "0.1 %"), (0.0005, "0.05 %"),
     (1e-9, "under 0.01 %"), (0.99999, "over 99.9 %")],
)  # fmt: skip
def test_shares_are_worded_without_false_zeros_and_hundreds(share: float, expected: str) -> None:
    """Nothing that is not quite nothing is called 0 %."""
    assert percent(share) == expected


WARNED, FAILED = Finding("a", "SCHEMA_NEW_COLUMN", "warning", "new column a"), Finding("b", "NO_DATA", "error", "none")


@pytest.mark.parametrize(
    ("fail_on", "stopping"),
    [
        (["error"], [FAILED]),
        ([], [FAILED]),
        (["warning"], [WARNED, FAILED]),
        (["never"], []),
        (["SCHEMA_NEW_COLUMN"], [WARNED]),
        (["a"], [WARNED]),
        (["error", "a"], [WARNED, FAILED]),
        (["c"], []),
    ],
)
def test_fail_on_names_severities_types_and_features(fail_on: list[str], stopping: list[Finding]) -> None:
    """What any of its words names stops the run."""
    assert gate.failing([WARNED, FAILED], fail_on, {"a", "b", "c"}) == stopping


@pytest.mark.parametrize(
    ("fail_on", "said"),
    [(["warnings"], "Did you mean warning"), (["never", "a"], "never goes with nothing else"), (["A.b"], "neither")],
)
def test_a_word_that_names_nothing_is_refused(fail_on: list[str], said: str) -> None:
    """A gate that never shuts because of a typo would be worse than none."""
    with pytest.raises(UsageError, match=said):
        gate.failing([WARNED], fail_on, {"a"})


def test_a_shut_gate_says_why_in_one_error() -> None:
    """The count, a line for each finding, and where the whole report is."""
    with pytest.raises(gate.AnomaliesError) as caught:
        gate.check([FAILED, WARNED], ["warning"], (), "the schema", "gs://b/report.html")
    assert str(caught.value).splitlines() == [
        "2 anomalies against the schema:",
        "error    none",
        "warning  new column a",
        "Report: gs://b/report.html",
    ]
    gate.check([WARNED], ["error"], (), "the schema", "")


def test_an_error_of_many_findings_fits_into_what_is_read_of_a_log() -> None:
    """On Vertex AI the message has the last lines of the step's log: the whole error is among them."""
    many = [Finding(f"b{number}", "NO_DATA", "error", "none") for number in range(100)]
    with pytest.raises(gate.AnomaliesError) as caught:
        gate.check(many, [], (), "the schema", "gs://b/report.html")
    said = str(caught.value).splitlines()
    assert len(said) <= logs.LINES
    assert said[0] == "100 anomalies against the schema:"
    assert said[-2:] == ["and 89 more", "Report: gs://b/report.html"]


def test_the_real_table_conforms_to_its_own_schema_and_a_mutation_does_not(dry_bean: Path) -> None:
    """Statistics of kfx's own engine: inferred and validated, nothing is found; with two columns mutated, those are."""
    statistics = generate(str(dry_bean))
    schema = infer_schema(statistics)
    assert [feature.name for feature in schema.feature][-1] == "Class"
    assert not validate(statistics, schema).anomaly_info
    mutated = Statistics.FromString(statistics.SerializeToString())
    area, label = (next(f for f in mutated.datasets[0].features if f.path.step[0] == n) for n in ("Area", "Class"))
    area.num_stats.common_stats.num_missing, area.num_stats.common_stats.num_non_missing = 1_611, 12_000
    label.string_stats.rank_histogram.buckets.add(label="BLAU", sample_count=422)
    assert set(validate(mutated, schema).anomaly_info) == {"Area", "Class"}
    assert not validate(mutated, update_schema(schema, mutated)).anomaly_info


def test_nothing_given_is_changed() -> None:
    """Validation and update leave the schema they were given as it was."""
    case = Case(one(text({**COLOURS, "blau": 3}, missing=9), 112), enum(body=OPTIONAL))
    schema = schema_of(case.schema)
    validate(case.statistics, schema)
    update_schema(schema, case.statistics)
    assert schema == schema_of(case.schema)


def test_severities_are_overridden_by_type() -> None:
    """A feature's severity is the worst of its reasons."""
    statistics = one(text({**COLOURS, "blau": 3}, missing=50), 153)
    schema = schema_of(enum(body=OPTIONAL))
    soft = {"ENUM_TYPE_UNEXPECTED_STRING_VALUES": "warning"}
    info = validate(statistics, schema, severity_overrides=soft).anomaly_info["x"]
    assert info.severity == info.ERROR
    soft["FEATURE_TYPE_LOW_FRACTION_PRESENT"] = "warning"
    info = validate(statistics, schema, severity_overrides=soft).anomaly_info["x"]
    assert info.severity == info.WARNING
    for wrong, said in (({"ENUM": "warning"}, "no anomaly type 'ENUM'"), ({"NO_DATA_IN_SPAN": "soft"}, "'soft'")):
        with pytest.raises(UsageError, match=said):
            validate(statistics, schema, severity_overrides=wrong)


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        (feature("type: BYTES image_domain {}"), "image_domain of x"),
        (feature("type: BYTES natural_language_domain {}"), "natural_language_domain of x"),
        ('sparse_feature { name: "s" }', "sparse_feature s"),
        ('weighted_feature { name: "w" }', "weighted_feature w"),
        (feature("type: INT validation_derived_source {}"), "validation_derived_source of x"),
        (
            feature(f"type: STRUCT struct_domain {{ {feature('type: BYTES image_domain {}', 'y')} }}"),
            "image_domain of x.y",
        ),
        (feature('type: STRUCT struct_domain { sparse_feature { name: "s" } }'), "sparse_feature x.s"),
    ],
)
def test_what_only_tfdv_checks_is_refused_by_name(schema: str, named: str) -> None:
    """A constraint that is not checked would look kept."""
    assert unchecked(schema_of(schema)) == [named]
    for check in (validate, lambda statistics, expected: update_schema(expected, statistics)):
        with pytest.raises(UsageError, match=f"{named}.*--validator tfdv"):
            check(one(text(COLOURS)), schema_of(schema))


def test_a_deprecated_feature_asks_for_nothing() -> None:
    """What is deprecated is not checked by TFDV either."""
    assert unchecked(schema_of(feature("type: BYTES image_domain {} lifecycle_stage: DEPRECATED"))) == []


def test_an_environment_must_be_in_the_schema() -> None:
    """A misspelt environment would check everything or nothing."""
    with pytest.raises(UsageError, match=r"'SERVNG'.*SERVING"):
        validate(one(text(COLOURS)), schema_of('default_environment: "SERVING"'), environment="SERVNG")


def test_slices_without_the_whole_are_refused() -> None:
    """Anomalies of one slice would be taken for those of the table."""
    statistics = Statistics(datasets=[statistics_pb2.DatasetFeatureStatistics(name=name) for name in ("a", "b")])
    with pytest.raises(UsageError, match="'a', 'b'"):
        infer_schema(statistics)


def test_without_tfdv_the_error_names_both_ways_to_it() -> None:
    """The install line and the container command."""
    if _has_tfdv():
        pytest.skip("TFDV is installed here; the image test runs it")
    with pytest.raises(MissingExtraError, match=r"kfx\[tfdv\].*docker run.*--validator tfdv"):
        tfdv.validate(one(text(COLOURS)), schema_of(enum()))


def _has_tfdv() -> bool:
    import importlib.util

    return importlib.util.find_spec("tensorflow_data_validation") is not None
