"""What a mart holds, as a few numbers, so that publishing copies only what differs from the snapshot before. No files here."""

from __future__ import annotations

import dataclasses

import duckdb

from warehouse.tables import quoted

SLICED_BY = (
    "stored_date",
    "started_date",
    "used_date",
    "submitted_date",
    "attendance_date",
    "attended_date",
    "acted_date",
    "responded_at",
    "visit_started_at",
    "first_at",
    "week_end_date",
)
"""A mart with one of these columns, the first that it has, is compared and copied by day: what happened yesterday hardly ever changes."""
NO_DAY = "no day"
COLUMNS = "columns"

Contents = dict[str, dict[str, str]]
"""Of one tenant: mart -> COLUMNS or slice (a day, empty for marts without days) -> fingerprint."""


@dataclasses.dataclass(frozen=True)
class Change:
    """What to copy of one mart: these slices, or all of it where `slices` is None."""

    mart: str
    slices: tuple[str, ...] | None = None


def fingerprints(
    connection: duckdb.DuckDBPyConnection, marts: list[str], tenants: list[str]
) -> dict[str, Contents]:
    """Per tenant the contents of `marts`: columns, rows and the sum of the rows' hashes. Reads every mart once."""
    found: dict[str, Contents] = {tenant: {} for tenant in tenants}
    for mart in marts:
        columns = connection.execute(f"describe main.{quoted(mart)}").fetchall()
        for contents in found.values():
            contents[mart] = {COLUMNS: ", ".join(f"{name} {kind}" for name, kind, *_ in columns)}
        names = ", ".join(quoted(name) for name, *_ in columns)
        day = day_of(columns)
        rows = connection.execute(
            f"select tenant, {day or 'null'} as slice_day, count(*) || '-' || sum(hash({names}))"
            f" from main.{quoted(mart)} where tenant is not null group by tenant, slice_day"
        ).fetchall()
        for tenant, of_day, fingerprint in rows:
            part = "" if day is None else NO_DAY if of_day is None else str(of_day)
            found[tenant][mart][part] = fingerprint
    return found


def day_of(columns: list[tuple[str, ...]]) -> str | None:
    """SQL for the day whose slice a row of a mart with these `columns` (as `describe` names them) belongs to; None: it has no slices."""
    names = {name for name, *_ in columns}
    return next((f"cast({column} as date)" for column in SLICED_BY if column in names), None)


def is_in(columns: list[tuple[str, ...]], slices: tuple[str, ...]) -> str:
    """SQL: does a row of a mart with these `columns` belong to one of `slices`, as `fingerprints` names them?"""
    day = day_of(columns)
    days = [part for part in slices if part != NO_DAY]
    named = ", ".join(f"date '{part}'" for part in days)
    conditions = [f"{day} in ({named})"] if days else []
    return " or ".join([*conditions, f"{day} is null"] if NO_DAY in slices else conditions)


def changes(before: Contents, after: Contents) -> list[Change]:
    """What has to be copied so that a file that holds `before` holds `after`."""
    found = []
    for mart, slices in after.items():
        held = before.get(mart, {})
        if held == slices:
            continue
        differing = tuple(
            sorted(part for part in slices.keys() | held.keys() if slices.get(part) != held.get(part))
        )
        is_whole = COLUMNS in differing or "" in differing or 2 * len(differing) > len(held)
        found.append(Change(mart, None if is_whole else differing))
    return found
