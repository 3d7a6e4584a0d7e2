"""The files, from the folder, the component and the command."""

from __future__ import annotations

import gzip
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from kfp import dsl
from tensorflow_metadata.proto.v0 import statistics_pb2

from kfx.cli.stats import stats as command
from kfx.errors import PermanentError, UsageError
from kfx.stats import artifact, bad_rows
from kfx.stats.generate import generate
from kfx.stats.task import describe

from .test_tfrecord import unframed

TABLE = "a,b,c\n1,x,\n2,y,\n2,,\n"
FILES = {"metrics.json", "report.html", "stats.pb", "stats.tfrecord"}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def read(folder: Path) -> statistics_pb2.DatasetFeatureStatisticsList:
    (record,) = unframed((folder / "stats.tfrecord").read_bytes())
    assert record == (folder / "stats.pb").read_bytes()
    return statistics_pb2.DatasetFeatureStatisticsList.FromString(record)


def test_folder_reads_back(table: Path, tmp_path: Path) -> None:
    """Both files hold the statistics computed, and nothing else is left in the folder."""
    computed = generate(str(table))
    written = artifact.write(computed, tmp_path / "out", "table")
    assert read(tmp_path / "out") == computed
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES == set(written)


def test_writing_again_replaces(table: Path, tmp_path: Path) -> None:
    """A second write replaces the files of the first."""
    artifact.write(generate(str(table)), tmp_path / "out", "one")
    table.write_text("z\n1\n")
    artifact.write(generate(str(table)), tmp_path / "out", "two")
    assert [f.path.step[0] for f in read(tmp_path / "out").datasets[0].features] == ["z"]


def test_nothing_changes_where_writing_fails(table: Path, tmp_path: Path) -> None:
    """When one file cannot be put in its place, those of the earlier write are all there, and nothing else is."""
    artifact.write(generate(str(table)), tmp_path / "out", "one")
    (tmp_path / "out" / "metrics.json").unlink()
    (tmp_path / "out" / "metrics.json").mkdir()
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}
    table.write_text("z\n1\n")
    with pytest.raises(PermanentError, match=r"metrics\.json' cannot be written: Is a directory\."):
        artifact.write(generate(str(table)), tmp_path / "out", "two")
    (tmp_path / "out" / "metrics.json").rmdir()
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


LIMITED = """
import resource, sys
from kfx.cli.main import main

resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
main()
"""


def test_a_file_that_does_not_fit_leaves_nothing(table: Path, tmp_path: Path) -> None:
    """Where there is no room for the report, the command says so in one line and takes its new folders away."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "stats", str(table), "-o", "new/out"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "Error: 'new/out' cannot be written: File too large.\n"
    assert list(tmp_path.iterdir()) == [table]


@pytest.mark.parametrize("program", ["stats", "merge"])
@pytest.mark.parametrize("folder", ["file/out", "/proc/nope"])
def test_commands_try_the_folder_first(table: Path, tmp_path: Path, program: str, folder: str) -> None:
    """A folder that cannot be written is told in one line, before the table (which is not there) is looked at."""
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-m", "kfx.cli.main", program, "no-such-table.csv", "-o", folder],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"Error: '{folder}' cannot be written: (Not a|No such file or) directory\.\n", done.stderr)


def test_component_tries_its_artifacts_first(tmp_path: Path) -> None:
    """The component finds out that it cannot write before it looks at the table (which is not there)."""
    (tmp_path / "s").touch()
    statistics, report = outputs(tmp_path)
    with pytest.raises(PermanentError, match=r"statistics' cannot be written: Not a directory\."):
        describe("no-such-table.csv", None, statistics, report)


def test_metrics(table: Path) -> None:
    """The metrics sum up the table."""
    assert artifact.metrics(generate(str(table))) == {
        "num_examples": 3, "num_bad_rows": 0, "num_features": 3, "num_numeric_features": 1, "num_string_features": 2,
        "missing_share": pytest.approx(4 / 9), "num_features_with_missing": 2, "num_empty_features": 1,
        "num_constant_features": 0,
    }  # fmt: skip


def outputs(folder: Path) -> tuple[dsl.Artifact, dsl.HTML]:
    """The component's outputs as kfp's executor makes them."""
    return dsl.Artifact(uri=str(folder / "s" / "statistics")), dsl.HTML(uri=str(folder / "r" / "report"))


def test_component_takes_a_dataset_of_any_name(table: Path, tmp_path: Path) -> None:
    """A data set artifact has no suffix; its format is told by its content."""
    dataset = SimpleNamespace(path=str(table.rename(tmp_path / "dataset")), metadata={}, name="train")
    statistics, report = outputs(tmp_path)
    figures = describe("", dataset, statistics, report)
    assert figures["num_examples"] == 3
    assert {path.name for path in Path(statistics.path).iterdir()} == FILES
    assert Path(report.path).name == "report.html"
    assert Path(report.path).read_bytes() == (Path(statistics.path) / "report.html").read_bytes()


def test_component_wants_exactly_one_input(table: Path, tmp_path: Path) -> None:
    """Neither source nor data set, or both, is an error that says so."""
    statistics, report = outputs(tmp_path)
    with pytest.raises(UsageError, match="neither"):
        describe("", None, statistics, report)
    with pytest.raises(UsageError, match="both"):
        describe(str(table), SimpleNamespace(path=str(table)), statistics, report)


PIPELINE = """
import sys
from kfp import dsl, local
from kfx.components.statistics_gen import statistics_gen

local.init(local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[2])

@dsl.pipeline
def look(source: str):
    statistics_gen(source=source)

look(source=sys.argv[1])
"""


def test_component_runs_in_a_local_pipeline(table: Path, tmp_path: Path) -> None:
    """kfp.local runs the component and finds its three artifacts."""
    script = tmp_path / "pipeline.py"
    script.write_text(PIPELINE)
    done = subprocess.run([sys.executable, script, table, tmp_path / "root"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (tmp_path / "root").glob("*/statistics-gen")
    assert read(folder / "statistics").datasets[0].num_examples == 3
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_component_function(table: Path, tmp_path: Path) -> None:
    """The component's Python function logs the metrics."""
    from kfx.components.statistics_gen import statistics_gen

    statistics, report = outputs(tmp_path)
    logged: dict[str, float] = {}
    metrics = SimpleNamespace(log_metric=logged.__setitem__)
    statistics_gen.python_func(statistics=statistics, report=report, metrics=metrics, source=str(table), features=["a"])
    assert (logged["num_examples"], logged["num_features"]) == (3, 1)


def test_command_writes_the_folder(table: Path, tmp_path: Path) -> None:
    """`kfx stats` writes the four files and prints one JSON object when asked."""
    done = CliRunner().invoke(command, [str(table), "-o", str(tmp_path / "out"), "--output", "json"])
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert set(printed["files"]) == FILES
    assert printed["metrics"]["num_examples"] == 3
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == printed["metrics"]


def test_command_options_reach_the_engine(table: Path, tmp_path: Path) -> None:
    """Columns and numbers of buckets and values are those asked for."""
    arguments = "--feature a --feature b --buckets 4 --quantile-buckets 2 --top-values 1 --rank-buckets 2 --mergeable"
    done = CliRunner().invoke(command, [str(table), "-o", str(tmp_path / "out"), *arguments.split()])
    assert done.exit_code == 0, done.output
    a, b = read(tmp_path / "out").datasets[0].features
    assert [len(h.buckets) for h in a.num_stats.histograms] == [4, 2]
    assert (len(b.string_stats.top_values), len(b.string_stats.rank_histogram.buckets)) == (1, 2)
    assert [c.name for f in (a, b) for c in f.custom_stats] == ["merge_numbers", "merge_values"]


def test_command_chooses_histograms(table: Path, tmp_path: Path) -> None:
    """One column's histograms, and those of all others, are those chosen; a choice that is none is refused."""
    table.write_text("a,b,c\n1,1,1\n2,2,2\n3,3,3\n4,4,4\n")
    chosen = ["--histogram", "a=standard:2", "--histogram", "b=none", "--histogram", "*=quantiles:4,standard"]
    done = CliRunner().invoke(command, [str(table), "-o", str(tmp_path / "out"), *chosen])
    assert done.exit_code == 0, done.output
    described = read(tmp_path / "out").datasets[0].features
    assert [[(h.type, len(h.buckets)) for h in f.num_stats.histograms] for f in described] == [
        [(statistics_pb2.Histogram.STANDARD, 2)],
        [],
        [(statistics_pb2.Histogram.STANDARD, 10), (statistics_pb2.Histogram.QUANTILES, 4)],
    ]
    assert [f.num_stats.median for f in described] == [2.5, 0, 2.5]  # without a histogram no median, as in TFDV
    refused = CliRunner().invoke(command, [str(table), "--histogram", "a=log"])
    assert "'a=log': 'log' is no histogram. Write x=50" in str(refused.exception)


def test_command_tells_what_it_skips(table: Path, tmp_path: Path) -> None:
    """Skipped rows are counted and placed on stderr, in the metrics, in the proto and in the report."""
    table.write_text("a;b\n1;x\n2\n3;y\n")
    arguments = ["-o", str(tmp_path / "out"), "--on-bad-rows", "skip", "--delimiter", ";", "--output", "json"]
    done = CliRunner().invoke(command, [str(table), *arguments])
    assert done.exit_code == 0, done.output
    place = f"row 3 of {table} is ragged: Expected 2 columns, got 1"
    assert done.stderr.splitlines() == ["1 bad row was skipped; every figure is of the others:", place]
    metrics = json.loads(done.stdout)["metrics"]
    assert (metrics["num_examples"], metrics["num_bad_rows"]) == (2, 1)
    assert bad_rows.noted(read(tmp_path / "out").datasets[0]) == (1, [place])
    assert place in (tmp_path / "out" / "report.html").read_text()


def test_component_tells_what_it_skips(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The component's argument, its stderr and its metrics do the same."""
    table.write_text("a;b\n1;x\n2\n3;y\n")
    statistics, report = outputs(tmp_path)
    figures = describe(str(table), None, statistics, report, on_bad_rows="skip", delimiter=";", histograms=["a=none"])
    assert (figures["num_examples"], figures["num_bad_rows"]) == (2, 1)
    assert f"row 3 of {table}" in capsys.readouterr().err
    assert not read(Path(statistics.path)).datasets[0].features[0].num_stats.histograms
    with pytest.raises(UsageError, match="on_bad_rows is 'maybe'; it must be error or skip"):
        describe(str(table), None, statistics, report, on_bad_rows="maybe")


def test_component_numbers_reach_the_engine(table: Path, tmp_path: Path) -> None:
    """Numbers of buckets and values are those asked for, and what merging needs is kept."""
    from kfx.components.statistics_gen import statistics_gen

    statistics, report = outputs(tmp_path)
    statistics_gen.python_func(
        statistics=statistics, report=report, metrics=SimpleNamespace(log_metric=lambda *_: None), source=str(table),
        features=["a", "b"], buckets=4, quantile_buckets=2, top_values=1, rank_buckets=2, mergeable=True,
    )  # fmt: skip
    a, b = read(Path(statistics.path)).datasets[0].features
    assert [len(h.buckets) for h in a.num_stats.histograms] == [4, 2]
    assert (len(b.string_stats.top_values), len(b.string_stats.rank_histogram.buckets)) == (1, 2)
    assert [c.name for f in (a, b) for c in f.custom_stats] == ["merge_numbers", "merge_values"]


@pytest.mark.parametrize("engine", ["arrow", "tfdv"])
def test_sql_for_slices_is_refused_by_engines_without_it(engine: str, table: Path) -> None:
    """The way out that is told is no other engine that refuses it: bigquery, or slices by columns."""
    arguments = [str(table), "--engine", engine, "--slice-sql", "SELECT STRUCT(a) FROM example.a"]
    said = str(CliRunner().invoke(command, arguments).exception)
    assert engine in said
    assert "take the engine bigquery" in said
    assert "--slice-sql" in said
    assert "(--slice, or slices)" in said


def test_command_refuses_bad_input_and_writes_nothing(tmp_path: Path) -> None:
    """A damaged table ends the command with exit code 2, one sentence, and no folder."""
    (tmp_path / "bad.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 1000)[:-20])
    done = subprocess.run(
        [sys.executable, "-m", "kfx.cli.main", "stats", "bad.csv.gz", "-o", "out"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "bad.csv.gz" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


SLICED = "country,device,x\nDE,1,1\nFR,2,2\n"


@pytest.mark.parametrize(
    ("slices", "absent"),
    [
        (["country=DE|FR", "country", "country=FR,device=2"], []),
        (["country=DE|nope"], ["No row has country=nope: there is no such slice."]),
        (["device=9"], ["No row has device=9: there is no such slice."]),
        (["country=D"], ["No row has country=D: there is no such slice."]),
        (["country=DE,device=1|3"], ["No row has device=3: there is no such slice."]),
    ],
)
def test_values_that_no_row_has_are_named(table: Path, tmp_path: Path, slices: list[str], absent: list[str]) -> None:
    """A misspelt value of a slice is told on stderr; the values that are there are described."""
    table.write_text(SLICED)
    arguments = [part for by in slices for part in ("--slice", by)]
    done = CliRunner().invoke(command, [str(table), "-o", str(tmp_path / "out"), "--output", "json", *arguments])
    assert (done.exit_code, done.stderr.splitlines()) == (0, absent)


def test_component_names_values_that_no_row_has(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The component's log says the same."""
    table.write_text(SLICED)
    describe(str(table), None, *outputs(tmp_path), slices=["country=nope"])
    assert capsys.readouterr().err == "No row has country=nope: there is no such slice.\n"


def test_a_table_without_rows_is_told(table: Path, tmp_path: Path) -> None:
    """Statistics of no rows are made, and said to be that."""
    table.write_text("country,x\n")
    done = CliRunner().invoke(command, [str(table), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "The table has no rows, so there is nothing its statistics could tell." in done.stderr


def test_an_empty_sample_is_told(table: Path, tmp_path: Path) -> None:
    """A sample so small that it holds no row says so."""
    done = CliRunner().invoke(command, [str(table), "-o", str(tmp_path / "out"), "--sample-rate", "0.0001"])
    assert done.exit_code == 0, done.output
    assert "The sample is empty: a sample rate of 0.0001 chose no row. Take a larger one." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--slice c=", "'c=' names an empty value"),
        ("--slice c=a|", "'c=a|' names an empty value"),
        ("--buckets 10001", "num_histogram_buckets is 10001; it must be at least 0 and at most 10,000."),
        ("--quantile-buckets 100000000", "num_quantiles_histogram_buckets is 100000000; it must be at least 0 and at"),
        ("--histogram a=20000", "The number of buckets of 'a' is 20000; it must be at least 0 and at most 10,000."),
        ("--histogram a=quantiles:20000", "The number of buckets of 'a' is 20000"),
        ("--top-values 100001", "num_top_values is 100001; it must be at least 0 and at most 100,000."),
        ("--rank-buckets -1", "num_rank_histogram_buckets is -1; it must be at least 0"),
        ("--beam-option foo=1 --beam-option project=some-project", "takes no Beam option (project, foo)"),
        ("--engine bigquery --beam-option temp_location=gs://bucket/tmp", "takes no Beam option (temp_location)"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(table: Path, tmp_path: Path, arguments: str, says: str) -> None:
    """An option beyond its bounds, or of an engine that does not take it, is named, and nothing is written."""
    done = CliRunner().invoke(command, [str(table), "-o", str(tmp_path / "out"), *arguments.split()])
    assert isinstance(done.exception, UsageError)
    assert says in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_component_refuses_options_of_beam(table: Path, tmp_path: Path) -> None:
    """The component refuses what its engine would not heed; what a pipeline gives every engine stands with `auto`."""
    with pytest.raises(UsageError, match=r"takes no Beam option \(machine_type\)"):
        describe(str(table), None, *outputs(tmp_path), beam={"machine_type": "n1-standard-4"})
    image = {"sdk_container_image": "registry/kfx:1-dataflow"}  # comes with the compiled pipeline, whatever computes
    assert describe(str(table), None, *outputs(tmp_path), beam=image)["num_examples"] == 3
    given = {**image, "project": "some-project"}
    assert describe(str(table), None, *outputs(tmp_path), beam=given, engine="auto")["num_examples"] == 3


def test_report_of_nan_figures_is_valid(tmp_path: Path) -> None:
    """Figures that are no numbers reach the page as text, not as invalid JSON."""
    (tmp_path / "t.csv").write_text("a\n1.5\ninf\n")
    computed = generate(str(tmp_path / "t.csv"))
    assert math.isnan(computed.datasets[0].features[0].num_stats.std_dev)
    artifact.write(computed, tmp_path / "out", "t")
    assert '"NaN"' in (tmp_path / "out" / "report.html").read_text()


def test_statistics_load_from_folder_and_files(table: Path, tmp_path: Path) -> None:
    """A folder, its TFRecord file and its binary file give the statistics written."""
    computed = generate(str(table))
    written = artifact.write(computed, tmp_path / "out", "table")
    assert artifact.load(tmp_path / "out") == computed
    assert artifact.load(written["stats.tfrecord"]) == artifact.load(written["stats.pb"]) == computed


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("x.tfrecord", b"no record at all", "no TFRecord"), ("x.pb", b"\xff\xff", "damaged or cut short")],
)
def test_damaged_statistics_are_named(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    """A file that holds no statistics, or half of them, is an error with its name."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=f"{name}.*{says}"):
        artifact.load(tmp_path / name)
    with pytest.raises(UsageError, match="no statistics at"):
        artifact.load(tmp_path / "nothing")


def test_statistics_that_are_a_table_are_told(table: Path, tmp_path: Path) -> None:
    """A table where statistics are wanted gets the command that makes them; half a message is damage."""
    with pytest.raises(UsageError, match=rf"If it is a table: kfx stats {table} -o DIR\.$"):
        artifact.load(table)
    half = artifact.write(generate(str(table)), tmp_path / "out", "table")["stats.pb"]
    half.write_bytes(half.read_bytes()[:-7])
    with pytest.raises(UsageError, match=r"stats\.pb' is damaged or cut short"):
        artifact.load(half)
    (tmp_path / "empty.tfrecord").touch()
    with pytest.raises(UsageError, match=r"empty\.tfrecord' is empty and holds no statistics"):
        artifact.load(tmp_path / "empty.tfrecord")


@pytest.mark.parametrize("cut", [5, 30, -1])
def test_a_cut_record_is_noticed(table: Path, tmp_path: Path, cut: int) -> None:
    """A TFRecord file that lost its end is not read."""
    path = artifact.write(generate(str(table)), tmp_path / "out", "table")["stats.tfrecord"]
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UsageError, match=r"stats\.tfrecord"):
        artifact.load(path)


def test_command_compares_in_the_report(table: Path, tmp_path: Path) -> None:
    """Other statistics stand beside these in the report, and only there."""
    run = CliRunner().invoke
    assert run(command, [str(table), "-o", str(tmp_path / "old")]).exit_code == 0
    table.write_text(TABLE + "9,z,\n")
    done = run(command, [str(table), "-o", str(tmp_path / "new"), "--compare", f"last week={tmp_path / 'old'}"])
    assert done.exit_code == 0, done.output
    assert [dataset.num_examples for dataset in read(tmp_path / "new").datasets] == [4]
    page = (tmp_path / "new" / "report.html").read_text()
    assert re.findall(r'"name":"([^"]*)","rows":(\d+)', page) == [("this", "4"), ("last week", "3")]


def test_command_compares_with_a_table(table: Path, tmp_path: Path) -> None:
    """A table to compare with is described on the way; a path with nothing is named."""
    (tmp_path / "other.csv").write_text(TABLE + "9,z,\n")
    done = CliRunner().invoke(command, [str(table), "--format", "text", "--compare", str(tmp_path / "other.csv")])
    assert done.exit_code == 0, done.output
    assert "other: 4 rows" in done.stdout
    nothing = CliRunner().invoke(command, [str(table), "--compare", "nope"])
    assert str(nothing.exception) == "There is no file or folder 'nope'."


def test_a_table_to_compare_with_is_read_as_the_table_is(tmp_path: Path) -> None:
    """The delimiter and what is done with bad rows hold for both."""
    for name in ("now", "then"):
        (tmp_path / f"{name}.csv").write_text("a;b\n1;x\n2;y;z\n3;x\n")
    given = [str(tmp_path / "now.csv"), "--delimiter", ";", "--compare", str(tmp_path / "then.csv"), "--format", "text"]
    assert "is ragged" in str(CliRunner().invoke(command, given).exception)
    done = CliRunner().invoke(command, [*given, "--on-bad-rows", "skip"])
    assert (done.exit_code, "then: 2 rows" in done.stdout) == (0, True), done.output


def test_command_prints_text_and_json(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --format the statistics themselves are printed, and no folder is written unless asked for."""
    monkeypatch.chdir(tmp_path)
    text = CliRunner().invoke(command, [str(table), "--format", "text"])
    assert text.exit_code == 0, text.output
    assert "All rows: 3 rows, 3 features" in text.stdout
    assert "!!! c has no value at all" in text.stdout
    printed = CliRunner().invoke(command, [str(table), "--format", "json"])
    assert json.loads(printed.stdout)["datasets"][0]["numExamples"] == "3"
    assert list(tmp_path.iterdir()) == [table]
