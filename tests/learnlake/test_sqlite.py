"""SQLite files that several processes open at once."""

import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from learnlake.sqlite import write_ahead
from tests.scale import scaled


def test_all_who_open_a_new_file_together_find_it_in_wal_mode(tmp_path: Path) -> None:
    openers = 4
    for number in range(scaled(60, 400)):
        path, together = tmp_path / f"{number}.db", threading.Barrier(openers)

        def open_and_write(name: int, path: Path = path, together: threading.Barrier = together) -> None:
            with contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
                together.wait()
                write_ahead(connection)
                connection.execute("create table if not exists opener (name integer)")
                connection.execute("insert into opener values (?)", (name,))

        with ThreadPoolExecutor(openers) as pool:
            list(pool.map(open_and_write, range(openers)))
        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
            assert connection.execute("select count(*) from opener").fetchone() == (openers,)


def test_a_file_that_is_no_database_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a database, though long enough to be read as one" * 20)
    with (
        contextlib.closing(sqlite3.connect(path)) as connection,
        pytest.raises(sqlite3.DatabaseError, match="not a database"),
    ):
        write_ahead(connection)
