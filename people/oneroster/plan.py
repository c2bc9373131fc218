"""What an import would add, change and revoke, table by table, and writing that down. Rows of other sources are never touched."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import polars as pl
from sqlalchemy import Boolean, Connection, Integer, Select, Table, and_, column, func, select
from sqlalchemy import table as temporary

from people.db import now, read_frame
from people.oneroster.shape import Source
from people.sealing import Sealed, keyring_of, seal_all
from people.tables import metadata

_CHUNK_ROWS = 20_000
_NOT_FROM_ROSTERS = {"person": {"merged_into"}, "role_assignment": {"account_id"}}


@dataclasses.dataclass(frozen=True, slots=True)
class TablePlan:
    """The rows of one table to add, to change (as they will be) and to revoke (as they are), and how many stay."""

    table: Table
    added: pl.DataFrame
    changed: pl.DataFrame
    revoked: pl.DataFrame
    before: pl.DataFrame
    unchanged: int

    @property
    def is_change(self) -> bool:
        return not (self.added.is_empty() and self.changed.is_empty() and self.revoked.is_empty())


def columns_of(table: Table) -> pl.Schema:
    """The columns of `table` that a roster fills: booleans as 0 or 1, everything else as text."""
    left_out = {"changed_at", *_NOT_FROM_ROSTERS.get(table.name, set())}
    return pl.Schema(
        {
            column.name: pl.Int64 if isinstance(column.type, Boolean | Integer) else pl.String
            for column in table.columns
            if column.name not in left_out
        }
    )


def fit(table: Table, frame: pl.DataFrame, **constants: str) -> pl.DataFrame:
    """`frame` with exactly the columns of `table`, those it lacks filled with `constants` or null."""
    schema = columns_of(table)
    lacking = {name: constants.get(name) for name in schema if name not in frame.columns}
    frame = frame.with_columns(
        pl.lit(value, dtype=schema[name]).alias(name) for name, value in lacking.items()
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def read_rows(
    connection: Connection, table: Table, source: Source, *, only: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The rows that this source has written before; with `only`, those of its primary keys."""
    query = select(*(table.c[name] for name in columns_of(table))).where(
        table.c.tenant == source.tenant, table.c.source == source.home_page
    )
    return read_frame(connection, _narrowed(connection, query, table, only), columns_of(table))


def rows_of(connection: Connection, table: Table, tenant: str, only: pl.DataFrame) -> pl.DataFrame:
    """The rows of `tenant` that `only` names by columns of the table, whoever wrote them."""
    query = select(*(table.c[name] for name in columns_of(table))).where(table.c.tenant == tenant)
    return read_frame(connection, _narrowed(connection, query, table, only), columns_of(table))


def count_rows(connection: Connection, table: Table, source: Source) -> int:
    """How many rows this source has written."""
    query = select(func.count()).select_from(table)
    query = query.where(table.c.tenant == source.tenant, table.c.source == source.home_page)
    return int(connection.execute(query).scalar_one())


def _narrowed(connection: Connection, query: Select, table: Table, only: pl.DataFrame | None) -> Select:
    """`query` for the keys in `only`, through a temporary table: a day's changes must not read a district's enrolments."""
    if only is None:
        return query
    keys = [
        column.name for column in table.columns if column.name in only.columns and column.name != "tenant"
    ]
    connection.exec_driver_sql("drop table if exists temp.wanted")
    connection.exec_driver_sql(f"create temp table wanted ({', '.join(keys)})")
    places = ", ".join("?" * len(keys))
    _execute(connection, f"insert into temp.wanted values ({places})", only.select(keys))
    wanted = temporary("wanted", *(column(key) for key in keys))
    return query.join_from(wanted, table, and_(*(wanted.c[key] == table.c[key] for key in keys)))


def compare(
    table_name: str, before: pl.DataFrame, after: pl.DataFrame, *, revokes: bool, held: int | None = None
) -> TablePlan:
    """Compare rows by primary key. With `revokes`, active rows that `after` lacks are revoked; otherwise they stay.

    `held` is how many rows there are, where `before` has only those that `after` names.
    """
    table = metadata.tables[table_name]
    keys = [column.name for column in table.primary_key]
    values = [name for name in columns_of(table) if name not in keys]
    added = after.join(before, on=keys, how="anti")
    both = after.join(before, on=keys, how="inner", suffix="_before")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in values)
    changed = both.filter(differs).select(after.columns)
    gone = before.join(after, on=keys, how="anti")
    if "is_active" in table.columns:
        gone = gone.filter(pl.col("is_active") == 1)
        ends = pl.col("is_active") == 0
        ended = both.filter(differs & ends & (pl.col("is_active_before") == 1)).select(keys)
        revoked = before.join(ended, on=keys, how="semi")
        changed = changed.join(ended, on=keys, how="anti")
        after_end = both.join(ended, on=keys, how="semi").select(after.columns)
    else:
        revoked, after_end = before.clear(), after.clear()
    if revokes:
        revoked = pl.concat([revoked, gone])
    touched = pl.concat([changed.select(keys), revoked.select(keys)])
    was = before.join(touched, on=keys, how="semi")
    unchanged = (before.height if held is None else held) - touched.height
    # A row marked tobedeleted may change in other columns too: it is written as it will be
    return TablePlan(table, added, pl.concat([changed, after_end]), revoked, was, unchanged)


def counts(plan: TablePlan) -> tuple[int, int, int, int]:
    """(added, changed, revoked, unchanged) rows."""
    keys = [column.name for column in plan.table.primary_key]
    changed = plan.changed.join(plan.revoked, on=keys, how="anti").height
    return plan.added.height, changed, plan.revoked.height, plan.unchanged


def write(connection: Connection, plan: TablePlan) -> None:
    """Carry out one table's plan on `connection`, in its transaction."""
    if plan.table.name == "enrolment":
        _keep_history(connection, plan.before)
    schema = columns_of(plan.table)
    keys = [column.name for column in plan.table.primary_key]
    values = [name for name in schema if name not in keys]
    where = " and ".join(f"{key} = ?" for key in keys)
    stamp = (
        f"changed_at = '{now().isoformat(' ', 'microseconds')}'" if "changed_at" in plan.table.columns else ""
    )
    revoke = (
        f"update {plan.table.name} set {', '.join(filter(None, ('is_active = 0', stamp)))} where {where}"
        if "is_active" in schema
        else f"delete from {plan.table.name} where {where}"
    )
    _execute(connection, revoke, plan.revoked.select(keys))
    setting = ", ".join(filter(None, (*(f"{value} = ?" for value in values), stamp)))
    _execute(
        connection,
        f"update {plan.table.name} set {setting} where {where}",
        _sealed(connection, plan.table, plan.changed.select(*values, *keys)),
    )
    places, columns = ", ".join("?" * len(schema)), ", ".join(schema)
    if stamp:
        places, columns = f"{places}, {stamp.partition(' = ')[2]}", f"{columns}, changed_at"
    added = plan.added.sort(keys)  # in the order of the primary key, each page of its index is written once
    rows = _sealed(connection, plan.table, added)
    _execute(connection, f"insert into {plan.table.name} ({columns}) values ({places})", rows)


def _sealed(connection: Connection, table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with names, identifiers and demographics sealed: they go past SQLAlchemy's column types."""
    keyring = keyring_of(connection.dialect)
    return rows.with_columns(
        pl.Series(name, seal_all(keyring, rows[name], kind.place), dtype=pl.String)
        for name in rows.columns
        if isinstance(kind := table.c[name].type, Sealed)
    )


def _keep_history(connection: Connection, before: pl.DataFrame) -> None:
    columns = (
        *("tenant", "enrolment_key", "section_key", "person_key", "role"),
        *("begin_date", "end_date", "is_active"),
    )
    rows = before.select(*columns, pl.lit(now().isoformat(" ")).alias("replaced_at"))
    places = ", ".join("?" * rows.width)
    statement = f"insert into enrolment_history ({', '.join(rows.columns)}) values ({places})"
    _execute(connection, statement, rows)


def _execute(connection: Connection, statement: str, rows: pl.DataFrame) -> None:
    for chunk in _chunks(rows):
        connection.exec_driver_sql(statement, chunk)


def _chunks(rows: pl.DataFrame) -> Iterator[Sequence[tuple]]:
    for part in rows.iter_slices(_CHUNK_ROWS):
        if part.height:
            yield part.rows()
