"""Container images: built from what changed, pushed once, and named by digest in every pipeline.

- `reference.py`: the parts of an image's name
- `content.py`: a hash of everything that goes into an image
- `engine.py`: docker, podman or buildah, whichever is there; `cloud_build.py`: Google Cloud Build in their place
- `registry.py`: what a registry holds under a name (OCI distribution API)
- `build.py`: build and push, skipping what is already done
- `pin.py`: digests into a compiled pipeline, and the record of what was pushed
"""
