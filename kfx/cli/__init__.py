"""The `kfx` command: one file a subcommand, nothing heavy at import."""
