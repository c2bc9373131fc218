"""When which data contracts are checked in a run, and which results stay. What they ask is `data_contracts`' business."""

from __future__ import annotations

import polars as pl

from data_contracts.load import Contract, mart_contracts, source_contracts
from data_contracts.sql_checks import check_marts, check_sources
from learnlake.clock import utc_now
from warehouse.build import Working
from warehouse.tables import FILLED

PREDICTIONS = "prd_"


def built_contracts() -> tuple[Contract, ...]:
    """Contracts of the marts that dbt builds: checked before anything is predicted from them."""
    return tuple(contract for contract in mart_contracts() if contract.name not in FILLED)


def prediction_contracts() -> tuple[Contract, ...]:
    """Contracts of the predictions: checked once they are there."""
    return tuple(contract for contract in mart_contracts() if contract.name.startswith(PREDICTIONS))


def check_built(working: Working) -> pl.DataFrame:
    """Check what dbt has built and what the sources have sent; ContractError where a blocking rule fails."""
    window = working.window
    checked_at = utc_now()
    built = check_marts(working.connection, checked_at=checked_at, contracts=built_contracts())
    sent = check_sources(
        working.connection,
        window.lake_files,
        from_seq=window.from_seq,
        to_seq=window.to_seq,
        checked_at=checked_at,
    )
    results = pl.concat([built, sent])
    working.record_checks(pl.concat([results, _earlier(working, sent)]))
    return results


def check_predictions(working: Working) -> pl.DataFrame:
    """Check the predictions; ContractError where a blocking rule fails."""
    names = [contract.name for contract in prediction_contracts()]
    checked = check_marts(working.connection, checked_at=utc_now(), contracts=prediction_contracts())
    # before the first prediction the tables belong to no tenant: a pass then says nothing, a failure does
    results = checked.filter((pl.col("tenant") != "") | ~pl.col("is_passed"))
    others = working.frame("from main.qc_check").filter(~pl.col("contract").is_in(names))
    working.record_checks(pl.concat([results, others.cast(results.schema)]))
    return results


def _earlier(working: Working, sent: pl.DataFrame) -> pl.DataFrame:
    """Results of sources that this run's statements say nothing about: what they sent last stays on record."""
    sources = {contract.name for contract in source_contracts()} - set(sent["contract"])
    kept = working.frame("from main.qc_check").filter(pl.col("contract").is_in(list(sources)))
    return kept.cast(sent.schema)
