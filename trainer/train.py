"""`python -m trainer.train --label Class`: what the training image runs in a Vertex AI custom training job.

Vertex passes the tables and the model's folder in environment variables (AIP_DATA_FORMAT, AIP_TRAINING_DATA_URI,
AIP_VALIDATION_DATA_URI, AIP_TEST_DATA_URI, AIP_MODEL_DIR: the custom training contract, cloud.google.com/vertex-ai/
docs/training/using-managed-datasets); a flag of the same meaning wins over the variable. Exit codes: 0 done, 1 failed,
2 a flag or variable is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from trainer.errors import TrainerError, UsageError

_VARIABLES = {
    "data_format": "AIP_DATA_FORMAT",
    "training_uri": "AIP_TRAINING_DATA_URI",
    "validation_uri": "AIP_VALIDATION_DATA_URI",
    "test_uri": "AIP_TEST_DATA_URI",
    "model_dir": "AIP_MODEL_DIR",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Trains as the flags and Vertex's variables say.

    Args:
        argv: The flags; `sys.argv` when None.

    Returns:
        0, or the error's exit code after one sentence on stderr.
    """
    arguments = _parser().parse_args(argv)
    try:
        _train(arguments)
    except TrainerError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _train(arguments: argparse.Namespace) -> None:
    hyperparameters = _json(arguments.hyperparameters, dict, "--hyperparameters", '{"max_depth": 8}')
    exclude_columns = _json(arguments.exclude_columns, list, "--exclude-columns", '["id"]')
    values = {name: getattr(arguments, name) or os.environ.get(variable, "") for name, variable in _VARIABLES.items()}
    for name in ("training_uri", "model_dir"):
        if not values[name]:
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{_VARIABLES[name]} is not set. Vertex sets it in a training job; elsewhere give {flag}.")
    # scikit-learn takes a second to import: a wrong flag is told before.
    from trainer.training import TrainingSettings, train_model

    report = train_model(
        TrainingSettings(
            label=arguments.label,
            model_kind=arguments.model_kind,
            hyperparameters=hyperparameters,
            exclude_columns=tuple(str(name) for name in exclude_columns),
            seed=arguments.seed,
            **values,
        )
    )
    for split, scores in report.scores.items():
        print(f"{split}: {scores.rows} rows, accuracy {scores.metrics['accuracy']:.4f}")
    print(f"model: {values['model_dir']}")


def _json(text: str, kind: type, flag: str, example: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{flag} {text!r} is no JSON ({error}). Write it like {example}.") from error
    if not isinstance(value, kind):
        raise UsageError(f"{flag} {text!r} is not a JSON {'object' if kind is dict else 'list'}, like {example}.")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer.train", description="Train a scikit-learn classifier.")
    parser.add_argument("--label", required=True, help="column that holds the class")
    parser.add_argument("--model-kind", default="random_forest", help="the model; a wrong name lists them")
    parser.add_argument("--hyperparameters", default="{}", metavar="JSON", help="settings by scikit-learn's names")
    parser.add_argument("--exclude-columns", default="[]", metavar="JSON", help="columns the model must not see")
    parser.add_argument("--seed", type=int, default=42, help="seed of everything random (default: 42)")
    for name, variable in _VARIABLES.items():
        parser.add_argument(f"--{name.replace('_', '-')}", default="", help=f"default: ${variable}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
