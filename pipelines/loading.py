"""Everything that Dagster knows of a home folder. Loads without secrets and without a network; no business logic here."""

from __future__ import annotations

from typing import Any

import dagster as dg

from learnlake.settings import Settings
from pipelines import alerts, assets, checks, lineage, resources, retraining, schedules, sensors
from pipelines.policies import RETRIES, fresh, run_tags


def definitions(settings: Settings) -> dg.Definitions:
    """The assets, checks, jobs, sensor and schedules over one home folder."""
    settings.home.create()
    models = lineage.dbt_specs(settings.home)
    steps = assets.incremental_assets(models)
    contract_checks = checks.contract_checks()
    incremental = dg.define_asset_job(
        "incremental",
        selection=dg.AssetSelection.assets(*steps) | dg.AssetSelection.checks(contract_checks),
        description="Discover, quarantine, transform, check, score, publish what is new.",
        run_tags=run_tags(
            "incremental"
        ),  # its sensors try again, from the start: a step alone has lost its working file
    )
    training = _alone("training", *assets.MODELS, assets.POLICY)
    drift = _alone("drift", assets.DRIFT)
    suites = checks.heavy_suites(settings)
    value = _alone("policy_value", assets.VALUE)
    backfill = _alone("backfill", assets.BY_DAY)
    return dg.Definitions(
        assets=dg.map_asset_specs(
            fresh,
            [
                *lineage.source_specs(settings.home),
                *steps,
                assets.training(settings),
                assets.policy_training(settings),
                assets.drift(settings),
                assets.policy_value(settings),
                assets.by_day(settings),
            ],
        ),
        asset_checks=[contract_checks],
        jobs=[incremental, training, drift, value, backfill, suites],
        sensors=[
            *sensors.source_sensors(settings, incremental),
            retraining.drift_sensor(settings, training),
            alerts.failure_sensor(settings),
        ],
        schedules=[*schedules.nightly([suites, drift, value]), schedules.monthly(training)],
        resources={resources.RUN: resources.working_file(settings)},
        executor=dg.in_process_executor,
    )


def _alone(name: str, *selected: dg.AssetKey | str) -> Any:
    """A job of one step that holds nothing open between attempts, so that it may simply be tried again."""
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(*selected),
        run_tags=run_tags(name),
        op_retry_policy=RETRIES,
    )
