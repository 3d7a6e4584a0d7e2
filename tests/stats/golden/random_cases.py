"""Random statistics and schemas: what nobody thought of writing down in cases.py. A seed makes the same cases again."""

from __future__ import annotations

import random

from . import cases
from .cases import Case, Feature, Statistics

_VALUES = [
    "a",
    "b",
    "1",
    "2",
    "-3",
    "2.5",
    "true",
    "false",
    "",
    "0",
    "nan",
    "inf",
    "yes",
    "no",
    "é",
    "x y",
    "1e5",
    " 7 ",
]
_NUMBERS = [0, 1, 0, 1, 2, -1, 5, 100, 0.5, 3.25]
_LENGTHS = [None, None, [(0, 2)], [(1, 3)], [(2, 2)], [(1, 1), (2, 3)], [(2, 2), (2, 2)]]
_PRESENCE = ["", "", cases.REQUIRED, "presence { min_fraction: 0.8 }", "presence { min_count: 30 }"]
_SHAPES = [
    "", "", "value_count { min: 1 max: 1 }", "value_count { min: 2 }",
    "value_counts { value_count { min: 1 } value_count { max: 2 } }",
    "shape { dim { size: 1 } }", "shape { dim { size: 2 } dim { size: 2 } }", "shape {}",
]  # fmt: skip
_DOMAINS = [
    "", "", "", "bool_domain {}", 'bool_domain { true_value: "yes" false_value: "no" }',
    'bool_domain { true_value: "1" false_value: "0" }', 'bool_domain { true_value: "true" }', "int_domain {}",
    "int_domain { min: 0 }", "int_domain { max: 4 }", "int_domain { min: -1 max: 3 }", "float_domain {}",
    "float_domain { min: -1 max: 3 }", "float_domain { disallow_nan: true }",
    "float_domain { disallow_inf: true min: 0.25 }", 'domain: "d1"',
    'domain: "d1" distribution_constraints { min_domain_mass: 0.5 }', 'string_domain { value: ["a", "b", "1"] }',
    'domain: "nowhere"', "url_domain {}", "mid_domain {}", "struct_domain {}", "time_domain {}",
]  # fmt: skip
_REST = [
    "", "", "unique_constraints { min: 2 max: 4 }", "lifecycle_stage: DEPRECATED", "lifecycle_stage: BETA",
    'not_in_environment: "SERVING"', 'in_environment: "SERVING"',
]  # fmt: skip
_COMPARATORS = ["", "", cases.L_INF, cases.JSD, cases.NAD, cases.QUANTILES, f"{cases.L_INF} {cases.JSD} {cases.NAD}"]
_ROWS = (
    "dataset_constraints { min_examples_count: 50 max_examples_count: 60 num_examples_drift_comparator "
    "{ min_fraction_threshold: 0.5 max_fraction_threshold: 1.5 } }"
)


def make(seed: int, count: int) -> list[Case]:
    """Returns so many cases."""
    dice = random.Random(seed)  # noqa: S311 - nothing secret
    return [_case(dice) for _ in range(count)]


def _case(dice: random.Random) -> Case:
    names = dice.sample(["w", "x", "y", "z"], dice.randint(1, 3))
    return Case(
        _table(dice, names),
        _schema(dice, names),
        dice.choice([None, None, "SERVING", "TRAINING"]),
        _table(dice, names) if dice.random() < 0.6 else None,
        _table(dice, names) if dice.random() < 0.3 else None,
    )


def _table(dice: random.Random, names: list[str]) -> Statistics:
    columns = {name: _feature(dice) for name in names if dice.random() < 0.9} or {names[0]: _feature(dice)}
    return cases.table(dice.choice([40, 100]), columns, weight=dice.choice([None, None, None, 0.7]))


def _feature(dice: random.Random) -> Feature:
    missing, kind = dice.choice([0, 0, 1, 5]), dice.choice(["text"] * 4 + ["INT"] * 2 + ["FLOAT"] * 2 + ["raw"])
    if kind == "raw":
        return cases.raw(dice.randint(1, 9), missing)
    if kind == "text":
        counts = {value: dice.randint(1, 30) for value in dice.sample(_VALUES, dice.randint(0, 6))}
        return cases.text(counts, missing=missing, invalid=dice.choice([0, 0, 0, 2]), lengths=dice.choice(_LENGTHS))
    values = [dice.choice(_NUMBERS) for _ in range(dice.randint(1, 40))]
    whole = [int(value) for value in values] if kind == "INT" else values
    return cases.numbers(whole, kind, missing=missing, lengths=dice.choice(_LENGTHS))


def _schema(dice: random.Random, names: list[str]) -> str:
    parts = ['string_domain { name: "d1" value: ["a", "b", "1", "2"] }', cases.ENVIRONMENTS]
    for name in names:
        if dice.random() < 0.15:
            continue
        kind = dice.choice(["type: INT", "type: FLOAT", *["type: BYTES"] * 3, "type: STRUCT", ""])
        body = [kind, *map(dice.choice, (_PRESENCE, _SHAPES, _DOMAINS, _REST))]
        body.append(f"drift_comparator {{ {dice.choice(_COMPARATORS)} }}" if dice.random() < 0.5 else "")
        body.append(f"skew_comparator {{ {dice.choice(_COMPARATORS)} }}" if dice.random() < 0.3 else "")
        parts.append(cases.feature(" ".join(body), name))
    parts.append(cases.feature(f"type: INT {cases.REQUIRED}", "gone") if dice.random() < 0.3 else "")
    parts.append(_ROWS if dice.random() < 0.2 else "")
    return " ".join(parts)
