"""A Vertex AI pipeline job as its API takes it, checked field by field before anything is sent.

The wire format is `google.cloud.aiplatform.v1.PipelineJob` as JSON; the limits are those of its documentation
(https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.pipelineJobs). google-cloud-aiplatform
checks fewer of them, and has a fixed list of regions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from kfx.errors import UsageError

_PROJECT = re.compile(r"^(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$|^\d+$")
_REGION = re.compile(r"^[a-z]+(?:-[a-z]+)+\d+$")
_BUCKET_ROOT = re.compile(r"^gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/[^\s]*)?$")
_JOB_ID = re.compile(r"^[a-z][-a-z0-9]{0,127}$")
_ACCOUNT = re.compile(r"^[^@\s]+@[^@\s]+\.gserviceaccount\.com$")
_NETWORK = re.compile(r"^projects/\d+/global/networks/[a-z][-a-z0-9]{0,62}$")
_ATTACHMENT = re.compile(r"^projects/[^/\s]+/regions/[^/\s]+/networkAttachments/[^/\s]+$|^[a-z][-a-z0-9]{0,62}$")
_KEY = re.compile(r"^projects/[^/]+/locations/([^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+$")
_LABEL_LENGTH = 64
_MOST_LABELS = 64
_JOB_ID_LENGTH = 128
_RESERVED_LABEL = "vertex-ai-pipelines-run-billing-id"

_FIELDS = {
    "project": (_PROJECT, "6 to 30 lower-case letters, digits and '-', such as my-project-123"),
    "region": (_REGION, "one region, such as europe-west4 (not a zone, not a multi-region)"),
    "pipeline_root": (_BUCKET_ROOT, "gs://BUCKET/PATH"),
    "service_account": (_ACCOUNT, "NAME@PROJECT.iam.gserviceaccount.com"),
}

_FAILURE_POLICIES = {
    "slow": "PIPELINE_FAILURE_POLICY_FAIL_SLOW",
    "fast": "PIPELINE_FAILURE_POLICY_FAIL_FAST",
}


@dataclass(frozen=True)
class Job:
    """One run to create on Vertex AI Pipelines."""

    spec: Mapping[str, Any]
    """The compiled pipeline, ready to send."""

    project: str
    """Project id (or number) that the run belongs to and is billed to."""

    region: str
    """Region of Vertex AI, such as `europe-west4`."""

    pipeline_root: str
    """`gs://BUCKET/PATH` that tasks write under. The bucket exists."""

    job_id: str
    """Id of the run: a lower-case letter, then letters, digits and `-`; at most 128."""

    display_name: str = ""
    """Name in the console, at most 128 characters; empty takes the pipeline's name."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Values of the pipeline's parameters, already checked."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the run."""

    service_account: str = ""
    """Email the tasks run as; empty takes the project's Compute Engine default account."""

    network: str = ""
    """`projects/NUMBER/global/networks/NAME` that tasks are peered with; empty for none."""

    reserved_ip_ranges: tuple[str, ...] = ()
    """Names of the network's reserved ranges that tasks may use; empty for any."""

    psc_network_attachment: str = ""
    """Network attachment for Private Service Connect; the modern way into a VPC. Excludes `network`."""

    encryption_key: str = ""
    """Cloud KMS key that everything the run creates is encrypted with; in the run's region."""

    failure_policy: Literal["slow", "fast", ""] = ""
    """`slow` lets independent tasks go on after a failure, `fast` starts none; empty is Vertex's default (slow)."""

    @property
    def parent(self) -> str:
        """The collection the run is created in."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def name(self) -> str:
        """The run's resource name."""
        return f"{self.parent}/pipelineJobs/{self.job_id}"

    def body(self) -> dict[str, Any]:
        """Returns the PipelineJob to POST."""
        runtime: dict[str, Any] = {
            "gcsOutputDirectory": self.pipeline_root,
            "parameterValues": dict(self.parameters),
        }
        if self.failure_policy:
            runtime["failurePolicy"] = _FAILURE_POLICIES[self.failure_policy]
        optional = {
            "labels": dict(self.labels),
            "serviceAccount": self.service_account,
            "network": self.network,
            "reservedIpRanges": list(self.reserved_ip_ranges),
            "pscInterfaceConfig": {"networkAttachment": self.psc_network_attachment}
            if self.psc_network_attachment
            else None,
            "encryptionSpec": {"kmsKeyName": self.encryption_key} if self.encryption_key else None,
        }
        return {
            "displayName": self.display_name or self.spec["pipelineInfo"]["name"],
            "pipelineSpec": dict(self.spec),
            "runtimeConfig": runtime,
            **{name: value for name, value in optional.items() if value},
        }

    def check(self) -> None:
        """Refuses what Vertex would refuse.

        Raises:
            UsageError: A field is malformed; the message has its value and what it must look like.
        """
        for name in ("project", "region", "pipeline_root"):
            check_field(name, getattr(self, name))
        _match(_JOB_ID, self.job_id, "job id", "a lower-case letter, then letters, digits and '-'; at most 128")
        if len(self.display_name) > 128:
            raise UsageError(f"The display name has {len(self.display_name)} characters; at most 128 are allowed.")
        check_labels(self.labels)
        self._check_access()

    def _check_access(self) -> None:
        if self.service_account:
            check_field("service_account", self.service_account)
        if self.network:
            _match(_NETWORK, self.network, "network", "projects/NUMBER/global/networks/NAME")
        if self.psc_network_attachment:
            _match(
                _ATTACHMENT,
                self.psc_network_attachment,
                "network attachment",
                "projects/PROJECT/regions/REGION/networkAttachments/NAME",
            )
        if self.psc_network_attachment and self.network:
            raise UsageError("Give a network (peering) or a network attachment (Private Service Connect), not both.")
        if self.reserved_ip_ranges and not self.network:
            raise UsageError("Reserved IP ranges are ranges of a network: give --network too.")
        if self.encryption_key:
            found = _match(
                _KEY, self.encryption_key, "encryption key", "projects/P/locations/REGION/keyRings/R/cryptoKeys/K"
            )
            if found[1] != self.region:
                raise UsageError(f"The encryption key is in {found[1]}, the run in {self.region}; they must agree.")


def check_field(name: str, value: str) -> None:
    """Checks one field that settings hold.

    Args:
        name: `project`, `region`, `pipeline_root` or `service_account`.
        value: Its value.

    Raises:
        UsageError: It is malformed; the message has the value and the form it must have.
    """
    pattern, form = _FIELDS[name]
    _match(pattern, value, name.replace("_", " "), form)


def from_body(body: Mapping[str, Any], project: str, region: str) -> Job:
    """Reads a PipelineJob that Vertex answered back into a job, to start it again.

    Args:
        body: `PipelineJob` as JSON.
        project: Project of the new run.
        region: Region of the new run.
    """
    runtime = body.get("runtimeConfig", {})
    policies = {wire: word for word, wire in _FAILURE_POLICIES.items()}
    labels = {key: value for key, value in body.get("labels", {}).items() if key != _RESERVED_LABEL}
    return Job(
        spec=body["pipelineSpec"],
        project=project,
        region=region,
        pipeline_root=runtime.get("gcsOutputDirectory", ""),
        job_id=str(body.get("name", "")).rpartition("/")[2],
        display_name=body.get("displayName", ""),
        parameters=runtime.get("parameterValues", {}),
        labels=labels,
        service_account=body.get("serviceAccount", ""),
        network=body.get("network", ""),
        reserved_ip_ranges=tuple(body.get("reservedIpRanges", [])),
        psc_network_attachment=body.get("pscInterfaceConfig", {}).get("networkAttachment", ""),
        encryption_key=body.get("encryptionSpec", {}).get("kmsKeyName", ""),
        failure_policy=policies.get(runtime.get("failurePolicy", ""), ""),  # type: ignore[arg-type]
    )


def check_labels(labels: Mapping[str, str]) -> None:
    """Checks labels as Vertex does.

    At most 64; keys and values at most 64 Unicode characters: lower-case letters (of any script), digits, `_`, `-`; a
    key begins with a letter.

    Raises:
        UsageError: The first label that breaks a rule.
    """
    if len(labels) > _MOST_LABELS:
        raise UsageError(f"{len(labels)} labels are too many; at most {_MOST_LABELS} are allowed.")
    for key, value in labels.items():
        if not key or not key[0].isalpha() or not _is_label_text(key):
            raise UsageError(f"The label key {key!r} must be a lower-case letter, then {_LABEL_RULE}.")
        if not _is_label_text(value):
            raise UsageError(f"The value {value!r} of label {key!r} must be {_LABEL_RULE}.")
        if key == _RESERVED_LABEL:
            raise UsageError(f"The label {key!r} is Vertex AI's own and would be overwritten.")


_LABEL_RULE = f"lower-case letters, digits, '_' and '-', at most {_LABEL_LENGTH} characters"


def _is_label_text(text: str) -> bool:
    return len(text) <= _LABEL_LENGTH and all(
        character in "_-" or character.isdigit() or (character.isalpha() and character == character.lower())
        for character in text
    )


def new_job_id(name: str, at: datetime) -> str:
    """Returns `NAME-YYYYmmddHHMMSS`, the form the original KFX and google-cloud-aiplatform both give a run.

    Args:
        name: Beginning of the id; characters an id cannot have become `-`.
        at: The time.

    Raises:
        UsageError: Nothing of the name can stand in an id.
    """
    stamp = at.strftime("%Y%m%d%H%M%S")
    clean = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[: _JOB_ID_LENGTH - len(stamp) - 1].rstrip("-")
    if not clean or not clean[0].isalpha():
        raise UsageError(f"The job id {name!r} must begin with a letter.")
    return f"{clean}-{stamp}"


def parse_labels(texts: Iterable[str]) -> dict[str, str]:
    """Reads `key=value` texts.

    Raises:
        UsageError: A text without `=`.
    """
    labels: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f"The label {text!r} has no value. Write --label KEY=VALUE; a pipeline's own parameter of that name is "
                f"-p label={text}."
            )
        labels[key] = value
    return labels


def _match(pattern: re.Pattern[str], value: str, what: str, form: str) -> re.Match[str]:
    # `$` alone would let a last line break pass.
    found = pattern.fullmatch(value)
    if found is None:
        raise UsageError(f"The {what} {value!r} must be {form}.")
    return found
