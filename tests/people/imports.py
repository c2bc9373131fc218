"""Short ways for tests to import a roster and to look at what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine, select

from learnlake.settings import Settings
from people.db import reading
from people.oneroster import RosterReport, import_roster
from people.tables import metadata, person
from tests.people.rosters import HOME_PAGE, Roster


def import_into(settings: Settings, roster: Roster, folder: Path, **options) -> RosterReport:
    options = {"home_page": HOME_PAGE, **options}
    return import_roster(settings, "t", roster.write(folder), **options)


def counts_of(report: RosterReport) -> dict[str, tuple[int, int, int, int]]:
    return {row.table: (row.added, row.changed, row.revoked, row.unchanged) for row in report.tables}


def everything(engine: Engine) -> dict[str, list[tuple]]:
    with reading(engine) as connection:
        return {name: sorted(map(repr, connection.execute(select(t)))) for name, t in metadata.tables.items()}


def person_keys(engine: Engine) -> dict[str, str]:
    with reading(engine) as connection:
        rows = connection.execute(
            select(person.c.sourced_id, person.c.person_key).where(person.c.tenant == "t")
        )
        return {row[0]: row[1] for row in rows}


def set_value(file: str, sourced_id: str, column: str, value: str) -> Callable[[Roster], None]:
    return lambda roster: roster.row(file, sourced_id).__setitem__(column, value)
