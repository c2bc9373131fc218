"""The Delta table of statements itself: opening and making it, how files are written, its watermark, who may write to it."""

from __future__ import annotations

from contextlib import AbstractContextManager

from deltalake import DeltaTable, WriterProperties
from deltalake.exceptions import TableNotFoundError

from learnlake.home import Home
from learnlake.locks import alone
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


def elected(home: Home) -> AbstractContextManager[None]:
    """One sealer per home."""
    return alone(
        home.run / "seal.lock",
        "another sealer is at work on this home folder",
        mend="let it do it, or stop it first",
    )
