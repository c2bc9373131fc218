"""The warehouse's part in a person's rights: rows in the published marts, and getting rid of every build that holds them."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from learnlake.errors import BusyError
from learnlake.protocols import Finding, HeldFile, Subject
from learnlake.settings import Settings
from warehouse import choices, export, snapshot, working_file
from warehouse.tables import is_mart, quoted

WAIT_SECONDS = 600.0
"""How long an erasure waits for a pipeline run to end."""


class WarehouseRoom:
    """The working file and the snapshots. `rebuild` makes and publishes a whole new build from the lake as it is."""

    name = "warehouse"
    places = ("warehouse", "lake/catalogue", "lake/choices")

    def __init__(self, rebuild: Callable[[Settings], object]) -> None:
        self._rebuild = rebuild

    def find(self, settings: Settings, subject: Subject) -> list[Finding]:
        with _newest(settings, subject) as (connection, marts):
            found = [
                Finding(
                    f"mart {mart}", _rows(connection, mart, columns, subject, "count(*)").fetchall()[0][0]
                )
                for mart, columns in marts.items()
            ]
        older = [folder for folder in _builds(settings) if folder != snapshot.current(settings.home)]
        kept = choices.count(settings.home, subject.tenant, subject.person_keys)
        found.append(Finding("choices of the recommender, with their outcomes", kept))
        return [*found, Finding("older snapshots, with what they may hold", len(older))]

    def erase(self, settings: Settings, subject: Subject) -> None:
        """Begin the working file anew, build and publish, then delete every older build.

        Deleted rows would stay in free blocks of a DuckDB file. Whoever reads an older snapshot goes on in it until the next
        query: its file is gone from the folder, and from the disk once nobody has it open.
        """
        is_built = settings.home.working_file.exists() or bool(_builds(settings))
        with pipeline_stopped(settings):
            choices.forget(settings.home, subject.tenant, subject.person_keys)
            if not is_built:
                return
            for path in settings.home.warehouse.glob("working.duckdb*"):
                path.unlink()
            shutil.rmtree(settings.home.warehouse / "spill", ignore_errors=True)
        self._rebuild(settings)
        newest = snapshot.current(settings.home)
        for folder in _builds(settings):
            if folder != newest:
                shutil.rmtree(folder, ignore_errors=True)

    def held(self, settings: Settings, subject: Subject) -> Iterator[HeldFile]:
        with _newest(settings, subject) as (connection, marts):
            for mart, columns in marts.items():
                table = _rows(connection, mart, columns, subject, "*").to_arrow_table()
                if table.num_rows:
                    what = f"what was worked out from the statements and the roster: the table {mart}"
                    yield HeldFile(f"marts/{mart}.csv", what, [export.encode(table, "csv")])
        mine = choices.of_people(settings.home, subject.tenant, subject.person_keys)
        if len(mine):
            what = "what the recommender has suggested, among what, with which chance, and what came of it"
            yield HeldFile("choices.json", what, [mine.write_json().encode()])


@contextlib.contextmanager
def pipeline_stopped(settings: Settings, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Keep pipeline runs away from lake and working file. BusyError when one is still at work after `wait_seconds`."""
    deadline = time.monotonic() + wait_seconds
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(working_file.locked(settings.home, holder="erasure"))
                break
            except BusyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield


def first_stored(settings: Settings, subject: Subject) -> dt.datetime | None:
    """When the first statement of the person that the newest build holds was stored; None without one."""
    with _newest(settings, subject) as (connection, marts):
        if "fct_statement" not in marts:
            return None
        first = _rows(connection, "fct_statement", ["person_key"], subject, "min(stored_at)").fetchall()[0][0]
    return None if first is None else first.replace(tzinfo=dt.UTC)


def _builds(settings: Settings) -> list[Path]:
    """Every folder of a build, drafts and those set aside too."""
    root = settings.home.snapshots
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.exists() else []


@contextlib.contextmanager
def _newest(
    settings: Settings, subject: Subject
) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, list[str]]]]:
    """The newest snapshot's file of the tenant, and by mart the columns that hold keys of people."""
    with contextlib.ExitStack() as opened:
        path = None
        if snapshot.current(settings.home) is not None:
            held = opened.enter_context(snapshot.holding(settings.home))
            path = snapshot.tenant_file(held.folder, subject.tenant)
        exists = path is not None and path.exists()
        connection = opened.enter_context(
            duckdb.connect(str(path) if exists else ":memory:", read_only=exists)
        )
        columns = connection.execute(
            "select table_name, list(column_name) from duckdb_columns()"
            " where not internal and column_name in ('person_key', 'guardian_key') group by table_name order by 1"
        ).fetchall()
        yield connection, {name: held for name, held in columns if is_mart(name)}


def _rows(
    connection: duckdb.DuckDBPyConnection, mart: str, columns: list[str], subject: Subject, wanted: str
) -> duckdb.DuckDBPyRelation:
    condition = " or ".join(f"list_contains($keys, {quoted(column)})" for column in columns)
    return connection.sql(
        f"select {wanted} from main.{quoted(mart)} where tenant = $tenant and ({condition})",
        params={"tenant": subject.tenant, "keys": list(subject.person_keys)},
    )
