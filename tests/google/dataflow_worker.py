"""Runs a pipeline that was staged for Dataflow, as its workers would: from its file in Cloud Storage alone."""

from __future__ import annotations

import sys

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner


def main(path: str) -> None:
    """Runs the pipeline; a failure is the program's."""
    options = PipelineOptions(["--no_auth"])
    FileSystems.set_options(options)
    with FileSystems.open(path) as file:
        pipeline = beam_runner_api_pb2.Pipeline.FromString(file.read())
    for environment in pipeline.components.environments.values():
        # Already inside the image that the job names.
        environment.urn, environment.payload = python_urns.EMBEDDED_PYTHON, b""
    FnApiRunner().run_via_runner_api(pipeline, options)


if __name__ == "__main__":
    main(sys.argv[1])
