"""What runs at night beside the pipeline: drift of what the models read, and the contracts' heavy suites. Order only."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import polars as pl

from data_contracts.load import source_contracts
from learnlake.clock import utc_now
from learnlake.errors import ModelError
from learnlake.settings import Settings
from models import registry
from pipelines import training
from warehouse.build import Working
from warehouse.snapshot import holding, tenant_file

log = logging.getLogger(__name__)


def measure_drift(working: Working, tenants: list[str]) -> pl.DataFrame:
    """Compare each tenant's running session with the one before, keep the rows in `qc_drift` and a page of it; answer them."""
    from models import drift

    found: list[pl.DataFrame] = []
    for tenant in tenants:
        read = training.from_working(working, tenant)
        try:
            windows = drift.windows(read("msr_student_week"), read("dim_academic_session"))
        except ModelError as error:
            log.info("no drift measured", extra={"tenant": tenant, "reason": error.what})
            continue
        found.append(
            drift.compare(
                windows,
                checked_at=utc_now(),
                model=_risk_model(working, tenant),
                html=working.home.reports / f"drift-{tenant}.html",
            )
        )
    if not found:
        return working.frame("from main.qc_drift where false")
    rows = pl.concat(found)
    working.replace_rows("qc_drift", rows, ["tenant"])
    return rows


def validate(settings: Settings) -> pl.DataFrame:
    """Run every contract's suite over the published snapshot, write the contracts' pages, answer the results."""
    import duckdb

    from data_contracts import pages, suites

    found: list[pl.DataFrame] = []
    sent: list[pl.DataFrame] = []
    with holding(settings.home) as held, contextlib.ExitStack() as opened:
        for tenant in sorted(held.build.statement_counts):
            file = tenant_file(held.folder, tenant)
            connection = opened.enter_context(duckdb.connect(str(file), read_only=True))
            found.append(suites.validate(connection, tenant=tenant, checked_at=utc_now()))
            sent.append(_frame(connection.sql("from main.qc_check").to_arrow_table()))
    results, checked = pl.concat(found), pl.concat(sent)
    sources = checked.filter(pl.col("contract").is_in([c.name for c in source_contracts()]))
    settings.home.reports.mkdir(parents=True, exist_ok=True)
    pages.write(pl.concat([results, sources.cast(results.schema)]), settings.home.reports / "contracts.html")
    return results


def _risk_model(working: Working, tenant: str) -> object | None:
    name = registry.model_name("risk", tenant)
    return registry.load(working.home, name) if registry.champion_version(working.home, name) else None


def _frame(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame
