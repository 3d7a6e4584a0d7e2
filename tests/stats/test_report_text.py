"""The statistics as text, on terminals of several widths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from kfx.cli.stats import stats as command
from kfx.stats import artifact, bad_rows
from kfx.stats.artifact import side_by_side
from kfx.stats.options import Slice, StatsOptions
from kfx.stats.report import text
from kfx.stats.schema.compare import compare
from kfx.stats.schema.findings import findings
from kfx.stats.wording import quoted

from .pages import JOINED, customers, found, statistics


def widest(printed: str) -> int:
    """Returns the cells of the longest line."""
    return max(map(cell_len, printed.splitlines()))


@pytest.mark.parametrize("width", [80, 100, 132])
@pytest.mark.parametrize("columns", [20, 200])
def test_a_table_fits_its_terminal(width: int, columns: int) -> None:
    """Wide characters, long names, long values and huge numbers stay within the line, one line a feature."""
    made = {
        f"{'長い名前' * 9}{i}" if i % 3 else f"column_number_{i}": (
            [1e300, -1e-300], ["値" * 99, "b"], [123_456_789_012, -5], [None, None], [0.1, None],
        )[i % 5]
        for i in range(columns)
    }  # fmt: skip
    (dataset,) = statistics(made).datasets
    printed = text.table(dataset, width)
    assert widest(printed) <= width
    assert len(printed.split("\n\n")[1].splitlines()) == columns + 1


def test_numbers_line_up() -> None:
    """Figures stand right-aligned under their heading, so that columns can be compared by eye."""
    (dataset,) = statistics({"small": [0.5, 1.5], "large": [10_000, 30_000]}).datasets
    head, *rows = text.table(dataset, 80).split("\n\n")[1].splitlines()
    assert [len(row) for row in rows] == [len(head)] * 2
    assert rows[1].split() == ["large", "integer", "0", "20,000", "10,000", "10,000", "20,000", "30,000"]


def test_other_features_are_told_in_words() -> None:
    """Strings show their distinct and most frequent values, dates their range; an empty string is named."""
    (dataset,) = statistics({**customers(), "blank": [""] * 400 + ["x"] * 100}).datasets
    printed = text.table(dataset, 132)
    assert "3 distinct: team 50 %, free" not in printed
    assert "2 distinct: (empty) 80 %, x 20 %" in printed
    assert "2026-01-01 to 2026-01-21 19:00, median 2026-01-11 09:30" in printed
    assert "no value" in printed


def test_control_characters_do_not_reach_the_terminal() -> None:
    """Escape sequences in names and values are shown as signs, in the table and in what follows it."""
    (dataset,) = statistics({"a\x1b[31m\n": ["\x1b]0;title\x07"] * 30}).datasets
    assert not set(text.table(dataset)) & {"\x1b", "\x07", "\r"}


def test_blanks_are_seen_and_joiners_kept() -> None:
    """A value of blanks alone shows open boxes; emoji and Persian keep their joiners, in figures and in sentences."""
    columns = {"x": ["   "] * 40 + [JOINED[0]] * 40 + [JOINED[1]] * 20, "n": ["1", "2", "3", JOINED[0]] * 25}
    printed = text.table(statistics(columns).datasets[0], 160)
    assert "\u2423\u2423\u2423 40 %" in printed
    for value in JOINED:
        assert f": {value} 100 %" in text.table(statistics({"x": [value] * 9}).datasets[0])
    assert f"looks like a number but for 25 values '{JOINED[0]}'" in printed
    now, before = ({"x": [JOINED[0]] * a + ["b"] * (900 - a)} for a in (800, 0))
    both = (statistics(now), statistics(before))
    assert f"value '{JOINED[0]}' in" in text.comparison(side_by_side(dict(zip(("this", "last"), both, strict=True))))
    assert findings(compare(*both), *both)[-1].text.startswith(f"share of '{JOINED[0]}' in x")


@pytest.mark.parametrize("value", ["a", "it's", 'say "x"', "back\\u200d", "\n\u202e", "\\", ""])
def test_quoted_text_is_as_repr_writes_it(value: str) -> None:
    """Only joiners are treated otherwise, and what merely reads like one is not taken for it."""
    assert quoted(value) == repr(value)
    assert quoted(f"{value}\u200d") == repr(f"{value}J").replace("J", "\u200d")


def test_worst_notes_come_first_and_long_lists_are_cut() -> None:
    """Likely faults stand above hints, and at most twenty notes are printed, the others counted."""
    columns = {f"c{i}": [1, None] for i in range(30)}
    (dataset,) = statistics({"ids": [f"v{i}" for i in range(2)], **columns}).datasets
    notes = text.table(dataset).split("\n\n")[-1].splitlines()
    assert len(notes) == 22
    assert notes[1].startswith("  !!! ")
    assert notes[-1] == "  and 40 more; the report has them all"


def test_anomalies_and_skipped_rows_are_listed() -> None:
    """What validation found stands above the table, errors first; skipped rows above what is worth a look."""
    (dataset,) = statistics(customers()).datasets
    bad_rows.note(dataset, 1, ["row 3 of a.csv: too long"])
    blocks = text.table(dataset, 80, found()).split("\n\n")
    assert blocks[1].splitlines()[:2] == [
        "Anomalies:",
        "  !!! plan: Unexpected string values. Not in the schema: team (~10%).",
    ]
    assert "  !!  the data set: Low num examples. There are 500 examples, fewer than 1000." in blocks[1]
    assert "row 3 of a.csv: too long" in blocks[3]


@pytest.mark.parametrize("width", [80, 120])
def test_a_comparison_puts_the_largest_difference_first(width: int) -> None:
    """Each feature has one line with its figures in every data set, and the line fits."""
    one = statistics({"same": [1, 2], "moved": [1, 2], "name": ["値" * 50] * 2})
    other = statistics({"same": [1, 2], "moved": [7, 8], "name": ["値" * 50] * 2, "new": ["a", "b"]})
    printed = text.comparison(side_by_side({"this": one, "last": other}), width)
    rows = [line.split() for line in printed.split("\n\n")[1].splitlines()]
    assert [row[0] for row in rows] == ["feature", "moved", "new", "same", "name"]
    assert rows[1][:3] == ["moved", "100", "%"]
    assert widest(printed) <= width


def test_data_sets_that_do_not_fit_are_told() -> None:
    """More slices than a line holds are counted, not squeezed."""
    table = {"plan": [f"p{i % 9}" for i in range(90)], "x": list(range(90))}
    shown = statistics(table, StatsOptions(slice_features=(Slice.parse("plan"),)))
    printed = text.comparison(shown, 80)
    assert widest(printed) <= 80
    assert "7 of them do not fit" in " ".join(printed.split())


def test_the_command_prints_as_wide_as_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--format text` honours the terminal's width; with --compare it compares, and JSON holds both."""
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "t.csv"
    path.write_text("name,number\n" + "".join(f"{'x' * 90},{i}\n" for i in range(9)))
    assert CliRunner().invoke(command, [str(path), "-o", str(tmp_path / "old")]).exit_code == 0
    path.write_text("name,number\n" + "".join(f"{'y' * 90},{i}\n" for i in range(9)))
    printed = CliRunner().invoke(command, [str(path), "--format", "text"])
    assert printed.exit_code == 0
    assert widest(printed.stdout) <= 80
    compare = ["--compare", f"old={tmp_path / 'old'}"]
    compared = CliRunner().invoke(command, [str(path), "--format", "text", *compare])
    assert compared.stdout.splitlines()[0] == "this: 9 rows; old: 9 rows"
    assert compared.stdout.splitlines()[3].startswith("name")
    document = json.loads(CliRunner().invoke(command, [str(path), "--format", "json", *compare]).stdout)
    assert [dataset["name"] for dataset in document["datasets"]] == ["this", "old"]


def test_weighted_statistics_show_figures_by_weight() -> None:
    """With weights, mean, deviation, median, missing shares and values count them, and a line says so."""
    columns = {"x": [1.0, 2.0, 3.0, None], "s": ["a", "a", "b", "b"], "t": [True, False, False, True],
               "w": [6.0, 1.0, 1.0, 2.0]}  # fmt: skip
    (dataset,) = statistics(columns, StatsOptions(weight_feature="w")).datasets
    blocks = text.table(dataset, 100).split("\n\n")
    assert blocks[0].splitlines()[1].startswith("By weight: ")
    rows = {line.split()[0]: " ".join(line.split()[2:]) for line in blocks[1].splitlines()[1:]}
    assert rows["x"] == "20 % 1.375 0.696 1 1 3"
    assert rows["s"] == "0 2 distinct: a 70 %, b 30 %"
    assert rows["t"] == "0 2 distinct: true 80 %, false 20 %"
    (plain,) = statistics(columns).datasets
    assert "By weight" not in text.table(plain)
    assert "25 %" in text.table(plain).split("\n\n")[1]


def test_a_weighted_shift_is_told_by_weight() -> None:
    """Two tables with the same rows and other weights differ as their weights do; rows decide what chance makes."""
    options = StatsOptions(weight_feature="w")
    table = {"x": [float(i % 100) for i in range(1000)], "c": ["ab"[i % 2] for i in range(1000)],
             "gap": [None if i % 2 else 1.5 for i in range(1000)]}  # fmt: skip
    even, odd = ({**table, "w": [heavy if i % 2 else 1.0 for i in range(1000)]} for heavy in (1.0, 9.0))
    joined = side_by_side({"this": statistics(odd, options), "last": statistics(even, options)})
    printed = text.comparison(joined, 130)
    assert "By weight: " in printed.split("\n\n")[0]
    lines = {line.split()[0]: line for line in printed.split("\n\n")[1].splitlines()}
    assert lines["c"].split()[1:3] == ["40", "%"]
    assert "b 90 %, a 10 %" in lines["c"]
    assert lines["gap"].split()[1:3] == ["40", "%"]
    assert "c has the value 'b' in 90 % of its weight, but 50 % in last" in printed
    assert "gap is missing in 90 % of the weight, but 50 % in last" in printed, printed
    light = side_by_side({"this": statistics(odd, options), "last": statistics(table)})
    assert "By weight" not in text.comparison(light)


def test_a_comparison_says_that_it_leaves_out_slices(tmp_path: Path) -> None:
    """Slices that were asked for are kept in the statistics, and stderr says that the comparison does not show them."""
    path, old, new = tmp_path / "t.csv", str(tmp_path / "old"), str(tmp_path / "new")
    path.write_text("plan,x\n" + "".join(f"p{i % 3},{i}\n" for i in range(9)))
    assert CliRunner().invoke(command, [str(path), "-o", old]).exit_code == 0
    sliced = [str(path), "--slice", "plan", "--compare", old]
    written = CliRunner().invoke(command, [*sliced, "-o", new])
    assert f"whole tables: slices (3 of them) are in the statistics in {new} alone." in written.stderr
    assert len(artifact.load(tmp_path / "new").datasets) == 4
    printed = CliRunner().invoke(command, [*sliced, "--format", "text"])
    assert "slices (3 of them) are not shown; ask for them without --compare." in printed.stderr
    assert "slices" not in CliRunner().invoke(command, [str(path), "--compare", old, "--format", "text"]).stderr


def test_statistics_to_compare_with_need_different_names(tmp_path: Path) -> None:
    """Two of one name, or one called "this", are refused before anything is computed."""
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")
    assert CliRunner().invoke(command, [str(path), "-o", str(tmp_path / "old")]).exit_code == 0
    twice = CliRunner().invoke(command, [str(path), *["--compare", f"x={tmp_path / 'old'}"] * 2])
    assert "named 'x'" in str(twice.exception)
    this = CliRunner().invoke(command, ["none.csv", "--format", "text", "--compare", f"this={tmp_path / 'old'}"])
    assert "'this' names" in str(this.exception)


def test_slices_alone_are_refused_before_the_table_is_read(tmp_path: Path) -> None:
    """Statistics to compare with that have no data set of all rows are named, though the table is not there either."""
    made = statistics({"plan": ["a", "b"]}, StatsOptions(slice_features=(Slice.parse("plan"),)))
    (tmp_path / "cut.pb").write_bytes(type(made)(datasets=made.datasets[1:]).SerializeToString())
    refused = CliRunner().invoke(command, ["none.csv", "--format", "text", "--compare", str(tmp_path / "cut.pb")])
    assert "'cut' cannot be compared. The statistics hold 'plan_a', 'plan_b'" in str(refused.exception)
