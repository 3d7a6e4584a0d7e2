"""Schemas, anomalies and drift, computed from statistics without TensorFlow, as TFDV computes them."""
