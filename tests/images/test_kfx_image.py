"""The kfx image itself: built by `kfx build`, run without root and with nothing to write to but /tmp."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kfx.components
from kfx.images.build import Built, build
from kfx.images.engine import find_engine

from ..kfx_image import built, chosen_engine, wanted
from .conftest import budget_bytes, run


@pytest.fixture(scope="module", params=["slim", "full"])
def image(request: pytest.FixtureRequest, container_engine: str) -> Built:
    """Each target of the Dockerfile; what an earlier run built of the same content is found again."""
    return built(request.param, container_engine)


@pytest.fixture(scope="module")
def program(image: Built) -> str:
    """The engine's program; the image is there."""
    return chosen_engine().program


def target(image: Built) -> str:
    return "slim" if image.name.tag == "slim" else "full"


def imports_of_the_bodies(group: str) -> list[str]:
    """Every import statement in the bodies of the components of a group; the full image serves slim ones, too."""
    lines = []
    for name in kfx.components.__all__:
        source = (Path(kfx.components.__file__).parent / f"{name}.py").read_text()
        if group == "slim" and '@component("full")' in source:
            continue
        bodies = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
        statements = [each for body in bodies for each in ast.walk(body)]
        lines += [ast.unparse(each) for each in statements if isinstance(each, (ast.Import, ast.ImportFrom))]
    return lines


def test_it_is_within_its_budget(image: Built) -> None:
    """The size docs/images.md promises."""
    assert image.size_bytes
    assert image.size_bytes <= budget_bytes(target(image))


def test_it_runs_without_root_and_writes_only_to_tmp(image: Built, program: str) -> None:
    """Numeric user, a writable /tmp, and nothing else."""
    user = run(
        program,
        image,
        "sh",
        "-c",
        "id -u; touch /tmp/x && echo tmp; touch /opt/kfx/x 2>/dev/null || echo sealed",
    )

    assert user.split() == ["65532", "tmp", "sealed"]


CONTENTS = (
    # Not what the engine puts into every container.
    "find / -xdev -type f -not -path '/run/*' -not -name resolv.conf -not -name hosts -not -name hostname -print0"
    " | sort -z | xargs -0 sha256sum; find /opt/kfx -mindepth 1 -printf '%p %T@ %m %l\\n' | sort"
)


@pytest.mark.parametrize("image", ["slim"], indirect=True)
def test_a_build_from_scratch_gives_the_same_contents(container_engine: str, program: str, image: Built) -> None:
    """Every file of the image byte for byte, and below /opt/kfx its time, mode and link: no cache is used.

    The folder /opt/kfx itself is the engine's: it makes it anew, now, when it copies into it.

    The slim image stands for both: they are made by the same steps.
    """
    request = wanted("slim", container_engine)
    options = (*request.options, "--no-cache")
    engine = find_engine(program)

    again = build(dataclasses.replace(request, tag=f"{image.name}-again", force=True, options=options), engine, print)
    engine.tag(image.name, image.content)  # the name that both have

    names = (image.name, again.name)
    contents = [run(program, dataclasses.replace(image, content=name), "sh", "-c", CONTENTS) for name in names]
    subprocess.run([program, "rmi", str(again.name)], capture_output=True, check=True)
    assert len(contents[0].splitlines()) > 10_000
    assert contents[0] == contents[1]


def test_its_packages_fit_each_other(image: Built, program: str) -> None:
    """`pip check`; the locked scikit-learn is the minor that Vertex serves."""
    said = run(
        program,
        image,
        "sh",
        "-c",
        "python3 -m pip check && python3 -c 'import sklearn; print(sklearn.__version__)'",
    )

    assert said.startswith("No broken requirements found.\n1.6.")


def test_every_component_of_its_group_finds_what_it_imports(image: Built, program: str) -> None:
    """The import statements of all bodies run, as in a task: under kfp's runtime mode."""
    statements = imports_of_the_bodies(target(image))
    assert statements

    run(program, image, "env", "_KFP_RUNTIME=true", "python3", "-W", "ignore", "-c", "\n".join(statements))


def test_no_compiler_no_cache_and_no_secret_stays_behind(image: Built, program: str) -> None:
    """Building tools and package caches stay in the build's own stages."""
    found = run(
        program,
        image,
        "sh",
        "-c",
        "command -v gcc g++ cc; ls -d /src /wheels /root/.cache /var/lib/apt/lists/*Packages* 2>/dev/null;"
        " find / -xdev -name '.env*' -o -xdev -name pip.conf -o -xdev -name 'ca.pem' 2>/dev/null; true",
    )

    assert found == ""


def test_tfdv_is_in_the_full_image_only(image: Built, program: str) -> None:
    """The slim image knows no TensorFlow; in the full one TFDV describes a table on Beam's direct runner."""
    if target(image) == "slim":
        said = run(program, image, "python3", "-c", "import importlib.util as u; print(u.find_spec('tensorflow'))")
        assert said == "None\n"
        return
    script = (
        "import pandas as pd, tensorflow_data_validation as tfdv\n"
        "from apache_beam.options.pipeline_options import PipelineOptions\n"
        "pd.DataFrame({'a': [1, 2, 3]}).to_csv('/tmp/t.csv', index=False)\n"
        "options = PipelineOptions(['--runner=DirectRunner'])\n"
        "made = tfdv.generate_statistics_from_csv('/tmp/t.csv', pipeline_options=options)\n"
        "print(made.datasets[0].num_examples)\n"
    )
    assert run(program, image, "python3", "-W", "ignore", "-c", script).split()[-1] == "3"


def test_sklearn_train_runs_with_each_task_in_it(image: Built, tmp_path: Path) -> None:
    """`kfx run --on docker`: split, statistics, training, evaluation and the exit task, each in a container."""
    images = {"BASE_KFX_IMAGE": str(image.name), "BASE_KFX_SLIM_IMAGE": str(image.name)}
    done = subprocess.run(
        [sys.executable, "-m", "kfx.cli.main", "run", "sklearn_train", "--on", "docker", "--output", "json"],
        cwd=tmp_path,
        env={**os.environ, **images},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["state"] == "succeeded"
    assert result["metrics"]["accuracy"] > 0.9
