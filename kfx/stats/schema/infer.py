"""A schema from statistics: `infer_schema` as TFDV's, feature by feature.

A feature gets its type, its presence (in every example, or in at least one), a shape or value counts, and a domain
where its values suggest one: boolean, texts that are integers, or at most 100 different strings.
"""

from __future__ import annotations

import itertools
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

    dataset = whole(statistics)
    schema = schema_pb2.Schema()
    view = DatasetView(dataset, has_weights(dataset))
    added = Addition(schema, view, max_string_domain_size, shapes=infer_feature_shape)
    for feature in view.roots():
        added.add(schema, feature)
    return schema


class Addition:
    """Adds features that a schema does not have."""

    def __init__(
        self, schema: schema_pb2.Schema, dataset: DatasetView, max_string_domain_size: int, *, shapes: bool
    ) -> None:
        """Prepares additions to one schema.

        Args:
            schema: The schema, which gets the string domains.
            dataset: The data set that has the features.
            max_string_domain_size: As in `infer_schema`.
            shapes: Give a shape to features with the same number of values in every example.

        Raises:
            UsageError: The size is negative.
        """
        if max_string_domain_size < 0:
            raise UsageError(f"max_string_domain_size is {max_string_domain_size}; it must not be negative.")
        self._schema = schema
        self._dataset = dataset
        self._most_values = max_string_domain_size
        self._shapes = shapes
        self._domains = {domain.name for domain in schema.string_domain}

    def add(self, parent: schema_pb2.Schema | schema_pb2.StructDomain, view: FeatureView) -> None:
        """Adds a feature and what is inside it.

        Args:
            parent: Where it goes: the schema, or the struct it stands in.
            view: Its statistics.
        """
        from tensorflow_metadata.proto.v0 import schema_pb2

        feature = parent.feature.add(name=view.path[-1], type=schema_pb2.FeatureType.Value(view.schema_type))
        feature.presence.min_count = 1 if view.present >= 1 else 0
        if view.present > 0:
            if not view.missing:
                feature.presence.min_fraction = 1
            if self._shapes:
                _set_shape(feature, view)
            if not feature.HasField("shape"):
                set_value_counts(feature, view)
        if not suggested_domain(feature, view):
            self._set_domain(feature, view)
        for child in self._dataset.children(view):
            self.add(feature.struct_domain, child)

    def _set_domain(self, feature: schema_pb2.Feature, view: FeatureView) -> None:
        if view.invalid_utf8 or view.type == "BYTES":
            return
        boolean = domains.domain_of_texts(view)
        if boolean is not None:
            feature.bool_domain.SetInParent()
            for name, value in boolean.items():
                setattr(feature.bool_domain, name, value)
        elif view.type == "STRING" and view.counts and all(domains.integer(value) is not None for value in view.counts):
            feature.int_domain.SetInParent()
        elif 0 < len(view.counts) <= self._most_values:
            wanted = serialized(view.path)
            names = itertools.chain([wanted], (f"{wanted}{number}" for number in itertools.count(2)))
            feature.domain = next(name for name in names if name not in self._domains)
            self._domains.add(feature.domain)
            self._schema.string_domain.add(name=feature.domain, value=view.counts)


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
