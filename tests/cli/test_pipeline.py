"""What PIPELINE may be."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kfx.cli import pipeline
from kfx.errors import MissingExtraError, UsageError
from tests.conftest import require_module

ONE = '''
from kfp import dsl

@dsl.component(base_image="python:3.12")
def greet(name: str) -> str:
    return f"hello {name}"

@dsl.pipeline(name="hello-pipeline")
def hello(name: str, times: int = 3):
    """Says hello.

    Args:
        name: Whom to greet.
    """
    greet(name=name)
'''
TWO = (
    ONE
    + """
@dsl.pipeline(name="bye-pipeline")
def bye():
    greet(name="you")

def made():
    return bye

def needs(argument):
    return bye
"""
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one_greeting.py").write_text(ONE, encoding="utf-8")
    (tmp_path / "two_greetings.py").write_text(TWO, encoding="utf-8")
    return tmp_path


def refused(reference: str) -> str:
    with pytest.raises(UsageError) as error:
        pipeline.resolve(reference)
    return str(error.value)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("one_greeting.py", "hello-pipeline"),
        ("one_greeting.py:hello", "hello-pipeline"),
        ("one_greeting.py:greet", "greet"),
        ("one_greeting:hello", "hello-pipeline"),
        ("two_greetings.py:bye", "bye-pipeline"),
        ("two_greetings.py:made", "bye-pipeline"),
        ("two_greetings:bye", "bye-pipeline"),
    ],
)
def test_a_users_own_pipeline_is_found(folder: Path, reference: str, name: str) -> None:
    """A file, a file and a function, a module and a function; a function may make the pipeline."""
    found = pipeline.resolve(reference)
    assert found.name == name
    assert found.spec["pipelineInfo"]["name"] == name


def test_a_compiled_file_is_the_same_pipeline(folder: Path) -> None:
    """YAML read back gives the specification the source gave, parameters included."""
    made = pipeline.resolve("one_greeting.py")
    (folder / "hello.yaml").write_text(made.text, encoding="utf-8")
    read = pipeline.resolve("hello.yaml")
    assert read.spec == made.spec
    assert list(read.parameters) == ["name", "times"]
    assert read.parameters["name"].description == "Whom to greet."
    assert read.load().name == "hello-pipeline"


def test_a_pipeline_job_document_gives_its_specification(folder: Path) -> None:
    """What the Vertex console downloads is a PipelineJob around the specification."""
    made = pipeline.resolve("one_greeting.py")
    (folder / "job.json").write_text(yaml.safe_dump({"pipelineSpec": made.spec, "runtimeConfig": {}}), encoding="utf-8")
    assert pipeline.resolve("job.json").spec == made.spec


def test_the_platforms_document_is_kept(folder: Path) -> None:
    """kfp-kubernetes settings are the second YAML document."""
    require_module("kfp.kubernetes")
    kubernetes = ONE + (
        "\nfrom kfp import kubernetes\n"
        "\n@dsl.pipeline(name='k')\ndef k():\n"
        "    kubernetes.use_secret_as_env(greet(name='x'), 's', {'a': 'A'})\n"
    )
    (folder / "k8s.py").write_text(kubernetes, encoding="utf-8")
    assert "kubernetes" in pipeline.resolve("k8s.py:k").platforms
    assert pipeline.resolve("one_greeting.py").platforms == {}


def test_several_pipelines_in_a_file_are_named(folder: Path) -> None:
    """The way out is the reference to write."""
    assert "has several: hello, bye. Name one: two_greetings.py:hello" in refused("two_greetings.py")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("sklearn_trian", "There is no pipeline 'sklearn_trian'."),
        ("absent.py", "There is no file absent.py."),
        ("absent.yaml", "There is no file absent.yaml. Make one with: kfx compile PIPELINE -o absent.yaml"),
        ("absent_module:hello", "There is no module 'absent_module' here"),
        ("one_greeting.py:helo", "'helo' is no pipeline or component of"),
        ("two_greetings.py:needs", "'needs' is no pipeline"),
    ],
)
def test_what_is_not_there_is_said(folder: Path, reference: str, message: str) -> None:
    """Every wrong reference has its own sentence."""
    assert message in refused(reference)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not YAML"),
        ("", "is not a compiled pipeline"),
        ("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n", "compiled by KFP 1"),
        ("pipelineInfo: {name: x}\nfoo: 1\n", "is not a compiled KFP 2 pipeline"),
        ("pipelineInfo: {name: x}\n", "is not a compiled KFP 2 pipeline"),
        ("pipelineInfo: {name: x}\nroot: []\ndeploymentSpec: {}\n", "is not a compiled KFP 2 pipeline"),
    ],
)
def test_a_file_that_is_no_pipeline_is_refused(folder: Path, text: str, message: str) -> None:
    """YAML of another kind is told apart before anything is sent."""
    (folder / "x.yaml").write_text(text, encoding="utf-8")
    assert message in refused("x.yaml")


@pytest.mark.parametrize(
    ("reference", "line"),
    [
        ("absent.py:hello", ""),
        ("absent.yaml", ""),
        ("one.yaml", "Reading one.yaml"),
        ("one_greeting.py", "Compiling one_greeting.py"),
        ("sklearn_train", "Compiling sklearn_train"),
        ("module.of.mine:hello", "Compiling module.of.mine:hello"),
    ],
)
def test_what_happens_to_a_pipeline_is_said_as_it_is(folder: Path, reference: str, line: str) -> None:
    """A compiled file is not compiled, and an absent one neither."""
    (folder / "one.yaml").write_text(pipeline.resolve("one_greeting.py").yaml, encoding="utf-8")
    assert pipeline.beginning(reference) == line


def test_an_error_in_the_users_file_has_its_line(folder: Path) -> None:
    """The user's own error is shown where it is, and a package of Google's names the extra."""
    (folder / "broken.py").write_text("x = 1\ny = x / 0\n", encoding="utf-8")
    assert "ZeroDivisionError: division by zero" in refused("broken.py")
    assert "line 2" in refused("broken.py")
    (folder / "needy.py").write_text("import google.not_there\n", encoding="utf-8")
    with pytest.raises(MissingExtraError, match=r"kfx\[gcp\]"):
        pipeline.resolve("needy.py")
