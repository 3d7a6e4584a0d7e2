"""The engine that lets BigQuery compute: queries go there, and only figures come back.

Two queries describe a table, whatever its size: the first reads every column wanted once, the second the numeric ones
once more. A dry run tells what they read before they run. A table of very many columns takes these two queries for each
few hundred features; a sample, and the result of a `bq-query:` source, are first stored by one query more, and slices
are first counted by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from kfx.errors import TransientError, UsageError
from kfx.stats import proto
from kfx.stats.engines import Progress
from kfx.stats.engines._bigquery_features import CellKind, SqlFeature, sql_features
from kfx.stats.engines._bigquery_figures import Results, feature_figures
from kfx.stats.engines._bigquery_jobs import Statement
from kfx.stats.engines._bigquery_plan import Plan, hint_places
from kfx.stats.engines._bigquery_ranks import distribution
from kfx.stats.engines._bigquery_slices import WHOLE, Slices
from kfx.stats.engines._bigquery_source import Described, described
from kfx.stats.engines._bigquery_sql import Query, description, distinct_slices
from kfx.stats.engines._feature import refuse_choice
from kfx.stats.engines._rows import MOST_SLICES, RowSelection
from kfx.stats.engines._strings import kept
from kfx.stats.options import EVERY_OTHER
from kfx.stats.sources._bigquery_types import arrow_schema
from kfx.stats.sources._columns import check_columns
from kfx.stats.wording import counted

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from kfx.stats.options import StatsOptions
    from kfx.stats.sources import Source

_MOST_FEATURES = 250  # of a query: its text stays well below the 1 MB BigQuery takes
_MOST_NUMBERS = 100_000  # numbers in the parameters of a query, which may be 10 MB
_NUMBERS: tuple[CellKind, ...] = ("integers", "reals")


def compute(source: Source, options: StatsOptions, progress: Progress) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Computes the statistics of a BigQuery table or query; see `kfx.stats.engines`.

    The first data set is the whole table; slices follow in the order of their names.

    Raises:
        UsageError: The source is not in BigQuery, an option does not fit it, or it would read more than the limit.
        TransientError: Rows are missing, or the table changed meanwhile.
    """
    from tensorflow_metadata.proto.v0 import statistics_pb2

    datasets = _Computation(described(source, options), options, progress).run()
    return statistics_pb2.DatasetFeatureStatisticsList(datasets=datasets)


@dataclass(frozen=True)
class _Batch:
    """Features that are described by one pair of queries."""

    features: Sequence[SqlFeature]
    """The features."""

    numeric: Sequence[SqlFeature]
    """Those of them that take the second query."""

    @classmethod
    def of(cls, features: Sequence[SqlFeature]) -> _Batch:
        """Returns the batch of some features."""
        return cls(features, [feature for feature in features if feature.kind in _NUMBERS])


class _Computation:
    """One table's features, in batches of columns."""

    def __init__(self, about: Described, options: StatsOptions, progress: Progress) -> None:
        self._options, self._progress = options, progress
        fields = {field.name: field for field in about.fields}
        check_columns(about.uri, list(fields), options.feature_allowlist)
        wanted = [field for field in about.fields if field.name in (options.feature_allowlist or fields)]
        self._features = sql_features(about.uri, wanted)
        self._choices = _choices(self._features, options)
        self._slices = Slices.of(options, about.fields)
        self._beside = _beside(about, fields, self._slices, options)
        weight = options.weight_feature
        self._query = Query(
            features=self._features,
            slices=self._slices,
            weight=None if weight is None else (weight, fields[weight].field_type),
            ranked=kept(options),
            hint_places=hint_places(
                options, (choice.num_quantiles_histogram_buckets for choice in self._choices.values())
            ),
        )
        self._results = Results()
        self._done = 0
        self._about = about.sample(self._columns(self._features), options)
        self._rows = self._about.rows

    def run(self) -> list[statistics_pb2.DatasetFeatureStatistics]:
        """Runs the queries and returns the data sets."""
        jobs = self._about.jobs
        self._check_slices()
        batches = [_Batch.of(features) for features in _in_batches(self._features)]
        # What the second queries read is asked for now as well, so that the limit holds for all of them.
        again = [Statement(self._rows.select(self._columns(batch.numeric))) for batch in batches if batch.numeric]
        sizes = iter(jobs.announce([*map(self._description, batches), *again]))
        self._describe(batches, list(islice(sizes, len(batches))))
        whole = self._results.one("rows", (WHOLE, -1))
        self._about.check_count(whole["cells"] if whole is not None else 0)
        if whole is not None and whole["bad_weights"]:
            raise UsageError(
                f"The weight feature {self._options.weight_feature!r} is missing, negative or not finite in "
                f"{counted(int(whole['bad_weights']), 'row')}; every row needs a weight."
            )
        self._distribute([batch for batch in batches if batch.numeric], list(sizes))
        return self._datasets()

    def _check_slices(self) -> None:
        """Counts the slices before figures are computed for every one of them."""
        if not self._slices.any:
            return
        sql = distinct_slices(self._rows.select(self._beside), self._slices, MOST_SLICES + 2)
        statement = Statement(sql, tuple(self._slices.parameters()))
        (keys,) = self._about.jobs.run([statement], self._about.jobs.announce([statement]))
        if len(keys) > MOST_SLICES + 1:
            raise UsageError(
                f"The table has more than {MOST_SLICES} slices, which is the most. "
                "Name the values wanted, as in column=value|value."
            )

    def _describe(self, batches: Sequence[_Batch], sizes: Sequence[int]) -> None:
        """Reads everything once: the first batch first, the others as the table was then."""
        jobs = self._about.jobs
        for rows in jobs.run([self._description(batches[0])], sizes[:1]):
            self._take(rows, len(batches[0].features))
        whole = self._results.one("rows", (WHOLE, -1))
        if whole is not None:
            self._rows = self._rows.at(whole["moment"])
        rest = [self._description(batch) for batch in batches[1:]]
        for batch, rows in zip(batches[1:], jobs.run(rest, sizes[1:]), strict=True):
            self._take(rows, len(batch.features))
        if len({row["cells"] for row in self._results.all("rows", (WHOLE, -1))}) > 1:
            raise TransientError(f"{self._about.uri!r} changed while it was read. Try again.")

    def _distribute(self, batches: Sequence[_Batch], sizes: Sequence[int]) -> None:
        """Reads the numbers again."""
        statements, planned = [], []
        for batch, size in zip(batches, sizes, strict=True):
            for number, plans in enumerate(_in_chunks(self._plans(batch))):
                statement = self._distribution(batch, plans)
                statements.append(statement)
                planned.append(self._about.jobs.announce([statement])[0] if number else size)
        for rows in self._about.jobs.run(statements, planned):
            self._take(rows, 0)

    def _take(self, rows: Sequence[Any], features: int) -> None:
        self._results.add(rows)
        self._done += features
        self._progress("features", self._done, len(self._features))

    def _description(self, batch: _Batch) -> Statement:
        sql = description(
            self._rows.select(self._columns(batch.features)), replace(self._query, features=batch.features)
        )
        return Statement(sql, tuple(self._slices.parameters()))

    def _plans(self, batch: _Batch) -> Iterator[Plan]:
        """Yields what is to be counted and found of each feature in each data set."""
        for key in self._names():
            for feature in batch.numeric:
                kind, about = feature.kind, (key, feature.number)
                summary = self._results.one(kind, about)
                plan = Plan.of(kind, about, summary, self._choices[feature.number]) if summary is not None else None
                if plan is not None:
                    self._results.plans[about] = plan
                    yield plan

    def _distribution(self, batch: _Batch, plans: Sequence[Plan]) -> Statement:
        from google.cloud.bigquery import ArrayQueryParameter

        numbers = {plan.key[1] for plan in plans}
        features = [feature for feature in batch.numeric if feature.number in numbers]
        kinds = [kind for kind in _NUMBERS if any(plan.kind == kind for plan in plans)]
        sql = distribution(self._rows.select(self._columns(features)), replace(self._query, features=features), kinds)
        wanted = [
            ArrayQueryParameter(f"{kind}_plan", "STRUCT", [plan.parameter() for plan in plans if plan.kind == kind])
            for kind in kinds
        ]
        return Statement(sql, (*wanted, *self._slices.parameters()))

    def _columns(self, features: Sequence[SqlFeature]) -> list[str]:
        """Returns the columns a query over some features reads."""
        return list(dict.fromkeys([*(feature.column for feature in features), *self._beside]))

    def _names(self) -> dict[str, str]:
        """Returns the data sets: key -> name, the whole table first, slices by name."""
        named = {key: self._slices.name(key) for key, _ in self._results.parts.get("rows", {})}
        slices = {name: key for key, name in named.items() if name is not None and key != WHOLE}
        return {WHOLE: self._slices.whole, **{slices[name]: name for name in sorted(slices)}}

    def _datasets(self) -> list[statistics_pb2.DatasetFeatureStatistics]:
        return [self._dataset(key, name) for key, name in self._names().items()]

    def _dataset(self, key: str, name: str) -> statistics_pb2.DatasetFeatureStatistics:
        counted = self._results.one("rows", (key, -1))
        rows, weight = (counted["cells"], counted["weight"]) if counted is not None else (0, 0.0)
        features = [
            feature_figures(feature, key, self._results, self._options, self._about.note) for feature in self._features
        ]
        return proto.dataset(
            name, rows, features, self._options, weight if self._options.weight_feature is not None else None
        )


def _choices(features: Sequence[SqlFeature], options: StatsOptions) -> dict[int, StatsOptions]:
    """Returns the options of each feature, its histograms chosen.

    Raises:
        UsageError: A histogram is chosen for what is no numeric feature.
    """
    known = [".".join(feature.path) for feature in features]
    check_columns("The table", known, [c.feature for c in options.histograms if c.feature != EVERY_OTHER])
    for feature in features:
        if feature.type not in {"INT", "FLOAT"}:
            refuse_choice(feature.path, feature.type, options)
    return {feature.number: options.of_feature(feature.path) for feature in features}


def _beside(about: Described, fields: Mapping[str, Any], slices: Slices, options: StatsOptions) -> tuple[str, ...]:
    """Returns the columns that every query reads: the weight, and those that slice.

    Raises:
        UsageError: A column does not exist or cannot serve.
    """
    named = [column for by in options.slice_features for column in by.columns]
    if options.weight_feature is not None:
        named.append(options.weight_feature)
    check_columns(about.uri, list(fields), [*named, *slices.sql_columns])
    known = [fields[name] for name in dict.fromkeys(named)]
    columns = RowSelection(about.uri, arrow_schema(about.uri, known), options).columns
    return tuple(dict.fromkeys([*columns, *slices.sql_columns]))


def _in_batches(features: Sequence[SqlFeature]) -> Iterator[list[SqlFeature]]:
    """Yields the features in batches, no column in two of them; one empty batch where there are none."""
    batch: list[SqlFeature] = []
    for _, of_column in groupby(features, key=lambda feature: feature.column):
        together = list(of_column)
        if batch and len(batch) + len(together) > _MOST_FEATURES:
            yield batch
            batch = []
        batch += together
    yield batch


def _in_chunks(plans: Iterable[Plan]) -> Iterator[list[Plan]]:
    """Yields plans in as many as fit into the parameters of a query."""
    chunk: list[Plan] = []
    held = 0
    for plan in plans:
        size = len(plan.points) + len(plan.targets) + len(plan.weight_targets)
        if chunk and held + size > _MOST_NUMBERS:
            yield chunk
            chunk, held = [], 0
        chunk.append(plan)
        held += size
    if chunk:
        yield chunk
