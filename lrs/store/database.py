"""Connections: the one place that knows which back end is behind the store. SQL elsewhere is written with `?`."""

from __future__ import annotations

import contextlib
import functools
import itertools
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from learnlake.errors import BusyError, StoreError
from learnlake.settings import Settings
from learnlake.sqlite import write_ahead
from lrs.store.schema import MIGRATIONS


class Connection(Protocol):
    """One connection, used by one thread at a time."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]: ...

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int: ...

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]: ...

    def add_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows that are hoped to be new, the cheapest way there is. Raises KeyTaken; the transaction is then lost."""

    def pieces(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[int, bytes]]:
        """The rows of a query for `seq` and `raw`, fetched at once."""

    def writing(self) -> contextlib.AbstractContextManager[None]:
        """A transaction that excludes all other writers, durable once left without an error."""

    def clock(self) -> int:
        """Now in microseconds since 1970, by the one clock that gives statements their times."""

    def consistent_through(self) -> int:
        """Microseconds up to which every statement, present and future, can be seen."""

    def scrub(self, tables: Sequence[str]) -> bool:
        """Take what was deleted from `tables` off the disk too; False when a reader is in the way: try again later."""

    def close(self) -> None: ...


class KeyTaken(Exception):
    """A row that was hoped to be new is there already."""


class Database(Protocol):
    """A back end. `is_shared` says whether several processes may write to it side by side."""

    is_shared: bool

    def connect(self, *, read_only: bool = False) -> Connection: ...

    def migrate(self) -> None: ...


_CHUNKS = (256, 32, 4, 1)
_BUSY_SECONDS = 30
_SCRUB_WAIT_MILLISECONDS = 300
"""How long emptying the write-ahead log may keep writers waiting for a reader to end."""


def insert_rows(
    connection: Connection, table: str, columns: str, rows: Sequence[Sequence[Any]], *, rest: str = ""
) -> int:
    """Insert many rows with few statements; how many were written.

    The interpreter's lock is let go and taken back once per statement: row by row, a writer beside a busy event loop would
    wait for it as often.
    """
    written = start = 0
    for size in _CHUNKS:
        while len(rows) - start >= size:
            values = [value for row in rows[start : start + size] for value in row]
            written += connection.execute(_insert_sql(table, columns, size, rest), values)
            start += size
    return written


@functools.lru_cache(maxsize=64)
def _insert_sql(table: str, columns: str, size: int, rest: str) -> str:
    marks = f"({', '.join('?' * (columns.count(',') + 1))})"
    return f"insert into {table} ({columns}) values {', '.join([marks] * size)} {rest}"


def open_database(settings: Settings) -> Database:
    """The back end that the settings name, its schema at the newest version."""
    url = settings.database_url
    database: Database
    if url is None or url.startswith("sqlite:///"):
        path = settings.home.lrs_db if url is None else Path(url.removeprefix("sqlite:///"))
        database = SqliteDatabase(path)
    elif url.startswith(("postgresql://", "postgres://")):
        from lrs.store.postgres import PostgresDatabase

        database = PostgresDatabase(url)
    else:
        raise StoreError(
            "The statement store's address is not understood",
            where="LEARNLAKE_DATABASE_URL",
            mend="give sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME, or leave it empty",
        )
    database.migrate()
    return database


class SqliteConnection:
    """SQLite in WAL mode; a commit is on the disk before it returns (synchronous=FULL)."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._raw = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        write_ahead(self._raw)
        self._raw.execute("pragma synchronous=full")
        self._raw.execute("pragma wal_autocheckpoint=8000")
        # What is deleted or moved is overwritten with zeros: a removed statement must not live on in a page's free space.
        self._raw.execute("pragma secure_delete=on")
        self._raw.execute(f"pragma cache_size={-32_000 if read_only else -192_000}")
        if read_only:
            self._raw.execute("pragma query_only=on")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return self._raw.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        return self._raw.execute(sql, parameters).rowcount

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        return iter(self._raw.execute(sql, parameters))

    def add_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        try:
            insert_rows(self, table, ", ".join(columns), rows)
        except sqlite3.IntegrityError:
            raise KeyTaken(table) from None

    def pieces(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[int, bytes]]:
        """All rows come as one: row by row, each would wait for the interpreter's lock beside a busy event loop."""
        ((seqs, lengths, joined),) = self.rows(
            "select group_concat(seq), group_concat(length(raw)), cast(group_concat(raw, '') as blob)"
            f" from ({sql})",
            parameters,
        )
        if seqs is None:
            return []
        ends = list(itertools.accumulate(map(int, lengths.split(","))))
        return [
            (int(seq), joined[start:end])
            for seq, start, end in zip(seqs.split(","), [0, *ends], ends, strict=False)
        ]

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        try:
            self._raw.execute("begin immediate")
        except sqlite3.OperationalError as error:
            raise BusyError(f"The statement store is being written by another process: {error}") from error
        try:
            yield
            self._raw.execute("commit")
        except BaseException:
            if self._raw.in_transaction:
                self._raw.execute("rollback")
            raise

    def clock(self) -> int:
        return time.time_ns() // 1000

    def consistent_through(self) -> int:
        return int(self.rows("select last_stored from sequence")[0][0])

    def scrub(self, tables: Sequence[str]) -> bool:
        """The pages are clean by `secure_delete`; older versions of them are in the write-ahead log, which is emptied."""
        self._raw.execute("pragma wal_checkpoint(passive)")
        self._raw.execute(f"pragma busy_timeout={_SCRUB_WAIT_MILLISECONDS}")
        try:
            is_blocked, _, _ = self._raw.execute("pragma wal_checkpoint(truncate)").fetchone()
        finally:
            self._raw.execute(f"pragma busy_timeout={_BUSY_SECONDS * 1000}")
        return not is_blocked

    def close(self) -> None:
        self._raw.close()


class SqliteDatabase:
    """A file. One process serves it; others may read it and add credentials."""

    is_shared = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def connect(self, *, read_only: bool = False) -> Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteConnection(self.path, read_only=read_only)

    def migrate(self) -> None:
        with contextlib.closing(self.connect()) as connection:
            connection.execute("create table if not exists schema_version (version integer not null)")
            if schema_version(connection) != len(MIGRATIONS):
                with connection.writing():
                    apply_migrations(connection, blob="blob", clustered="without rowid")


def apply_migrations(connection: Connection, *, blob: str, clustered: str) -> None:
    """Take the schema from whatever version it has to the newest, keeping all data. The caller excludes others."""
    connection.execute("create table if not exists schema_version (version integer not null)")
    version = schema_version(connection)
    if version > len(MIGRATIONS):
        raise StoreError(
            f"The statement store has schema version {version}, newer than this program's {len(MIGRATIONS)}",
            mend="run the newer Learnlake that made it",
        )
    for script in MIGRATIONS[version:]:
        for sql in script:
            connection.execute(sql.format(blob=blob, clustered=clustered))
    connection.execute("delete from schema_version")
    connection.execute("insert into schema_version values (?)", (len(MIGRATIONS),))


def schema_version(connection: Connection) -> int:
    rows = connection.rows("select version from schema_version")
    return int(rows[0][0]) if rows else 0
