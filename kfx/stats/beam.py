"""Where Beam runs the `tfdv` engine, and with what: checked before anything starts, and before anything costs money.

    BeamOptions()                                                   in this process
    BeamOptions("DataflowRunner", project="p", region="europe-west4", temp_location="gs://b/tmp",
                sdk_container_image="europe-west4-docker.pkg.dev/p/kfx/kfx:1.0-dataflow")

Names and meanings are those of Beam's pipeline options (https://beam.apache.org/documentation/runners/dataflow/); what
has no field here is given in `extra` as Beam's own argument.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from kfx.errors import UsageError
from kfx.gcp import is_loopback

RUNNERS = ("DirectRunner", "DataflowRunner", "FlinkRunner", "SparkRunner", "PortableRunner", "PrismRunner")
"""Runners by Beam's names; case does not matter, nor whether `Runner` is said, as in Beam."""

DIRECT, DATAFLOW = RUNNERS[:2]

IMAGE_VARIABLE = "BASE_KFX_DATAFLOW_IMAGE"
"""The image of Dataflow's workers (the Dockerfile's target `dataflow`), where no other is given."""

_URL = "https://www.googleapis.com/compute/v1/"
_SHARED = ("temp_location",)  # where workers and this program both write and read
_SCALING = ("", "NONE", "THROUGHPUT_BASED")
_LONGEST_NAME = 63  # of what Dataflow makes of it, virtual machines have the strictest limit
_UNIQUE = 9  # characters that make a job's name its own

# Beam's own checks (apache_beam.options.pipeline_options_validator) and Compute Engine's names, as whole matches.
_PATTERNS = {
    "project": (r"[a-z][-a-z0-9:.]+[a-z0-9]", "a project id such as my-project, not a number"),
    "region": (r"[a-z]+-[a-z]+\d+", "a region such as europe-west4"),
    "temp_location": (r"gs://[a-z0-9][-_a-z0-9.]+[a-z0-9]/.+", "a folder in a bucket: gs://BUCKET/FOLDER"),
    "staging_location": (r"gs://[a-z0-9][-_a-z0-9.]+[a-z0-9]/.+", "a folder in a bucket: gs://BUCKET/FOLDER"),
    "service_account": (r"[^@\s]+@[^@\s]+\.[^@\s]+", "the email of a service account"),
    "machine_type": (r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "a machine type such as n1-standard-4"),
    "encryption_key": (r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+",
                       "projects/P/locations/R/keyRings/K/cryptoKeys/NAME"),
    "network": (r"(projects/[^/]+/global/networks/|https://\S+/global/networks/)?[a-z]([-a-z0-9]*[a-z0-9])?",
                "the name of a VPC network"),
    "subnetwork": (r"(https://\S+/|(projects/[^/]+/)?)(regions/[^/]+/subnetworks/)?[a-z]([-a-z0-9]*[a-z0-9])?",
                   "the name of a subnetwork, or projects/P/regions/R/subnetworks/NAME"),
}  # fmt: skip
_LABEL_KEY, _LABEL_VALUE = re.compile(r"[a-z][-_a-z0-9]{0,62}"), re.compile(r"[-_a-z0-9]{0,63}")
_OPTION = re.compile(r"--(\w+)(?:=(.*))?", re.DOTALL)


def _nobody(_facts: Mapping[str, str]) -> None:
    """Is told of a job and does nothing."""


@dataclass(frozen=True)
class BeamOptions:
    """A runner and its settings. Everything but the runner is for runners outside this process."""

    runner: str = DIRECT
    """One of `RUNNERS`."""

    project: str = ""
    """Project the Dataflow job belongs to and is billed to."""

    region: str = ""
    """Region of the job and its workers."""

    job_name: str = "kfx-statistics"
    """Start of the job's name; it is made valid, and unique by a few characters at its end."""

    temp_location: str = ""
    """Folder for what the job writes on the way, `gs://` for Dataflow; each job has a folder of its own below."""

    staging_location: str = ""
    """Folder for the job's own files; a folder of the job's in `temp_location` when empty."""

    service_account: str = ""
    """Email the workers run as; Compute Engine's default account when empty."""

    network: str = ""
    """VPC network of the workers, by its name."""

    subnetwork: str = ""
    """Subnetwork of the workers: its name, or in full where the network is another project's (Shared VPC)."""

    machine_type: str = ""
    """Compute Engine machine type of the workers; Dataflow's choice when empty."""

    num_workers: int = 0
    """Workers at the start; 0 for Dataflow's choice."""

    max_num_workers: int = 0
    """Most workers at a time; 0 for Dataflow's own limit."""

    autoscaling: str = ""
    """`THROUGHPUT_BASED`, or `NONE` for a fixed number of workers; Dataflow's default (throughput) when empty."""

    disk_size_gb: int = 0
    """Gigabytes of each worker's disk; 0 for Dataflow's default."""

    public_ips: bool = True
    """Whether workers have public addresses; without, the subnetwork needs Private Google Access."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the job."""

    sdk_container_image: str = ""
    """Image the workers run in: the Dockerfile's target `dataflow`, of the same build as this program."""

    encryption_key: str = ""
    """Cloud KMS key of what the job keeps on the way."""

    extra: tuple[str, ...] = ()
    """More arguments for Beam, each `--name=value` or `--flag`."""

    on_job: Callable[[Mapping[str, str]], None] = field(default=_nobody, repr=False, compare=False)
    """Told a Dataflow job's id, name and console page once it was created."""

    def __post_init__(self) -> None:
        """Refuses what Beam or Dataflow would refuse later, or misunderstand.

        Raises:
            UsageError: A value is wrong; the message names it.
        """
        object.__setattr__(self, "runner", known_runner(self.runner))
        object.__setattr__(self, "extra", tuple(map(_argument, self.extra)))
        for name, (pattern, what) in _PATTERNS.items():
            value = getattr(self, name)
            # Other runners keep their files elsewhere.
            if value and (self.is_dataflow or not name.endswith("_location")) and not re.fullmatch(pattern, value):
                raise UsageError(f"The Beam option {name} is {value!r}; it must be {what}.")
        self._check_numbers()
        self._check_labels()
        if self.is_dataflow:
            self._check_region()

    @property
    def is_direct(self) -> bool:
        """Whether Beam runs in this process."""
        return self.runner == DIRECT

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the settings besides the runner that are not the defaults."""
        defaults = BeamOptions(self.runner)
        return tuple(
            item.name
            for item in fields(self)
            if item.compare and item.name != "runner" and getattr(self, item.name) != getattr(defaults, item.name)
        )

    @property
    def is_dataflow(self) -> bool:
        """Whether Beam runs on Dataflow."""
        return self.runner == DATAFLOW

    def _check_numbers(self) -> None:
        for name in ("num_workers", "max_num_workers", "disk_size_gb"):
            if getattr(self, name) < 0:
                raise UsageError(f"The Beam option {name} is {getattr(self, name)}; it must not be negative.")
        if 0 < self.max_num_workers < self.num_workers:
            raise UsageError(f"num_workers is {self.num_workers}, more than max_num_workers, {self.max_num_workers}.")
        if self.autoscaling not in _SCALING:
            raise UsageError(f"autoscaling is {self.autoscaling!r}; it must be THROUGHPUT_BASED, NONE or empty.")

    def _check_labels(self) -> None:
        for key, value in self.labels.items():
            if not (_LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value)):
                raise UsageError(
                    f"The label {key}={value} must be lower-case letters, digits, '_' and '-', at most 63 of them on "
                    "each side, and begin with a letter."
                )

    def _check_region(self) -> None:
        _, regions, rest = self.subnetwork.rpartition("regions/")
        if regions and self.region and rest.partition("/")[0] != self.region:
            raise UsageError(f"The subnetwork {self.subnetwork!r} is not in the job's region, {self.region}.")

    def complete(self) -> BeamOptions:
        """Returns these options with the workers' image from `BASE_KFX_DATAFLOW_IMAGE` where none is given.

        Raises:
            UsageError: The runner needs an option that is missing; the message says where it comes from.
        """
        needed = () if self.is_direct else ("project", "region", "temp_location") if self.is_dataflow else _SHARED
        missing = [name for name in needed if not getattr(self, name)]
        if missing:
            raise UsageError(f"{self.runner} needs the Beam option{'s' * (len(missing) > 1)} {', '.join(missing)}.")
        if not self.is_dataflow:
            return self
        image = self.sdk_container_image or os.environ.get(IMAGE_VARIABLE, "")
        if not image:
            raise UsageError(
                "Dataflow needs sdk_container_image, the image its workers run in, or they would have neither kfx nor "
                "TFDV. Build it: kfx build --target dataflow --push --tag REGISTRY/kfx:VERSION-dataflow; then give "
                f"its name, or set {IMAGE_VARIABLE} to it."
            )
        return replace(self, sdk_container_image=image)

    def unique_name(self) -> str:
        """Returns a job name Dataflow takes ([a-z]([-a-z0-9]*[a-z0-9])?) and no other job has."""
        import uuid

        plain = re.sub(r"[^a-z0-9]+", "-", self.job_name.lower()).strip("-")
        plain = plain if plain[:1].isalpha() else f"kfx-{plain}".rstrip("-")
        return f"{plain[: _LONGEST_NAME - _UNIQUE].rstrip('-')}-{uuid.uuid4().hex[: _UNIQUE - 1]}"

    def arguments(self, job_name: str) -> list[str]:
        """Returns the arguments of Beam's `PipelineOptions`.

        Args:
            job_name: As `unique_name` made it.
        """
        if self.is_direct:
            return [f"--runner={self.runner}", *self.extra]
        folder = f"{self.temp_location.rstrip('/')}/{job_name}"
        given = {"runner": self.runner, "job_name": job_name, "temp_location": f"{folder}/temp"}
        if self.is_dataflow:
            given |= self._dataflow(folder)
        said = [f"--{name}={value}" for name, value in given.items() if value]
        said += [f"--labels={key}={value}" for key, value in self.labels.items()]
        if self.is_dataflow:
            # Else Beam lists this program's packages and stages the list: a second, and a file that looks like a need.
            said.append("--experiments=disable_logging_submission_environment")
        said += [] if self.public_ips else ["--no_use_public_ips"]
        return [*said, *self.extra, *self._emulator()]

    def _emulator(self) -> list[str]:
        """Sends no credentials to a server on this machine; refuses to send them anywhere in the clear."""
        endpoints = [text.partition("=")[2] for text in self.extra if text.startswith("--dataflow_endpoint=")]
        return ["--no_auth"] if any(map(is_loopback, endpoints)) else []

    def _dataflow(self, folder: str) -> dict[str, Any]:
        # A network's name is looked up in the job's project; one of another project is told by the subnetwork alone.
        shared = "/" in self.network and self.subnetwork
        return {
            "project": self.project,
            "region": self.region,
            "staging_location": self.staging_location or f"{folder}/staging",
            "service_account_email": self.service_account,
            "network": "" if shared else self.network.rpartition("/")[2],
            "subnetwork": self._subnetwork(),
            "machine_type": self.machine_type,
            "num_workers": self.num_workers,
            "max_num_workers": self.max_num_workers,
            "autoscaling_algorithm": self.autoscaling,
            "disk_size_gb": self.disk_size_gb,
            "dataflow_kms_key": self.encryption_key,
            # The SDK is in the image: nothing is fetched or staged, and workers install nothing.
            "sdk_container_image": self.sdk_container_image,
            "sdk_location": "container",
        }

    def _subnetwork(self) -> str:
        """Returns the long form, the only one that Dataflow takes for any project."""
        given = self.subnetwork
        if not given or given.startswith("https://"):
            return given
        if "/" not in given:
            given = f"regions/{self.region}/subnetworks/{given}"
        return f"{_URL}{given if given.startswith('projects/') else f'projects/{self.project}/{given}'}"


def known_runner(name: str) -> str:
    """Returns a runner's name as Beam writes it.

    Raises:
        UsageError: There is no such runner; the nearest name is said.
    """
    import difflib

    by_name = {runner.lower(): runner for runner in RUNNERS}
    by_name |= {short.removesuffix("runner"): runner for short, runner in by_name.items()}
    if found := by_name.get(name.lower()):
        return found
    near = difflib.get_close_matches(name.lower(), by_name, 1, 0.5)
    hint = f" Did you mean {by_name[near[0]]}?" if near else ""
    raise UsageError(f"There is no Beam runner {name!r}.{hint} The runners are: {', '.join(RUNNERS)}.")


def _argument(text: str) -> str:
    """Returns one of Beam's own arguments, unless it would run the pipeline in a way that is not right."""
    match = _OPTION.fullmatch(text)
    if not match:
        raise UsageError(f"{text!r} is no argument of Beam's. Write --name=value.")
    name, value = match[1], match[2] or ""
    if name == "runner":
        raise UsageError("The runner is named by beam_runner (--beam-runner), not among Beam's arguments.")
    if name in {"template_location", "dry_run"}:
        raise UsageError(f"Beam's {text} starts no job, so there would be no statistics; --dataflow_job_file=gs://... "
                         "writes the job as well as starting it.")  # fmt: skip
    if name == "direct_running_mode" and value != "in_memory":
        why = {
            "multi_processing": "loses rows without an error (840,000 of 1,000,000 were counted)",
            "multi_threading": "crashes with TFDV (segmentation fault)",
        }
        raise UsageError(
            f"Beam's {text} {why.get(value, 'is unknown')}. Leave it out; for more than one core take the engine "
            "arrow, or a runner such as DataflowRunner."
        )
    return text
