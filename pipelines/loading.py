"""Everything that Dagster knows of a home folder. Loads without secrets and without a network; no business logic here."""

from __future__ import annotations

import dagster as dg

from learnlake.settings import Settings
from pipelines import assets, checks, lineage, resources, schedules, sensors


def definitions(settings: Settings) -> dg.Definitions:
    """The assets, checks, jobs, sensor and schedules over one home folder."""
    settings.home.create()
    models = lineage.dbt_specs(settings.home)
    steps = assets.incremental_assets(models)
    contract_checks = checks.contract_checks()
    incremental = dg.define_asset_job(
        "incremental",
        selection=dg.AssetSelection.assets(*steps) | dg.AssetSelection.checks(contract_checks),
        description="Discover, transform, check, score, publish what is new.",
    )
    training = dg.define_asset_job("training", selection=dg.AssetSelection.assets(*assets.MODELS))
    drift = dg.define_asset_job("drift", selection=dg.AssetSelection.assets(assets.DRIFT))
    suites = checks.heavy_suites(settings)
    backfill = dg.define_asset_job("backfill", selection=dg.AssetSelection.assets(assets.BY_DAY))
    return dg.Definitions(
        assets=[
            *lineage.source_specs(settings.home),
            *steps,
            assets.training(settings),
            assets.drift(settings),
            assets.by_day(settings),
        ],
        asset_checks=[contract_checks],
        jobs=[incremental, training, drift, backfill, suites],
        sensors=[sensors.new_statements_sensor(settings, incremental)],
        schedules=schedules.nightly([suites, drift, training]),
        resources={resources.RUN: resources.working_file(settings)},
        executor=dg.in_process_executor,
    )
