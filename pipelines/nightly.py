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
from models.retraining import CHOICES
from pipelines import training
from warehouse.build import Working
from warehouse.snapshot import holding, tenant_file

log = logging.getLogger(__name__)


def measure_drift(working: Working, tenants: list[str]) -> pl.DataFrame:
    """Compare each tenant's weeks by school, its courses' terms, and its running session with the one before; answer the rows of `qc_drift`.

    A page of the last is kept for reading.
    """
    found = [part for tenant in tenants for part in _drift_of(working, tenant) if len(part)]
    if not found:
        return working.frame("from main.qc_drift where false")
    rows = pl.concat([part.select(found[0].columns) for part in found])
    place = pl.when(pl.col("scope") == "all").then(pl.lit("")).otherwise(pl.format(" in {}", "scope"))
    rows = rows.with_columns(pl.concat_str("feature", place))  # the mart's key is the feature
    working.replace_rows("qc_drift", rows, ["tenant"])
    return rows


def _drift_of(working: Working, tenant: str) -> list[pl.DataFrame]:
    from models import drift, drift_weeks

    read = training.from_working(working, tenant)
    weeks, sessions = read("msr_student_week"), read("dim_academic_session")
    found = [
        drift_weeks.compare(
            weeks,
            read("fct_attempt"),
            sessions,
            model=_model(working, "mastery", tenant),
            checked_at=utc_now(),
        )
    ]
    try:
        windows = drift.windows(weeks, sessions)
    except ModelError as error:
        log.info("sessions not compared", extra={"tenant": tenant, "reason": error.what})
        return found
    page = working.home.reports / f"drift-{tenant}.html"
    return [
        *found,
        drift.compare(windows, checked_at=utc_now(), model=_model(working, "risk", tenant), html=page),
    ]


def policy_values(settings: Settings) -> dict[str, dict[str, float | str]]:
    """By tenant each policy's off-line value (doubly robust, with its interval), and the verdict on a learned one or why there is none."""
    from models.recommendation import RegisteredPolicy, judging

    told: dict[str, dict[str, float | str]] = {}
    with holding(settings.home) as held:
        for tenant in sorted(held.build.statement_counts):
            with training.from_snapshot(settings.home, held.folder, tenant) as read:
                log_of_choices = read(CHOICES)
            name = registry.model_name("recommendation", tenant)
            is_there = registry.champion_version(settings.home, name) is not None
            policy = (registry.load(settings.home, name) if is_there else RegisteredPolicy()).policy
            try:
                found = judging.judge(log_of_choices, policy)
            except ModelError as error:
                told[tenant] = {"verdict": error.what}
                continue
            told[tenant] = {"verdict": found.verdict.reason, "in force": policy.version}
            for row in found.table.iter_rows(named=True):
                told[tenant] |= {
                    f"{row['policy']} {end or 'value'}": row[f"doubly_robust{'_' if end else ''}{end}"]
                    for end in ("", "low", "high")
                }
    return told


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


def _model(working: Working, kind: str, tenant: str) -> Any:
    name = registry.model_name(kind, tenant)
    return registry.load(working.home, name) if registry.champion_version(working.home, name) else None


def _frame(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame
