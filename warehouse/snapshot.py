"""Publishing a finished build and finding the newest one: a folder per build with one DuckDB file per tenant.

A snapshot holds the marts and nothing else. It appears by one rename of `current`, and readers that hold an older one
keep it. Who may see which of its rows is the door's business.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import duckdb

from learnlake.clock import utc_now
from learnlake.errors import PipelineError
from learnlake.home import Home
from warehouse.generations import replace_text
from warehouse.tables import is_mart, literal, quoted

SORTED_BY = "person_key"
"""Marts are published in this order: one person's rows lie together, so that a student's or guardian's page reads a few blocks, not the school."""


@dataclasses.dataclass(frozen=True)
class Build:
    """What a snapshot is: which run made it, from what, when.

    `watermark` holds the fields of `warehouse.watermark.Watermark`, `statement_counts` the rows of fct_statement by tenant,
    `marts` the tables published.
    """

    build_id: str
    run_id: str
    started_by: str
    built_at: dt.datetime
    as_of: dt.date
    sealed_seq: int
    watermark: dict[str, Any] = dataclasses.field(default_factory=dict)
    statement_counts: dict[str, int] = dataclasses.field(default_factory=dict)
    marts: tuple[str, ...] = ()

    @property
    def statement_count(self) -> int:
        """Rows of fct_statement over all tenants."""
        return sum(self.statement_counts.values())

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), default=_text, indent=1, sort_keys=True)


def _text(value: Any) -> str:
    return str(value.isoformat())


def new_build_id() -> str:
    """A name that sorts by time and never comes twice."""
    return f"{utc_now():%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"


def current(home: Home) -> Path | None:
    """The newest snapshot's folder, or None before the first publish."""
    try:
        name = home.current_snapshot.read_text().strip()
    except FileNotFoundError:
        return None
    return home.snapshots / name


def read_build(folder: Path) -> Build:
    """What the snapshot in `folder` is. Raises FileNotFoundError when it has been removed."""
    fields = json.loads((folder / "build.json").read_text())
    fields["built_at"] = dt.datetime.fromisoformat(fields["built_at"])
    fields["as_of"] = dt.date.fromisoformat(fields["as_of"])
    fields["marts"] = tuple(fields["marts"])
    return Build(**fields)


def tenant_file(folder: Path, tenant: str) -> Path:
    """Where the snapshot in `folder` keeps `tenant`."""
    return folder / f"{quote(tenant, safe='')}.duckdb"


def publish(home: Home, connection: duckdb.DuckDBPyConnection, build: Build, *, kept: int) -> Path:
    """Copy the marts of `connection`'s schema `main` into one file per tenant and make the folder current.

    All or nothing: until the rename of `current`, readers see the build before. Keeps the newest `kept` builds and
    those that a reader holds. Answers the folder.
    """
    marts = mart_names(connection)
    draft = home.snapshots / f".draft.{build.build_id}"
    draft.mkdir(parents=True)
    try:
        tenants = sorted(_tenants(connection, marts))
        for tenant in tenants:
            _write_tenant(connection, tenant_file(draft, tenant), tenant, marts)
        (draft / "in_use").touch()
        replace_text(draft / "build.json", _completed(build, marts, tenants).to_json())
        _flush(draft)
        folder = home.snapshots / build.build_id
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    replace_text(home.current_snapshot, build.build_id)
    prune(home, kept=kept)
    return folder


def _completed(build: Build, marts: list[str], tenants: list[str]) -> Build:
    counts = {tenant: build.statement_counts.get(tenant, 0) for tenant in tenants}
    return dataclasses.replace(build, marts=tuple(marts), statement_counts=counts)


def mart_names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Names of the marts in schema `main` of `connection`'s own file."""
    rows = connection.execute(
        "select table_name from information_schema.tables"
        " where table_schema = 'main' and table_catalog = current_database() order by table_name"
    ).fetchall()
    return [name for (name,) in rows if is_mart(name)]


def _with_column(connection: duckdb.DuckDBPyConnection, column: str) -> set[str]:
    """The marts that have the column."""
    rows = connection.execute(
        "select table_name from duckdb_columns()"
        " where schema_name = 'main' and database_name = current_database() and column_name = ?",
        [column],
    ).fetchall()
    return {name for (name,) in rows}


def _tenants(connection: duckdb.DuckDBPyConnection, marts: list[str]) -> set[str]:
    if not marts:
        raise PipelineError("There is no mart to publish.", mend="run the transform stage first")
    union = " union ".join(f"select tenant from main.{quoted(mart)}" for mart in marts)
    return {tenant for (tenant,) in connection.execute(union).fetchall() if tenant is not None}


def _write_tenant(connection: duckdb.DuckDBPyConnection, path: Path, tenant: str, marts: list[str]) -> None:
    alias = f"out_{secrets.token_hex(4)}"
    sorted_marts = _with_column(connection, SORTED_BY)
    connection.execute(f"attach {literal(str(path))} as {alias}")
    try:
        for mart in marts:
            order = f" order by {SORTED_BY}" if mart in sorted_marts else ""
            connection.execute(
                f"create table {alias}.main.{quoted(mart)} as from main.{quoted(mart)} where tenant = ?{order}",
                [tenant],
            )
        connection.execute(f"checkpoint {alias}")
    finally:
        connection.execute(f"detach {alias}")


def _flush(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def prune(home: Home, *, kept: int) -> list[str]:
    """Remove all builds but the newest `kept`, the current one and those in use; drafts of dead publishers too."""
    newest = current(home)
    builds = sorted(p for p in home.snapshots.iterdir() if p.is_dir() and not p.name.startswith("."))
    removed = []
    for folder in builds[: max(0, len(builds) - kept)]:
        if folder != newest and _remove_unused(folder):
            removed.append(folder.name)
    for orphan in home.snapshots.glob(".*"):
        shutil.rmtree(orphan, ignore_errors=True)
    return removed


def _remove_unused(folder: Path) -> bool:
    with (folder / "in_use").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        trash = folder.with_name(f".trash.{folder.name}")
        folder.rename(trash)
    shutil.rmtree(trash, ignore_errors=True)
    return True


@dataclasses.dataclass
class Held:
    """A snapshot that a reader holds: it stays on disk until `close`."""

    folder: Path
    build: Build
    _lock: IO[str]

    def close(self) -> None:
        self._lock.close()


def hold(home: Home) -> Held:
    """Hold the newest snapshot. Raises PipelineError before the first publish."""
    missed: Path | None = None
    while True:
        folder = current(home)
        if folder is None or folder == missed:
            raise PipelineError(
                "Nothing has been published yet." if folder is None else "The newest snapshot is not there.",
                where=str(folder or home.current_snapshot),
                mend="`learnlake run` builds and publishes one",
            )
        try:
            lock = (folder / "in_use").open()
        except FileNotFoundError:  # removed since `current` was read: there is a newer one
            missed = folder
            continue
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            return Held(folder, read_build(folder), lock)
        except FileNotFoundError:
            lock.close()
            missed = folder


@contextlib.contextmanager
def holding(home: Home) -> Iterator[Held]:
    """`hold` for as long as the block runs."""
    held = hold(home)
    try:
        yield held
    finally:
        held.close()
