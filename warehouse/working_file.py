"""The working file's lock and its opening: one writer, named to whoever comes second; a file that cannot be read starts anew."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import duckdb

from learnlake.clock import utc_now
from learnlake.errors import BusyError
from learnlake.home import Home
from learnlake.settings import Settings
from warehouse.tables import FILLED, quoted

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def locked(home: Home, *, holder: str) -> Iterator[None]:
    """Hold the working file against every other process. BusyError naming the holder when it is held already."""
    home.run.mkdir(parents=True, exist_ok=True)
    path = home.run / "working.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise BusyError(
                "Another pipeline run is at work on this home folder.",
                where=f"{path}: {file.read().strip() or 'just starting'}",
                mend="wait until it has ended, or end that process; nothing of it is lost",
            ) from None
        file.truncate(0)
        file.write(
            json.dumps(
                {"process": os.getpid(), "run": holder, "since": utc_now().isoformat(timespec="seconds")}
            )
        )
        file.flush()
        yield
        file.truncate(0)


def connect(home: Home, settings: Settings, path: Path) -> duckdb.DuckDBPyConnection:
    """Open the working file with the pipeline's memory and threads; make it and its declared tables if need be.

    A file that DuckDB cannot read is set aside and begun anew: the lake holds everything it held.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = _open(home, settings, path)
    except duckdb.Error as error:
        if "lock" in str(error).lower():
            raise BusyError(
                "The working file is open elsewhere.",
                where=f"{path}: {error}",
                mend="close the DuckDB shell or tool that has it open; read snapshots instead",
            ) from error
        logger.warning("the working file cannot be read and is built anew: %s", error)
        for stale in (path, path.with_name(f"{path.name}.wal")):
            if stale.exists():
                stale.replace(stale.with_name(f"{stale.name}.unreadable"))
        connection = _open(home, settings, path)
    _declare(connection)
    return connection


def _open(home: Home, settings: Settings, path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        str(path),
        config={
            "memory_limit": settings.duckdb_memory_limit,
            "threads": settings.duckdb_threads,
            "temp_directory": str(home.warehouse / "spill"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    connection.execute("set timezone = 'UTC'")
    connection.execute("set python_enable_replacements = false")
    return connection


def _declare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of `FILLED` and the watermark's; those of an older declaration are made anew, empty."""
    connection.execute("create schema if not exists run")
    connection.execute(
        "create table if not exists run.watermark (json varchar not null, ended_at timestamptz)"
    )
    connection.execute(
        "create table if not exists run.source_day (tenant varchar, contract varchar, stored_date date,"
        " first_seq bigint, statement_count bigint, last_stored timestamp)"
    )
    connection.execute("create table if not exists run.identity as select uuid()::varchar as id")
    for name, columns in FILLED.items():
        connection.execute(f"create or replace temp table declared ({columns})")
        wanted = connection.execute("describe declared").fetchall()
        exists = connection.execute(
            "select count(*) from information_schema.tables"
            " where table_schema = 'main' and table_name = ? and table_catalog = current_database()",
            [name],
        ).fetchone()
        if exists == (0,) or connection.execute(f"describe main.{quoted(name)}").fetchall() != wanted:
            connection.execute(f"drop table if exists main.{quoted(name)}")
            connection.execute(f"create table main.{quoted(name)} ({columns})")
    connection.execute("drop table if exists declared")


def discard(home: Home) -> None:
    """Begin anew with no byte of what was there; the caller holds the lock and has nothing open."""
    for path in home.working_file.parent.glob(f"{home.working_file.name}*"):
        path.unlink()


def rename(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the working file another identity, so that the next publish copies everything."""
    connection.execute("update run.identity set id = uuid()::varchar")


def clear(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop everything that dbt has made, so that a full rebuild leaves no table of an older project behind."""
    schemas = connection.execute(
        "select schema_name from duckdb_schemas() where database_name = current_database()"
        " and not internal and schema_name not in ('main', 'run')"
    ).fetchall()
    for (schema,) in schemas:
        connection.execute(f"drop schema {quoted(schema)} cascade")
    made = connection.execute(
        "select table_name, table_type from information_schema.tables"
        " where table_schema = 'main' and table_catalog = current_database()"
    ).fetchall()
    for name, kind in made:
        if name not in FILLED:
            connection.execute(
                f"drop {'view' if kind == 'VIEW' else 'table'} if exists main.{quoted(name)} cascade"
            )
