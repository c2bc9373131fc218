"""The Delta table of statements itself: opening and making it, how files are written, its watermark, who may write to it."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator

from deltalake import DeltaTable, WriterProperties
from deltalake.exceptions import TableNotFoundError

from learnlake.errors import BusyError
from learnlake.home import Home
from lrs.lake_columns import PARTITION_BY, SCHEMA, STATISTICS

SEAL = "learnlake-seal"
"""Application transaction of the log whose version is the last sealed `seq`."""
REMOVAL = "learnlake-removal"
"""Application transaction whose version changes whenever rows were removed: what was built from them must be built anew."""

LOG_RETENTION = "delta.logRetentionDuration"
CONFIGURATION = {
    "delta.dataSkippingStatsColumns": STATISTICS,
    LOG_RETENTION: "interval 1 days",
    "delta.checkpointInterval": "50",
}
WRITER = WriterProperties(compression="ZSTD", compression_level=3)


def open_table(home: Home) -> DeltaTable | None:
    """The newest version; None before the first seal."""
    try:
        return DeltaTable(str(home.lake_statements))
    except TableNotFoundError:
        return None


def create_table(home: Home) -> DeltaTable:
    return DeltaTable.create(
        str(home.lake_statements),
        schema=SCHEMA,
        mode="ignore",
        partition_by=PARTITION_BY,
        name="statements",
        description="Every committed xAPI statement, exactly once",
        configuration=CONFIGURATION,
    )


def watermark(table: DeltaTable) -> int:
    """The last sealed sequence number."""
    return table.transaction_version(SEAL) or 0


@contextlib.contextmanager
def elected(home: Home) -> Iterator[None]:
    """One sealer per home: whoever holds the lock; the system lets go of it when its process ends, however it ends."""
    home.run.mkdir(parents=True, exist_ok=True)
    with (home.run / "seal.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BusyError(
                "another sealer is at work on this home folder",
                where=str(home.run / "seal.lock"),
                mend="let it do it, or stop it first",
            ) from None
        yield
