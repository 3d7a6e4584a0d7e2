"""What schemas and anomalies are compared on: small statistics made by hand, and schemas as text.

Needs only tensorflow_metadata, so that both TFDV's interpreter (`make_anomalies.py`) and the tests read it.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2

Statistics = statistics_pb2.DatasetFeatureStatisticsList
Feature = statistics_pb2.FeatureNameStatistics


def _common(stats: Any, present: int, missing: int, lengths: list[tuple[int, int]]) -> None:
    common = stats.common_stats
    common.num_non_missing, common.num_missing = present, missing
    common.min_num_values, common.max_num_values = lengths[0]
    common.avg_num_values = lengths[0][1]
    common.tot_num_values = present * lengths[0][1]
    for least, most in lengths if len(lengths) > 1 else ():
        common.presence_and_valency_stats.add(
            num_non_missing=present, num_missing=missing, min_num_values=least, max_num_values=most
        )


def text(
    counts: dict[str, int],
    *,
    missing: int = 0,
    invalid: int = 0,
    lengths: list[tuple[int, int]] | None = None,
    domain_info: tuple[str, ...] = (),
) -> Feature:
    """A string feature whose values occur so often."""
    made = Feature(type=Feature.STRING)
    _common(made.string_stats, sum(counts.values()) + invalid, missing, lengths or [(1, 1)])
    made.string_stats.unique = len(counts)
    made.string_stats.invalid_utf8_count = invalid
    for rank, (value, count) in enumerate(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))):
        made.string_stats.top_values.add(value=value, frequency=count)
        made.string_stats.rank_histogram.buckets.add(low_rank=rank, high_rank=rank, label=value, sample_count=count)
    for domain in domain_info:
        made.custom_stats.add(name="domain_info", str=domain)
    return made


def numbers(
    values: list[float],
    kind: str = "FLOAT",
    *,
    missing: int = 0,
    nan: int = 0,
    lengths: list[tuple[int, int]] | None = None,
) -> Feature:
    """A numeric feature of these values: ten equal-width buckets and ten quantile buckets."""
    made = Feature(type=Feature.Type.Value(kind))
    stats = made.num_stats
    _common(stats, len(values) + nan, missing, lengths or [(1, 1)])
    ordered = sorted(values)
    if not ordered:
        stats.SetInParent()
        return made
    stats.min, stats.max, stats.median = ordered[0], ordered[-1], ordered[len(ordered) // 2]
    finite = [value for value in ordered if math.isfinite(value)]
    standard = stats.histograms.add(num_nan=nan, type=statistics_pb2.Histogram.STANDARD)
    low, high = finite[0], finite[-1]
    width = (high - low) / 10
    edges = [low + step * width for step in range(10)] + [high]
    below = [value for value in ordered if value == -math.inf]
    if below:
        standard.buckets.add(low_value=-math.inf, high_value=low, sample_count=len(below))
    for at in range(10):
        inside = [v for v in finite if edges[at] <= v < edges[at + 1] or (at == 9 and v == high)]
        standard.buckets.add(low_value=edges[at], high_value=edges[at + 1], sample_count=len(inside))
    above = [value for value in ordered if value == math.inf]
    if above:
        standard.buckets.add(low_value=high, high_value=math.inf, sample_count=len(above))
    quantiles = stats.histograms.add(num_nan=nan, type=statistics_pb2.Histogram.QUANTILES)
    ranks = [round(step * (len(ordered) - 1) / 10) for step in range(11)]
    for first, last in itertools.pairwise(ranks):
        quantiles.buckets.add(low_value=ordered[first], high_value=ordered[last], sample_count=len(ordered) / 10)
    return made


def raw(values: int, missing: int = 0) -> Feature:
    """A feature of bytes that are not to be interpreted."""
    made = Feature(type=Feature.BYTES)
    _common(made.bytes_stats, values, missing, [(1, 1)])
    made.bytes_stats.unique = values
    return made


def struct(present: int, missing: int = 0) -> Feature:
    """A struct; its fields are features of longer paths."""
    made = Feature(type=Feature.STRUCT)
    _common(made.struct_stats, present, missing, [(1, 1)])
    return made


def table(rows: int, features: dict[str, Feature], name: str = "", weight: float | None = None) -> Statistics:
    """A data set; dots in a name lead into structs."""
    made = Statistics()
    dataset = made.datasets.add(name=name, num_examples=rows)
    for path, feature in features.items():
        added = dataset.features.add()
        added.CopyFrom(feature)
        added.path.step.extend(path.split("."))
        if weight is not None:
            _weigh(added, weight)
    if weight is not None:
        dataset.weighted_num_examples = rows * weight
    return made


def _weigh(feature: Feature, weight: float) -> None:
    stats = getattr(feature, feature.WhichOneof("stats"))
    common = stats.common_stats
    weighted = common.weighted_common_stats
    weighted.num_non_missing = common.num_non_missing * weight
    weighted.num_missing = common.num_missing * weight
    weighted.tot_num_values = common.tot_num_values * weight
    if feature.HasField("string_stats"):
        for bucket in stats.rank_histogram.buckets:
            added = stats.weighted_string_stats.rank_histogram.buckets.add()
            added.CopyFrom(bucket)
            added.sample_count = bucket.sample_count * weight


@dataclass(frozen=True)
class Case:
    """Statistics against a schema."""

    statistics: Statistics
    schema: str
    environment: str | None = None
    previous: Statistics | None = None
    serving: Statistics | None = None


def one(feature: Feature, rows: int = 100) -> Statistics:
    """A table of the one feature `x`."""
    return table(rows, {"x": feature})


COLOURS = {"red": 60, "green": 30, "blue": 10}
TENTHS = [step / 10 for step in range(100)]
REQUIRED = "presence { min_fraction: 1 min_count: 1 }"
ENVIRONMENTS = 'default_environment: "TRAINING" default_environment: "SERVING"'


def feature(body: str, name: str = "x") -> str:
    """A schema's feature."""
    return f'feature {{ name: "{name}" {body} }}'


def enum(values: str = '"red", "green", "blue"', body: str = "") -> str:
    """A schema whose feature has a string domain."""
    return feature(f'type: BYTES domain: "c" {body}') + f' string_domain {{ name: "c" value: [{values}] }}'


def compared(body: str, kind: str = "drift", name: str = "x", type_: str = "BYTES") -> str:
    """A schema whose feature has a comparator."""
    return feature(f"type: {type_} {kind}_comparator {{ {body} }}", name)


L_INF, JSD, NAD = (f"{name} {{ threshold: 0.01 }}" for name in (
    "infinity_norm", "jensen_shannon_divergence", "normalized_abs_difference"))  # fmt: skip
QUANTILES = "jensen_shannon_divergence { threshold: 0.01 source { type: QUANTILES } }"
SHIFTED = [value + 2.5 for value in TENTHS]
FEWER_RED = one(text({"red": 40, "green": 50, "blue": 10}))

INFERRED: dict[str, Statistics] = {
    "strings": one(text(COLOURS, missing=3), 103),
    "strings_everywhere": one(text(COLOURS)),
    "hundred_strings": one(text({f"v{number:03d}x": 1 for number in range(100)})),
    "hundred_and_one_strings": one(text({f"v{number:03d}x": 1 for number in range(101)}), 101),
    "integers_as_text": one(text({"1": 5, "+2": 5, "-3": 5, " 4 ": 5}), 20),
    "too_large_integers_as_text": one(text({"9223372036854775808": 5, "7": 5}), 10),
    "floats_as_text": one(text({"1.5": 5, "2": 5}), 10),
    "true_false": one(text({"true": 5, "false": 5}), 10),
    "true_only": one(text({"TRUE": 5}), 5),
    "empty_and_zero": one(text({"": 5, "0": 5}), 10),
    "true_twice": one(text({"true": 5, "TRUE": 5}), 10),
    "yes_no": one(text({"yes": 5, "no": 5}), 10),
    "zero_one_integers": one(numbers([0, 1, 1, 0], "INT"), 4),
    "ones_only": one(numbers([1, 1], "INT"), 2),
    "zeros_only": one(numbers([0, 0], "INT"), 2),
    "integers": one(numbers([3, 7, 9], "INT", missing=1), 4),
    "zero_one_floats": one(numbers([0.0, 1.0]), 2),
    "invalid_utf8": one(text(COLOURS, invalid=5), 105),
    "bytes": one(raw(10), 10),
    "lists": one(numbers([1, 2, 3, 4], "INT", lengths=[(0, 3)]), 4),
    "lists_of_at_least_two": one(numbers([1, 2, 3, 4], "INT", lengths=[(2, 3)]), 4),
    "lists_of_three": one(numbers([1, 2, 3, 4], "INT", lengths=[(3, 3)]), 4),
    "optional_lists_of_three": one(numbers([1, 2, 3, 4], "INT", lengths=[(3, 3)], missing=1), 5),
    "nested": one(numbers([1, 2], lengths=[(2, 2), (3, 3)]), 2),
    "nested_and_ragged": one(numbers([1, 2], lengths=[(2, 4), (0, 3)]), 2),
    "nothing_present": one(text({}, missing=10), 10),
    "no_rows": one(text({}), 0),
    "struct": table(10, {"s": struct(10), "s.a": text(COLOURS, missing=1), "s.b": numbers([1.0, 2.0])}),
    "domain_in_statistics": one(text(COLOURS, domain_info=("mid_domain {}",))),
    "unreadable_domain_in_statistics": one(text(COLOURS, domain_info=("no domain",))),
    "two_domains_in_statistics": one(text(COLOURS, domain_info=("mid_domain {}", "url_domain {}"))),
    "odd_names": table(10, {"a b": text({"q": 10}), "(c)": text({"q": 10}), "it's": text({"q": 10})}),
    "weighted": table(10, {"x": text({"a": 4, "b": 6}), "y": numbers([1.0] * 8, missing=2)}, weight=0.05),
}

UPDATED: dict[str, Case] = {
    "new_column": Case(table(100, {"x": text(COLOURS), "y": text(COLOURS)}), enum()),
    "new_struct": Case(table(10, {"x": text({"red": 10}), "s": struct(10), "s.a": numbers([1.0] * 10)}), enum()),
    "new_in_struct": Case(
        table(10, {"s": struct(10), "s.a": text({"red": 10})}), feature("type: STRUCT struct_domain {}", "s")
    ),
    "missing_column": Case(one(text(COLOURS)), enum() + feature(f"type: INT {REQUIRED}", "y")),
    "other_type": Case(one(numbers([1, 2])), enum()),
    "new_value": Case(one(text({**COLOURS, "black": 1}), 101), enum()),
    "fewer": Case(one(text(COLOURS, missing=100), 200), enum(body=REQUIRED)),
    "invalid_utf8": Case(one(text(COLOURS, invalid=2), 102), enum() + feature('type: BYTES domain: "c"', "y")),
    "range": Case(one(numbers([-1, 20], "INT"), 2), feature("type: INT int_domain { min: 0 max: 10 }")),
    "bool": Case(one(numbers([0, 5], "INT"), 2), feature("type: INT bool_domain {}")),
    "shape": Case(one(numbers([1, 2], lengths=[(1, 2)]), 2), feature("type: FLOAT shape { dim { size: 1 } }")),
    "lengths": Case(one(numbers([1, 2], lengths=[(1, 4)]), 2), feature("type: FLOAT value_count { min: 2 max: 3 }")),
    "domain_name_taken": Case(table(100, {"x": text(COLOURS), "c": text({"q": 9})}), enum()),
}

VALIDATED: dict[str, Case] = {
    "conforms": Case(one(text(COLOURS)), enum(body=REQUIRED)),
    "no_rows": Case(one(text({}), 0), enum(body=REQUIRED)),
    "new_column": Case(table(100, {"x": text(COLOURS), "y": text(COLOURS)}), enum()),
    "new_struct": Case(table(10, {"s": struct(10), "s.a": numbers([1.0] * 10), "s.b": raw(10)}), ""),
    "new_in_struct": Case(
        table(10, {"s": struct(10), "s.a": text({"red": 10})}), feature("type: STRUCT struct_domain {}", "s")
    ),
    "missing_column": Case(one(text(COLOURS)), enum() + feature(f"type: INT {REQUIRED}", "y")),
    "missing_optional_column": Case(one(text(COLOURS)), enum() + feature("type: INT", "y")),
    "missing_deprecated_column": Case(
        one(text(COLOURS)), enum() + feature(f"type: INT {REQUIRED} lifecycle_stage: DEPRECATED", "y")
    ),
    "missing_in_struct": Case(
        table(10, {"s": struct(10)}),
        feature(f"type: STRUCT struct_domain {{ {feature(f'type: INT {REQUIRED}', 'a')} }}", "s"),
    ),
    "not_present": Case(one(text({}, missing=100)), enum(body=REQUIRED)),
    "not_present_optional": Case(one(text({}, missing=100)), enum()),
    "deprecated": Case(one(numbers([1.0])), enum(body="lifecycle_stage: DEPRECATED")),
    "deprecated_flag": Case(one(numbers([1.0])), enum(body="deprecated: true")),
    "planned": Case(one(numbers([1.0])), enum(body="lifecycle_stage: PLANNED")),
    "beta": Case(one(numbers([1.0])), enum(body="lifecycle_stage: BETA")),
    "float_for_strings": Case(one(numbers(TENTHS)), enum(body=REQUIRED)),
    "strings_for_int": Case(one(text(COLOURS)), feature("type: INT")),
    "int_for_float": Case(one(numbers([1, 2], "INT")), feature("type: FLOAT")),
    "bytes_for_strings": Case(one(raw(10), 10), feature("type: BYTES")),
    "bytes_for_enum": Case(one(raw(10), 10), enum()),
    "struct_for_int": Case(table(10, {"x": struct(10), "x.a": raw(10)}), feature("type: INT")),
    "missing_in_a_tenth": Case(one(text(COLOURS, missing=11), 111), enum(body=REQUIRED)),
    "missing_in_one": Case(one(text({"red": 99_999_999}, missing=1), 100_000_000), enum(body=REQUIRED)),
    "missing_more_than_half": Case(
        one(text(COLOURS, missing=300), 400), enum(body="presence { min_fraction: 0.5 min_count: 150 }")
    ),
    "negative_fraction": Case(one(text(COLOURS)), enum(body="presence { min_fraction: -1 }")),
    "fraction_above_one": Case(one(text(COLOURS, missing=1), 101), enum(body="presence { min_fraction: 3 }")),
    "few_values": Case(one(text(COLOURS, lengths=[(1, 4)])), enum(body="value_count { min: 2 max: 3 }")),
    "no_values": Case(one(text(COLOURS, lengths=[(0, 2)])), enum(body="value_count { min: 1 max: 1 }")),
    "value_counts": Case(
        one(numbers([1.0], lengths=[(2, 2), (1, 5)])),
        feature("type: FLOAT value_counts { value_count { min: 2 max: 2 } value_count { min: 2 max: 4 } }"),
    ),
    "nested_for_flat": Case(
        one(numbers([1.0], lengths=[(2, 2), (1, 5)])), feature("type: FLOAT value_count { min: 1 }")
    ),
    "flat_for_nested": Case(
        one(numbers([1.0])), feature("type: FLOAT value_counts { value_count { min: 2 } value_count { min: 2 } }")
    ),
    "negative_value_count": Case(one(text(COLOURS)), enum(body="value_count { min: -2 max: 3 }")),
    "crossed_value_count": Case(one(text(COLOURS)), enum(body="value_count { min: 2 max: 1 }")),
    "crossed_value_counts": Case(
        one(numbers([1.0], lengths=[(2, 2), (1, 5)])),
        feature("type: FLOAT value_counts { value_count { min: -2 } value_count { min: 3 max: 2 } }"),
    ),
    "shape_varies": Case(one(numbers([1, 2], lengths=[(1, 2)])), feature("type: FLOAT shape { dim { size: 1 } }")),
    "shape_missing": Case(one(numbers([1, 2], missing=1), 3), feature("type: FLOAT shape { dim { size: 1 } }")),
    "shape_other": Case(
        one(numbers([1, 2], lengths=[(4, 4)])), feature("type: FLOAT shape { dim { size: 2 } dim { size: 3 } }")
    ),
    "shape_flattened": Case(
        one(numbers([1, 2], lengths=[(6, 6)])), feature("type: FLOAT shape { dim { size: 2 } dim { size: 3 } }")
    ),
    "shape_of_zero": Case(one(numbers([1, 2])), feature("type: FLOAT shape { dim { size: 0 } }")),
    "new_value": Case(one(text({**COLOURS, "blau": 3}), 103), enum()),
    "several_new_values": Case(
        one(text({**COLOURS, "it's": 3, 'a"b\\c': 40, "tab\t\nline\x01": 1, "né": 2, "日本": 1}), 147), enum()
    ),
    "new_values_within_mass": Case(
        one(text({**COLOURS, "blau": 3}), 103), enum(body="distribution_constraints { min_domain_mass: 0.9 }")
    ),
    "new_values_beyond_mass": Case(
        one(text({**COLOURS, "blau": 30}), 130), enum(body="distribution_constraints { min_domain_mass: 0.9 }")
    ),
    "own_string_domain": Case(
        one(text(COLOURS)), feature('type: BYTES string_domain { value: ["red", "green", "red"] }')
    ),
    "invalid_utf8": Case(one(text(COLOURS, invalid=2), 102), enum()),
    "no_such_domain": Case(one(text(COLOURS)), feature('type: BYTES domain: "nowhere"')),
    "domain_for_int": Case(one(numbers([1, 2], "INT")), enum().replace("BYTES", "INT")),
    "int_domain_for_float": Case(one(numbers([1.5])), feature("type: FLOAT int_domain { min: 0 }")),
    "mass_without_domain": Case(
        one(text(COLOURS)), feature("type: BYTES distribution_constraints { min_domain_mass: 0.5 }")
    ),
    "mass_of_int_domain": Case(
        one(numbers([1], "INT")),
        feature("type: INT int_domain {} distribution_constraints { min_domain_mass: 0.5 }"),
    ),
    "mass_of_bool_domain": Case(
        one(numbers([1], "INT")),
        feature("type: INT bool_domain {} distribution_constraints { min_domain_mass: 0.5 }"),
    ),
    "mass_of_float_domain": Case(
        one(numbers([1])), feature("type: FLOAT float_domain {} distribution_constraints { min_domain_mass: 0.5 }")
    ),
    "mass_of_url_domain": Case(
        one(text(COLOURS)), feature("type: BYTES url_domain {} distribution_constraints { min_domain_mass: 0.5 }")
    ),
    "no_type": Case(one(text(COLOURS)), feature(REQUIRED)),
    "no_type_but_domain": Case(one(text(COLOURS)), enum().replace("type: BYTES", "")),
    "out_of_int_range": Case(one(numbers([-1, 20], "INT")), feature("type: INT int_domain { min: 0 max: 10 }")),
    "text_out_of_int_range": Case(
        one(text({"-1": 50, "20": 50})), feature("type: BYTES int_domain { min: 0 max: 10 }")
    ),
    "text_no_int": Case(one(text({"-1": 50, "2.5": 50})), feature("type: BYTES int_domain { min: 0 max: 10 }")),
    "text_in_unbounded_int": Case(one(text({"a": 50, "2.5": 50})), feature("type: BYTES int_domain {}")),
    "out_of_float_range": Case(
        one(numbers([-1.25, 20.5])), feature("type: FLOAT float_domain { min: 0 max: 10.125 }")
    ),
    "text_out_of_float_range": Case(
        one(text({"-1": 50, "20.5": 50})), feature("type: BYTES float_domain { min: 0 max: 10 }")
    ),
    "text_no_float": Case(one(text({"-1": 50, "red": 50})), feature("type: BYTES float_domain { min: 0 max: 10 }")),
    "nan": Case(one(numbers([1.0, 2.0], nan=3), 5), feature("type: FLOAT float_domain { disallow_nan: true }")),
    "allowed_nan": Case(one(numbers([1.0, 2.0], nan=3), 5), feature("type: FLOAT float_domain { min: 0 }")),
    "text_nan": Case(
        one(text({"1.0": 50, "nan": 50})), feature("type: BYTES float_domain { disallow_nan: true }")
    ),
    "infinite": Case(
        one(numbers([1.0, math.inf])), feature("type: FLOAT float_domain { disallow_inf: true }")
    ),
    "minus_infinite": Case(
        one(numbers([1.0, -math.inf])), feature("type: FLOAT float_domain { min: 0 disallow_inf: true }")
    ),
    "big_for_bool": Case(one(numbers([0, 5], "INT")), feature("type: INT bool_domain {}")),
    "small_for_bool": Case(one(numbers([-2, 5], "INT")), feature("type: INT bool_domain {}")),
    "float_bool": Case(one(numbers([0, 1] * 50)), feature("type: FLOAT bool_domain {}")),
    "float_no_bool": Case(one(numbers([0, 1.5] * 50)), feature("type: FLOAT bool_domain {}")),
    "float_below_bool": Case(one(numbers([-1.5, 1] * 50)), feature("type: FLOAT bool_domain {}")),
    "float_between_bool": Case(
        one(numbers([0] * 40 + [0.4, 0.45, 0.5, 0.6] * 5 + [1] * 40)), feature("type: FLOAT bool_domain {}")
    ),
    "nan_for_bool": Case(one(numbers([0, 1] * 5, nan=1)), feature("type: FLOAT bool_domain {}")),
    "text_bool": Case(
        one(text({"yes": 5, "no": 5})), feature('type: BYTES bool_domain { true_value: "yes" false_value: "no" }')
    ),
    "text_no_bool": Case(
        one(text({"yes": 5, "no": 5, "perhaps": 1})),
        feature('type: BYTES bool_domain { true_value: "yes" false_value: "no" }'),
    ),
    "text_bool_without_values": Case(one(text({"yes": 5})), feature("type: BYTES bool_domain {}")),
    "same_true_and_false": Case(
        one(text({"yes": 5})), feature('type: BYTES bool_domain { true_value: "yes" false_value: "yes" }')
    ),
    "few_unique": Case(one(text(COLOURS)), enum(body="unique_constraints { min: 5 max: 9 }")),
    "many_unique": Case(one(text(COLOURS)), enum(body="unique_constraints { min: 1 max: 2 }")),
    "unique_of_numbers": Case(one(numbers([1.0])), feature("type: FLOAT unique_constraints { min: 1 max: 2 }")),
    "domain_in_statistics": Case(one(text(COLOURS, domain_info=("mid_domain {}",))), feature("type: BYTES")),
    "not_in_environment": Case(
        one(text(COLOURS)), enum(body='not_in_environment: "SERVING"') + ENVIRONMENTS, environment="SERVING"
    ),
    "only_in_other_environment": Case(
        one(text(COLOURS)), enum(body='in_environment: "TRAINING"') + ENVIRONMENTS, environment="SERVING"
    ),
    "label_missing_when_serving": Case(
        one(text(COLOURS)),
        enum() + feature(f'type: INT {REQUIRED} not_in_environment: "SERVING"', "y") + ENVIRONMENTS,
        environment="SERVING",
    ),
    "label_missing_when_training": Case(
        one(text(COLOURS)),
        enum() + feature(f'type: INT {REQUIRED} not_in_environment: "SERVING"', "y") + ENVIRONMENTS,
        environment="TRAINING",
    ),
    "few_rows": Case(one(text(COLOURS)), enum() + "dataset_constraints { min_examples_count: 1000 }"),
    "many_rows": Case(
        one(text(COLOURS)), enum() + "dataset_constraints { min_examples_count: 1 max_examples_count: 50 }"
    ),
    "many_rows_alone": Case(one(text(COLOURS)), enum() + "dataset_constraints { max_examples_count: 50 }"),
    "fewer_rows_than_before": Case(
        one(text(COLOURS)),
        enum() + "dataset_constraints { num_examples_drift_comparator { min_fraction_threshold: 0.9 } }",
        previous=one(text(COLOURS), 300),
    ),
    "more_rows_than_before": Case(
        one(text(COLOURS)),
        enum() + "dataset_constraints { num_examples_drift_comparator { max_fraction_threshold: 1.5 } }",
        previous=one(text(COLOURS), 30),
    ),
    "rows_after_none": Case(
        one(text(COLOURS)),
        enum()
        + "dataset_constraints { num_examples_drift_comparator "
        + "{ max_fraction_threshold: 1.5 min_fraction_threshold: 0.5 } }",
        previous=one(text({}), 0),
    ),
    "l_infinity": Case(one(text(COLOURS)), compared(L_INF), previous=FEWER_RED),
    "l_infinity_same": Case(one(text(COLOURS)), compared(L_INF), previous=one(text(COLOURS))),
    "l_infinity_new_value": Case(one(text({**COLOURS, "blau": 50}), 150), compared(L_INF), previous=FEWER_RED),
    "l_infinity_of_numbers": Case(
        one(numbers(TENTHS)), compared(L_INF, type_="FLOAT"), previous=one(numbers(SHIFTED))
    ),
    "l_infinity_skew": Case(one(text(COLOURS)), compared(L_INF, "skew"), serving=FEWER_RED),
    "drift_and_skew": Case(
        one(text(COLOURS)),
        feature(f"type: BYTES drift_comparator {{ {L_INF} {JSD} }} skew_comparator {{ {JSD} {NAD} }}"),
        previous=FEWER_RED,
        serving=one(text({"red": 1})),
    ),
    "jensen_shannon_of_strings": Case(one(text(COLOURS)), compared(JSD), previous=FEWER_RED),
    "jensen_shannon": Case(one(numbers(TENTHS)), compared(JSD, type_="FLOAT"), previous=one(numbers(SHIFTED))),
    "jensen_shannon_same": Case(one(numbers(TENTHS)), compared(JSD, type_="FLOAT"), previous=one(numbers(TENTHS))),
    "jensen_shannon_of_quantiles": Case(
        one(numbers(TENTHS)), compared(QUANTILES, type_="FLOAT"), previous=one(numbers([v * v for v in TENTHS]))
    ),
    "jensen_shannon_of_a_point": Case(
        one(numbers([0.0] * 30 + TENTHS)), compared(QUANTILES, type_="FLOAT"), previous=one(numbers(TENTHS))
    ),
    "jensen_shannon_apart": Case(
        one(numbers(TENTHS)), compared(JSD, type_="FLOAT"), previous=one(numbers([v + 100 for v in TENTHS]))
    ),
    "jensen_shannon_of_unlike": Case(
        one(numbers(TENTHS)), compared(JSD, type_="FLOAT"), previous=one(text(COLOURS))
    ),
    "jensen_shannon_with_nan": Case(
        one(numbers(TENTHS, nan=50), 150), compared(JSD, type_="FLOAT"), previous=one(numbers(TENTHS, nan=50), 150)
    ),
    "jensen_shannon_with_infinity": Case(
        one(numbers([*TENTHS, math.inf])), compared(JSD, type_="FLOAT"), previous=one(numbers([*TENTHS, math.inf]))
    ),
    "normalized_difference": Case(one(text(COLOURS)), compared(NAD), previous=FEWER_RED),
    "normalized_difference_of_sizes": Case(
        one(text(COLOURS)), compared(NAD), previous=one(text({"red": 6, "green": 3, "blue": 1}))
    ),
    "nothing_to_compare_with": Case(
        one(text(COLOURS)), compared(L_INF), previous=table(100, {"other": text(COLOURS)})
    ),
    "nothing_to_compare_with_when_serving": Case(
        one(text(COLOURS)), compared(f"{L_INF} {JSD}", "skew"), serving=table(100, {"other": text(COLOURS)})
    ),
    "comparator_without_data": Case(one(text(COLOURS)), compared(L_INF)),
    "comparator_without_threshold": Case(one(text(COLOURS)), compared(""), previous=FEWER_RED),
    "many_faults": Case(
        one(text({**COLOURS, "blau": 1}, missing=9, lengths=[(1, 2)]), 110),
        enum(body=f"{REQUIRED} value_count {{ min: 1 max: 1 }} unique_constraints {{ min: 9 max: 9 }}"),
    ),
    "odd_name": Case(
        table(10, {"it's": text({"q": 10})}), feature(f"type: BYTES {REQUIRED}", "a.b(c)")
    ),
    "weighted": Case(
        table(100, {"x": text({**COLOURS, "blau": 2}, missing=98), "y": numbers([1.0] * 50, missing=50)}, weight=0.005),
        enum(body="presence { min_count: 1 min_fraction: 0.9 }") + feature(f"type: FLOAT {REQUIRED}", "y"),
    ),
    "slices": Case(
        Statistics(datasets=[
            one(text({"blau": 3}), 3).datasets[0],
            table(100, {"x": text(COLOURS)}, "All Examples").datasets[0],
        ]),
        enum(),
    ),
}  # fmt: skip
VALIDATED["slices"].statistics.datasets[0].name = "country_DE"
"""What is validated."""
