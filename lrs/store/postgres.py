"""PostgreSQL as the store's back end: several LRS processes side by side, commits in one order."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from learnlake.errors import StoreError
from lrs.store.database import Connection, KeyTaken, apply_migrations

try:
    import psycopg
except ImportError as error:
    raise StoreError(
        "The statement store is PostgreSQL, and its driver is not installed",
        where="LEARNLAKE_DATABASE_URL",
        mend="install the extra: pip install 'learnlake[postgres]'",
    ) from error

_MIGRATION_LOCK = 7_261_110_001
_WRITING_LOCK = 7_261_110_002
_CLOCK = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
_TYPES: dict[type, str] = {int: "int8", str: "text", bytes: "bytea"}
_cursor_numbers = itertools.count()


class PostgresConnection:
    """Autocommit outside `writing`. A writer holds an advisory lock until its commit is visible, so commits are in one order."""

    def __init__(self, url: str, *, read_only: bool) -> None:
        try:
            self._raw = psycopg.connect(url, autocommit=True)
        except psycopg.OperationalError as error:
            raise StoreError(
                "The statement store's PostgreSQL cannot be reached",
                where=f"LEARNLAKE_DATABASE_URL: {' '.join(str(error).split())}",
                mend="start the server, or mend address, user and password",
            ) from None
        self._raw.execute("set synchronous_commit = on")
        if read_only:
            self._raw.read_only = True

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return self._raw.execute(_translate(sql), parameters, binary=True).fetchall()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        return self._raw.execute(_translate(sql), parameters).rowcount

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        with self._raw.transaction(), self._raw.cursor(f"stream_{next(_cursor_numbers)}") as cursor:
            yield from cursor.execute(_translate(sql), parameters)

    def add_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        copying = f"copy {table} ({', '.join(columns)}) from stdin (format binary)"
        try:
            with self._raw.cursor() as cursor, cursor.copy(copying) as copy:
                copy.set_types([_TYPES[type(value)] for value in rows[0]])
                for row in rows:
                    copy.write_row(row)
        except psycopg.errors.UniqueViolation:
            raise KeyTaken(table) from None

    def pieces(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[int, bytes]]:
        return [(seq, bytes(raw)) for seq, raw in self.rows(sql, parameters)]

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        with self._raw.transaction():
            self._raw.execute("select pg_advisory_xact_lock(%s)", (_WRITING_LOCK,))
            yield

    @contextlib.contextmanager
    def migrating(self) -> Iterator[None]:
        """Excludes other processes that start at the same moment."""
        with self._raw.transaction():
            self._raw.execute("select pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            yield

    def clock(self) -> int:
        return int(self.rows(f"select {_CLOCK}")[0][0])

    def consistent_through(self) -> int:
        """While no process is writing, now; otherwise the newest time that can be seen."""
        ((is_idle, now, last_stored),) = self.rows(
            f"select pg_try_advisory_xact_lock_shared(?), {_CLOCK}, last_stored from sequence",
            (_WRITING_LOCK,),
        )
        return int(now if is_idle else last_stored)

    def scrub(self, tables: Sequence[str]) -> bool:
        """Dead rows are given back to their pages; PostgreSQL overwrites them with the next rows that come there."""
        self._raw.execute(f"vacuum {', '.join(tables)}")
        return True

    def close(self) -> None:
        self._raw.close()


class PostgresDatabase:
    """A database that several processes and machines share."""

    is_shared = True

    def __init__(self, url: str) -> None:
        self.url = url

    def connect(self, *, read_only: bool = False) -> Connection:
        return PostgresConnection(self.url, read_only=read_only)

    def migrate(self) -> None:
        with (
            contextlib.closing(PostgresConnection(self.url, read_only=False)) as connection,
            connection.migrating(),
        ):
            apply_migrations(connection, blob="bytea", clustered="")


def _translate(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")
