"""Runs a pipeline that was staged for Dataflow, as its workers would: from its file in Cloud Storage alone."""

from __future__ import annotations

import sys

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from kfx.stats.sources.gs import bucket_files


def main(path: str) -> None:
    """Runs the pipeline; a failure is the program's."""
    pipeline = beam_runner_api_pb2.Pipeline.FromString(bucket_files().cat_file(path))
    for environment in pipeline.components.environments.values():
        # Already inside the image that the job names.
        environment.urn, environment.payload = python_urns.EMBEDDED_PYTHON, b""
    FnApiRunner().run_via_runner_api(pipeline, PipelineOptions([]))


if __name__ == "__main__":
    main(sys.argv[1])
