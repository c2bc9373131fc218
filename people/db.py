"""Opening people.db: migrations applied, WAL, one writer at a time. No table's contents here."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, Select, create_engine, event, inspect, select, text, update
from sqlalchemy.exc import OperationalError

from learnlake import clock
from learnlake.errors import BusyError, InputError, StoreError
from learnlake.locks import waiting_for
from learnlake.settings import Settings
from learnlake.sqlite import write_ahead
from people.sealing import Keyring, Sealed, ensure_key, keyring_of, open_all
from people.tables import revision, sealing_key, utc_now

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0012"
"""The newest migration; a test holds it equal to alembic's own answer."""

BUSY_SECONDS = 60
BULK_CACHE_KIB = 256 * 1024
"""SQLite's page cache for a bulk import: its 2 MiB by default make each random insert into an index a read from disk."""
_CHUNK_ROWS = 50_000
_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def open_people(settings: Settings) -> Engine:
    """The engine of this home's people.db, created or brought up to date first. Several processes may open it.

    Raises StoreError for a database that a newer Learnlake has written.
    """
    path = settings.home.people_db
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
    engine.dialect.learnlake_keyring = Keyring(settings)  # type: ignore[attr-defined]
    engine = engine.execution_options(learnlake_settings=settings)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    if _version(engine) != HEAD:
        _migrate(engine, settings)
    return engine


def settings_of(engine: Engine) -> Settings:
    """The settings that `engine` was opened with."""
    settings = engine.get_execution_options().get("learnlake_settings")
    if not isinstance(settings, Settings):
        raise StoreError("This engine was not opened by people.db.open_people")
    return settings


def today(engine: Engine) -> dt.date:
    """The day that counts as today for `engine`'s settings."""
    return clock.today(settings_of(engine))


def school_day(engine: Engine) -> dt.date:
    """The day that counts as today where the schools are."""
    return clock.school_day(settings_of(engine))


def now() -> dt.datetime:
    """The time in UTC without a zone, as people.db stores times."""
    return utc_now()


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One connection with one consistent view of everything."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds the write lock from its start: all of it happens, or nothing."""
    with engine.connect().execution_options(learnlake_begin="begin immediate") as connection:
        try:
            transaction = connection.begin()
        except OperationalError as error:
            raise BusyError(
                f"people.db has been written by another process for more than {BUSY_SECONDS} s",
                where=str(engine.url.database),
                mend="wait until the running import has ended, or end it",
            ) from error
        with transaction:
            yield connection


_watchers: weakref.WeakKeyDictionary[Engine, sqlite3.Connection] = weakref.WeakKeyDictionary()
_watchers_lock = threading.Lock()


def change_number(engine: Engine) -> int:
    """A number that is another one after every commit to people.db, by whatever process: some microseconds, no query.

    SQLite's data_version, asked on a connection kept for nothing else. Comparable within this process and engine only.
    """
    with _watchers_lock:
        watcher = _watchers.get(engine)
        if watcher is None:
            watcher = sqlite3.connect(str(engine.url.database), check_same_thread=False, timeout=BUSY_SECONDS)
            _watchers[engine] = watcher
        return int(watcher.execute("pragma data_version").fetchone()[0])


def use_large_cache(connection: Connection) -> None:
    """Give `connection` memory enough for the indexes of a district's enrolments."""
    connection.exec_driver_sql(f"pragma cache_size = -{BULK_CACHE_KIB}")


def read_frame(connection: Connection, query: Select, schema: pl.Schema) -> pl.DataFrame:
    """The rows of `query` as a frame of `schema`: dates and booleans as SQLite keeps them, cast at the end.

    By the driver's own cursor: a row object of SQLAlchemy's for each of a million rows takes longer than the query.
    """
    text_of_query = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
    raw = pl.Schema(
        {name: pl.Int64 if kind in (pl.Int64, pl.Boolean) else pl.String for name, kind in schema.items()}
    )
    held = connection.connection.driver_connection
    assert held is not None
    cursor = held.execute(text_of_query)
    parts = [pl.DataFrame(schema=raw)]
    while rows := cursor.fetchmany(_CHUNK_ROWS):
        parts.append(_opened(connection, query, pl.DataFrame(rows, schema=raw, orient="row")))
    dates = [pl.col(name).str.to_date("%F") for name, kind in schema.items() if kind == pl.Date]
    return pl.concat(parts).with_columns(dates).cast(schema)


def _opened(connection: Connection, query: Select, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with what is sealed in its columns opened, as SQLAlchemy's own rows would have it."""
    keyring = keyring_of(connection.dialect)
    return frame.with_columns(
        pl.Series(column.name, open_all(keyring, frame[column.name], column.type.place), dtype=pl.String)
        for column in query.selected_columns
        if isinstance(column.type, Sealed)
    )


def bump_revision(connection: Connection) -> None:
    """Note that the roster has changed, so that the next `people.lake.publish` writes a generation."""
    connection.execute(update(revision).values(number=revision.c.number + 1))


def read_revision(connection: Connection) -> tuple[str, int]:
    """(id of this database, number of the roster's newest change)."""
    row = connection.execute(select(revision.c.database_id, revision.c.number)).one()
    return row[0], row[1]


def check_tenant(tenant: str) -> str:
    """`tenant` as it is, or InputError: tenants are part of every key and of file names."""
    if not _TENANT.fullmatch(tenant):
        raise InputError(
            f"{tenant!r} is not a tenant's name",
            mend="use lower-case letters, digits, - and _, beginning with a letter or digit, at most 63 characters",
        )
    return tenant


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin`, not guessed by the driver
    write_ahead(connection)
    connection.execute("pragma synchronous=full")
    connection.execute("pragma secure_delete=on")  # what is deleted is overwritten, not only forgotten
    connection.execute("pragma foreign_keys=on")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("learnlake_begin", "begin"))


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("select version_num from alembic_version")).scalar()


def _migrate(engine: Engine, settings: Settings) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config, home = Config(), settings.home
    config.set_main_option("script_location", str(MIGRATIONS))
    with waiting_for(home.run / "people-migrate.lock"):
        if _version(engine) == HEAD:
            return
        if not inspect(engine).has_table(sealing_key.name):
            ensure_key(settings)
        try:
            with writing(engine) as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except CommandError as error:
            raise StoreError(
                "people.db was written by another release of Learnlake",
                where=f"{home.people_db}: {error}",
                mend="install the release that wrote it, or restore a copy from before the upgrade",
            ) from error
