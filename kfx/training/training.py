"""What a Vertex AI custom container training is, and what it leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kfx.errors import UsageError

_DATASET = re.compile(r"^projects/[^/]+/locations/([^/]+)/datasets/[^/]+$")
_BIGQUERY = re.compile(r"^bq://[^./\s]+(\.[^./\s]+)?$")
_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Training:
    """One custom container training."""

    container_uri: str
    """Image that trains; it obeys Vertex's training contract (AIP_* variables)."""

    project: str
    """Project that the job belongs to and is billed to."""

    region: str
    """Region of the job; the dataset's."""

    display_name: str
    """Name of the training in the console."""

    base_output_dir: str
    """`gs://` folder the training writes under; AIP_MODEL_DIR is its `model/`."""

    command: Sequence[str] = ()
    """Entry point that replaces the image's."""

    args: Sequence[str] = ()
    """Arguments of the container."""

    environment_variables: Mapping[str, str] = field(default_factory=dict)
    """Environment of the container, beside GCS_BUCKET, which names the output folder's bucket. No secrets: the job
    shows them."""

    machine_type: str = "n1-standard-4"
    """Compute Engine machine type."""

    replica_count: int = 1
    """Machines; one is the chief, the others workers."""

    accelerator_type: str = ""
    """Such as `NVIDIA_TESLA_T4`; empty for none."""

    accelerator_count: int = 0
    """Accelerators of each machine."""

    training_fraction: float = 0.8
    """Share of the dataset's rows to train on."""

    validation_fraction: float = 0.1
    """Share to choose settings by."""

    test_fraction: float = 0.1
    """Share to judge by. The three add up to 1."""

    bigquery_destination: str = ""
    """`bq://PROJECT` that the three tables are written to; empty hands the container CSV files."""

    service_account: str = ""
    """Email the container runs as; empty for Vertex's own agent."""

    network: str = ""
    """`projects/NUMBER/global/networks/NAME` the machines are peered with; empty for none."""

    serving_container_image_uri: str = ""
    """Image that serves the model; empty registers no model."""

    model_display_name: str = ""
    """The model's name in the registry; empty takes the training's."""

    parent_model: str = ""
    """Model resource that this becomes a new version of; empty makes a new model."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the training and of the model."""

    encryption_key: str = ""
    """Cloud KMS key for the training and the model, in the job's region."""

    timeout_s: int = 0
    """Seconds after which Vertex stops the job; 0 for Vertex's default (7 days)."""

    api_endpoint: str = ""
    """Vertex AI's address if it is not the region's public one."""

    def check(self, dataset: str) -> None:
        """Refuses what would fail after minutes of waiting.

        Args:
            dataset: Resource name of the dataset.

        Raises:
            UsageError: A setting is wrong, or the dataset is in another region.
        """
        found = _DATASET.match(dataset)
        if found is None:
            raise UsageError(f"The dataset {dataset!r} must be projects/P/locations/REGION/datasets/ID.")
        if found[1] != self.region:
            raise UsageError(f"The dataset is in {found[1]} and the training in {self.region!r}; they must agree.")
        if not self.container_uri:
            raise UsageError("The training has no image. Give container_uri.")
        if not self.base_output_dir.startswith("gs://"):
            raise UsageError(
                f"The output folder {self.base_output_dir!r} must be gs://BUCKET/PATH: Vertex writes to it."
            )
        fractions = (self.training_fraction, self.validation_fraction, self.test_fraction)
        if min(fractions) < 0 or abs(sum(fractions) - 1) > _SUM_TOLERANCE:
            raise UsageError(f"The fractions {fractions} must be 0 or more and add up to 1.")
        if self.bigquery_destination and not _BIGQUERY.match(self.bigquery_destination):
            raise UsageError(f"The BigQuery destination {self.bigquery_destination!r} must be bq://PROJECT.")


@dataclass(frozen=True)
class Trained:
    """What a training left."""

    job: str
    """Resource name of the training pipeline."""

    model: str = ""
    """Resource name of the registered model; empty when none was asked for."""

    model_version: str = ""
    """Its version."""

    model_uri: str = ""
    """`gs://` folder with the model's files."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    """Numbers of the `metrics.json` beside the model; empty without one."""
