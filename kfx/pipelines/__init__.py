"""kfx's pipelines, one file (or folder) each: `kfx list` names them, `kfx run NAME` runs one.

Import one from its own file, `from kfx.pipelines.sklearn_train import sklearn_train`: what it needs (for Vertex,
google-cloud-pipeline-components) loads with it and not before.
"""
