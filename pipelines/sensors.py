"""When an incremental run starts by itself: something new has been sealed, or the roster, catalogue, day or a model changed."""

import hashlib
from typing import Any

import dagster as dg

from learnlake.settings import Settings
from models.registry import champions
from pipelines.daemon import UNFINISHED
from warehouse.watermark import Pending, observe, pending

REASONS_TAG = "learnlake/reasons"
STATE_TAG = "learnlake/state"
ATTEMPTS = 3
"""How often one state is tried before somebody has to look."""


def new_statements_sensor(settings: Settings, job: Any) -> dg.SensorDefinition:
    """Looks every `sensor_interval_seconds` whether the published build is behind the lake, and starts `job` once for each state."""

    @dg.sensor(
        name="new_statements",
        job=job,
        minimum_interval_seconds=settings.sensor_interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts an incremental run when statements have been sealed, or the roster, catalogue or a model has changed.",
    )
    def new_statements(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        found = pending(settings.home, settings, model_versions=champions(settings.home))
        if not found:
            return dg.SkipReason("The published build has everything.")
        if is_home_empty(found, settings):
            return dg.SkipReason("Nothing has been sealed and no roster is there.")
        waiting = context.instance.get_runs(dg.RunsFilter(job_name=job.name, statuses=UNFINISHED), limit=1)
        if waiting:
            return dg.SkipReason(
                f"Run {waiting[0].run_id} is waiting or at work; it takes in what is there when it starts."
            )
        state = state_key(settings)
        failed = context.instance.get_runs(
            dg.RunsFilter(tags={STATE_TAG: state}, statuses=[dg.DagsterRunStatus.FAILURE])
        )
        if len(failed) >= ATTEMPTS:
            return dg.SkipReason(
                f"{len(failed)} runs have failed on this state, the last one {failed[0].run_id}: see why there, mend it, "
                "then start the job `incremental` by hand or `learnlake run`. What comes in next is tried by itself."
            )
        return dg.RunRequest(
            run_key=f"{state}-{len(failed)}",
            tags={STATE_TAG: state, REASONS_TAG: "; ".join(found.reasons)},
        )

    return new_statements


def is_home_empty(found: Pending, settings: Settings) -> bool:
    """Whether there is nothing at all to build from."""
    return found.sealed_seq == 0 and not observe(settings.home, settings, {}).people_generation


def state_key(settings: Settings) -> str:
    """Names the state of everything that a build depends on: Dagster starts no second run for the same key."""
    return hashlib.sha256(
        observe(settings.home, settings, champions(settings.home)).to_json().encode()
    ).hexdigest()[:32]
