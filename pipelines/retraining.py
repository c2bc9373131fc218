"""When models are trained anew by themselves: once a month (`schedules`), and when the published build says that something has drifted."""

from __future__ import annotations

import hashlib
from typing import Any

import dagster as dg
import duckdb

from learnlake.errors import PipelineError
from learnlake.settings import Settings
from pipelines.assets import TRIGGER_TAG
from warehouse import snapshot

LOOK_SECONDS = 300
"""Drift is measured once a night; nobody waits for the minute."""
_DRIFTED = """
    select tenant, scope, feature, cause, checked_at from main.qc_drift where has_drifted order by tenant, scope, feature
"""


def drift_sensor(settings: Settings, job: Any) -> dg.SensorDefinition:
    """Starts `job` for drift that is new this month. What drifts on is not trained on every night: labels come later."""

    @dg.sensor(
        name="retraining_on_drift",
        job=job,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Trains when inputs, predictions or outcomes have drifted; what is better takes over, and the version says why.",
    )
    def retraining_on_drift(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        found = drifted(settings)
        if not found:
            return dg.SkipReason("Nothing has drifted in the published build.")
        return dg.RunRequest(run_key=_key(found), tags={TRIGGER_TAG: trigger(found)})

    return retraining_on_drift


def drifted(settings: Settings) -> list[dict[str, Any]]:
    """What has drifted according to the published build: tenant, scope, feature, cause, checked_at."""
    try:
        held = snapshot.hold(settings.home)
    except PipelineError:
        return []
    found: list[dict[str, Any]] = []
    try:
        for tenant in sorted(held.build.statement_counts):
            path = snapshot.tenant_file(held.folder, tenant)
            with duckdb.connect(str(path), read_only=True) as connection:
                cursor = connection.execute(_DRIFTED)
                names = [column[0] for column in cursor.description or ()]
                found += [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    finally:
        held.close()
    return found


def trigger(found: list[dict[str, Any]]) -> str:
    """What made us train, as the versions keep it."""
    first = found[0]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"drift of {first['feature']}{more}: {first['cause']}"


def _key(found: list[dict[str, Any]]) -> str:
    """Alike for the same drift of the same month, so that Dagster starts one run for it."""
    month = max(row["checked_at"] for row in found).strftime("%Y-%m")
    named = [month, *(f"{row['tenant']} {row['scope']} {row['feature']}" for row in found)]
    return hashlib.sha256("\n".join(named).encode()).hexdigest()[:32]
