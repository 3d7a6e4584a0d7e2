"""The models one can choose, their settings, and the one scikit-learn pipeline that takes a table's own columns.

The fitted pipeline is made of scikit-learn and numpy objects only, so that any process with the same scikit-learn minor
loads it without this package. It takes what Vertex's prebuilt serving container hands to `predict`: rows as lists, in
the order of `feature_names_in_`, turned into one numpy array. In such an array a table with text is all text (1.5
becomes "1.5") and a table of numbers is all floats (true becomes 1.0), so each branch first brings its columns back to
their kind; JSON's null is a missing value.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from trainer.columns import Columns, Kind
from trainer.errors import UsageError

ModelKind = Literal["decision_tree", "hist_gradient_boosting", "logistic_regression", "random_forest"]

MODEL_KINDS: dict[str, tuple[type, dict[str, Any]]] = {
    "decision_tree": (DecisionTreeClassifier, {}),
    "hist_gradient_boosting": (HistGradientBoostingClassifier, {}),
    "logistic_regression": (LogisticRegression, {"max_iter": 1000}),  # 100, the default, stops short on plain tables
    "random_forest": (RandomForestClassifier, {"n_jobs": -1}),
}
"""Model kind -> scikit-learn's class and the defaults that differ from its own."""

MAX_CATEGORIES = 100
"""Values of a text column that get a column of their own; the rarer ones share one. Keeps an id from filling memory."""

_RESERVED = frozenset({"n_jobs", "random_state", "verbose", "warm_start"})  # the trainer's own, or without effect
_FRACTIONS = frozenset({"max_features", "max_samples", "min_samples_leaf", "min_samples_split"})
_FALSE = ["False", "false", "FALSE", "0", "0.0"]
_TRUE = ["True", "true", "TRUE", "1", "1.0"]


def build(model_kind: str, hyperparameters: Mapping[str, Any], columns: Columns, seed: int) -> Pipeline:
    """Makes the untrained pipeline: one branch a kind of column, then the classifier.

    Args:
        model_kind: One of `MODEL_KINDS`.
        hyperparameters: Settings by scikit-learn's names. A whole number that came as a float (KFP and Vertex carry
            JSON numbers as floats) is made an integer, except 1.0 where scikit-learn reads it as a share.
        columns: The feature columns.
        seed: `random_state` of the classifier.

    Raises:
        UsageError: The kind or a setting's name is unknown.
    """
    check(model_kind, hyperparameters)
    estimator, defaults = MODEL_KINDS[model_kind]
    settings = {name: _whole(name, value) for name, value in hyperparameters.items()}
    classifier: ClassifierMixin = estimator(**{**defaults, **settings, "random_state": seed})
    branches: dict[Kind, Pipeline] = {
        "numeric": _numbers(),
        "boolean": _booleans(len(columns.positions("boolean"))),
        "text": _texts(),
    }
    table = ColumnTransformer(
        [(kind, branch, columns.positions(kind)) for kind, branch in branches.items() if columns.positions(kind)]
    )
    steps = [("columns", table), ("model", classifier)]
    if model_kind == "logistic_regression":
        steps.insert(1, ("scale", StandardScaler()))
    return Pipeline(steps)


def check(model_kind: str, hyperparameters: Mapping[str, Any]) -> None:
    """Refuses a model that cannot be built, before any table is read.

    Raises:
        UsageError: The kind or a setting's name is unknown; the message offers the nearest or lists them.
    """
    if model_kind not in MODEL_KINDS:
        raise UsageError(f"The model kind {model_kind!r} is unknown. There are: {', '.join(MODEL_KINDS)}.")
    known = settings_of(model_kind)
    for name in hyperparameters:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"It takes: {', '.join(known)}."
            kind = f"{model_kind} ({MODEL_KINDS[model_kind][0].__name__})"
            raise UsageError(f"{kind} has no hyperparameter {name!r}. {hint}")


def settings_of(model_kind: str) -> list[str]:
    """Returns the names of the hyperparameters a model kind takes, in alphabetical order."""
    return sorted(set(MODEL_KINDS[model_kind][0]().get_params()) - _RESERVED)


def columns_of(model: Pipeline) -> Columns:
    """Returns the feature columns a fitted pipeline takes.

    Raises:
        UsageError: The model is not one of this trainer.
    """
    try:
        names = [str(name) for name in model.feature_names_in_]
        branches = {kind: at for kind, _, at in model.named_steps["columns"].transformers_ if kind != "remainder"}
    except (AttributeError, KeyError) as error:
        raise UsageError(f"The model, a {type(model).__name__}, was not made by this trainer.") from error
    kind_at = {at: kind for kind, places in branches.items() for at in places}
    return Columns({name: kind_at[at] for at, name in enumerate(names)})


def _whole(name: str, value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and not (name in _FRACTIONS and value == 1):
        return int(value)
    return value


def _as(dtype: Any) -> FunctionTransformer:
    return FunctionTransformer(np.asarray, kw_args={"dtype": dtype})


def _numbers() -> Pipeline:
    # The median, and a column that tells where a value was missing.
    return make_pipeline(_as(float), SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True))


def _booleans(count: int) -> Pipeline:
    # The spellings of false come first: clipping their numbers to the last of them and the first of true leaves two.
    spellings = OrdinalEncoder(
        categories=[_FALSE + _TRUE] * count, handle_unknown="use_encoded_value", unknown_value=np.nan
    )
    limits = {"a_min": len(_FALSE) - 1, "a_max": len(_FALSE)}
    missing = SimpleImputer(strategy="most_frequent", add_indicator=True, keep_empty_features=True)
    return make_pipeline(_as(str), spellings, FunctionTransformer(np.clip, kw_args=limits), missing)


def _texts() -> Pipeline:
    one_hot = OneHotEncoder(max_categories=MAX_CATEGORIES, handle_unknown="infrequent_if_exist", sparse_output=False)
    filled = SimpleImputer(missing_values=None, strategy="constant", fill_value="", keep_empty_features=True)
    return make_pipeline(_as(object), filled, _as(str), one_hot)
