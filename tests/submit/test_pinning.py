"""A submitted specification carries digests: a tag can move before the run, or before a schedule's next one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from google_double import GoogleDouble

from kfx.cli.main import kfx_
from kfx.errors import TransientError, UsageError
from kfx.images.pin import with_configured

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
"""What the registry of conftest.py tells of its one image."""
PIPELINE = """
from kfp import dsl
from kfx.components import evaluate, train_test_split

@dsl.component(base_image="python:3.12")
def own(name: str):
    print(name)

@dsl.pipeline(name="pinned")
def pinned(source: str = "x"):
    own(name=source)
    train_test_split(source=source)
"""


@pytest.fixture
def project(folder: Path, google: GoogleDouble, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KFX_API_ENDPOINT", google.url)
    (folder / "pinned.py").write_text(PIPELINE, encoding="utf-8")
    CliRunner().invoke(kfx_, ["compile", "pinned.py", "-o", "pinned.yaml"], catch_exceptions=False)
    return folder


def submit(*arguments: str) -> Result:
    run = ["--project=my-project", "--region=europe-west4", "--pipeline-root=gs://bucket/root"]
    return CliRunner().invoke(kfx_, ["submit", "pinned.yaml", *run, *arguments], catch_exceptions=False)


def images(google: GoogleDouble) -> dict[str, str]:
    executors = google.created.body["pipelineSpec"]["deploymentSpec"]["executors"]
    return {name: executor["container"]["image"] for name, executor in executors.items()}


@pytest.mark.usefixtures("project")
def test_kfx_images_are_submitted_by_digest(google: GoogleDouble, registry: str) -> None:
    """Also in a file compiled before; the user's own components are theirs."""
    submit(f"--image={registry}/team/kfx:1.0")
    assert images(google) == {
        "exec-own": "python:3.12",
        "exec-train-test-split": f"{registry}/team/kfx@{DIGEST}",
    }


@pytest.mark.usefixtures("project")
def test_an_image_the_registry_lacks_is_refused(google: GoogleDouble, registry: str) -> None:
    """The run would fail minutes later with an image pull error."""
    with pytest.raises(UsageError, match=r"holds no image .*kfx:2\.0"):
        submit(f"--image={registry}/team/kfx:2.0")
    assert not google.of("POST", "")


@pytest.mark.parametrize("place", ["environment", "slim", ".env", "kfx.toml"])
def test_a_setting_names_the_image_of_a_spec_compiled_without_one(
    project: Path, google: GoogleDouble, registry: str, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """What the refusal prints as the ways out are ways out, for a file compiled before as well."""
    with pytest.raises(UsageError, match=r"name one: --image IMAGE, or BASE_KFX_IMAGE .*base_kfx_image in kfx\.toml"):
        submit("--no-pin")
    image = f"{registry}/team/kfx:1.0"
    if place == "kfx.toml":
        (project / place).write_text(f'base_kfx_image = "{image}"\n', encoding="utf-8")
    elif place == ".env":
        (project / place).write_text(f"BASE_KFX_IMAGE={image}\n", encoding="utf-8")
    else:
        monkeypatch.setenv("BASE_KFX_SLIM_IMAGE" if place == "slim" else "BASE_KFX_IMAGE", image)
    submit()
    assert images(google)["exec-train-test-split"] == f"{registry}/team/kfx@{DIGEST}"


def test_a_setting_changes_no_image_that_was_named() -> None:
    """Each target its own; a named one, a digest and other people's components stay; the trainer follows the image."""
    kfx = ["python3 -m kfx.entrypoint", "KFX_IMAGE_TARGET={} python3 -m kfx.entrypoint"]
    executors = {
        "full": {"container": {"image": "localhost/kfx:0.1.0", "command": [kfx[0]]}},
        "slim": {"container": {"image": "localhost/kfx:0.1.0", "command": [kfx[1].format("slim")]}},
        "named": {"container": {"image": "reg.example/kfx:1", "command": [kfx[0]]}},
        "own": {"container": {"image": "localhost/kfx:0.1.0", "command": ["python3"]}},
    }
    default = {"training_image": {"defaultValue": "localhost/trainer:0.1.0"}, "label": {"defaultValue": "Class"}}
    spec = {"deploymentSpec": {"executors": executors}, "root": {"inputDefinitions": {"parameters": default}}}
    changed = with_configured(spec, "reg.example/r/kfx:2", "reg.example/r/thin:2")
    found = {name: each["container"]["image"] for name, each in changed["deploymentSpec"]["executors"].items()}
    assert found == {
        "full": "reg.example/r/kfx:2",
        "slim": "reg.example/r/thin:2",
        "named": "reg.example/kfx:1",
        "own": "localhost/kfx:0.1.0",
    }
    parameters = changed["root"]["inputDefinitions"]["parameters"]
    assert [each["defaultValue"] for each in parameters.values()] == ["reg.example/r/trainer:2", "Class"]
    assert with_configured(spec, "") == spec


def test_what_was_pushed_here_is_not_looked_up(project: Path, google: GoogleDouble) -> None:
    """`kfx push` recorded the digest; the registry need not be in reach."""
    pushed = {"full": {"name": "reg.invalid/team/kfx:1.0", "digest": DIGEST}}
    (project / ".kfx").mkdir()
    (project / ".kfx" / "images.json").write_text(json.dumps(pushed), encoding="utf-8")
    submit("--image=reg.invalid/team/kfx:1.0")
    assert images(google)["exec-train-test-split"] == f"reg.invalid/team/kfx@{DIGEST}"


def record(folder: Path, **names: str) -> None:
    """Notes pushes as `kfx push` does."""
    (folder / ".kfx").mkdir(exist_ok=True)
    pushed = {target: {"name": name, "digest": DIGEST} for target, name in names.items()}
    (folder / ".kfx" / "images.json").write_text(json.dumps(pushed), encoding="utf-8")


def compiled(*arguments: str) -> tuple[dict[str, str], Result]:
    """Compiles the pipeline again. Returns each component's image and what was said."""
    done = CliRunner().invoke(kfx_, ["compile", *arguments, "-o", "again.yaml"], catch_exceptions=False)
    executors = yaml.safe_load(Path("again.yaml").read_text(encoding="utf-8"))["deploymentSpec"]["executors"]
    return {name: executor["container"]["image"] for name, executor in executors.items()}, done


def test_without_a_variable_slim_components_go_by_the_slim_digest(project: Path, google: GoogleDouble) -> None:
    """`kfx build --target slim --push` is enough for them; the full image is not needed then."""
    record(project, slim="reg.invalid/team/kfx:1.0-slim")
    submit()
    assert images(google)["exec-train-test-split"] == f"reg.invalid/team/kfx@{DIGEST}"


def test_dataflow_workers_get_the_image_pushed_for_them(project: Path) -> None:
    """An argument of the task, not the task's own image: by digest as well, without a variable."""
    (project / "flow.py").write_text(
        "from kfp import dsl\nfrom kfx.components import statistics_gen\n\n\n@dsl.pipeline(name='flow')\ndef flow():\n"
        "    statistics_gen(source='x.csv', engine='tfdv', beam_runner='DataflowRunner')\n"
    )
    record(project, full="reg.invalid/team/kfx:1.0", dataflow="reg.invalid/team/kfx:1.0-dataflow")
    assert set(compiled("flow.py")[0].values()) == {f"reg.invalid/team/kfx@{DIGEST}"}
    task = yaml.safe_load(Path("again.yaml").read_text(encoding="utf-8"))["root"]["dag"]["tasks"]["statistics-gen"]
    workers = task["inputs"]["parameters"]["sdk_container_image"]["runtimeValue"]["constant"]
    assert workers == f"reg.invalid/team/kfx@{DIGEST}"


@pytest.mark.parametrize("source", ["pinned.py", "pinned.yaml"])
def test_compile_writes_what_was_pushed(project: Path, source: str) -> None:
    """By digest, into a pipeline of any age; other people's components stay, and no registry is asked."""
    before = (project / "pinned.yaml").read_text(encoding="utf-8")
    record(project, full="reg.invalid/team/kfx:1.0", slim="reg.invalid/team/thin:1.0")
    found, done = compiled(source)
    assert found == {"exec-own": "python:3.12", "exec-train-test-split": f"reg.invalid/team/thin@{DIGEST}"}
    assert done.stderr == ""
    comments = [line for line in before.splitlines() if line.startswith("#")]
    assert comments
    assert (project / "again.yaml").read_text(encoding="utf-8").splitlines()[: len(comments)] == comments
    assert "localhost" not in (project / "again.yaml").read_text(encoding="utf-8")


def test_compile_says_what_is_not_pinned(project: Path, registry: str) -> None:
    """A local name cannot be pulled, a tag may move; --pin asks the registry, --no-pin writes names."""
    assert "which no cluster can pull. Push one (kfx build --push" in compiled("pinned.yaml")[1].stderr
    image = f"--image={registry}/team/kfx:1.0"
    by_tag, done = compiled("pinned.yaml", image)
    assert by_tag["exec-train-test-split"] == f"{registry}/team/kfx:1.0"
    assert "by tag: no push of it is recorded here" in done.stderr
    assert compiled("pinned.yaml", image, "--pin")[0]["exec-train-test-split"] == f"{registry}/team/kfx@{DIGEST}"
    record(project, full=f"{registry}/team/kfx:1.0")
    assert compiled("pinned.yaml", image, "--no-pin")[0] == by_tag
    assert compiled("pinned.yaml", image)[0]["exec-train-test-split"] == f"{registry}/team/kfx@{DIGEST}"


def test_kfx_and_kfp_write_the_same_yaml(project: Path) -> None:
    """A pipeline whose images were put in late is written as kfp's compiler would, both documents."""
    from kfx.cli.pipeline import resolve

    found = resolve("pinned.yaml")
    assert found.changed({**found.spec}).yaml == found.text
    again = found.changed({**found.spec, "extra": 1})
    assert again.yaml.replace("extra: 1\n", "") == found.text
    settings = dataclasses.replace(found, platforms={"kubernetes": {"x": 1}}).changed({**found.spec, "extra": 1})
    assert list(yaml.safe_load_all(settings.yaml))[1] == {"platforms": {"kubernetes": {"x": 1}}}


def test_no_pin_submits_names(
    project: Path, google: GoogleDouble, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever moves a tag on purpose may; what only this machine has is refused with the way out."""
    record(project, full=f"{registry}/team/kfx:1.0")
    submit(f"--image={registry}/team/kfx:1.0", "--no-pin")
    assert images(google)["exec-train-test-split"] == f"{registry}/team/kfx:1.0"
    # A process runs one command; here the first one's --image would be the second one's setting.
    monkeypatch.delenv("BASE_KFX_IMAGE")
    with pytest.raises(UsageError, match=r"no cluster can pull. Build and push one .* kfx build --push --tag"):
        submit("--no-pin")


@pytest.mark.usefixtures("project")
def test_a_registry_out_of_reach_is_noted_for_an_emulator_and_refused_otherwise(google: GoogleDouble) -> None:
    """Towards Google nothing is sent by tag unless --no-pin says so."""
    done = submit("--image=reg.invalid/team/kfx:1.0")
    assert "reg.invalid cannot be reached" in done.stderr
    assert images(google)["exec-train-test-split"] == "reg.invalid/team/kfx:1.0"
    with pytest.raises(
        TransientError,
        match=r"reg\.invalid cannot be reached \([^()]+\)\. Without it there is no digest; --no-pin leaves the tag",
    ):
        submit("--image=reg.invalid/team/kfx:1.0", "--api-endpoint=https://vertex.invalid")


@pytest.mark.usefixtures("project")
def test_a_loopback_registry_is_not_googles(registry: str) -> None:
    """Vertex cannot pull from this machine."""
    with pytest.raises(UsageError, match="no cluster can pull"):
        submit(f"--image={registry}/team/kfx:1.0", "--api-endpoint=https://vertex.invalid")
