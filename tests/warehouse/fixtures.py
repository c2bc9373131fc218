"""Makes a published snapshot out of given mart rows, for tests of whatever reads one: no pipeline, no server."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from learnlake.home import Home
from warehouse import snapshot
from warehouse.tables import FILLED, quoted


def publish_rows(
    home: Home,
    marts: Mapping[str, Sequence[Mapping[str, Any]] | pl.DataFrame],
    *,
    as_of: dt.date = dt.date(2026, 11, 20),
    run_id: str = "run-of-the-test",
    kept: int = 3,
    working_id: str = "",
) -> Path:
    """Publish a snapshot that holds `marts`: name -> rows (mappings, or a frame), each with its `tenant`.

    `working_id`: publishes of the same one write only what has changed since the one before.
    Tables of `warehouse.tables.FILLED` that are not given are there and empty, and take their declared types.
    """
    home.create()
    with duckdb.connect() as connection:
        for name, columns in FILLED.items():
            connection.execute(f"create table main.{name} ({columns})")
        counts: dict[str, int] = {}
        for name, rows in marts.items():
            frame = (
                rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(list(rows), infer_schema_length=None)
            )
            connection.register("rows_given", frame.to_arrow())
            if name in FILLED:
                connection.execute(f"insert into main.{name} by name from rows_given")
            else:
                connection.execute(f"create table main.{quoted(name)} as from rows_given")
            connection.unregister("rows_given")
            if name == "fct_statement":
                counts = dict(frame.group_by("tenant").len().iter_rows())
        build = snapshot.Build(
            build_id=snapshot.new_build_id(),
            run_id=run_id,
            started_by="test",
            built_at=dt.datetime.now(dt.UTC),
            as_of=as_of,
            sealed_seq=sum(counts.values()),
            statement_counts=counts,
            working_id=working_id,
        )
        return snapshot.publish(home, connection, build, kept=kept)
