"""When which data contracts are checked in a run, and which results stay. What they ask is `data_contracts`' business."""

from __future__ import annotations

import polars as pl

from data_contracts import quarantine
from data_contracts.load import Contract, mart_contracts
from data_contracts.sql_checks import check_marts
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


def quarantine_new(working: Working) -> int:
    """Put what the run's statements break of their sources' contracts into quarantine, before dbt reads them; answer the rows."""
    window = working.window
    return quarantine.fill(
        working.connection, window.lake_files, from_seq=window.from_seq, to_seq=window.to_seq
    )


def check_built(working: Working) -> pl.DataFrame:
    """Check what dbt has built and what the sources have sent; ContractError where a blocking rule fails."""
    checked_at = utc_now()
    window = working.window
    if window.to_seq > window.from_seq:
        quarantine.add_repeats(working.connection, from_seq=window.from_seq)
    built = check_marts(working.connection, checked_at=checked_at, contracts=built_contracts())
    sent = quarantine.results(working.connection, as_of=window.as_of, checked_at=checked_at)
    results = pl.concat([built, sent])
    working.record_checks(results)
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
