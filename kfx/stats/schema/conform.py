"""One feature of a schema against its statistics: the checks in TFDV's order (`Schema::UpdateFeatureInternal`)."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kfx.stats.schema import comparators, domains, presence
from kfx.stats.schema.comparators import Against
from kfx.stats.schema.infer import suggested_domain
from kfx.stats.schema.reasons import Reason
from kfx.stats.schema.view import FeatureView
from kfx.stats.schema.wellformed import check_feature_itself

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

_WHERE_BYTES_GO = ("", "natural_language_domain", "image_domain", "url_domain")


@dataclass(frozen=True)
class Surroundings:
    """What the checks of a feature need besides the feature and its statistics."""

    string_domains: MutableMapping[str, schema_pb2.StringDomain]
    """The schema's string domains by name; the checks add to them, and take those out that are no text."""

    environment: str = ""
    """The environment that is validated; empty for none."""

    default_environments: Sequence[str] = ()
    """The schema's."""

    against: tuple[Against, ...] = ()
    """Data sets to compare with, drift first."""


@dataclass
class Verdict:
    """What became of a feature."""

    reasons: list[Reason] = field(default_factory=list)
    """What is wrong; empty when it conforms."""

    measured: dict[str, list[anomalies_pb2.DriftSkewInfo.Measurement]] = field(default_factory=dict)
    """`drift` and `skew` -> the measurements taken."""


def conform(feature: schema_pb2.Feature, view: FeatureView, around: Surroundings) -> Verdict:
    """Checks a feature, and mends it (and the string domain it names) so that the statistics conform to it.

    Args:
        feature: A feature of the schema that is not deprecated; it is changed.
        view: Its statistics.
        around: The rest.
    """
    verdict = Verdict(check_feature_itself(feature, around.string_domains))
    if presence.is_deprecated(feature):
        return verdict
    if not view.present:
        if presence.is_required(feature, around.environment, around.default_environments):
            presence.deprecate(feature)
            text = "The feature was not present in any examples."
            verdict.reasons.append(Reason("FEATURE_TYPE_NOT_PRESENT", "Column dropped", text))
        return verdict
    verdict.reasons += presence.check_environment(feature, view, around.environment, around.default_environments)
    verdict.reasons += presence.check_value_counts(feature, view)
    verdict.reasons += presence.check_shape(feature, view)
    verdict.reasons += presence.check_presence(feature, view)
    verdict.reasons += _check_type(feature, view)
    verdict.reasons += _check_domain(feature, view, around)
    verdict.reasons += presence.check_unique(feature, view)
    for against in around.against:
        reasons, measured = comparators.compare(feature, view, against)
        verdict.reasons += reasons
        if measured:
            verdict.measured[against.kind] = measured
    return verdict


def _check_type(feature: schema_pb2.Feature, view: FeatureView) -> list[Reason]:
    from tensorflow_metadata.proto.v0 import schema_pb2

    expected = schema_pb2.FeatureType.Name(feature.type)
    if view.schema_type == expected:
        return []
    presence.deprecate(feature)
    text = f"Expected data of type: {expected} but got {view.type}"
    return [Reason("UNEXPECTED_DATA_TYPE", "Unexpected data type", text)]


def _check_domain(feature: schema_pb2.Feature, view: FeatureView, around: Surroundings) -> list[Reason]:
    kind = feature.WhichOneof("domain_info") or ""
    if view.type == "BYTES" and kind not in _WHERE_BYTES_GO:
        feature.ClearField(kind)
        text = f"Data is marked as BYTES with incompatible domain_info: {feature}"
        return [Reason("DOMAIN_INVALID_FOR_TYPE", "Invalid domain type", text)]
    if kind in ("domain", "string_domain"):
        return _check_string(feature, kind, view, around)
    checks = {"bool_domain": domains.check_bool, "int_domain": domains.check_int, "float_domain": domains.check_float}
    if kind in checks:
        return checks[kind](feature, view)
    if not kind and suggested_domain(feature, view):
        text = f"Updated semantic domain for feature: {feature.name}"
        return [Reason("SEMANTIC_DOMAIN_UPDATE", "Updated semantic domain", text)]
    return []


def _check_string(feature: schema_pb2.Feature, kind: str, view: FeatureView, around: Surroundings) -> list[Reason]:
    if view.invalid_utf8:
        if kind == "domain":
            del around.string_domains[feature.domain]
        feature.ClearField(kind)
        text = "Found strings that were not valid UTF8 strings."
        return [Reason("ENUM_TYPE_INVALID_UTF8", "Invalid UTF8 strings", text)]
    domain = around.string_domains[feature.domain] if kind == "domain" else feature.string_domain
    constraints = feature.distribution_constraints
    off_domain = 1 - constraints.min_domain_mass if constraints.HasField("min_domain_mass") else 0.0
    return domains.check_string(domain, view, off_domain)
