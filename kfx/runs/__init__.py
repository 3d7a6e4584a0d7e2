"""Reads a run from the platform that ran it: which tasks failed, why, and where to look."""
