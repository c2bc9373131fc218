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
from warehouse.contents import Change, Contents, changes, fingerprints, is_in
from warehouse.generations import replace_text
from warehouse.tables import is_mart, literal, quoted

SORTED_BY = "person_key"
"""Marts are published in this order: one person's rows lie together, so that a student's or guardian's page reads a few blocks, not the school."""
MIN_BLOCKS = 16
"""Smaller files (4 MiB) are never worth writing anew."""


@dataclasses.dataclass(frozen=True)
class Build:
    """What a snapshot is: which run made it, from what, when.

    `watermark` holds the fields of `warehouse.watermark.Watermark`, `statement_counts` the rows of fct_statement by tenant,
    `marts` the tables published, `contents` by tenant what they hold, `copied` by tenant those that this publish wrote.
    `working_id` names the working file that it came from.
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
    working_id: str = ""
    contents: dict[str, Contents] = dataclasses.field(default_factory=dict)
    copied: dict[str, list[str]] = dataclasses.field(default_factory=dict)

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
    """Put the marts of `connection`'s schema `main` into one file per tenant and make the folder current.

    All or nothing: until the rename of `current`, readers see the build before. Of a tenant's file from the same working
    file only what has changed is written. Keeps the newest `kept` builds and those that a reader holds. Answers the folder.
    """
    marts = mart_names(connection)
    draft = home.snapshots / f".draft.{build.build_id}"
    draft.mkdir(parents=True)
    try:
        tenants = sorted(_tenants(connection, marts))
        contents = fingerprints(connection, marts, tenants)
        with _before(home, build) as before:
            copied = {
                tenant: _write(connection, draft, tenant, contents[tenant], before) for tenant in tenants
            }
        (draft / "in_use").touch()
        done = _completed(build, marts, tenants)
        done = dataclasses.replace(done, contents=contents, copied=copied)
        replace_text(draft / "build.json", done.to_json())
        _flush(draft)
        folder = home.snapshots / build.build_id
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    replace_text(home.current_snapshot, build.build_id)
    prune(home, kept=kept)
    return folder


@contextlib.contextmanager
def _before(home: Home, build: Build) -> Iterator[Held | None]:
    """The newest snapshot, held, if it came from the same working file.

    From another one nothing is taken over: a working file is begun anew when somebody was erased, and what a file no longer
    shows stays in its free blocks.
    """
    folder = current(home)
    if folder is None or not build.working_id or not folder.exists():
        yield None
        return
    with holding(home) as held:
        yield held if held.build.working_id == build.working_id else None


def _write(
    connection: duckdb.DuckDBPyConnection, draft: Path, tenant: str, contents: Contents, before: Held | None
) -> list[str]:
    """Write `tenant`'s file into `draft`; answer the marts that were copied."""
    target = tenant_file(draft, tenant)
    held = before.build.contents.get(tenant) if before else None
    if before and held and held.keys() == contents.keys():
        shutil.copyfile(tenant_file(before.folder, tenant), target)
        found = changes(held, contents)
        if _write_changes(connection, target, tenant, found):
            return [change.mart for change in found]
        target.unlink()
    everything = [Change(mart) for mart in contents]
    _write_changes(connection, target, tenant, everything, is_new=True)
    return list(contents)


def _write_changes(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    tenant: str,
    wanted: list[Change],
    *,
    is_new: bool = False,
) -> bool:
    """Bring the file at `path` up to date; False where so much of it has become free that it is better written anew."""
    alias = f"out_{secrets.token_hex(4)}"
    sorted_marts = _with_column(connection, SORTED_BY)
    connection.execute(f"attach {literal(str(path))} as {alias}")
    try:
        if not is_new:
            _clear(connection, alias, wanted)
        for change in wanted:
            source, target = f"main.{quoted(change.mart)}", f"{alias}.main.{quoted(change.mart)}"
            order = f" order by {SORTED_BY}" if change.mart in sorted_marts else ""
            if change.slices is None:
                connection.execute(
                    f"create table {target} as from {source} where tenant = ?{order}", [tenant]
                )
            else:  # a day's rows lie together behind the others, in the same order
                columns = connection.execute(f"describe {source}").fetchall()
                connection.execute(
                    f"insert into {target} by name from {source} where tenant = ? and ({is_in(columns, change.slices)}){order}",
                    [tenant],
                )
        connection.execute(f"checkpoint {alias}")
        return is_new or not _is_hollow(connection, alias)
    finally:
        connection.execute(f"detach {alias}")


def _clear(connection: duckdb.DuckDBPyConnection, alias: str, wanted: list[Change]) -> None:
    """Take out what is written anew, and free its blocks for that."""
    for change in wanted:
        target = f"{alias}.main.{quoted(change.mart)}"
        if change.slices is None:
            connection.execute(f"drop table {target}")
        else:
            columns = connection.execute(f"describe main.{quoted(change.mart)}").fetchall()
            connection.execute(f"delete from {target} where {is_in(columns, change.slices)}")
    connection.execute(f"checkpoint {alias}")


def _is_hollow(connection: duckdb.DuckDBPyConnection, alias: str) -> bool:
    """Whether more than half of the file's blocks are free."""
    row = connection.execute(
        "select free_blocks, total_blocks from pragma_database_size() where database_name = ?", [alias]
    ).fetchone()
    return row is not None and 2 * row[0] > row[1] > MIN_BLOCKS


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
