"""kfx: a reusable Kubeflow Pipelines v2 component library for Vertex AI Pipelines and open-source KFP."""

__version__ = "0.1.0"
