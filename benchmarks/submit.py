"""How long `kfx submit` takes from Enter to the created run, beside google-cloud-aiplatform doing the same.

Both submit bq_sklearn_train to the tests' double of Vertex AI on loopback, each in a process of its own, in turns.

    python benchmarks/submit.py [ROUNDS]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from google_double import GoogleDouble, serve

import kfx

_DIGEST = f"sha256:{'0123456789abcdef' * 4}"
_SDK = """
import sys, yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
aiplatform.init(project="my-project", location="europe-west4", api_transport="rest", api_endpoint=sys.argv[1],
                credentials=AnonymousCredentials())
aiplatform.PipelineJob(
    display_name="x", template_path=sys.argv[2], pipeline_root="gs://other/r",
    parameter_values={"bq_source": "bq://p.d.t", "recipients": ["a@example.com"], "project": "my-project",
                      "region": "europe-west4", "location": "europe-west4"},
).submit(service_account="sa@my-project.iam.gserviceaccount.com")
"""


def main(rounds: int) -> None:
    """Prints the median and the range of each way, in seconds."""
    double = GoogleDouble()
    double.routes += [
        ("POST", r"/storage/v1/b$", lambda *_: {"name": "other"}),
        ("GET", r"/storage/v1/b/other/iam$", lambda *_: {"bindings": []}),
        ("PUT", r"/storage/v1/b/other/iam$", lambda *_: {}),
    ]
    server = serve(double)
    os.environ |= {"STORAGE_EMULATOR_HOST": double.url, "KFX_API_ENDPOINT": double.url}
    os.environ["BASE_KFX_IMAGE"] = f"europe-west4-docker.pkg.dev/my-project/kfx/kfx@{_DIGEST}"
    taken: dict[str, list[float]] = {
        "kfx submit bq_sklearn_train": [],
        "kfx submit file.yaml": [],
        "SDK, file.yaml": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "file.yaml")
        program = [sys.executable, "-m", "kfx.cli.main"]
        # What `kfx submit --build` would have left here: the trainer's image is not asked for on the network.
        trainer = {"name": f"europe-west4-docker.pkg.dev/my-project/kfx/trainer:{kfx.__version__}", "digest": _DIGEST}
        (Path(folder) / ".kfx").mkdir()
        (Path(folder) / ".kfx" / "images.json").write_text(json.dumps({"trainer": trainer}), encoding="utf-8")
        subprocess.run([*program, "compile", "bq_sklearn_train", "-o", file], check=True, capture_output=True)
        for number in range(rounds):
            run = ["--project=my-project", "--region=europe-west4", "--pipeline-root=gs://bucket/r"]
            run += [
                "--bq-source=bq://p.d.t",
                "--recipients=a@example.com",
                f"--job-id=b{number}",
                "--location=europe-west4",
            ]
            commands = (
                [*program, "submit", "bq_sklearn_train", *run],
                [*program, "submit", file, *run, f"--display-name={number}", f"--job-id=c{number}"],
                [sys.executable, "-c", _SDK, double.url, file],
            )
            for name, command in zip(taken, commands, strict=True):
                begun = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True, cwd=folder)
                taken[name].append(time.perf_counter() - begun)
    server.shutdown()
    for name, times in taken.items():
        times.sort()
        print(f"{name:<30} median {times[len(times) // 2]:5.2f} s  ({times[0]:.2f} to {times[-1]:.2f}, n={len(times)})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
