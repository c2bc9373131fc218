"""The catalogue: courses, units, lessons, activities, skills and what leads to what, from a folder of CSV files.

`docs/xapi-profile.md` says which files and columns there are. A folder is taken whole or not at all, and is the whole
catalogue of its tenant. Courses and people of the roster belong to `people`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import polars as pl

from learnlake.errors import InputError, RosterError
from learnlake.home import Home
from people.db import check_tenant
from warehouse import generations
from warehouse.catalogue_rules import TABLES, Table, read_folder


@dataclasses.dataclass(frozen=True)
class TableReport:
    """What an import did to one table of the tenant, in rows."""

    table: str
    rows: int
    added: int
    changed: int
    removed: int


@dataclasses.dataclass(frozen=True)
class CatalogueReport:
    """What an import did. `is_changed` is False where the tenant's catalogue was already exactly this."""

    tenant: str
    generation: Path
    is_changed: bool
    tables: tuple[TableReport, ...]


def current(home: Home) -> Path | None:
    """The newest catalogue's folder (`TABLE.parquet` for each of `TABLES`), or None before the first import."""
    return generations.current(home.lake_catalogue)


def import_folder(home: Home, tenant: str, folder: Path) -> CatalogueReport:
    """Make the CSV files of `folder` the catalogue of `tenant`; other tenants keep theirs.

    Raises InputError when `folder` is not a folder or `tenant` cannot be one, RosterError naming every bad row when anything in it is wrong.
    """
    check_tenant(tenant)
    if not folder.is_dir():
        raise InputError(
            "The catalogue is not a folder.",
            where=str(folder),
            mend="name the folder that holds courses.csv, activities.csv, skills.csv, ...",
        )
    frames, problems = read_folder(folder)
    if problems:
        raise RosterError(
            f"The catalogue was refused whole: {len(problems)} problem(s).",
            problems,
            mend="correct the rows named above and import the folder again; nothing was changed",
        )
    with generations.writing(home.lake_catalogue):
        return _store(home, tenant, frames)


def _store(home: Home, tenant: str, frames: dict[str, pl.DataFrame]) -> CatalogueReport:
    held = current(home)
    merged: dict[str, pl.DataFrame] = {}
    reports: list[TableReport] = []
    for table in TABLES:
        before = _read(held, table)
        ours = before.filter(pl.col("tenant") == tenant)
        new = frames[table.name].with_columns(tenant=pl.lit(tenant)).select(list(table.schema))
        reports.append(_compare(table, ours, new))
        rows = pl.concat([before.filter(pl.col("tenant") != tenant), new])
        merged[table.name] = rows.sort("tenant", *table.key)
    is_changed = held is None or any(r.added or r.changed or r.removed for r in reports)
    generation = generations.write(home.lake_catalogue, merged) if is_changed or held is None else held
    return CatalogueReport(tenant, generation, is_changed, tuple(reports))


def _read(generation: Path | None, table: Table) -> pl.DataFrame:
    if generation is None:
        return pl.DataFrame(schema=table.schema)
    path = generation / f"{table.name}.parquet"
    if not path.exists():  # written by a release that did not know the table
        return pl.DataFrame(schema=table.schema)
    return pl.read_parquet(path).select(list(table.schema))


def _compare(table: Table, before: pl.DataFrame, after: pl.DataFrame) -> TableReport:
    keys, everything = list(table.key), list(table.schema)
    added = after.join(before, on=keys, how="anti").height
    removed = before.join(after, on=keys, how="anti").height
    unchanged = after.join(before, on=everything, how="semi", nulls_equal=True).height
    return TableReport(table.name, after.height, added, after.height - added - unchanged, removed)


def ensure(home: Home) -> Path:
    """The newest catalogue's folder; an empty catalogue is written where there is none yet."""
    held = current(home)
    if held is not None:
        return held
    with generations.writing(home.lake_catalogue):
        return current(home) or generations.write(
            home.lake_catalogue, {table.name: pl.DataFrame(schema=table.schema) for table in TABLES}
        )
