"""Beam's settings are checked before Beam is even imported, and become the arguments Beam and Dataflow want."""

from __future__ import annotations

import re
from typing import Any

import pytest
from click.testing import CliRunner

from kfx.cli._beam import parse
from kfx.cli.main import kfx_
from kfx.errors import UsageError
from kfx.stats.beam import BeamOptions, known_runner
from kfx.stats.generate import chosen_engine

DATAFLOW: dict[str, Any] = {
    "runner": "DataflowRunner",
    "project": "my-project",
    "region": "europe-west4",
    "temp_location": "gs://bucket/tmp",
    "sdk_container_image": "registry/kfx:1-dataflow",
}
SUBNETWORK = "https://www.googleapis.com/compute/v1/projects/my-project/regions/europe-west4/subnetworks/sub"


def arguments(**changes: Any) -> dict[str, str]:
    """The arguments for Beam by name."""
    given = BeamOptions(**{**DATAFLOW, **changes}).complete().arguments("job-1")
    return {name.removeprefix("--"): value for name, _, value in (text.partition("=") for text in given)}


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("direct", "DirectRunner"),
        ("DirectRunner", "DirectRunner"),
        ("dataflow", "DataflowRunner"),
        ("dataflowrunner", "DataflowRunner"),
        ("flink", "FlinkRunner"),
        ("SparkRunner", "SparkRunner"),
        ("portable", "PortableRunner"),
        ("prism", "PrismRunner"),
    ],
)
def test_runners_go_by_beams_names(given: str, known: str) -> None:
    """In any case, and with or without the word runner, as Beam takes them."""
    assert known_runner(given) == known
    assert BeamOptions(given).runner == known


@pytest.mark.parametrize(("typo", "meant"), [("DataflowRuner", "DataflowRunner"), ("dirct", "DirectRunner")])
def test_a_misspelt_runner_is_refused_with_the_near_one(typo: str, meant: str) -> None:
    """The original started a paid Dataflow job for it."""
    with pytest.raises(UsageError, match=rf"no Beam runner '{typo}'\. Did you mean {meant}\?"):
        BeamOptions(typo)
    with pytest.raises(UsageError, match="The runners are: DirectRunner, DataflowRunner, FlinkRunner"):
        BeamOptions("xyz")


def test_every_setting_becomes_an_argument() -> None:
    """K9 of the original, and what came since; nothing is given that was not asked for."""
    assert arguments() == {
        "runner": "DataflowRunner",
        "job_name": "job-1",
        "temp_location": "gs://bucket/tmp/job-1/temp",
        "staging_location": "gs://bucket/tmp/job-1/staging",
        "project": "my-project",
        "region": "europe-west4",
        "sdk_container_image": "registry/kfx:1-dataflow",
        "sdk_location": "container",
        "experiments": "disable_logging_submission_environment",
    }
    full = arguments(
        staging_location="gs://other/staging", service_account="w@p.iam.gserviceaccount.com", network="vpc",
        subnetwork="sub", machine_type="n1-standard-4", num_workers=2, max_num_workers=5, autoscaling="NONE",
        disk_size_gb=30, public_ips=False, labels={"team": "search"},
        encryption_key="projects/p/locations/r/keyRings/k/cryptoKeys/n", extra=("--flexrs_goal=COST_OPTIMIZED",),
    )  # fmt: skip
    assert full == {
        **arguments(),
        "staging_location": "gs://other/staging",
        "service_account_email": "w@p.iam.gserviceaccount.com",
        "network": "vpc",
        "subnetwork": SUBNETWORK,
        "machine_type": "n1-standard-4",
        "num_workers": "2",
        "max_num_workers": "5",
        "autoscaling_algorithm": "NONE",
        "disk_size_gb": "30",
        "no_use_public_ips": "",
        "labels": "team=search",
        "dataflow_kms_key": "projects/p/locations/r/keyRings/k/cryptoKeys/n",
        "flexrs_goal": "COST_OPTIMIZED",
    }


@pytest.mark.parametrize(
    "given",
    [
        "sub",
        "regions/europe-west4/subnetworks/sub",
        "projects/my-project/regions/europe-west4/subnetworks/sub",
        SUBNETWORK,
    ],
)
def test_a_subnetwork_is_given_in_full(given: str) -> None:
    """The original made the long form by hand; any form does."""
    assert arguments(subnetwork=given)["subnetwork"] == SUBNETWORK


def test_a_shared_network_is_told_by_its_subnetwork() -> None:
    """Dataflow looks a network's name up in the job's project, where another project's network is not."""
    shared = {"network": "projects/host/global/networks/vpc"}
    assert arguments(**shared)["network"] == "vpc"
    both = arguments(**shared, subnetwork="projects/host/regions/europe-west4/subnetworks/sub")
    assert "network" not in both
    assert both["subnetwork"].endswith("/projects/host/regions/europe-west4/subnetworks/sub")


@pytest.mark.parametrize("name", ["Beans 2026/11", "7 beans", "", "-", "b" * 200, "bean-statistics-", "été"])
def test_a_job_name_is_made_valid_and_unique(name: str) -> None:
    """Beam's own pattern, short enough for what is named after the job, and another one every time."""
    options = BeamOptions(job_name=name)
    names = {options.unique_name() for _ in range(20)}
    assert len(names) == 20
    assert all(re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", made) for made in names)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"project": "123456"}, "project is '123456'; it must be a project id"),
        ({"project": "My Project"}, "project is 'My Project'"),
        ({"region": "europe"}, "region is 'europe'; it must be a region such as europe-west4"),
        ({"temp_location": "gs://bucket"}, "it must be a folder in a bucket"),
        ({"temp_location": "/tmp/x"}, "it must be a folder in a bucket"),
        ({"service_account": "worker"}, "the email of a service account"),
        ({"machine_type": "big machine"}, "a machine type such as"),
        ({"subnetwork": "a/b/c"}, "the name of a subnetwork"),
        ({"subnetwork": "regions/us-east1/subnetworks/s"}, "is not in the job's region, europe-west4"),
        ({"network": "Bad_Name"}, "the name of a VPC network"),
        ({"encryption_key": "key"}, "projects/P/locations/R/keyRings/K/cryptoKeys/NAME"),
        ({"num_workers": -1}, "num_workers is -1"),
        ({"num_workers": 5, "max_num_workers": 2}, "num_workers is 5, more than max_num_workers, 2"),
        ({"autoscaling": "ON"}, "autoscaling is 'ON'"),
        ({"labels": {"Team": "a"}}, "The label Team=a must be"),
        ({"extra": ("runner=x",)}, "is no argument of Beam's"),
        ({"extra": ("--runner=x",)}, "named by beam_runner"),
        ({"extra": ("--template_location=gs://b/t",)}, "starts no job"),
    ],
)
def test_what_dataflow_would_refuse_is_refused_first(change: dict[str, Any], message: str) -> None:
    """Before a job, or an upload, or Beam's import."""
    with pytest.raises(UsageError) as error:
        BeamOptions(**{**DATAFLOW, **change})
    assert message in str(error.value)


@pytest.mark.parametrize("mode", ["multi_processing", "multi_threading"])
def test_modes_that_lose_rows_or_crash_are_refused(mode: str) -> None:
    """Beam's worker processes lost 34,000 to 160,000 of 1,000,000 rows with exit code 0."""
    with pytest.raises(UsageError, match=r"loses rows|crashes"):
        BeamOptions(extra=(f"--direct_running_mode={mode}",))
    assert BeamOptions(extra=("--direct_running_mode=in_memory",)).is_direct


@pytest.mark.parametrize("left_out", ["project", "region", "temp_location", "sdk_container_image"])
def test_dataflow_needs_its_options(left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named; the image with the command that builds it."""
    monkeypatch.delenv("BASE_KFX_DATAFLOW_IMAGE", raising=False)
    given = {name: value for name, value in DATAFLOW.items() if name != left_out}
    with pytest.raises(UsageError, match=left_out):
        BeamOptions(**given).complete()


def test_the_workers_image_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless one is given."""
    monkeypatch.setenv("BASE_KFX_DATAFLOW_IMAGE", "registry/kfx:env")
    given = {name: value for name, value in DATAFLOW.items() if name != "sdk_container_image"}
    assert BeamOptions(**given).complete().sdk_container_image == "registry/kfx:env"
    assert BeamOptions(**DATAFLOW).complete().sdk_container_image == "registry/kfx:1-dataflow"


def test_credentials_stay_away_from_an_emulator() -> None:
    """A server on this machine gets none, and plain http to another machine is refused."""
    assert "no_auth" in arguments(extra=("--dataflow_endpoint=http://localhost:1",))
    assert "no_auth" not in arguments(extra=("--dataflow_endpoint=https://dataflow.googleapis.com",))
    with pytest.raises(UsageError, match="must start with https"):
        arguments(extra=("--dataflow_endpoint=http://dataflow.example",))


def test_settings_of_the_command_line() -> None:
    """Fields are typed, labels are collected, and the rest is Beam's own."""
    made = parse(
        "dataflow",
        [
            "project=my-project",
            "num_workers=3",
            "public_ips=false",
            "labels=a=b",
            "labels=c=d",
            "flexrs_goal=X",
            "save",
        ],
    )
    assert (made.project, made.num_workers, made.public_ips) == ("my-project", 3, False)
    assert made.labels == {"a": "b", "c": "d"}
    assert made.extra == ("--flexrs_goal=X", "--save")
    with pytest.raises(UsageError, match="num_workers is 'many'; it must be int"):
        parse("dataflow", ["num_workers=many"])


def test_other_runners_have_their_own_settings() -> None:
    """A shared folder of any kind, and no option of Dataflow's."""
    with pytest.raises(UsageError, match="FlinkRunner needs the Beam option temp_location"):
        BeamOptions("flink").complete()
    made = BeamOptions("flink", temp_location="/shared", extra=("--flink_master=localhost:8081",)).complete()
    assert made.arguments("job-1") == [
        "--runner=FlinkRunner", "--job_name=job-1", "--temp_location=/shared/job-1/temp",
        "--flink_master=localhost:8081",
    ]  # fmt: skip


def test_the_engine_follows_the_runner_or_is_refused() -> None:
    """`auto` is Beam's engine only where Beam runs elsewhere; no other engine takes a runner."""
    assert chosen_engine("auto", BeamOptions()) == "arrow"
    assert chosen_engine("auto", BeamOptions("dataflow")) == "tfdv"
    assert chosen_engine("tfdv", BeamOptions()) == "tfdv"
    with pytest.raises(UsageError, match="'arrow' does not run on Beam, and the runner is DataflowRunner"):
        chosen_engine("arrow", BeamOptions("dataflow"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--beam-runner", "DataflowRuner"], "Did you mean DataflowRunner?"),
        (["--beam-option", "direct_running_mode=multi_processing"], "loses rows"),
    ],
)
def test_the_command_refuses_before_it_reads(given: list[str], message: str) -> None:
    """Whatever the source is."""
    done = CliRunner().invoke(kfx_, ["stats", "nowhere.csv", "--engine", "tfdv", *given])
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)


def test_without_tfdv_the_way_out_is_told() -> None:
    """Both: the install line, and the image that has it."""
    if _has_tfdv():
        pytest.skip("TFDV is installed here")
    done = CliRunner().invoke(kfx_, ["stats", "sklearn:wine", "--engine", "tfdv"])
    assert "pip install 'kfx[tfdv]'" in str(done.exception)
    assert "docker run" in str(done.exception)


def _has_tfdv() -> bool:
    from importlib.util import find_spec

    return find_spec("tensorflow_data_validation") is not None
