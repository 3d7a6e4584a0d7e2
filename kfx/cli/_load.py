"""Statistics that a command is given by their address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kfx.errors import UsageError

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList


def load(address: str) -> DatasetFeatureStatisticsList:
    """Reads statistics that kfx or TFDV wrote.

    Args:
        address: A folder or file, local or `gs://`.

    Raises:
        UsageError: There are none, or they are damaged.
        PermanentError: They cannot be read.
    """
    from kfx.stats import artifact
    from kfx.stats.schema.files import load_statistics

    if not address.startswith("gs://"):
        return artifact.load(Path(address))
    found = load_statistics(address)
    if found is None:
        raise UsageError(f"There are no statistics at {address!r}.")
    return found
