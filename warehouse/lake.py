"""Reading the lake of statements: one version of the Delta table, which of its files are new, how many rows it has by day.

Only the transaction log is read here; the rows are read by whoever is given the files. `lrs` writes the table.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from learnlake.home import Home

SEAL = "learnlake-seal"
"""Application transaction of the Delta log whose version is the last sealed `seq`."""

REMOVAL = "learnlake-removal"
"""Application transaction whose version changes whenever rows were removed from the lake."""

_COUNTS = {"tenant": pl.String, "stored_date": pl.Date, "lake_count": pl.Int64}


@dataclasses.dataclass(frozen=True)
class Lake:
    """One version of the lake. `removal` names the newest removal of rows from it.

    `files` has path, tenant, stored_date, lake_count, min_seq, max_seq (null: not known).
    """

    version: int
    sealed_seq: int
    removal: int
    files: pl.DataFrame

    def files_after(self, seq: int) -> list[str]:
        """Paths of the files that hold rows whose `seq` is above `seq`; they may hold older rows too."""
        newer = self.files.filter(pl.col("max_seq").is_null() | (pl.col("max_seq") > seq))
        return newer.sort("min_seq", nulls_last=True)["path"].to_list()

    def seq_before(self, day: dt.date) -> int:
        """The highest `seq` that is certainly older than all statements stored on the UTC day `day` or later."""
        first = self.files.filter(pl.col("stored_date") >= day)["min_seq"]
        if first.is_empty():
            return self.sealed_seq
        return 0 if first.has_nulls() else min(first.to_list()) - 1

    def counts(self) -> pl.DataFrame:
        """Rows by tenant and UTC day of `stored`: tenant, stored_date, lake_count. A file that is gone has none."""
        is_there = [Path(path).exists() for path in self.files["path"]]
        counted = (
            self.files.filter(pl.Series(is_there, dtype=pl.Boolean))
            .group_by("tenant", "stored_date")
            .agg(pl.col("lake_count").sum())
        )
        return counted.sort("tenant", "stored_date").cast(_COUNTS)  # type: ignore[arg-type]


def open_lake(home: Home) -> Lake:
    """The newest version of the lake; an empty one before the first seal."""
    try:
        table = DeltaTable(home.lake_statements)
    except TableNotFoundError:
        empty = {"path": pl.String, **_COUNTS, "min_seq": pl.Int64, "max_seq": pl.Int64}
        return Lake(-1, 0, 0, pl.DataFrame(schema=empty))
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    files = actions.select(
        path=str(home.lake_statements) + "/" + pl.col("path").str.replace_all("%25", "%", literal=True),
        tenant="partition.tenant",
        stored_date="partition.stored_date",
        lake_count="num_records",
        min_seq=_statistic(actions, "min.seq"),
        max_seq=_statistic(actions, "max.seq"),
    )
    sealed, removal = (table.transaction_version(name) or 0 for name in (SEAL, REMOVAL))
    return Lake(table.version(), sealed, removal, files)


def _statistic(actions: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name) if name in actions.columns else pl.lit(None, pl.Int64)


def position(home: Home) -> tuple[int, int]:
    """(last sealed `seq`, newest removal), zeros before the first seal: reads the log's end only."""
    try:
        table = DeltaTable(home.lake_statements)
    except TableNotFoundError:
        return 0, 0
    return table.transaction_version(SEAL) or 0, table.transaction_version(REMOVAL) or 0


def sealed_seq(home: Home) -> int:
    """The last sealed `seq`, 0 before the first seal."""
    return position(home)[0]
