"""The components schema_gen, validate_statistics and compare_statistics: as functions, and as tasks of kfp.local."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from kfp import dsl, local
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from kfx.components import compare_statistics, schema_gen, statistics_gen, validate_statistics
from kfx.errors import UsageError
from kfx.stats import artifact
from kfx.stats.generate import generate
from kfx.stats.schema.gate import AnomaliesError

GOOD = "colour,size\n" + "red,1\ngreen,2\nblue,3\n" * 400
BAD = "colour,size\n" + "red,1\ngreen,2\nblau,\n" * 400


@pytest.fixture
def good(tmp_path: Path) -> dsl.Artifact:
    return statistics(tmp_path, "good", GOOD)


@pytest.fixture
def bad(tmp_path: Path) -> dsl.Artifact:
    return statistics(tmp_path, "bad", BAD)


def statistics(folder: Path, name: str, table: str) -> dsl.Artifact:
    """The artifact statistics_gen makes of a table."""
    path = folder / f"{name}.csv"
    path.write_text(table)
    artifact.write(generate(str(path)), folder / f"{name}-statistics", name)
    return dsl.Artifact(uri=str(folder / f"{name}-statistics"), metadata={"source": f"{name}.csv"})


def schema_file(folder: Path, given: dsl.Artifact) -> str:
    """The schema of an artifact's statistics, in a file."""
    schema = dsl.Artifact(uri=str(folder / "schema"), metadata={})
    schema_gen.python_func(statistics=given, schema=schema)
    return str(folder / "schema" / "schema.pbtxt")


def outputs(folder: Path, name: str = "checked") -> dict[str, Any]:
    """The output artifacts of a gate."""
    return {
        "anomalies": dsl.Artifact(uri=str(folder / name / "anomalies"), metadata={}),
        "report": dsl.HTML(uri=str(folder / name / "report"), metadata={}),
        "metrics": dsl.Metrics(uri=str(folder / name / "metrics"), metadata={}),
    }


def read(path: str) -> schema_pb2.Schema:
    return text_format.Parse(Path(path).read_text(encoding="utf-8"), schema_pb2.Schema())


def test_a_schema_is_inferred_taken_or_widened(tmp_path: Path, good: dsl.Artifact, bad: dsl.Artifact) -> None:
    """Without an address it is inferred; with one it is the curated one, widened only when asked to be."""
    path = schema_file(tmp_path, good)
    assert list(read(path).string_domain[0].value) == ["blue", "green", "red"]
    taken, widened = (dsl.Artifact(uri=str(tmp_path / name), metadata={}) for name in ("taken", "widened"))
    schema_gen.python_func(statistics=bad, schema=taken, schema_uri=path)
    schema_gen.python_func(statistics=bad, schema=widened, schema_uri=path, update=True)
    assert read(f"{taken.path}/schema.pbtxt") == read(path)
    assert list(read(f"{widened.path}/schema.pbtxt").string_domain[0].value) == ["blue", "green", "red", "blau"]
    assert (taken.metadata["origin"], widened.metadata["origin"]) == (path, f"updated from {path}")
    with pytest.raises(UsageError, match="schema_uri"):
        schema_gen.python_func(statistics=bad, schema=widened, update=True)


def test_what_conforms_passes_with_its_artifacts(tmp_path: Path, good: dsl.Artifact) -> None:
    """The proto, the same as JSON and as lines, a page, and metrics that count nothing."""
    made = outputs(tmp_path)
    validate_statistics.python_func(statistics=good, schema_uri=schema_file(tmp_path, good), **made)
    folder = Path(made["anomalies"].path)
    found = text_format.Parse((folder / "anomalies.pbtxt").read_text(), anomalies_pb2.Anomalies())
    assert not found.anomaly_info
    assert len(json.loads((folder / "anomalies.json").read_text())["baseline"]["feature"]) == 2
    assert (folder / "anomalies.txt").read_text() == "no anomalies\n"
    assert made["metrics"].metadata == {"schema_errors": 0, "schema_warnings": 0}
    assert made["report"].uri.endswith("report.html")
    assert Path(made["report"].path).read_bytes() == (folder / "report.html").read_bytes()


def test_what_does_not_stops_the_step_and_leaves_its_artifacts(
    tmp_path: Path, good: dsl.Artifact, bad: dsl.Artifact
) -> None:
    """The error has a line a reason; the page and the proto are there for who looks."""
    made = outputs(tmp_path)
    with pytest.raises(AnomaliesError) as caught:
        validate_statistics.python_func(statistics=bad, schema_uri=schema_file(tmp_path, good), **made)
    said = str(caught.value).splitlines()
    assert said[0] == "3 anomalies against the schema:"
    assert "error    new value 'blau' in colour (33.3 % of values)" in said
    assert "error    null rate of size 33.3 % (the schema allows 0 %)" in said
    assert said[-1] == f"Report: {made['anomalies'].uri}/report.html"
    assert "blau" in (Path(made["anomalies"].path) / "report.html").read_text(encoding="utf-8")


def test_what_does_not_stop_it_is_in_the_metrics(tmp_path: Path, good: dsl.Artifact, bad: dsl.Artifact) -> None:
    """Metrics are what a run's message shows of a task that succeeded."""
    made = outputs(tmp_path)
    schema = dsl.Artifact(uri=str(Path(schema_file(tmp_path, good)).parent), metadata={})
    validate_statistics.python_func(statistics=bad, schema=schema, fail_on=["never"], **made)
    assert made["metrics"].metadata["schema_errors"] == 3
    assert "new value 'blau' in colour" in made["metrics"].metadata["schema_findings"]


def test_severities_environments_and_names_reach_the_gate(
    tmp_path: Path, good: dsl.Artifact, bad: dsl.Artifact
) -> None:
    """Each argument does what it says; what names nothing is refused."""
    path = schema_file(tmp_path, good)
    soft = dict.fromkeys(
        ["ENUM_TYPE_UNEXPECTED_STRING_VALUES", "FEATURE_TYPE_LOW_FRACTION_PRESENT", "INVALID_FEATURE_SHAPE"], "warning"
    )
    validate_statistics.python_func(statistics=bad, schema_uri=path, severity_overrides=soft, **outputs(tmp_path))
    for fail_on in (["warning"], ["size"], ["INVALID_FEATURE_SHAPE"]):
        with pytest.raises(AnomaliesError):
            validate_statistics.python_func(
                statistics=bad, schema_uri=path, severity_overrides=soft, fail_on=fail_on, **outputs(tmp_path)
            )
    for wrong, named in (({"fail_on": ["sise"]}, "size"), ({"environment": "X"}, "X"), ({"validator": "x"}, "tfdv")):
        with pytest.raises(UsageError, match=named):
            validate_statistics.python_func(statistics=bad, schema_uri=path, **wrong, **outputs(tmp_path))
    schema = dsl.Artifact(uri=str(tmp_path / "schema"), metadata={})
    with pytest.raises(UsageError, match="both"):
        validate_statistics.python_func(statistics=bad, schema_uri=path, schema=schema, **outputs(tmp_path))


def test_without_a_schema_the_gate_passes_and_says_so(
    tmp_path: Path, bad: dsl.Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipeline may have the gate before it has the schema; it does not claim to have checked."""
    made = outputs(tmp_path)
    validate_statistics.python_func(statistics=bad, **made)
    assert "No schema was given" in capsys.readouterr().out
    assert made["metrics"].metadata == {}


def test_the_first_run_passes_and_the_next_is_compared_with_the_last_accepted(
    tmp_path: Path, good: dsl.Artifact, bad: dsl.Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that is refused does not become the measure of the next; one that is accepted does."""
    place = tmp_path / "accepted" / "colours"

    def compared(given: dsl.Artifact, **rest: Any) -> dict[str, Any]:
        made = outputs(tmp_path)
        compare_statistics.python_func(statistics=given, previous_uri=str(place), **rest, **made)
        return dict(made["metrics"].metadata)

    assert compared(good) == {}
    assert "nothing to compare with yet" in capsys.readouterr().out
    kept = (place / "stats.pb").read_bytes()
    assert [path.name for path in place.iterdir()] == ["stats.pb"]
    with pytest.raises(AnomaliesError, match=r"null rate of size 0 % -> 33\.3 %"):
        compared(bad)
    assert (place / "stats.pb").read_bytes() == kept
    assert compared(bad, fail_on=["never"], store=False)["drift_errors"] == 3
    assert (place / "stats.pb").read_bytes() == kept
    assert "null rate of size 0 % -> 33.3 %" in compared(bad, fail_on=["never"])["drift_findings"]
    assert compared(bad) == {"drift_errors": 0, "drift_warnings": 0}


@pytest.mark.parametrize("name", ["x.pb", "x.pb/", "x.tfrecord", "x.pbtxt", "table.csv"])
def test_a_file_is_no_place_for_the_last_accepted_run(name: str, tmp_path: Path, good: dsl.Artifact) -> None:
    """It is refused before anything is made: the run after it would find a folder of that name."""
    (tmp_path / "table.csv").write_text(GOOD)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=rf"previous_uri is a folder.*{name}' names a file"):
        compare_statistics.python_func(statistics=good, previous_uri=f"{tmp_path}/{name}", **outputs(tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_of_kfx_stats_is_no_place_for_the_last_accepted_run(tmp_path: Path, good: dsl.Artifact) -> None:
    """Its stats.tfrecord, which TFDV reads, would stay the old run's; to compare with it is well."""
    folder = tmp_path / "of kfx stats"
    artifact.write(artifact.load(Path(good.path)), folder, "yesterday")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(UsageError, match=r"must be a folder of its own.*stats\.tfrecord.*store=False"):
        compare_statistics.python_func(statistics=good, previous_uri=str(folder), **outputs(tmp_path))
    made = outputs(tmp_path)
    compare_statistics.python_func(statistics=good, previous_uri=str(folder), store=False, **made)
    assert made["metrics"].metadata == {"drift_errors": 0, "drift_warnings": 0}
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_drift_and_skew_are_found_together(tmp_path: Path, good: dsl.Artifact, bad: dsl.Artifact) -> None:
    """Of both comparisons the findings stand in one message, the page shows all three."""
    made = outputs(tmp_path)
    with pytest.raises(AnomaliesError, match="against the previous run and the serving data"):
        compare_statistics.python_func(statistics=good, previous=bad, serving=bad, **made)
    folder = Path(made["anomalies"].path)
    found = text_format.Parse((folder / "anomalies.pbtxt").read_text(), anomalies_pb2.Anomalies())
    reasons = [reason.short_description for reason in found.anomaly_info["colour"].reason]
    assert "High Linfty distance between current and previous" in reasons
    assert "High Linfty distance between training and serving" in reasons
    told = (folder / "anomalies.txt").read_text(encoding="utf-8").splitlines()
    assert len(set(told)) == len(told)
    assert all(line.endswith((", against the previous run", ", against the serving data")) for line in told)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("this run", "the previous run", "the serving data"))


def test_serving_statistics_that_are_not_there_are_an_error(tmp_path: Path, good: dsl.Artifact) -> None:
    """Only a previous run may be missing: there is a first one of those."""
    with pytest.raises(UsageError, match="serving_uri"):
        compare_statistics.python_func(statistics=good, serving_uri=str(tmp_path / "none"), **outputs(tmp_path))
    (tmp_path / "table.csv").write_text(GOOD)
    with pytest.raises(UsageError, match=r"table\.csv' holds no statistics that can be read.*kfx stats"):
        compare_statistics.python_func(statistics=good, serving_uri=str(tmp_path / "table.csv"), **outputs(tmp_path))
    with pytest.raises(UsageError, match="both"):
        compare_statistics.python_func(statistics=good, previous=good, previous_uri="x", **outputs(tmp_path))
    with pytest.raises(UsageError, match="no 'shares'"):
        compare_statistics.python_func(statistics=good, sensitivity={"shares": 0.1}, **outputs(tmp_path))


def test_a_schema_s_comparators_take_the_place_of_thresholds_by_size(
    tmp_path: Path, good: dsl.Artifact, bad: dsl.Artifact
) -> None:
    """With an L-infinity threshold of one, no change of shares is too much."""
    path = tmp_path / "schema.pbtxt"
    path.write_text(
        'feature { name: "colour" type: BYTES drift_comparator { infinity_norm { threshold: 1 } } }'
        'feature { name: "size" type: INT }'
    )
    made = outputs(tmp_path)
    found = Path(made["anomalies"].path) / "anomalies.txt"
    compare_statistics.python_func(statistics=bad, previous=good, schema_uri=str(path), fail_on=["never"], **made)
    assert "L-infinity" not in found.read_text()
    assert "warning  new value 'blau' in colour" in found.read_text()
    compare_statistics.python_func(statistics=bad, previous=good, fail_on=["never"], **made)
    assert "share of 'blue' in colour 33.3 % -> 0 % (L-infinity 0.33, above" in found.read_text()


@dsl.pipeline
def gated(good: str, bad: str) -> None:
    """Statistics of two tables, the schema of the first, both gates."""
    first = statistics_gen(source=good)
    second = statistics_gen(source=bad)
    expected = schema_gen(statistics=first.outputs["statistics"])
    validate_statistics(statistics=second.outputs["statistics"], schema=expected.outputs["schema"], fail_on=["never"])
    compare_statistics(statistics=second.outputs["statistics"], previous=first.outputs["statistics"], fail_on=["never"])


def test_they_run_as_local_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kfp starts each in a process of its own, optional inputs left out, artifacts handed over."""
    monkeypatch.chdir(tmp_path)
    for name, table in (("good", GOOD), ("bad", BAD)):
        (tmp_path / f"{name}.csv").write_text(table)
    root = tmp_path / "root"
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
    gated(good=str(tmp_path / "good.csv"), bad=str(tmp_path / "bad.csv"))
    texts = {path.parts[-3]: path.read_text() for path in root.glob("*/*/anomalies/anomalies.txt")}
    assert "new value 'blau' in colour (33.3 % of values)" in texts["validate-statistics"]
    assert "null rate of size 0 % -> 33.3 %" in texts["compare-statistics"]


def test_tfdv_s_validator_gets_the_full_image() -> None:
    """Only a task that TFDV validates needs TensorFlow."""

    @dsl.pipeline
    def two(address: str) -> None:
        described = statistics_gen(source=address).outputs["statistics"]
        validate_statistics(statistics=described, schema_uri=address)
        validate_statistics(statistics=described, schema_uri=address, validator="tfdv")

    executors = two.pipeline_spec.deployment_spec["executors"]
    commands = {name: " ".join(executor["container"]["command"]) for name, executor in executors.items()}
    targets = {name: "full" if "KFX_IMAGE_TARGET=full" in text else "slim" for name, text in commands.items()}
    assert sorted(targets[name] for name in targets if "validate" in name) == ["full", "slim"]
