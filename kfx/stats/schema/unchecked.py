"""What a schema may ask for that only TFDV checks: refused by name, since an unchecked constraint would look kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.schema.presence import is_deprecated

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

_ONLY_TFDV = ("image_domain", "natural_language_domain")


def unchecked(schema: schema_pb2.Schema) -> list[str]:
    """Returns what the schema asks for and kfx does not check, such as `image_domain of photo`."""
    composite = [f"sparse_feature {feature.name}" for feature in schema.sparse_feature if not is_deprecated(feature)]
    composite += [f"weighted_feature {feature.name}" for feature in schema.weighted_feature]
    return [*composite, *_in_features(schema.feature, "")]


def _in_features(features: Any, above: str) -> Iterator[str]:
    for feature in features:
        if is_deprecated(feature):
            continue
        name = f"{above}{feature.name}"
        if feature.WhichOneof("domain_info") in _ONLY_TFDV:
            yield f"{feature.WhichOneof('domain_info')} of {name}"
        if feature.HasField("validation_derived_source"):
            yield f"validation_derived_source of {name}"
        for sparse in feature.struct_domain.sparse_feature:
            yield f"sparse_feature {name}.{sparse.name}"
        yield from _in_features(feature.struct_domain.feature, f"{name}.")


def refuse_unchecked(schema: schema_pb2.Schema) -> None:
    """Refuses a schema that asks for what kfx does not check.

    Raises:
        UsageError: It does; the message names every constraint and the two ways out.
    """
    found = unchecked(schema)
    if found:
        raise UsageError(
            f"The schema asks for what kfx does not check: {', '.join(found)}. Validate with TFDV "
            "(validator='tfdv', --validator tfdv), or take it out of the schema."
        )
