"""What a mart holds, as a few numbers, so that publishing copies only what differs from the snapshot before. No files here."""

from __future__ import annotations

import dataclasses

import duckdb

from warehouse.tables import quoted

SLICED_BY = "stored_date"
"""A mart with this column is compared and copied by day: yesterday's statements hardly ever change."""
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
        rows = connection.execute(
            f"select tenant, {slice_of(columns)} as slice, count(*) || '-' || sum(hash({names}))"
            f" from main.{quoted(mart)} where tenant is not null group by tenant, slice"
        ).fetchall()
        for tenant, part, fingerprint in rows:
            found[tenant][mart][part] = fingerprint
    return found


def slice_of(columns: list[tuple[str, ...]]) -> str:
    """SQL for the slice that a row of a mart with these `columns` (as `describe` names them) belongs to."""
    is_sliced = SLICED_BY in {name for name, *_ in columns}
    return f"coalesce({SLICED_BY}::varchar, 'no day')" if is_sliced else "''"


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
