"""What values a feature may have: booleans, integers, floats and strings, as numbers and written as text.

As in `presence.py` each check returns its reasons and widens the domain to what was found (TFDV's
`anomalies/{bool,int,float,string}_domain_util.cc`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kfx.stats.schema.reasons import Reason, six
from kfx.stats.schema.view import FeatureView

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

TRUE = ("", "1", "SET", "TRUE", "set", "true")
"""Texts that are read as true, in their order."""

FALSE = ("0", "CLEAR", "FALSE", "clear", "false")
"""Texts that are read as false."""

_INT64 = range(-(2**63), 2**63)
_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_FLOAT = re.compile(
    r"\s*[+-]?(?:[0-9]+\.?[0-9]*(?:e[+-]?[0-9]+)?|\.[0-9]+(?:e[+-]?[0-9]+)?|inf(?:inity)?|nan(?:\([0-9a-z_]*\))?)\s*",
    re.ASCII | re.IGNORECASE,
)
_OUT_OF_RANGE, _INVALID_VALUES, _NOT_BOOLEAN = "Out-of-range values", "Invalid values", "Non-boolean values"


def integer(text: str) -> int | None:
    """Reads a text as a 64-bit integer, as `absl::SimpleAtoi` does; None where it is none."""
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if number in _INT64 else None


def number(text: str) -> float | None:
    """Reads a text as a number, as `absl::SimpleAtof` does; None where it is none."""
    if not _FLOAT.fullmatch(text):
        return None
    return float(text.partition("(")[0])


def check_bool(feature: schema_pb2.Feature, view: FeatureView) -> list[Reason]:
    """Checks that only the two values of a `bool_domain` occur; a domain that failed is replaced by a wider one."""
    if view.type == "STRING":
        return _check_bool_text(feature, view)
    least, most = view.proto.num_stats.min, view.proto.num_stats.max
    if view.type == "INT":
        if least >= 0 and most <= 1:
            return []
        kind, odd = ("BOOL_TYPE_SMALL_INT", least) if least < 0 else ("BOOL_TYPE_BIG_INT", most)
        feature.int_domain.min, feature.int_domain.max = int(least), int(most)
        text = f"Integers (such as {six(odd)}) not in {{0, 1}}: converting to an integer."
        return [Reason(kind, _NOT_BOOLEAN, text)]
    if view.type != "FLOAT":
        return []
    found = _not_boolean(view)
    if found:
        feature.float_domain.min, feature.float_domain.max = least, most
    return [Reason("BOOL_TYPE_UNEXPECTED_FLOAT", _NOT_BOOLEAN, f"{found}: converting to float_domain.")] * bool(found)


def _not_boolean(view: FeatureView) -> str:
    """Returns what of a float feature is neither 0 nor 1, as far as its histograms show; empty for nothing."""
    stats = view.proto.num_stats
    for odd in (stats.min, stats.max):
        if odd not in (0, 1):
            return f"Floats (such as {six(odd)}) not in {{0, 1}}"
    if any(histogram.num_nan for histogram in stats.histograms):
        return "Floats (such as NaN) not in {0, 1}"
    between = any(
        bucket.sample_count > 0 and bucket.low_value > 0 and bucket.high_value < 1
        for histogram in stats.histograms  # unweighted, as TFDV reads them here
        if histogram.type == histogram.QUANTILES
        for bucket in histogram.buckets
    )
    return "Float values falling between 0 and 1" if between else ""


def _check_bool_text(feature: schema_pb2.Feature, view: FeatureView) -> list[Reason]:
    domain = feature.bool_domain
    valid = {getattr(domain, name) for name in ("true_value", "false_value") if domain.HasField(name)}
    odd = next((value for value in view.counts if value not in valid), None)
    if odd is None:
        return []
    feature.ClearField("bool_domain")
    listed = '{"' + '", "'.join(sorted(valid)) + '"}' if valid else "{}"
    text = f'Saw unexpected value "{odd}" instead of {listed}.'
    return [Reason("BOOL_TYPE_UNEXPECTED_STRING", _NOT_BOOLEAN, text)]


def check_int(feature: schema_pb2.Feature, view: FeatureView) -> list[Reason]:
    """Checks an `int_domain`: integers, or texts that are integers, within its bounds."""
    domain = feature.int_domain
    if view.counts and view.type in ("INT", "STRING", "BYTES"):
        numbers = {value: integer(value) for value in view.counts}
        odd = next((value for value, read in numbers.items() if read is None), None)
        if odd is not None:
            return _not_int(feature, view, odd)
        found = [read for read in numbers.values() if read is not None]
        least, most = min(found), max(found)
    elif view.type == "INT":
        least, most = int(view.proto.num_stats.min), int(view.proto.num_stats.max)
    else:
        return []
    reasons = []
    if domain.HasField("min") and least < domain.min:
        text = f"Unexpectedly small value: {least}."
        reasons.append(Reason("INT_TYPE_SMALL_INT", _OUT_OF_RANGE, text))
        domain.min = least
    if domain.HasField("max") and most > domain.max:
        text = f"Unexpectedly large value: {most}."
        reasons.append(Reason("INT_TYPE_BIG_INT", _OUT_OF_RANGE, text))
        domain.max = most
    return reasons


def _not_int(feature: schema_pb2.Feature, view: FeatureView, odd: str) -> list[Reason]:
    bounded = feature.int_domain.HasField("min") or feature.int_domain.HasField("max")
    if view.type == "INT" and not bounded:
        return []
    feature.ClearField("int_domain")
    if view.type == "INT":
        text = f'Integer had values that were not valid Int64, such as "{odd}".'
        return [Reason("DOMAIN_INVALID_FOR_TYPE", _INVALID_VALUES, text)]
    text = f'String values that were not ints were found, such as "{odd}".'
    return [Reason("INT_TYPE_NOT_INT_STRING", _INVALID_VALUES, text)]


def check_float(feature: schema_pb2.Feature, view: FeatureView) -> list[Reason]:
    """Checks a `float_domain`: floats, or texts that are, within its bounds, NaN and infinities where allowed."""
    domain, reasons = feature.float_domain, []
    numbers = {value: number(value) for value in view.counts} if view.type in ("STRING", "BYTES") else {}
    if domain.disallow_nan and _has_nan(view, numbers.values()):
        reasons.append(Reason("FLOAT_TYPE_HAS_NAN", _INVALID_VALUES, "Float feature has NaN values."))
        domain.disallow_nan = False
    odd = next((value for value, read in numbers.items() if read is None), None)
    if odd is not None:
        feature.ClearField("float_domain")
        text = f'String values that were not floats were found, such as "{odd}".'
        return [*reasons, Reason("FLOAT_TYPE_STRING_NOT_FLOAT", _INVALID_VALUES, text)]
    if view.type == "FLOAT":
        found = [view.proto.num_stats.min, view.proto.num_stats.max]
    else:
        found = [read for read in numbers.values() if read is not None and not math.isnan(read)]
    return reasons + (_check_range(domain, min(found), max(found)) if found else [])


def _check_range(domain: schema_pb2.FloatDomain, least: float, most: float) -> list[Reason]:
    reasons = []
    if domain.HasField("min") and least < domain.min:
        text = f"Unexpectedly low values: {six(least)}<{six(domain.min)}(upto six significant digits)"
        reasons.append(Reason("FLOAT_TYPE_SMALL_FLOAT", _OUT_OF_RANGE, text))
        domain.min = least
    if domain.HasField("max") and most > domain.max:
        text = f"Unexpectedly high value: {six(most)}>{six(domain.max)}(upto six significant digits)"
        reasons.append(Reason("FLOAT_TYPE_BIG_FLOAT", _OUT_OF_RANGE, text))
        domain.max = most
    if domain.disallow_inf and (math.isinf(least) or math.isinf(most)):
        reasons.append(Reason("FLOAT_TYPE_HAS_INF", _INVALID_VALUES, "Float feature has Inf values."))
        domain.disallow_inf = False
    return reasons


def _has_nan(view: FeatureView, numbers: Iterable[float | None]) -> bool:
    if view.type == "FLOAT":
        return any(histogram.num_nan for histogram in view.proto.num_stats.histograms)
    return any(read is not None and math.isnan(read) for read in numbers)


def check_string(domain: schema_pb2.StringDomain, view: FeatureView, allowed_off_domain: float) -> list[Reason]:
    """Checks that values are in a string domain, and adds those that are not.

    Args:
        domain: The domain.
        view: The statistics; values beyond the rank histogram's are not known.
        allowed_off_domain: Share of the values that may be outside; 0 for none.
    """
    known = set(domain.value)
    strange = {value: count for value, count in view.counts.items() if value not in known}
    total = view.values
    share = sum(strange.values()) / total if total else 0.0
    if not strange or (allowed_off_domain and share <= allowed_off_domain):
        return []
    listed = ", ".join(f"{escaped(value)} ({_percentage(count, total)})" for value, count in strange.items())
    domain.value.extend(strange)
    text = f"Examples contain values missing from the schema: {listed}. "
    return [Reason("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "Unexpected string values", text)]


def _percentage(count: float, total: float) -> str:
    if not total:
        return "?"
    percent = 100 * math.floor(count) / total
    return "<1%" if percent < 1 else f"~{math.floor(percent)}%"


_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "'": "\\'", "\\": "\\\\"}


def escaped(text: str) -> str:
    """Writes a value as `absl::Utf8SafeCEscape` does: on one line, controls as octal numbers."""

    def one(character: str) -> str:
        if character < " " or character == "\x7f":
            return _ESCAPES.get(character) or f"\\{ord(character):03o}"
        return _ESCAPES.get(character, character)

    return "".join(map(one, text))


def domain_of_texts(view: FeatureView) -> dict[str, Any] | None:
    """Returns the bool domain that a feature's values suggest, as its fields; None for none.

    Numbers are boolean where they are between 0 and 1 and 1 occurs; texts where one or two values occur that are read
    as true and false.
    """
    if view.type == "INT":
        stats = view.proto.num_stats
        return {} if stats.min >= 0 and stats.max == 1 else None
    values = list(view.counts)
    true = [value for value in values if value in TRUE]
    false = [value for value in values if value in FALSE]
    if view.type != "STRING" or not values or len(true) > 1 or len(false) > 1 or len(true) + len(false) < len(values):
        return None
    return {**({"true_value": true[0]} if true else {}), **({"false_value": false[0]} if false else {})}
