"""One file a notification kind; the file's name is the kind's. `kfx.notify.channel` finds them here."""
