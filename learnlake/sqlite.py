"""SQLite files that several processes open: bringing them into WAL mode, and making sure that what was deleted is gone from their
bytes. Which rows go is each room's business."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

_OPENING_SECONDS = 30.0


def write_ahead(connection: sqlite3.Connection) -> None:
    """Bring the file into WAL mode. A new file's first change needs it alone, and SQLite answers "locked" at once to all but one of those
    that ask together, whatever their busy timeout: so they ask again, for 30 seconds at most."""
    deadline = time.monotonic() + _OPENING_SECONDS
    while True:
        try:
            connection.execute("pragma journal_mode=wal")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


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
