"""Trains a model in a Vertex AI custom training job, with an image of yours, and registers it.

Use it where training needs its own machine type, accelerators or image, on a Vertex tabular dataset that Vertex splits
and hands to the container. It takes the place of CustomContainerTrainingJobRunOp, which
google-cloud-pipeline-components 2 dropped. Stopping the task cancels the training.

    trained = train_custom_container(
        dataset=created.outputs["dataset"],
        container_uri="europe-west4-docker.pkg.dev/my-project/kfx/trainer:1.0",
        project=project,
        region="europe-west4",
        args=["--label", "Class"],
    )
    ModelDeployOp(model=trained.outputs["model"], ...)
"""

from typing import Any, Dict, List

from kfp.dsl import Artifact, Input, Metrics, Output

from kfx.artifacts import VertexModel
from kfx.components._image import component


@component("full")
def train_custom_container(
    dataset: Input[Artifact],
    model: Output[VertexModel],
    metrics: Output[Metrics],
    container_uri: str,
    project: str,
    region: str,
    display_name: str = "kfx-training",
    command: List[str] = [],  # noqa: B006 - kfp copies the default from this line
    args: List[str] = [],  # noqa: B006
    environment_variables: Dict[str, str] = {},  # noqa: B006
    machine_type: str = "n1-standard-4",
    replica_count: int = 1,
    accelerator_type: str = "",
    accelerator_count: int = 0,
    training_fraction: float = 0.8,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    bigquery_destination: str = "",
    base_output_dir: str = "",
    service_account: str = "",
    network: str = "",
    serving_container_image_uri: str = "",
    model_display_name: str = "",
    parent_model: str = "",
    labels: Dict[str, str] = {},  # noqa: B006
    encryption_key: str = "",
    timeout_s: int = 0,
    api_endpoint: str = "",
) -> None:
    """Runs a custom container training on a Vertex dataset and waits for its end.

    Args:
        dataset: A Vertex tabular dataset, such as the output of TabularDatasetCreateOp.
        model: The registered model, as Google's components take it; metadata: resourceName, version, artifactUri.
        metrics: The numbers of the metrics.json that the training wrote beside its model.
        container_uri: Image that trains; it obeys Vertex's training contract, as kfx's trainer does.
        project: Project that the training belongs to.
        region: Region of the training; the dataset's.
        display_name: Name of the training in the console.
        command: Entry point that replaces the image's.
        args: Arguments of the container.
        environment_variables: Environment of the container, beside GCS_BUCKET; no secrets, since the job shows them.
        machine_type: Compute Engine machine type.
        replica_count: Number of machines.
        accelerator_type: Such as NVIDIA_TESLA_T4; empty for none.
        accelerator_count: Accelerators of each machine.
        training_fraction: Share of the rows to train on.
        validation_fraction: Share of the rows to choose settings by.
        test_fraction: Share of the rows to judge by. The three add up to 1.
        bigquery_destination: Project that the split tables are written to, bq://PROJECT; empty hands over CSV files.
        base_output_dir: Folder that the training writes under, gs://BUCKET/PATH; empty for this task's own folder.
        service_account: Email the container runs as; empty for Vertex's own agent.
        network: VPC network of the machines, projects/NUMBER/global/networks/NAME; empty for none.
        serving_container_image_uri: Image that serves the model; empty registers no model.
        model_display_name: Name of the model in the registry; empty for the training's.
        parent_model: Model that this becomes a new version of; empty makes a new model.
        labels: Labels of the training and of the model.
        encryption_key: Cloud KMS key for both, in the training's region.
        timeout_s: Seconds after which Vertex stops the training; 0 for its default of seven days.
        api_endpoint: Address of Vertex AI if it is not the region's public one.
    """
    from kfx.training import Training, record, train

    settings: Any = {"project": project, "region": region, "display_name": display_name, "parent_model": parent_model}
    settings |= {"container_uri": container_uri, "command": command, "args": args, "labels": labels}
    settings |= {"machine_type": machine_type, "replica_count": replica_count, "timeout_s": timeout_s}
    settings |= {"accelerator_type": accelerator_type, "accelerator_count": accelerator_count}
    settings |= {"training_fraction": training_fraction, "validation_fraction": validation_fraction}
    settings |= {"test_fraction": test_fraction, "bigquery_destination": bigquery_destination}
    settings |= {"service_account": service_account, "network": network, "encryption_key": encryption_key}
    settings |= {"serving_container_image_uri": serving_container_image_uri, "model_display_name": model_display_name}
    settings |= {"base_output_dir": base_output_dir or model.uri, "api_endpoint": api_endpoint}
    settings |= {"environment_variables": environment_variables}
    trained = train(Training(**settings), dataset.metadata["resourceName"])
    record(trained, model, metrics)
