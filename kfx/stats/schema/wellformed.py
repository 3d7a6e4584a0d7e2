"""Faults of the schema itself: a feature that says what cannot be meant.

Each is a reason, and the feature is mended, so that the checks that follow can go on (`Schema::UpdateFeatureSelf` of
TFDV's `anomalies/schema.cc`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from kfx.stats.schema.presence import deprecate, is_deprecated
from kfx.stats.schema.reasons import Reason

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

_INVALID = "INVALID_SCHEMA_SPECIFICATION"

# What a feature of a domain may be; every other domain goes with BYTES, and no domain with everything.
_TYPES = {
    "bool_domain": {"INT", "BYTES", "FLOAT"},
    "int_domain": {"INT", "BYTES"},
    "float_domain": {"FLOAT", "BYTES"},
    "struct_domain": {"STRUCT"},
    "time_domain": {"INT", "BYTES"},
}

# What distribution constraints go with: `domain` and `string_domain`. Of the others TFDV says:
_NO_DISTRIBUTION = {
    "bool_domain": "distribution constraints not supported for bool domains.",
    "int_domain": "distribution constraints not supported for int domains.",
    "float_domain": "distribution constraints not supported for float domains.",
    "struct_domain": "distribution constraints not supported for struct domains.",
    "": "distribution constraints require domain or string domain.",
}


def check_feature_itself(feature: schema_pb2.Feature, string_domains: Collection[str]) -> list[Reason]:
    """Checks a feature of the schema without any data, and mends it.

    Args:
        feature: The feature.
        string_domains: Names of the schema's string domains.
    """
    if is_deprecated(feature):
        return []
    if not feature.HasField("name"):
        deprecate(feature)
        text = "unspecified name (maybe meant to be the empty string): find name rather than deprecating."
        return [Reason("FEATURE_MISSING_NAME", text)]
    reasons = _check_type(feature)
    if is_deprecated(feature):
        return reasons
    return [*reasons, *_check_numbers(feature), *_check_domain(feature, string_domains)]


def _check_type(feature: schema_pb2.Feature) -> list[Reason]:
    from tensorflow_metadata.proto.v0 import schema_pb2

    if feature.HasField("type"):
        return []
    if feature.WhichOneof("domain_info") in ("domain", "string_domain"):
        feature.type = schema_pb2.BYTES
        text = "unspecified type: inferring the type to be BYTES, given the domain specified."
    else:
        deprecate(feature)
        text = "unspecified type: determine the type and set it, rather than deprecating."
    return [Reason("FEATURE_MISSING_TYPE", text)]


def _check_numbers(feature: schema_pb2.Feature) -> list[Reason]:
    reasons = []
    if feature.presence.min_fraction < 0:
        feature.presence.ClearField("min_fraction")
        reasons.append(Reason(_INVALID, "min_fraction should not be negative: clear is equal to zero"))
    if feature.presence.min_fraction > 1:
        feature.presence.min_fraction = 1
        reasons.append(Reason(_INVALID, "min_fraction should not greater than 1"))
    if feature.HasField("value_count"):
        reasons += _check_bounds(feature.value_count, "ValueCount")
    for level, bounds in enumerate(feature.value_counts.value_count):
        reasons += _check_bounds(bounds, "ValueCounts", level)
    if any(dimension.size <= 0 for dimension in feature.shape.dim):
        feature.ClearField("shape")
        reasons.append(Reason(_INVALID, "Shape.dim.size must be a positive integer"))
    return reasons


def _check_bounds(bounds: schema_pb2.ValueCount, name: str, level: int | None = None) -> list[Reason]:
    where = "" if level is None else f" at level {level}"
    reasons = []

    def say(which: str, what: str) -> None:
        long = "" if level is None else f"{name}.{which}{where} {what}."
        reasons.append(Reason(_INVALID, f"{name}.{which} {what}", long))

    if bounds.min < 0:
        bounds.ClearField("min")
        say("min", "should not be negative")
    if bounds.HasField("max") and bounds.max < bounds.min:
        bounds.max = bounds.min
        say("max", "should not be less than min")
    return reasons


def _check_domain(feature: schema_pb2.Feature, string_domains: Collection[str]) -> list[Reason]:
    from tensorflow_metadata.proto.v0 import schema_pb2

    reasons = []
    kind = feature.WhichOneof("domain_info") or ""
    type_name = schema_pb2.FeatureType.Name(feature.type)
    if kind and type_name not in _TYPES.get(kind, {"BYTES"}):
        feature.ClearField(kind)
        text = f'The domain "{kind}" does not match the type: {type_name}'
        reasons.append(Reason("DOMAIN_INVALID_FOR_TYPE", "The domain does not match the type", text))
        kind = ""
    if kind == "domain" and feature.domain not in string_domains:
        feature.ClearField("domain")
        reasons.append(Reason("INVALID_DOMAIN_SPECIFICATION", "missing domain: "))
    if kind not in ("domain", "string_domain") and feature.HasField("distribution_constraints"):
        feature.ClearField("distribution_constraints")
        semantic = "distribution constraints not supported for semantic domains."
        reasons.append(Reason(_INVALID, _NO_DISTRIBUTION.get(kind, semantic)))
    return reasons
