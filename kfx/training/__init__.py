"""Vertex AI custom container training on a Vertex dataset.

google-cloud-pipeline-components 2 dropped `CustomContainerTrainingJobRunOp`; this does its work with
`CustomContainerTrainingJob` of google-cloud-aiplatform.

    trained = train(Training(container_uri=..., project=..., region=..., ...), "projects/P/locations/R/datasets/D")
"""

from kfx.training.run import console_url, read_metrics, record, train
from kfx.training.training import Trained, Training

__all__ = ["Trained", "Training", "console_url", "read_metrics", "record", "train"]
