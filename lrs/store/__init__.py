"""The statement store: SQLite or PostgreSQL behind one small interface. What is answered is durable."""

from __future__ import annotations

import datetime as dt

from learnlake.settings import Settings
from lrs.store.store import Store, reading

__all__ = ["Store", "counts", "reading"]


def counts(settings: Settings) -> list[tuple[str, dt.date, int]]:
    """(tenant, UTC day of `stored`, number of statements) of everything in the store, for reconciliation."""
    from lrs.store import read

    with reading(settings) as connection:
        return read.counts(connection)
