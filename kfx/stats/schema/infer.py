"""A schema from statistics: `infer_schema` as TFDV's, feature by feature.

A feature gets its type, its presence (in every example, or in at least one), a shape or value counts, and a domain
where its values suggest one: boolean, texts that are integers, or at most 100 different strings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kfx.errors import UsageError
from kfx.stats.schema import domains
from kfx.stats.schema.presence import set_value_counts
from kfx.stats.schema.view import DatasetView, FeatureView, has_weights, serialized, whole

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

MAX_STRING_DOMAIN_SIZE = 100
"""TFDV's default: a string feature of more different values has no domain."""


def infer_schema(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    *,
    infer_feature_shape: bool = True,
    max_string_domain_size: int = MAX_STRING_DOMAIN_SIZE,
) -> schema_pb2.Schema:
    """Infers the schema that the statistics conform to.

    Args:
        statistics: Of the whole table; of slices, the data set of all rows is taken.
        infer_feature_shape: Give a shape to features that have the same number of values in every example.
        max_string_domain_size: Most different values of a string feature that become its domain.

    Raises:
        UsageError: There is no data set of all rows, or the size is negative.
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    if max_string_domain_size < 0:
        raise UsageError(f"max_string_domain_size is {max_string_domain_size}; it must not be negative.")
    dataset = whole(statistics)
    schema = schema_pb2.Schema()
    view = DatasetView(dataset, has_weights(dataset))
    for feature in view.roots():
        add_feature(schema, schema, view, feature, max_string_domain_size, shapes=infer_feature_shape)
    return schema


def add_feature(
    schema: schema_pb2.Schema,
    parent: schema_pb2.Schema | schema_pb2.StructDomain,
    dataset: DatasetView,
    view: FeatureView,
    max_string_domain_size: int,
    *,
    shapes: bool,
) -> None:
    """Adds a feature that the schema does not have, and what is inside it.

    Args:
        schema: The schema, for its string domains.
        parent: Where the feature goes: the schema, or the struct it stands in.
        dataset: Its data set.
        view: Its statistics.
        max_string_domain_size: As in `infer_schema`.
        shapes: Give it a shape where its examples have the same number of values.
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    feature = parent.feature.add(name=view.path[-1], type=schema_pb2.FeatureType.Value(view.schema_type))
    feature.presence.min_count = 1 if view.present >= 1 else 0
    if view.present > 0:
        if not view.missing:
            feature.presence.min_fraction = 1
        if shapes:
            _set_shape(feature, view)
        if not feature.HasField("shape"):
            set_value_counts(feature, view)
    if not suggested_domain(feature, view):
        _set_domain(schema, feature, view, max_string_domain_size)
    for child in dataset.children(view):
        add_feature(schema, feature.struct_domain, dataset, child, max_string_domain_size, shapes=shapes)


def _set_shape(feature: schema_pb2.Feature, view: FeatureView) -> None:
    fixed = all(least == most and least for least, most in view.lengths)
    if view.type == "STRUCT" or not fixed or any(view.missing_by_level):
        return
    feature.shape.SetInParent()
    for size, _ in view.lengths:
        feature.shape.dim.add(size=size)


def suggested_domain(feature: schema_pb2.Feature, view: FeatureView) -> bool:
    """Sets the domain that the statistics themselves suggest, in the custom statistic `domain_info`.

    TFDV's semantic detection writes there a domain as text, such as `mid_domain {}`.

    Returns:
        Whether there was one.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    texts = [custom.str for custom in view.proto.custom_stats if custom.name == "domain_info" and custom.str]
    if len(texts) != 1 or feature.WhichOneof("domain_info"):
        return False
    try:
        found = text_format.Parse(texts[0], schema_pb2.Feature())
    except text_format.ParseError:
        return False  # as TFDV: a hint that cannot be read is none
    if len(found.ListFields()) != 1 or not found.WhichOneof("domain_info"):
        return False
    feature.MergeFrom(found)
    return True


def _set_domain(
    schema: schema_pb2.Schema, feature: schema_pb2.Feature, view: FeatureView, max_string_domain_size: int
) -> None:
    if view.invalid_utf8 or view.type == "BYTES":
        return
    boolean = domains.domain_of_texts(view)
    if boolean is not None:
        feature.bool_domain.SetInParent()
        for name, value in boolean.items():
            setattr(feature.bool_domain, name, value)
    elif view.type == "STRING" and view.counts and all(domains.integer(value) is not None for value in view.counts):
        feature.int_domain.SetInParent()
    elif 0 < len(view.counts) <= max_string_domain_size:
        taken = {domain.name for domain in schema.string_domain}
        names = [serialized(view.path), *(f"{serialized(view.path)}{number}" for number in range(2, len(taken) + 3))]
        feature.domain = next(name for name in names if name not in taken)
        schema.string_domain.add(name=feature.domain, value=view.counts)
