"""A double of Vertex AI's trainings, over plain HTTP on loopback."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from google_double import PROJECT_NUMBER, GoogleDouble, RefusalError, Sent

PARENT = f"projects/{PROJECT_NUMBER}/locations/europe-west4"
METRICS = {"splits": {"test": {"rows": 1361, "metrics": {"accuracy": 0.93}}}, "model": {"label": "Class"}}


class TrainingDouble(GoogleDouble):
    """Adds training pipelines, the dataset 77, models and the metrics file that a training leaves."""

    metrics: dict[str, Any] | None = METRICS
    error: dict[str, Any] | None = None

    def add_routes(self) -> None:
        """Puts the routes before the general ones."""
        self.resources[f"{PARENT}/datasets/77"] = {
            "name": f"{PARENT}/datasets/77",
            "displayName": "beans",
            "metadataSchemaUri": "gs://google-cloud-aiplatform/schema/dataset/metadata/tabular_1.0.0.yaml",
        }
        self.resources[f"{PARENT}/models/55@3"] = {"name": f"{PARENT}/models/55", "versionId": "3"}
        pattern = rf"/v1/({re.escape('projects/')}[^/]+/locations/[^/]+)"
        self.routes[:0] = [
            ("POST", f"{pattern}/trainingPipelines$", self._start),
            ("GET", rf"/v1/({'projects/.*'}/trainingPipelines/\d+)$", self._look),
            ("POST", r"/v1/(projects/.*/trainingPipelines/\d+):cancel$", self._stop),
            ("GET", r"/storage/v1/b/([^/]+)/o/(.+)$", self._object),
        ]

    def _start(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        if sent.body["inputDataConfig"]["datasetId"] != "77":
            raise RefusalError(400, "no such dataset")
        name = f"{PARENT}/trainingPipelines/99"
        self.resources[name] = {**copy.deepcopy(sent.body), "name": name, "state": "PIPELINE_STATE_PENDING"}
        return self.resources[name]

    def _look(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        job = self._get(sent, found)
        if self.states:
            job["state"] = self.states.pop(0)
        if job["state"] == "PIPELINE_STATE_SUCCEEDED" and "modelToUpload" in job:
            job["modelToUpload"] |= {"name": f"{PARENT}/models/55", "versionId": "3"}
        if job["state"] == "PIPELINE_STATE_FAILED":
            job["error"] = self.error
        return job

    def _stop(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        self._get(sent, found)["state"] = "PIPELINE_STATE_CANCELLED"
        self.states = []
        return {}

    def _object(self, sent: Sent, found: re.Match[str]) -> dict[str, Any]:
        if self.metrics is None:
            raise RefusalError(404, "No such object")
        return json.loads(json.dumps(self.metrics))
