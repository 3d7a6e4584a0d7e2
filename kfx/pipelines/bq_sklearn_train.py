r"""From a BigQuery table to a model in Vertex AI's registry, with statistics and a mail: KFX's pipeline, on Vertex AI.

    kfx submit bq_sklearn_train --project P --region R --bucket gs://B --pipeline-root runs \
        --bq-source bq://P.beans.beans --recipients me@example.com

A Vertex dataset is made of the table, and its statistics. Two gates come before the training: with `schema`, the table
must conform to it; with `baseline`, a place of your own, it must not have drifted from the last accepted run's. Without
them both pass. The training is a Vertex custom job of its own, with its image, machine and split. However the run ends,
a mail says so: through your SMTP server, or Google's own op (`kfx submit bq_sklearn_train:google_mail`; Vertex only, at
most three recipients).

`python -m kfx.pipelines.bq_sklearn_train FLAGS` is `kfx submit bq_sklearn_train FLAGS`, as the original script was
called.
"""

import math
import re
import runpy
import sys
from typing import Any, Dict, List, Mapping

from google_cloud_pipeline_components.v1.dataset import TabularDatasetCreateOp
from google_cloud_pipeline_components.v1.vertex_notification_email import VertexNotificationEmailOp
from kfp import dsl

from kfx.components import (
    compare_statistics,
    notify_email,
    statistics_gen,
    train_custom_container,
    validate_statistics,
)
from kfx.components._image import dataflow_image, image
from kfx.errors import UsageError
from kfx.images.record import beside
from kfx.secret import check_reference
from kfx.stats.beam import DATAFLOW, DIRECT, BeamOptions, known_runner

_BIGQUERY_TABLE = re.compile(r"^bq://[^.\s]+\.[^.\s]+\.[^.\s]+$")
_GOOGLE_MAIL = "comp-vertex-pipelines-notification-email"
_MOST_GOOGLE_RECIPIENTS = 3

IMAGES = {"training_image": "trainer"}
"""Parameters whose default is an image of kfx's, and the folder it is built from: `kfx submit --build` builds it."""


def _make(with_google_mail: bool) -> Any:
    """Makes the pipeline with one exit task or the other, which cannot be chosen when it runs."""

    @dsl.pipeline(name="bq-sklearn-train")
    def bq_sklearn_train(
        bq_source: str,
        recipients: List[str],
        project: str,
        region: str,
        location: str,
        bq_dest: str = "",
        training_image: str = beside(image("full"), "trainer"),
        training_args: List[str] = ["--label", "Class", "--model-kind", "decision_tree"],  # noqa: B006
        environment_variables: Dict[str, str] = {},  # noqa: B006
        training_fraction: float = 0.8,
        validation_fraction: float = 0.1,
        test_fraction: float = 0.1,
        machine_type: str = "n1-standard-4",
        serving_image: str = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest",
        service_account: str = "",
        network: str = "",
        subnetwork: str = "",
        beam_runner: str = "DirectRunner",
        sdk_container_image: str = dataflow_image(),
        dataset_display_name: str = "tabular-beans-dataset",
        training_display_name: str = "pipeline-beans-custom-train",
        model_display_name: str = "scikit-beans-model-pipeline",
        schema: str = "",
        baseline: str = "",
        fail_on: List[str] = ["error"],  # noqa: B006
        smtp_host: str = "",
        smtp_port: int = 587,
        smtp_security: str = "starttls",
        smtp_username: str = "",
        smtp_password: str = "",
        sender: str = "",
    ) -> None:
        """Trains scikit-learn on a BigQuery table.

        Args:
            bq_source: The table: bq://project.dataset.table.
            recipients: Mail addresses that are told how the run ended.
            project: Project of the dataset, the training and the model.
            region: Region of the training; kfx submit gives its own.
            location: Location of the Vertex dataset; it must be the region, and kfx submit gives its own.
            bq_dest: Project that the split tables are written to, bq://PROJECT; empty hands over CSV files.
            training_image: Image that trains; by default the one of kfx's trainer, beside the kfx image.
            training_args: Its arguments: the column that holds the class, the model and its settings.
            environment_variables: Its environment, beside GCS_BUCKET; no secrets.
            training_fraction: Share of the rows to train on.
            validation_fraction: Share of the rows to choose settings by.
            test_fraction: Share of the rows to judge by. The three add up to 1.
            machine_type: Compute Engine machine type of the training.
            serving_image: Image that serves the model; of the scikit-learn minor that trained it.
            service_account: Account the training and Dataflow's workers run as; kfx submit gives the run's.
            network: VPC network of both, projects/NUMBER/global/networks/NAME; kfx submit gives the run's.
            subnetwork: Subnetwork of Dataflow's workers, by its name or in full.
            beam_runner: direct or DirectRunner computes the statistics in their task, without Beam; DataflowRunner has
                TFDV compute them on Dataflow.
            sdk_container_image: Image of Dataflow's workers; BASE_KFX_DATAFLOW_IMAGE's value when compiled.
            dataset_display_name: Name of the Vertex dataset.
            training_display_name: Name of the training.
            model_display_name: Name of the model in the registry.
            schema: A schema that the table must conform to: schema.pbtxt, gs://; empty for none.
            baseline: Folder that keeps the last accepted run's statistics, gs://, for the table to be compared with;
                the first run fills it. Empty for no comparison.
            fail_on: What stops the run before it trains: error, warning (both), never, or names of anomaly types and
                columns.
            smtp_host: SMTP server; empty for the variable KFX_SMTP_HOST of the step.
            smtp_port: Its port.
            smtp_security: starttls, tls or none.
            smtp_username: User name of the login, or a reference to it; empty for no login.
            smtp_password: Reference to the password: env:NAME, file:PATH or gsm:projects/P/secrets/S.
            sender: Who the mail is from; empty for the variable KFX_SMTP_SENDER of the step.
        """
        if with_google_mail:
            told = VertexNotificationEmailOp(recipients=recipients)
        else:
            told = notify_email(
                recipients=recipients,
                smtp_host=smtp_host,
                smtp_port=smtp_port,
                security=smtp_security,
                username=smtp_username,
                password=smtp_password,
                sender=sender,
                run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
                state_dir=dsl.PIPELINE_ROOT_PLACEHOLDER,
            )
        told.set_caching_options(False)
        # The table may have other rows tomorrow under the same name: nothing here may come from a cache.
        with dsl.ExitHandler(told, name="bq-sklearn-train"):
            created = TabularDatasetCreateOp(
                project=project, location=location, display_name=dataset_display_name, bq_source=bq_source
            ).set_caching_options(False)
            described = statistics_gen(
                source=bq_source,
                title=bq_source,
                engine="auto",
                beam_runner=beam_runner,
                project=project,
                region=region,
                service_account=service_account,
                network=network,
                subnetwork=subnetwork,
                sdk_container_image=sdk_container_image,
            )
            described.after(created).set_caching_options(False)
            checked = validate_statistics(
                statistics=described.outputs["statistics"], schema_uri=schema, fail_on=fail_on
            ).set_caching_options(False)
            compared = compare_statistics(
                statistics=described.outputs["statistics"], previous_uri=baseline, schema_uri=schema, fail_on=fail_on
            )
            compared.after(checked).set_caching_options(False)
            trained = train_custom_container(
                dataset=created.outputs["dataset"],
                container_uri=training_image,
                project=project,
                region=region,
                display_name=training_display_name,
                args=training_args,
                environment_variables=environment_variables,
                machine_type=machine_type,
                training_fraction=training_fraction,
                validation_fraction=validation_fraction,
                test_fraction=test_fraction,
                bigquery_destination=bq_dest,
                service_account=service_account,
                network=network,
                serving_container_image_uri=serving_image,
                model_display_name=model_display_name,
            )
            trained.after(compared).set_caching_options(False)

    return bq_sklearn_train


bq_sklearn_train = _make(with_google_mail=False)


def google_mail() -> Any:
    """Returns the pipeline with Google's VertexNotificationEmailOp as its exit task."""
    return _make(with_google_mail=True)


def check_parameters(values: Mapping[str, Any], spec: Mapping[str, Any]) -> List[str]:
    """Refuses parameters that would cost money before they fail. `kfx submit` calls it.

    Args:
        values: The run's parameters.
        spec: The compiled pipeline.

    Returns:
        What the user should know all the same.

    Raises:
        UsageError: A value is wrong; the message has the way out.
    """
    if not _BIGQUERY_TABLE.match(values["bq_source"]):
        raise UsageError(f"The table {values['bq_source']!r} must be bq://project.dataset.table.")
    if values["location"] != values["region"]:
        raise UsageError(
            f"The dataset's location is {values['location']!r} and the region {values['region']!r}; they must agree."
        )
    _check_recipients(values["recipients"], spec)
    _check_fractions({**_defaults(spec), **values})
    if values.get("smtp_password"):
        check_reference(values["smtp_password"])
    return _check_runner({**_defaults(spec), **values})


def _check_runner(values: Mapping[str, Any]) -> List[str]:
    runner = known_runner(values["beam_runner"])
    if runner not in (DIRECT, DATAFLOW):
        raise UsageError(f"The beam runner {runner} has no cluster in this pipeline; take {DIRECT} or {DATAFLOW}.")
    if runner == DIRECT:
        return []
    given = {name: values[name] for name in ("project", "region", "service_account", "network", "subnetwork")}
    # What the job writes on the way goes beside the statistics, wherever that will be.
    options = BeamOptions(
        runner, sdk_container_image=values["sdk_container_image"], temp_location="gs://pipeline-root/temp", **given
    )
    options.complete()
    return ["The statistics are computed by TFDV on Dataflow, whose workers are billed."]


def _defaults(spec: Mapping[str, Any]) -> Dict[str, Any]:
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    return {name: given["defaultValue"] for name, given in parameters.items() if "defaultValue" in given}


def _check_fractions(values: Mapping[str, Any]) -> None:
    fractions = {name: values[name] for name in ("training_fraction", "validation_fraction", "test_fraction")}
    if min(fractions.values()) < 0 or not math.isclose(sum(fractions.values()), 1, abs_tol=1e-9):
        given = ", ".join(f"{name} {value:g}" for name, value in fractions.items())
        raise UsageError(f"The fractions must be 0 or more and add up to 1, and they are: {given}.")


def _check_recipients(recipients: List[str], spec: Mapping[str, Any]) -> None:
    wrong = [address for address in recipients if not re.match(r"^[^@\s]+@[^@\s]+$", str(address))]
    if wrong or not recipients:
        raise UsageError(f"Give one or more mail addresses: --recipients me@example.com, not {wrong or recipients!r}.")
    if _GOOGLE_MAIL in spec["components"] and len(recipients) > _MOST_GOOGLE_RECIPIENTS:
        raise UsageError(
            f"Google's mail takes {_MOST_GOOGLE_RECIPIENTS} recipients, not {len(recipients)}. Submit bq_sklearn_train "
            "without :google_mail, which mails any number through your SMTP server."
        )


if __name__ == "__main__":
    sys.argv = ["kfx", "submit", "bq_sklearn_train", *sys.argv[1:]]
    runpy.run_module("kfx.cli.main", run_name="__main__")
