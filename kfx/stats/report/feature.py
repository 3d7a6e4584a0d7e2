"""One feature of a statistics proto as plain numbers and text, small enough for a page."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

_VALUE_CHARACTERS = 160
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_MOST_WORDS = 3
_RANKS = 40
_MOST_CUSTOM = 12
# Custom statistics that the page tells in another way, or that are there for merging.
_OWN = re.compile(r"(unit|approximate|quantile_rank_error|num_bad_rows|bad_rows|merge_.*|level_\d+_.*)$")

Json = Any


def feature_model(
    feature: statistics_pb2.FeatureNameStatistics, rows: int, *, by_weight: bool = False
) -> dict[str, Json]:
    """Returns one feature's figures; what is absent or not a number is None.

    Args:
        feature: The proto.
        rows: Examples of its data set.
        by_weight: Let a row count as much as its weight, wherever the statistics have such a figure.
    """
    kind = feature.WhichOneof("stats") or "num_stats"
    stats = getattr(feature, kind)
    common = stats.common_stats
    custom = {
        entry.name: getattr(entry, entry.WhichOneof("val"))
        for entry in feature.custom_stats
        if entry.WhichOneof("val") in {"num", "str"}
    }
    model: dict[str, Json] = {
        "type": _type_name(feature, custom),
        "unit": custom.get("unit"),
        "rows": rows,
        "present": common.num_non_missing,
        "missing": common.num_missing,
        "values": common.tot_num_values,
        "approximate": custom.get("approximate"),
    }
    extra = [[name, value] for name, value in custom.items() if not _OWN.match(name)]
    if extra:
        model["custom"] = [[name, _shown(value)] for name, value in extra[:_MOST_CUSTOM]]
    if common.HasField("weighted_common_stats"):
        model["weighted"] = _weighted(stats, kind)
    if common.max_num_values > 1 or common.min_num_values != common.max_num_values:
        model["lengths"] = [common.min_num_values, number(common.avg_num_values), common.max_num_values]
    if model["type"] == "boolean" and common.tot_num_values:
        model.update(_boolean(stats))
    elif kind == "num_stats" and common.tot_num_values:
        model.update(_numeric(stats))
    elif kind == "string_stats":
        model.update(_text(stats))
    elif kind == "bytes_stats":
        model.update(unique=stats.unique, length=number(stats.avg_num_bytes), invalid=0, top=[], ranks=[])
    if by_weight and "weighted" in model:
        _weigh(model, stats)
    return model


def _weigh(model: dict[str, Json], stats: Any) -> None:
    """Puts weighted figures where those that count rows are, and these into `plain`."""
    common = stats.common_stats.weighted_common_stats
    model.update(plain=dict(model), values=common.tot_num_values)
    model.update({name: figure for name, figure in model["weighted"].items() if name in model and name != "top"})
    if model["type"] == "boolean" and model.get("top"):
        part = stats.weighted_numeric_stats.mean
        shares = [["false", 1 - part], ["true", part]]
        top = [[value, share * common.tot_num_values] for value, share in shares if share > 0]
        model["top"] = sorted(top, key=lambda pair: -pair[1])
    elif "standard" in model:
        by_kind = {histogram.type: histogram for histogram in stats.weighted_numeric_stats.histograms}
        model["standard"], model["quantiles"] = (_buckets(by_kind.get(kind)) for kind in _kinds())
    elif model.get("top"):
        heaviest = stats.weighted_string_stats.top_values
        model["top"] = [[clipped(one.value, _VALUE_CHARACTERS), one.frequency] for one in heaviest]


def _type_name(feature: statistics_pb2.FeatureNameStatistics, custom: dict[str, Json]) -> str:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    unit = str(custom.get("unit") or "")
    if unit == "boolean":
        return "boolean"
    if unit:
        return "date" if unit.startswith("days") else "time"
    names = {"INT": "integer", "FLOAT": "float", "STRING": "string", "BYTES": "bytes", "STRUCT": "struct"}
    return names[statistics_pb2.FeatureNameStatistics.Type.Name(feature.type)]


def _numeric(stats: Any) -> dict[str, Json]:
    by_kind = {histogram.type: histogram for histogram in stats.histograms}
    standard, quantiles = (by_kind.get(kind) for kind in _kinds())
    nan = max((histogram.num_nan for histogram in stats.histograms), default=0)
    model = {
        "nan": nan,
        "infinite": sum(
            bucket.sample_count for bucket in (standard.buckets if standard else ()) if _is_infinite(bucket)
        ),
        "standard": _buckets(standard),
        "quantiles": _buckets(quantiles),
    }
    if stats.common_stats.tot_num_values > nan:
        for name in ("mean", "std_dev", "min", "max"):
            model[name] = number(getattr(stats, name))
        # TFDV leaves the median out with the histograms.
        model["median"] = number(stats.median) if stats.histograms else None
        model["zeros"] = stats.num_zeros
    return model


def _kinds() -> tuple[int, int]:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    return statistics_pb2.Histogram.STANDARD, statistics_pb2.Histogram.QUANTILES


def _is_infinite(bucket: Any) -> bool:
    """Says whether a bucket holds infinite values, and no others."""
    return math.isinf(bucket.low_value) and bucket.low_value == bucket.high_value


def _weighted(stats: Any, kind: str) -> dict[str, Json]:
    """Returns the figures in which a row counts as much as its weight."""
    common = stats.common_stats.weighted_common_stats
    weighted: dict[str, Json] = {"present": number(common.num_non_missing), "missing": number(common.num_missing)}
    if kind == "num_stats" and stats.HasField("weighted_numeric_stats"):
        numbers = stats.weighted_numeric_stats
        weighted.update({name: number(getattr(numbers, name)) for name in ("mean", "std_dev")})
        weighted["median"] = number(numbers.median) if numbers.histograms else None
    elif kind == "string_stats" and stats.weighted_string_stats.top_values:
        heaviest = stats.weighted_string_stats.top_values[0]
        part = heaviest.frequency / (common.tot_num_values or 1)
        weighted["top"] = [clipped(heaviest.value, _VALUE_CHARACTERS), number(part)]
    return weighted


def _shown(value: float | str) -> Json:
    """Returns a custom statistic's value."""
    return clipped(value, _VALUE_CHARACTERS) if isinstance(value, str) else number(value)


def _boolean(stats: Any) -> dict[str, Json]:
    """Returns the figures of 0 and 1 as those of two values."""
    values = stats.common_stats.tot_num_values - sum(histogram.num_nan for histogram in stats.histograms[:1])
    counts = [["false", stats.num_zeros], ["true", values - stats.num_zeros]]
    top = sorted((pair for pair in counts if pair[1]), key=lambda pair: -pair[1])
    return {"unique": len(top), "invalid": 0, "top": top, "ranks": []}


def _text(stats: Any) -> dict[str, Json]:
    buckets = stats.rank_histogram.buckets
    # Ranks are drawn on a logarithmic axis: points thin out as ranks grow.
    shown = sorted({round(math.exp(step * math.log(max(len(buckets), 1)) / _RANKS)) for step in range(_RANKS + 1)})
    return {
        "unique": stats.unique,
        "length": number(stats.avg_length),
        "invalid": stats.invalid_utf8_count,
        "top": [[clipped(top.value, _VALUE_CHARACTERS), top.frequency] for top in stats.top_values],
        "ranks": [[rank, buckets[rank - 1].sample_count] for rank in shown if rank <= len(buckets)],
        "words": _words_among_numbers([(bucket.label, bucket.sample_count) for bucket in buckets]),
    }


def _words_among_numbers(ranked: list[tuple[str, float]]) -> list[list[Json]]:
    """Returns the few values for which a column of numbers is text, with their counts; nothing for other text."""
    words = [(label, count) for label, count in ranked if not _NUMBER.fullmatch(label)]
    numbers = len(ranked) - len(words)
    if not 0 < len(words) <= _MOST_WORDS or numbers <= len(words):
        return []
    return [[clipped(label, _VALUE_CHARACTERS), int(count)] for label, count in words]


def _buckets(histogram: Any) -> list[list[float]]:
    """Returns low, high and count of the finite buckets; exact, because values may stand at an edge."""
    return [
        [bucket.low_value, bucket.high_value, bucket.sample_count]
        for bucket in (histogram.buckets if histogram else ())
        if math.isfinite(bucket.low_value) and math.isfinite(bucket.high_value)
    ]


def number(value: float) -> Json:
    """Returns a number JSON can carry: fifteen digits tell neighbours apart; NaN and infinities become text.

    Args:
        value: A figure.
    """
    if math.isfinite(value):
        return int(value) if value == int(value) and abs(value) < 1e15 else float(f"{value:.15g}")
    return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"


def clipped(value: str, characters: int) -> str:
    """Returns a value cut to a number of characters.

    Args:
        value: From the data.
        characters: At most so many, of which the last says that there were more.
    """
    return value if len(value) <= characters else value[: characters - 1] + "…"
