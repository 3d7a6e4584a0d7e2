"""Tests of kfx.stats."""
