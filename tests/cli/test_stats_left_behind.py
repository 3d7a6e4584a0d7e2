"""What `kfx stats` leaves behind when a signal ends it while it uses the disk: nothing."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRIES = 30_000  # of 2 ms each


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)])
def test_a_signal_ends_statistics_in_order(tmp_path: Path, how: signal.Signals, code: int) -> None:
    """Temporary folders go, no half of a result stays, and the exit code is the one a shell gives to SIGTERM."""
    rows = b"".join(b"%d,text%d\n" % (at, at) for at in range(100_000))
    # Gigabytes when unpacked: the signal comes long before the end.
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n") + gzip.compress(rows) * 2000)
    temporary, out = tmp_path / "temporary", tmp_path / "out"
    temporary.mkdir()
    program = [sys.executable, "-m", "kfx.cli.main", "stats", "t.csv.gz", "-o", str(out), "--memory-limit", "256MiB"]
    with subprocess.Popen(
        program, cwd=tmp_path, env={**os.environ, "TMPDIR": str(temporary)}, stderr=subprocess.PIPE, text=True
    ) as started:
        for _ in range(TRIES):
            if list(temporary.glob("kfx-stats-*/table.parquet")) or started.poll() is not None:
                break
            time.sleep(0.002)
        assert started.poll() is None
        started.send_signal(how)
        _, said = started.communicate()
    assert started.returncode == code
    assert "Traceback" not in said
    assert not list(temporary.iterdir())
    assert not out.exists()
