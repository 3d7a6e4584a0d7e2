"""Dataset statistics: a source is read by an engine into a TFDV-compatible proto, which a report shows."""
