"""The same checks by TFDV itself, for who wants exactly that, and for what kfx does not check (`unchecked.py`).

TFDV needs TensorFlow: it is in kfx's full image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kfx.errors import UsageError
from kfx.stats.schema.reasons import severities

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2


def validate(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    schema: schema_pb2.Schema,
    *,
    environment: str = "",
    previous: statistics_pb2.DatasetFeatureStatisticsList | None = None,
    serving: statistics_pb2.DatasetFeatureStatisticsList | None = None,
    severity_overrides: Mapping[str, str] | None = None,
) -> anomalies_pb2.Anomalies:
    """Returns what TFDV finds; arguments as `kfx.stats.schema.validate.validate`.

    Raises:
        UsageError: TFDV refuses the statistics or the environment.
        MissingTfdvError: TFDV is not installed; the message has the install line and the container command.
    """
    overrides = severities(severity_overrides or {})
    try:
        from tensorflow_data_validation.anomalies.proto import validation_config_pb2
        from tensorflow_data_validation.api import validation_api, validation_options
    except ImportError as error:
        from kfx.stats.engines.tfdv import MissingTfdvError

        raise MissingTfdvError(
            "Validations with TFDV", "kfx validate STATISTICS --schema schema.pbtxt --validator tfdv"
        ) from error
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    chosen = [
        validation_config_pb2.SeverityOverride(type=anomalies_pb2.AnomalyInfo.Type.Value(name), severity=severity)
        for name, severity in overrides.items()
    ]
    try:
        found: anomalies_pb2.Anomalies = validation_api.validate_statistics_internal(
            statistics,
            schema,
            environment or None,
            previous,
            serving,
            validation_options=validation_options.ValidationOptions(severity_overrides=chosen),
        )
    except ValueError as error:
        raise UsageError(f"TFDV refuses to validate: {error}") from error
    return found
