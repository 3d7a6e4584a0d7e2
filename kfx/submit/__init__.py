"""Submits compiled pipelines: to Vertex AI Pipelines (`vertex.py`).

A compiled specification and a few settings go in, a created run comes out. Everything that can be known wrong without
the platform is refused before anything is sent.
"""
