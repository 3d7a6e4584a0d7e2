"""How often a feature is there, with how many values: environments, presence, value counts, shape, distinct values.

Each check returns its reasons and mends the schema's feature so that the statistics conform to it, as TFDV's do
(`anomalies/feature_util.cc`): `update_schema` keeps the mended schema, `validate` the reasons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kfx.stats.schema.reasons import Reason, six
from kfx.stats.schema.view import FeatureView, serialized

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

_DROPPED = "Column dropped"
_ALMOST_ALL = 0.9999  # what TFDV suggests where so few are missing that the share rounds to 1


def is_deprecated(feature: Any) -> bool:
    """Whether a feature (or sparse or weighted feature) is not checked at all."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    off = (schema_pb2.PLANNED, schema_pb2.ALPHA, schema_pb2.DEPRECATED, schema_pb2.DEBUG_ONLY, schema_pb2.DISABLED)
    return bool(getattr(feature, "deprecated", False)) or feature.lifecycle_stage in off


def deprecate(feature: Any) -> None:
    """Takes a feature out of all further checks."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    feature.lifecycle_stage = schema_pb2.DEPRECATED


def in_environment(feature: schema_pb2.Feature, environment: str, defaults: Sequence[str]) -> bool:
    """Whether the schema expects the feature in an environment.

    Args:
        feature: The schema's feature.
        environment: Name of the environment; empty for none, in which every feature is.
        defaults: The schema's default environments.
    """
    if not environment or environment in feature.in_environment:
        return True
    return environment not in feature.not_in_environment and environment in defaults


def is_required(feature: schema_pb2.Feature, environment: str, defaults: Sequence[str]) -> bool:
    """Whether a data set without the feature is anomalous."""
    wanted = feature.presence.min_count > 0 or feature.presence.min_fraction > 0
    return not is_deprecated(feature) and wanted and in_environment(feature, environment, defaults)


def check_environment(
    feature: schema_pb2.Feature, view: FeatureView, environment: str, defaults: Sequence[str]
) -> list[Reason]:
    """Checks that the feature belongs into the environment, and puts it there."""
    if in_environment(feature, environment, defaults):
        return []
    kept = [name for name in feature.not_in_environment if name != environment]
    del feature.not_in_environment[:]
    feature.not_in_environment.extend(kept)
    if not in_environment(feature, environment, defaults):
        feature.in_environment.append(environment)
    found = f"New column {serialized(view.path)} found in data but not in the environment {environment} in the schema."
    return [Reason("SCHEMA_NEW_COLUMN", "Column missing in environment", found)]


def check_value_counts(feature: schema_pb2.Feature, view: FeatureView) -> list[Reason]:
    """Checks how many values an example has, at every nesting level."""
    nested = feature.HasField("value_counts")
    if not nested and not feature.HasField("value_count"):
        return []
    expected = feature.value_counts.value_count if nested else [feature.value_count]
    lengths = view.lengths
    if len(expected) != len(lengths):
        return _other_nesting(feature, view, nested=nested)
    reasons = []
    for level, (bounds, (least, most)) in enumerate(zip(expected, lengths, strict=True)):
        where = f" at nestedness level {level}" if nested else ""
        if bounds.HasField("min") and least < bounds.min:
            fewer = f"Some examples have fewer values than expected{where}."
            reasons.append(Reason("FEATURE_TYPE_LOW_NUMBER_VALUES", "Missing values", fewer))
            if least:
                bounds.min = least
            else:
                bounds.ClearField("min")
        if bounds.HasField("max") and most > bounds.max:
            more = f"Some examples have more values than expected{where}."
            reasons.append(Reason("FEATURE_TYPE_HIGH_NUMBER_VALUES", "Superfluous values", more))
            bounds.max = most
    return reasons


def _other_nesting(feature: schema_pb2.Feature, view: FeatureView, *, nested: bool) -> list[Reason]:
    text = (
        "The values have a different nest level than expected. Value counts will not be checked."
        if nested
        else "This feature has a value_count, but the nestedness level of the feature > 1. For features with "
        "nestedness levels greater than 1, value_counts, not value_count, should be specified."
    )
    feature.ClearField("value_counts" if nested else "value_count")
    set_value_counts(feature, view)
    return [Reason("VALUE_NESTEDNESS_MISMATCH", "Mismatched value nest level", text)]


def set_value_counts(feature: schema_pb2.Feature, view: FeatureView) -> None:
    """Describes how many values an example has: both bounds where all have as many, else at least one."""
    lengths = view.lengths
    for least, most in lengths:
        if len(lengths) > 1:
            bounds = feature.value_counts.value_count.add()
        elif least:
            bounds = feature.value_count
        if least:
            bounds.min = least if least == most else 1
        if least and least == most:
            bounds.max = most


def check_shape(feature: schema_pb2.Feature, view: FeatureView) -> list[Reason]:
    """Checks that every example has the fixed number of values which the shape says."""
    if not feature.HasField("shape"):
        return []
    expected = math.prod(dimension.size for dimension in feature.shape.dim)
    fixed = all(least == most and least for least, most in view.lengths)
    actual = math.prod(least for least, _ in view.lengths)
    if not fixed or any(view.missing_by_level):
        text = (
            "The feature has a shape, but it's not always present (if the feature is nested, then it should always be "
            "present at each nested level) or its value lengths vary."
        )
    elif actual != expected:
        text = f"The feature has fixed value length {actual} but it's not compatible with the specified shape."
    else:
        return []
    feature.ClearField("shape")
    return [Reason("INVALID_FEATURE_SHAPE", "Feature shape dropped", text)]


def check_presence(feature: schema_pb2.Feature, view: FeatureView) -> list[Reason]:
    """Checks in how many examples, and in which share of them, the feature is."""
    presence, reasons = feature.presence, []
    if presence.HasField("min_count") and view.present < presence.min_count:
        expected, presence.min_count = presence.min_count, int(view.present)
        counts = f"minimum count = {expected}, actual = {presence.min_count}"
        reasons.append(Reason("FEATURE_TYPE_LOW_NUMBER_PRESENT", _DROPPED, f"{_FEWER}: {counts}"))
    share = view.fraction_present
    if not presence.HasField("min_fraction") or share is None:
        return reasons
    if share < presence.min_fraction:
        wanted, presence.min_fraction = presence.min_fraction, share
        shares = f"minimum fraction = {wanted:f}, actual = {share:f}"
        reasons.append(Reason("FEATURE_TYPE_LOW_FRACTION_PRESENT", _DROPPED, f"{_FEWER}: {shares}"))
    if presence.min_fraction == 1 and view.missing:
        presence.min_fraction = _ALMOST_ALL
        text = f"The feature was expected everywhere, but was missing in {six(view.missing)} examples."
        reasons.append(Reason("FEATURE_TYPE_LOW_FRACTION_PRESENT", _DROPPED, text))
    return reasons


_FEWER = "The feature was present in fewer examples than expected"


def check_unique(feature: schema_pb2.Feature, view: FeatureView) -> list[Reason]:
    """Checks the number of distinct values."""
    if not feature.HasField("unique_constraints"):
        return []
    bounds, unique = feature.unique_constraints, view.unique
    if unique is None:
        feature.ClearField("unique_constraints")
        text = (
            "UniqueConstraints specified for the feature, but unique values were not counted (i.e., feature is not "
            "string or categorical)."
        )
        return [Reason("FEATURE_TYPE_NO_UNIQUE", "No unique values", text)]
    reasons = []
    if unique < bounds.min:
        low = f"Expected at least {bounds.min} unique values but found only {unique}."
        reasons.append(Reason("FEATURE_TYPE_LOW_UNIQUE", "Low number of unique values", low))
        bounds.min = unique
    if unique > bounds.max:
        high = f"Expected no more than {bounds.max} unique values but found {unique}."
        reasons.append(Reason("FEATURE_TYPE_HIGH_UNIQUE", "High number of unique values", high))
        bounds.max = unique
    return reasons
