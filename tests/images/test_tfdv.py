"""TFDV in the full image as referee: it takes what kfx writes, and as kfx's engine it gives the same figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kfx.components import statistics_gen
from kfx.stats import artifact
from kfx.stats.generate import generate

from ..kfx_image import Image, built
from ..stats.test_golden import check_equal_width, compare

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def image(container_engine: str) -> Image:
    """The full image, of the working copy."""
    return Image(str(built("full", container_engine).content))


@pytest.fixture(scope="module")
def judged(image: Image, dry_bean: Path) -> dict[str, Any]:
    """What TFDV says to kfx's statistics of the real table."""
    mounts = [f"--volume={dry_bean}:/data/table.csv:ro", f"--volume={HERE}:/tests:ro"]
    printed = image.run(["python3", "-W", "ignore", "/tests/describe_and_judge.py"], ["--network=none", *mounts])
    said: dict[str, Any] = json.loads(next(line for line in printed.splitlines() if line.startswith('{"version"')))
    return said


def test_tfdv_loads_and_shows_kfxs_statistics(judged: dict[str, Any]) -> None:
    """Both files hold the same; Facets gets every feature of both data sets."""
    assert judged["version"].startswith("1.21")
    assert judged["same"]
    assert judged["rows"] == 13_611
    assert judged["features"][0] == "Area"
    assert judged["shown"] == [17, 16]


def test_tfdv_infers_a_schema_from_kfxs_statistics(judged: dict[str, Any]) -> None:
    """Types, and the seven classes as a domain."""
    assert len(judged["types"]) == 17
    assert judged["types"]["Class"] == 1  # BYTES
    assert judged["types"]["Area"] == 2  # INT
    assert judged["types"]["Perimeter"] == 3  # FLOAT
    assert judged["domain"] == ["BARBUNYA", "BOMBAY", "CALI", "DERMASON", "HOROZ", "SEKER", "SIRA"]


def test_tfdv_validates_kfxs_statistics(judged: dict[str, Any]) -> None:
    """Nothing against its own schema, and the missing column otherwise."""
    assert judged["clean"] == []
    assert judged["changed"] == {"Area": ["SCHEMA_MISSING_COLUMN"]}


def test_the_component_computes_with_tfdv(image: Image, dry_bean: Path, tmp_path: Path) -> None:
    """`statistics_gen(engine="tfdv")` as a cluster runs it: its command, no root, nothing to write to but /tmp."""
    tmp_path.chmod(0o777)
    made = {"statistics": "system.Artifact", "report": "system.HTML", "metrics": "system.Metrics"}
    artifacts = {
        name: {"artifacts": [{"name": name, "uri": f"/out/{name}", "metadata": {}, "type": {"schemaTitle": schema}}]}
        for name, schema in made.items()
    }
    executor_input = {
        "inputs": {"parameterValues": {"source": "/data/table.csv", "engine": "tfdv"}},
        "outputs": {"artifacts": artifacts, "outputFile": "/out/output.json"},
    }
    container = statistics_gen.full.component_spec.implementation.container
    arguments = ["--executor_input", json.dumps(executor_input), "--function_to_execute", "statistics_gen"]
    mounts = [f"--volume={dry_bean}:/data/table.csv:ro", f"--volume={tmp_path}:/out"]
    image.run([*map(str, container.command), *arguments], ["--network=none", *mounts])

    output = json.loads((tmp_path / "output.json").read_text(encoding="utf-8"))["artifacts"]
    assert output["statistics"]["artifacts"][0]["metadata"]["engine"] == "tfdv"
    assert output["metrics"]["artifacts"][0]["metadata"]["num_examples"] == 13_611
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    (theirs,), (ours,) = artifact.load(tmp_path / "statistics").datasets, generate(str(dry_bean)).datasets
    assert theirs.num_examples == ours.num_examples
    for one, other in zip(ours.features, theirs.features, strict=True):
        _check_same(one, other)


def _check_same(ours: Any, theirs: Any) -> None:
    """Counts and text exactly, moments to 1e-9, what TFDV sketches within 1 % of rank (0.03 to 0.05 deviations)."""
    place = ".".join(ours.path.step)
    assert (list(ours.path.step), ours.type) == (list(theirs.path.step), theirs.type)
    if ours.HasField("string_stats"):
        compare(ours.string_stats, theirs.string_stats, place)
        return
    x, y = ours.num_stats, theirs.num_stats
    compare(x.common_stats, y.common_stats, place)
    assert (x.min, x.max, x.num_zeros) == (y.min, y.max, y.num_zeros)
    assert (x.mean, x.std_dev) == pytest.approx((y.mean, y.std_dev), rel=1e-9)
    assert x.median == pytest.approx(y.median, abs=0.03 * x.std_dev)
    check_equal_width(x.histograms[0], y.histograms[0], place)
    for p, q in zip(x.histograms[1].buckets, y.histograms[1].buckets, strict=True):
        assert p.high_value == pytest.approx(q.high_value, abs=0.05 * x.std_dev)


@pytest.mark.parametrize(
    ("option", "message"),
    [("numworkers=3", "Beam has no option '--numworkers=3'"), ("direct_running_mode=multi_processing", "loses rows")],
)
def test_a_wrong_beam_option_is_refused(image: Image, dry_bean: Path, option: str, message: str) -> None:
    """Beam itself would drop an option it does not know, with a warning, or lose rows without one."""
    command = ["kfx", "stats", "/data/table.csv", "-o", "/tmp/out", "--engine", "tfdv", "--beam-option", option]
    with image.started(command, ["--network=none", f"--volume={dry_bean}:/data/table.csv:ro"]) as container:
        assert container.wait() == 2
        assert message in container.logs()
