"""Loading days of the lake again from the store, where rows or files of them were lost. The store is what is true."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from learnlake.identity import identity_secret
from learnlake.settings import Settings
from lrs.delta import WRITER, elected, open_table, watermark
from lrs.lake_columns import SCHEMA, to_table
from lrs.store import read, reading
from lrs.store.database import Connection

BATCH = 10_000
"""Statements in memory at a time."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reloaded:
    """One tenant and UTC day that was written anew: rows that could be read before, and rows that are there now."""

    tenant: str
    stored_date: dt.date
    count_before: int | None
    count: int


def repair(
    settings: Settings, *, progress: Callable[[str, dt.date], None] = lambda *_: None
) -> list[Reloaded]:
    """Write every day of the lake anew whose rows are not the store's, up to the sealed sequence number. Each day whole or not at all.

    Raises BusyError while a sealer is at work. Days with equal rows are read and left alone; doing it again changes nothing.
    """
    with elected(settings.home), reading(settings) as connection:
        table = open_table(settings.home)
        if table is None:
            return []
        up_to = watermark(table)
        days = {(tenant, day) for tenant, day, _ in read.counts(connection, up_to=up_to)} | _lake_days(table)
        found = []
        for tenant, day in sorted(days):
            expected = [seq for seq, _ in read.day_rows(connection, tenant, day, up_to=up_to)]
            held = _held(table, tenant, day)
            if held != sorted(expected):
                progress(tenant, day)
                _reload(settings, connection, table, tenant, day, up_to=up_to)
                found.append(Reloaded(tenant, day, None if held is None else len(held), len(expected)))
        return found


def _lake_days(table: DeltaTable) -> set[tuple[str, dt.date]]:
    actions = pa.table(table.get_add_actions(flatten=True))
    return set(
        zip(
            actions["partition.tenant"].to_pylist(), actions["partition.stored_date"].to_pylist(), strict=True
        )
    )


def _held(table: DeltaTable, tenant: str, day: dt.date) -> list[int] | None:
    """Sequence numbers of a day in the lake, rising; None where a file of it is gone or cannot be read."""
    dataset = table.to_pyarrow_dataset(
        partitions=[("tenant", "=", tenant), ("stored_date", "=", day.isoformat())]
    )
    try:
        seqs: list[int] = dataset.to_table(columns=["seq"])["seq"].to_pylist()
    except (OSError, pa.ArrowException, DeltaError):
        return None
    return sorted(seqs)


def _reload(
    settings: Settings, connection: Connection, table: DeltaTable, tenant: str, day: dt.date, *, up_to: int
) -> None:
    secret = identity_secret(settings.home)

    def batches() -> Iterator[pa.RecordBatch]:
        rows: list[read.Row] = []
        for row in read.day_statements(connection, tenant, day, up_to=up_to):
            rows.append(row)
            if len(rows) == BATCH:
                yield from to_table(rows, secret=secret).to_batches()
                rows = []
        yield from to_table(rows, secret=secret).to_batches()

    quoted = tenant.replace("'", "''")
    write_deltalake(
        table,
        pa.RecordBatchReader.from_batches(SCHEMA, batches()),
        mode="overwrite",
        predicate=f"tenant = '{quoted}' and stored_date = '{day.isoformat()}'",
        writer_properties=WRITER,
    )
