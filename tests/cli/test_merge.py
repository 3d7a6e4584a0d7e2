"""`kfx merge`: statistics of shards from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kfx.cli.merge import merge as command
from kfx.errors import UsageError
from kfx.stats import artifact
from kfx.stats.generate import generate
from kfx.stats.options import StatsOptions
from tests.conftest import require_module
from tests.loopback import serving
from tests.stats.cloud_double import CloudDouble


@pytest.fixture
def days(tmp_path: Path) -> list[str]:
    """Statistics of three days, each of its own rows."""
    folders = []
    for day in range(3):
        rows = "".join(f"{day * 10 + row},w{row % 4}\n" for row in range(10))
        (tmp_path / f"{day}.csv").write_text(f"x,s\n{rows}")
        computed = generate(str(tmp_path / f"{day}.csv"), StatsOptions(mergeable=True))
        artifact.write(computed, tmp_path / f"day-{day}", f"day {day}")
        folders.append(str(tmp_path / f"day-{day}"))
    return folders


def test_days_become_a_week(days: list[str], tmp_path: Path) -> None:
    """The folder holds the statistics of all rows, and a report named after the shards."""
    done = CliRunner().invoke(command, [*days, "-o", str(tmp_path / "week"), "--output", "json"])
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert (printed["metrics"]["num_examples"], printed["approximate"]) == (30, {})
    (merged,) = artifact.load(tmp_path / "week").datasets
    (whole,) = generate(str(tmp_path / "?.csv")).datasets
    assert [f.num_stats.histograms for f in merged.features] == [f.num_stats.histograms for f in whole.features]
    assert merged.features[1].string_stats == whole.features[1].string_stats
    assert f"{days[0]} to {days[2]} (3 shards)" in (tmp_path / "week" / "report.html").read_text()


def test_what_is_not_exact_is_named(days: list[str], tmp_path: Path) -> None:
    """Shards that kept nothing for merging give quantiles within a bound, and the command says which columns."""
    for day, folder in enumerate(days):
        artifact.write(generate(str(tmp_path / f"{day}.csv")), Path(folder), "")
    done = CliRunner().invoke(command, [*days, "-o", str(tmp_path / "week"), "--buckets", "4"])
    assert done.exit_code == 0, done.output
    assert "30 rows of 3 shards, 2 features." in done.stderr
    assert "Not exact: x: median, quantiles and bucket counts, by up to 20 % of values" in done.stderr
    histogram = artifact.load(tmp_path / "week").datasets[0].features[0].num_stats.histograms[0]
    assert len(histogram.buckets) == 4
    assert done.stdout.startswith("Statistics: ")


def test_a_week_merges_again(days: list[str], tmp_path: Path) -> None:
    """With --mergeable the result is a shard of something larger, as good as the days."""
    run = CliRunner().invoke
    assert run(command, [*days[:2], "-o", str(tmp_path / "two"), "--mergeable"]).exit_code == 0
    assert run(command, [str(tmp_path / "two"), days[2], "-o", str(tmp_path / "three")]).exit_code == 0
    assert run(command, [*days, "-o", str(tmp_path / "once")]).exit_code == 0
    assert artifact.load(tmp_path / "three") == artifact.load(tmp_path / "once")


def test_columns_that_differ_are_told(tmp_path: Path) -> None:
    """A column that a shard lacks is a line on stderr; counts of one have nouns in the singular."""
    for name, content in {"one": "x,y\n1,2\n", "two": "x\n1\n"}.items():
        (tmp_path / f"{name}.csv").write_text(content)
        artifact.write(generate(str(tmp_path / f"{name}.csv")), tmp_path / name, name)
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    done = CliRunner().invoke(command, [one, two, "-o", str(tmp_path / "both")])
    assert done.exit_code == 0, done.output
    assert "Columns differ: 'y' is in 1 of 2 shards; in the rows of the others it is missing." in done.stderr
    alone = CliRunner().invoke(command, [two, "-o", str(tmp_path / "alone")])
    assert alone.stderr == "1 row of 1 shard, 1 feature.\n"
    assert artifact.load(tmp_path / "alone") == artifact.load(tmp_path / "two")


def test_shards_that_are_none_are_named(days: list[str], tmp_path: Path) -> None:
    """A path without statistics is an error with its name, and nothing is written."""
    done = CliRunner().invoke(command, [*days, str(tmp_path / "nothing"), "-o", str(tmp_path / "week")])
    assert isinstance(done.exception, UsageError)
    assert "There are no statistics at" in str(done.exception)
    assert not (tmp_path / "week").exists()


def test_shards_in_a_bucket(days: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of statistics are read from Cloud Storage too; one that is not there is named."""
    require_module("gcsfs")
    binaries = {f"day-{day}/stats.pb": (Path(folder) / "stats.pb").read_bytes() for day, folder in enumerate(days)}
    with serving(CloudDouble()) as double:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", double.url)
        double.objects["beans"] = binaries
        shards = [f"gs://beans/day-{day}" for day in range(3)]
        done = CliRunner().invoke(command, [*shards, "-o", str(tmp_path / "week")])
        assert done.exit_code == 0, done.output
        missing = CliRunner().invoke(command, [*shards, "gs://beans/day-9", "-o", str(tmp_path / "none")])
    assert artifact.load(tmp_path / "week").datasets[0].num_examples == 30
    assert "There are no statistics at 'gs://beans/day-9'" in str(missing.exception)
