"""Artifact types of Google's that kfx components write, without google-cloud-pipeline-components in the image.

kfp compares artifact types by their titles, so Google's own components (ModelDeployOp, ModelBatchPredictOp) take these
as theirs. The titles and metadata are those of `google_cloud_pipeline_components.types.artifact_types`.
"""

from __future__ import annotations

from kfp import dsl


class VertexModel(dsl.Artifact):  # type: ignore[misc]  # kfp has no types
    """A model in Vertex AI's registry; its metadata has `resourceName`, which Google's components read."""

    schema_title = "google.VertexModel"
    schema_version = "0.0.1"
