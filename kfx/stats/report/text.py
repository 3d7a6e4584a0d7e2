"""The statistics as text, for a terminal: a table a data set, or one that compares them, never wider than asked."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size

from kfx.stats import bad_rows
from kfx.stats.datasets import has_slices, whole_first
from kfx.stats.report.anomalies import anomalies_of_dataset, anomalies_of_features
from kfx.stats.report.feature import feature_model
from kfx.stats.report.findings import findings, percent
from kfx.stats.report.model import page_model
from kfx.stats.schema.view import feature_path, has_weights
from kfx.stats.wording import counted, moment, printable

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

WIDTH = 100
"""Cells of a line where nothing says how wide the terminal is; a wide character takes two."""

_NUMBERS = ("mean", "std_dev", "min", "median", "max")
_HEADINGS = ("mean", "std", "min", "median", "max")
_GAP = 2
_NARROWEST_NAME, _WIDEST_NAME = 12, 40
_NARROWEST_SIDE = 16
_ROOMY = 110  # cells of a line that holds numbers of six digits
_MOST_NOTES = 20
_NO_FIGURE = "-"

Model = dict[str, Any]


def tables(statistics: statistics_pb2.DatasetFeatureStatisticsList, width: int = WIDTH) -> str:
    """Returns a table for every data set, that of all rows first; of its slices, nothing is said to deserve a look.

    Args:
        statistics: The data sets.
        width: Cells of a line.
    """
    ordered = whole_first(statistics)
    sliced = has_slices(ordered)
    return "\n\n".join(table(dataset, width, look=not (sliced and at)) for at, dataset in enumerate(ordered.datasets))


def table(
    dataset: statistics_pb2.DatasetFeatureStatistics,
    width: int = WIDTH,
    anomalies: anomalies_pb2.Anomalies | None = None,
    *,
    look: bool = True,
) -> str:
    """Returns a line a feature, and below it what deserves a look, worst first.

    Args:
        dataset: One data set.
        width: Cells of a line.
        anomalies: What validation found in it; listed before everything else.
        look: Whether to say what deserves a look: in a slice, much of it is what the slice was made for.
    """
    by_weight = has_weights(dataset)
    models = [
        (_name(feature_path(f)), feature_model(f, dataset.num_examples, by_weight=by_weight)) for f in dataset.features
    ]
    title = f"{dataset.name or 'All rows'}: {counted(dataset.num_examples, 'row')}, {counted(len(models), 'feature')}"
    notes = [(found.weight, f"{_short(name)} {found.text}") for name, model in models for found in findings(model)]
    blocks = [[title, *_by_weight(by_weight, width)], _grid(models, width)]
    if anomalies is not None:
        known = [feature_path(feature) for feature in dataset.features]
        blocks.insert(1, _listed("Anomalies", _anomalies(anomalies, known), width) or ["No anomalies."])
    blocks += [bad_rows.sentences(dataset), _listed("Worth a look", notes if look else [], width)]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def comparison(statistics: statistics_pb2.DatasetFeatureStatisticsList, width: int = WIDTH) -> str:
    """Returns a line a feature with its figures in every data set, what differs most from the first one on top.

    Args:
        statistics: The data sets, as `kfx.stats.artifact.side_by_side` joins them.
        width: Cells of a line.
    """
    by_weight = all(map(has_weights, statistics.datasets))
    page = page_model(statistics, "", by_weight=by_weight)
    features = sorted(page["features"], key=lambda feature: -feature["difference"])
    shown = page["datasets"][: max(2, (width - _NARROWEST_NAME - 10) // (_NARROWEST_SIDE + _GAP))]
    rows = [("feature", "differs", *(dataset["name"] for dataset in shown))]
    for feature in features:
        differs = percent(feature["difference"]).replace("under ", "<") if feature["difference"] else "0"
        sides = (_summary(model) if model else "(not there)" for model in feature["of"][: len(shown)])
        rows.append((_name(feature["path"]), differs, *sides))
    side = (width - _NARROWEST_NAME - 8 - 2 * _GAP) // len(shown) - _GAP
    room = width - 8 - 2 * _GAP - len(shown) * (side + _GAP) + _GAP
    widths = [max(_NARROWEST_NAME, min(room, _longest(rows, 0))), 8, *(side for _ in shown)]
    titles = [f"{printable(dataset['name'])}: {counted(dataset['rows'], 'row')}" for dataset in page["datasets"]]
    if len(shown) < len(titles):
        titles.append(f"{len(titles) - len(shown)} of them do not fit beside the others")
    notes = [(weight, f"{_short(_name(f['path']))} {text}") for f in features for weight, text, _ in f["findings"]]
    lines = [_line(row, widths, right={1}) for row in rows]
    head = [*textwrap.wrap("; ".join(titles), width), *_by_weight(by_weight, width)]
    blocks = (head, lines, _listed("Worth a look", notes, width))
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _by_weight(by_weight: bool, width: int) -> list[str]:
    """Says what a row's weight is counted in, where it is."""
    sentence = "By weight: shares, means, deviations, medians and changes. All else counts rows."
    return textwrap.wrap(sentence, width) if by_weight else []


def _grid(models: Sequence[tuple[str, Model]], width: int) -> list[str]:
    """Returns the table: five columns of numbers for a numeric feature, a sentence for any other."""
    digits = 6 if width >= _ROOMY else 4
    head = ("feature", "type", "missing")
    rows = [(name, model["type"], _missing(model), _figures(model, digits)) for name, model in models]
    numbers = [figures for *_, figures in rows if not isinstance(figures, str)]
    widths = [max(8 if digits == 4 else 10, *(cell_len(row[at]) for row in [*numbers, _HEADINGS])) for at in range(5)]
    left = [_longest([head, *(row[:3] for row in rows)], at) for at in range(3)]
    rest = sum(widths) + 4
    left[0] = max(min(left[0], _WIDEST_NAME, width - sum(left[1:]) - rest - 3 * _GAP), _NARROWEST_NAME)
    room = width - sum(left) - 3 * _GAP
    lines = [_line((*head, " ".join(map(_right, _HEADINGS, widths))), [*left, room], right={2})]
    for *start, figures in rows:
        shown = figures if isinstance(figures, str) else " ".join(map(_right, figures, widths))
        lines.append(_line((*start, shown), [*left, room], right={2}))
    return lines


def _figures(model: Model, digits: int) -> tuple[str, ...] | str:
    if "mean" in model and not model["unit"]:
        return tuple(_number(model[name], digits) for name in _NUMBERS)
    if "mean" in model:
        low, median, high = (_moment(model[name], model["unit"]) for name in ("min", "median", "max"))
        return f"{low} to {high}, median {median}"
    return _values(model)


def _summary(model: Model) -> str:
    """Returns one data set's figures for a comparison: missing values first, because a cell may be cut."""
    missing = f"{_missing(model)} missing, " if model["missing"] and model["present"] else ""
    if "mean" not in model:
        return missing + (_most_frequent(model) or _values(model))
    if model["unit"]:
        return missing + f"{_moment(model['min'], model['unit'])} to {_moment(model['max'], model['unit'])}"
    return missing + f"{_number(model['mean'], 4)} ± {_number(model['std_dev'], 4)}"


def _values(model: Model) -> str:
    if not model.get("unique"):
        return "" if model["present"] else "no value"
    top = _most_frequent(model)
    return f"{model['unique']:,} distinct" + (f": {top}" if top else "")


def _most_frequent(model: Model) -> str:
    plain = dict(model.get("plain", model).get("top", ()))
    often = [(value, count) for value, count in model.get("top", ()) if plain.get(value, 2) > 1]
    shares = [(value, percent(count / (model["values"] or 1))) for value, count in often]
    return ", ".join(f"{printable(value) or '(empty)'} {share}" for value, share in shares[:5])


def _anomalies(anomalies: anomalies_pb2.Anomalies, known: Sequence[tuple[str, ...]]) -> list[tuple[int, str]]:
    """Returns weight and sentence of every anomaly."""
    weights = {"error": 3, "warning": 2, "unknown": 1}
    found = [("the data set", entry) for entry in anomalies_of_dataset(anomalies)]
    for path, entries in anomalies_of_features(anomalies, known).items():
        found += [(_short(_name(path)), entry) for entry in entries]
    return [
        (weights[entry["severity"]], f"{name}: {entry['short'].rstrip('.')}. {entry['text']}") for name, entry in found
    ]


def _listed(title: str, notes: Iterable[tuple[int, str]], width: int) -> list[str]:
    """Returns a heading and a line for each note, worst first; a long list is cut."""
    worst_first = sorted(notes, key=lambda note: -note[0])
    if not worst_first:
        return []
    lines = [f"{title}:"]
    for weight, sentence in worst_first[:_MOST_NOTES]:
        shown = f"  {'!' * weight:<3} {printable(sentence)}"
        # Lines are counted in characters: each is as much shorter as the note's wide characters could make it.
        lines += textwrap.wrap(shown, width - cell_len(shown) + len(shown), subsequent_indent=" " * 6)
    if len(worst_first) > _MOST_NOTES:
        lines.append(f"  and {len(worst_first) - _MOST_NOTES:,} more; the report has them all")
    return lines


def _missing(model: Model) -> str:
    of = model["present"] + model["missing"]
    return percent(model["missing"] / of).replace("under ", "<").replace("over ", ">") if model["missing"] else "0"


def _moment(value: Any, unit: str) -> str:
    if value is None or isinstance(value, str):
        return value or _NO_FIGURE
    return moment(value, unit) or _number(value, 6)


def _number(value: Any, digits: int) -> str:
    """Returns a number in a few more cells than its digits."""
    if value is None or isinstance(value, str):
        return value or _NO_FIGURE
    if value == int(value) or abs(value) >= 1000:
        whole = f"{round(value):,}"
        return whole if len(whole) <= digits + 4 else f"{value:.{digits - 2}e}".replace("e+0", "e+")
    return f"{value:.{digits}g}"


def _name(path: Iterable[str]) -> str:
    return printable(".".join(path))


def _short(name: str) -> str:
    return _middle_cut(name, _WIDEST_NAME)


def _line(cells: Sequence[str], widths: Sequence[int], right: set[int]) -> str:
    fitted = [_middle_cut(cells[0], widths[0]), *map(_cut, cells[1:], widths[1:])]
    placed = (
        _right(cell, width) if at in right else set_cell_size(cell, width)
        for at, (cell, width) in enumerate(zip(fitted, widths, strict=True))
    )
    return (" " * _GAP).join(placed).rstrip()


def _cut(text: str, width: int) -> str:
    """Cuts text to a number of cells."""
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _middle_cut(text: str, width: int) -> str:
    """Cuts a name in its middle: names that are long often differ at the end."""
    if cell_len(text) <= width:
        return text
    tail = text[-(width // 3) :]
    return _cut(text, width - cell_len(tail)) + tail


def _right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text


def _longest(rows: Iterable[Sequence[str]], at: int) -> int:
    return max(cell_len(row[at]) for row in rows)
