"""Store = lake = fct_statement, per tenant and UTC day of `stored`: three counts side by side. Mending is the pipeline's work."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import duckdb
import polars as pl

from learnlake.home import Home
from warehouse import lake, snapshot

_KEYS = ["tenant", "stored_date"]


def reconcile(home: Home, store_counts: Iterable[tuple[str, dt.date, int]]) -> pl.DataFrame:
    """tenant, stored_date, store_count, lake_count, mart_count, is_equal; a thing that lacks a day counts 0.

    `store_counts` are (tenant, UTC day of `stored`, statements) of the store. Marts are those of the newest snapshot.
    """
    schema = {"tenant": pl.String, "stored_date": pl.Date, "store_count": pl.Int64}
    store = pl.DataFrame(list(store_counts), schema=schema, orient="row")
    held = _mart_counts(home)
    both = store.join(lake.open_lake(home).counts(), on=_KEYS, how="full", coalesce=True)
    counted = both.join(held, on=_KEYS, how="full", coalesce=True).fill_null(0).sort(_KEYS)
    equal = (pl.col("store_count") == pl.col("lake_count")) & (pl.col("lake_count") == pl.col("mart_count"))
    return counted.with_columns(is_equal=equal)


def _mart_counts(home: Home) -> pl.DataFrame:
    schema = {"tenant": pl.String, "stored_date": pl.Date, "mart_count": pl.Int64}
    if snapshot.current(home) is None:
        return pl.DataFrame(schema=schema)
    rows: list[tuple[str, dt.date, int]] = []
    with snapshot.holding(home) as held:
        for path in sorted(held.folder.glob("*.duckdb")):
            with duckdb.connect(str(path), read_only=True) as connection:
                rows += connection.execute(
                    "select tenant, stored_date, count(*) from fct_statement group by all"
                ).fetchall()
    return pl.DataFrame(rows, schema=schema, orient="row")


def tenants(home: Home) -> list[str]:
    """Tenants of the newest snapshot, in the alphabet's order."""
    with snapshot.holding(home) as held:
        return sorted(held.build.statement_counts)
