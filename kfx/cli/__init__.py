"""The `kfx` command. One file a command: `NAME.py` holds the click command of that name."""
