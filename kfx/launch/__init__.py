"""Starts a task somewhere and brings back its result."""
