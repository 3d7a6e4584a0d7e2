"""Statistics against a schema: `validate` as TFDV's `validate_statistics`, and `update_schema`.

Both walk the same checks (`conform.py`). `validate` runs them on a copy of each feature and keeps the reasons;
`update_schema` runs them on the schema and keeps it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kfx.errors import UsageError
from kfx.stats.schema import presence
from kfx.stats.schema.comparators import Against, check_dataset
from kfx.stats.schema.conform import Surroundings, Verdict, conform
from kfx.stats.schema.infer import MAX_STRING_DOMAIN_SIZE, Addition
from kfx.stats.schema.reasons import Reason, info, severities
from kfx.stats.schema.unchecked import refuse_unchecked
from kfx.stats.schema.view import DatasetView, FeatureView, Path, by_name, has_weights, serialized, whole

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

_NEW = Reason("SCHEMA_NEW_COLUMN", "New column", "New column (column in data but not in schema)")
_MISSING = Reason("SCHEMA_MISSING_COLUMN", "Column dropped", "Column is completely missing")


def validate(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    schema: schema_pb2.Schema,
    *,
    environment: str = "",
    previous: statistics_pb2.DatasetFeatureStatisticsList | None = None,
    serving: statistics_pb2.DatasetFeatureStatisticsList | None = None,
    previous_version: statistics_pb2.DatasetFeatureStatisticsList | None = None,
    severity_overrides: Mapping[str, str] | None = None,
) -> anomalies_pb2.Anomalies:
    """Returns what in the statistics does not conform to the schema.

    Args:
        statistics: Of the data; of slices, the data set of all rows is taken.
        schema: What is expected; it is not changed.
        environment: One of the schema's default environments; empty for none.
        previous: Statistics of the data before, for the schema's drift comparators.
        serving: Statistics of the data that a model serves, for its skew comparators.
        previous_version: Statistics of an earlier version of the same data, for `num_examples_version_comparator`.
        severity_overrides: Anomaly type -> `warning` or `error`; every other type is an error.

    Returns:
        TFDV's message: an anomaly for every feature that does not conform, in order of their paths, one for the data
        set, and every measurement of drift and skew. Without any example only `data_missing` is set.

    Raises:
        UsageError: The environment is not in the schema, a list of statistics has no data set of all rows, an override
            is unknown, or the schema asks for what only TFDV checks.
    """
    refuse_unchecked(schema)
    _check_environment(schema, environment)
    dataset = whole(statistics)
    by_weight = has_weights(dataset)
    others = {"drift": previous, "skew": serving}
    against = tuple(
        Against(kind, DatasetView(whole(other), by_weight)) for kind, other in others.items() if other is not None
    )
    version = DatasetView(whole(previous_version), by_weight) if previous_version is not None else None
    return anomalies_of(
        DatasetView(dataset, by_weight),
        schema,
        against,
        severity_overrides or {},
        environment=environment,
        version=version,
    )


def anomalies_of(
    dataset: DatasetView,
    schema: schema_pb2.Schema,
    against: tuple[Against, ...],
    severity_overrides: Mapping[str, str],
    *,
    environment: str = "",
    version: DatasetView | None = None,
) -> anomalies_pb2.Anomalies:
    """Runs all checks over one data set.

    Args:
        dataset: The data set.
        schema: What is expected.
        against: Data sets to compare with.
        severity_overrides: Anomaly type -> `warning` or `error`.
        environment: The environment; empty for none.
        version: An earlier version of the same data.

    Raises:
        UsageError: An override is unknown.
    """
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    overrides = severities(severity_overrides)
    if not dataset.proto.num_examples:
        return anomalies_pb2.Anomalies(baseline=schema, data_missing=True)
    made = anomalies_pb2.Anomalies(baseline=schema, anomaly_name_format=anomalies_pb2.Anomalies.SERIALIZED_PATH)
    for path, verdict in sorted(
        _Validation(schema, dataset, environment, against).verdicts(), key=lambda pair: pair[0]
    ):
        if verdict.reasons:
            made.anomaly_info[serialized(path)].CopyFrom(info(verdict.reasons, overrides, path))
        if verdict.measured:
            entry = made.drift_skew_info.add(
                drift_measurements=verdict.measured.get("drift", ()), skew_measurements=verdict.measured.get("skew", ())
            )
            entry.path.step.extend(path)
    previous_rows = next((other.dataset.rows for other in against if other.kind == "drift"), None)
    version_rows = version.rows if version is not None else None
    reasons = check_dataset(schema.dataset_constraints, dataset.rows, previous_rows, version_rows)
    if reasons:
        made.dataset_anomaly_info.CopyFrom(info(reasons, overrides))
    return made


def update_schema(
    schema: schema_pb2.Schema,
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    *,
    environment: str = "",
    max_string_domain_size: int = MAX_STRING_DOMAIN_SIZE,
) -> schema_pb2.Schema:
    """Returns the schema widened so that the statistics conform to it.

    New features are added as `infer_schema` describes them, without shapes. A feature that is missing, or whose type is
    another, is deprecated: it is not checked any more.

    Args:
        schema: The schema; it is not changed.
        statistics: Of the data; of slices, the data set of all rows is taken.
        environment: One of the schema's default environments; empty for none.
        max_string_domain_size: Most different values of a new string feature that become its domain.

    Raises:
        UsageError: As `validate`.
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    refuse_unchecked(schema)
    _check_environment(schema, environment)
    updated = schema_pb2.Schema()
    updated.CopyFrom(schema)
    dataset = whole(statistics)
    view = DatasetView(dataset, has_weights(dataset))
    around = Surroundings(by_name(updated.string_domain), environment, updated.default_environment)
    update = _Update(view, around, Addition(updated, view, max_string_domain_size, shapes=False))
    features = by_name(updated.feature)
    for root in view.roots():
        known = len(around.string_domains)
        update.apply(updated, features, root)
        if len(around.string_domains) < known:
            _forget_domains(updated, {domain.name for domain in schema.string_domain} - set(around.string_domains))
    for path, feature in _required(updated.feature, around):
        if path not in view.features:
            presence.deprecate(feature)
    return updated


def _forget_domains(schema: schema_pb2.Schema, names: Collection[str]) -> None:
    """Removes string domains whose values turned out not to be text, wherever they are named."""

    def clear(features: Any) -> None:
        for feature in features:
            if feature.domain in names:
                feature.ClearField("domain")
            clear(feature.struct_domain.feature)

    clear(schema.feature)
    kept = [domain for domain in schema.string_domain if domain.name not in names]
    del schema.string_domain[:]
    schema.string_domain.extend(kept)


@dataclass(frozen=True)
class _Update:
    """One run of the checks that keeps what they mend."""

    dataset: DatasetView
    around: Surroundings
    addition: Addition

    def apply(
        self, parent: schema_pb2.Schema | schema_pb2.StructDomain, features: Mapping[str, Any], view: FeatureView
    ) -> None:
        """Mends a feature and those inside it, or adds it.

        Args:
            parent: What the feature stands in.
            features: The parent's features by name.
            view: The feature's statistics.
        """
        feature = features.get(view.path[-1])
        if feature is None:
            self.addition.add(parent, view)
            return
        if not presence.is_deprecated(feature):
            conform(feature, view, self.around)
        if not presence.is_deprecated(feature):
            inside = by_name(feature.struct_domain.feature)
            for child in self.dataset.children(view):
                self.apply(feature.struct_domain, inside, child)


@dataclass(frozen=True)
class _Validation:
    """One run of the checks over all features."""

    schema: schema_pb2.Schema
    dataset: DatasetView
    environment: str
    against: tuple[Against, ...]

    def verdicts(self) -> Iterator[tuple[Path, Verdict]]:
        """Yields what became of every feature of the data, and of every required one that is not in it."""
        features = by_name(self.schema.feature)
        for root in self.dataset.roots():
            yield from self._below(features, root)
        for path, _ in _required(self.schema.feature, self._around()):
            if path not in self.dataset.features:
                yield path, Verdict([_MISSING])

    def _below(self, features: Mapping[str, Any], view: FeatureView) -> Iterator[tuple[Path, Verdict]]:
        feature = features.get(view.path[-1])
        if feature is None:
            yield view.path, Verdict([_NEW])
            return
        if presence.is_deprecated(feature):
            return
        from tensorflow_metadata.proto.v0 import schema_pb2

        mended = schema_pb2.Feature()
        mended.CopyFrom(feature)
        yield view.path, conform(mended, view, self._around(feature.domain))
        if not presence.is_deprecated(mended):
            inside = by_name(feature.struct_domain.feature)
            for child in self.dataset.children(view):
                yield from self._below(inside, child)

    @cached_property
    def _domains(self) -> dict[str, schema_pb2.StringDomain]:
        return by_name(self.schema.string_domain)

    def _around(self, domain_name: str = "") -> Surroundings:
        """The surroundings with a copy of the one string domain that is needed, since the checks add to it."""
        from tensorflow_metadata.proto.v0 import schema_pb2

        copies = {}
        if domain_name in self._domains:
            copies[domain_name] = schema_pb2.StringDomain()
            copies[domain_name].CopyFrom(self._domains[domain_name])
        return Surroundings(copies, self.environment, self.schema.default_environment, self.against)


def _required(features: Any, around: Surroundings, above: Path = ()) -> Iterator[tuple[Path, schema_pb2.Feature]]:
    """Yields the features that data must have, those in structs as well."""
    for feature in features:
        path = (*above, feature.name)
        if presence.is_required(feature, around.environment, around.default_environments):
            yield path, feature
        if not presence.is_deprecated(feature):
            yield from _required(feature.struct_domain.feature, around, path)


def _check_environment(schema: schema_pb2.Schema, environment: str) -> None:
    if environment and environment not in schema.default_environment:
        known = ", ".join(schema.default_environment) or "none"
        raise UsageError(f"The schema has no environment {environment!r}. Its default environments: {known}.")
