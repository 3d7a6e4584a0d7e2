"""Trains a scikit-learn classifier on a table, by Vertex AI's custom-training contract or called from kfx's components.

`python -m trainer.train` is what the training image runs. The package stands alone: it does not import kfx, and kfx
imports it only inside components.
"""

__version__ = "0.1.0"

SERVED_SCIKIT_LEARN = "1.6"
"""The scikit-learn minor the training image is built on: the newest one Vertex's prebuilt serving containers offer."""

SERVING_IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"
"""Vertex's prebuilt serving container of that minor (Python 3.10). Vertex supports only the tag `latest`."""
