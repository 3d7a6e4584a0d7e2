"""The statistics as a table of text, for a terminal."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from kfx.stats.report.findings import findings
from kfx.stats.report.model import feature_model, feature_path

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

_HEADER = ("feature", "type", "missing", "mean / top value", "std / share", "min / distinct", "median", "max")
_WIDEST = 36  # characters of a cell
_DAY = 86_400_000_000  # microseconds
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # years 1 to 9999, in days since 1970-01-01: what datetime holds
_LEFT = 2  # columns of words stand left, of numbers right


def table(dataset: statistics_pb2.DatasetFeatureStatistics) -> str:
    """Returns a line a feature, and below it what deserves a look.

    Args:
        dataset: One data set.
    """
    rows = [_HEADER]
    notes: list[tuple[int, str]] = []
    for feature in dataset.features:
        model = feature_model(feature, dataset.num_examples)
        name = _printable(".".join(feature_path(feature)))
        rows.append((name, model["type"], *_figures(model)))
        notes.extend((found.weight, f"  {'!' * found.weight:<3} {name} {found.text}") for found in findings(model))
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEADER))]
    lines = ["  ".join(map(_padded, row, widths, range(len(row)))).rstrip() for row in rows]
    title = f"{dataset.name or 'All rows'}: {dataset.num_examples:,} rows, {len(dataset.features):,} features"
    worst_first = [note for _, note in sorted(notes, key=lambda pair: -pair[0])]
    return "\n".join([title, "", *lines, *(["", "Worth a look:", *worst_first] if worst_first else [])])


def _figures(model: dict[str, Any]) -> tuple[str, ...]:
    of = model["present"] + model["missing"]
    missing = f"{100 * model['missing'] / of:.1f} %" if model["missing"] else "0"
    if "mean" in model:
        figures = (_value(model[name], model["unit"]) for name in ("min", "median", "max"))
        return (missing, _value(model["mean"], model["unit"]), _spread(model), *figures)
    if model.get("unique"):
        value, count = model["top"][0] if model["top"] else ("", 0)
        share = f"{100 * count / max(model['values'], 1):.1f} %"
        return (missing, _printable(value) or "(empty)", share, f"{model['unique']:,}", "", "")
    return (missing, "", "", "", "", "")


def _spread(model: dict[str, Any]) -> str:
    in_microseconds = "microseconds" in (model["unit"] or "") and not isinstance(model["std_dev"], str)
    if in_microseconds:
        return f"{model['std_dev'] / 1e6:,.6g} s"
    return _number(model["std_dev"]) + (" days" if model["unit"] else "")


def _value(value: Any, unit: str | None) -> str:
    if isinstance(value, str) or not unit:
        return _number(value)
    days = unit.startswith("days")
    if not unit.endswith("1970-01-01") or not _FIRST_DAY < value / (1 if days else _DAY) < _LAST_DAY:
        return _number(value)
    moment = dt.datetime(1970, 1, 1) + (dt.timedelta(days=value) if days else dt.timedelta(microseconds=value))
    return f"{moment:%Y-%m-%d}" if days else f"{moment:%Y-%m-%d %H:%M:%S}"


def _number(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def _printable(text: str) -> str:
    shown = "".join(character if character.isprintable() else "\N{SYMBOL FOR SUBSTITUTE}" for character in text)
    return shown if len(shown) <= _WIDEST else shown[: _WIDEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _padded(cell: str, width: int, at: int) -> str:
    return cell.ljust(width) if at < _LEFT else cell.rjust(width)
