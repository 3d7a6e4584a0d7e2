"""The errors the trainer raises, each with one sentence that says what is wrong and what to do.

TrainerError                exit code 1
├── UsageError              exit code 2: a flag, an AIP_ variable or a hyperparameter is wrong
├── TableError              a table or a model cannot be found or read
├── EmptySplitError         a split has no rows
├── LabelNotFoundError      the label column is not in the table
├── LabelMissingError       rows without a label
├── LabelNotClassError      the label is a measure, not a class
├── SingleClassError        all training rows have the same label
├── ColumnError             a feature column has values the model cannot take
└── FitError                scikit-learn refused the data or the settings
"""

from __future__ import annotations


class TrainerError(Exception):
    """Root of every error the trainer raises on purpose.

    Attributes:
        exit_code: What `python -m trainer.train` ends with.
    """

    exit_code = 1


class UsageError(TrainerError):
    """A flag, an AIP_ variable or a hyperparameter is wrong; nothing was done."""

    exit_code = 2


class TableError(TrainerError):
    """A table or a model cannot be found or read."""


class EmptySplitError(TrainerError):
    """A split has no rows."""


class LabelNotFoundError(TrainerError):
    """The label column is not in the table."""


class LabelMissingError(TrainerError):
    """Some rows have no label."""


class LabelNotClassError(TrainerError):
    """The label holds fractions: it is a measure, and the trainer classifies."""


class SingleClassError(TrainerError):
    """All training rows have the same label, so there is nothing to learn."""


class ColumnError(TrainerError):
    """A feature column is absent or has values the model cannot take."""


class FitError(TrainerError):
    """scikit-learn refused the data or the settings."""
