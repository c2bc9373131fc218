"""Making sure that what was deleted in a SQLite file is gone from its bytes. Which rows go is each room's business."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path


def settle(path: Path, *, wait_seconds: float = 30.0) -> bool:
    """Bring the write-ahead log into the file and empty it, so that no older page stays in it. False: readers were in the way."""
    if not path.exists():
        return True
    deadline = time.monotonic() + wait_seconds
    with contextlib.closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as connection:
        if connection.execute("pragma journal_mode").fetchone()[0] != "wal":
            return True
        while True:
            (is_busy, _, _) = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
            if not is_busy:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)


def vacuum(path: Path) -> None:
    """Write the file anew from its live rows. Writers wait meanwhile; readers go on."""
    with contextlib.closing(sqlite3.connect(path, timeout=120, isolation_level=None)) as connection:
        connection.execute("pragma secure_delete=on")
        connection.execute("vacuum")
    settle(path)
