"""When an incremental run starts by itself: one sensor per source of change, each of which can be switched off alone."""

import hashlib
from typing import Any

import dagster as dg

from learnlake.settings import Settings
from models.registry import champions
from pipelines.daemon import UNFINISHED
from pipelines.policies import AS_OF_TAG, ATTEMPTS, REASONS_TAG, SOURCE_TAG, STATE_TAG
from warehouse.watermark import FIRST_BUILD, Pending, observe, pending

SOURCES: dict[str, tuple[tuple[str, ...], str]] = {
    "new_statements": ((FIRST_BUILD, "sealed_seq", "removal"), "statements have been sealed or removed"),
    "new_roster": (("people_generation",), "the roster has changed"),
    "new_catalogue": (("catalogue_generation",), "the catalogue has changed"),
    "new_day": (
        ("as_of", "definitions"),
        "a new day or new definitions: finds sources that have gone silent, too",
    ),
    "new_model": (("model_versions",), "a model has a new version in force"),
}
"""Sensor -> fields of the watermark that it looks at, and what it has then seen."""
SLOW_SECONDS = 30
"""For what changes a few times a day at most."""
_QUICK = frozenset({"new_statements", "new_roster"})


def source_sensors(settings: Settings, job: Any) -> list[dg.SensorDefinition]:
    """The sensors of `SOURCES`, all on. Each starts `job` once for each state, three times if it fails."""
    return [_sensor(settings, job, name, fields, what) for name, (fields, what) in SOURCES.items()]


def _sensor(
    settings: Settings, job: Any, name: str, fields: tuple[str, ...], what: str
) -> dg.SensorDefinition:
    interval = settings.sensor_interval_seconds
    if name not in _QUICK:
        interval = max(interval, SLOW_SECONDS)

    @dg.sensor(
        name=name,
        job=job,
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts an incremental run: {what}.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        found = pending(settings.home, settings, model_versions=champions(settings.home))
        if not set(found.fields) & set(fields):
            return dg.SkipReason("The published build has everything of this source.")
        if is_home_empty(found, settings):
            return dg.SkipReason("Nothing has been sealed and no roster is there.")
        return _request(context, settings, job.name, name, found)

    return look


def _request(
    context: dg.SensorEvaluationContext, settings: Settings, job: str, sensor: str, found: Pending
) -> dg.RunRequest | dg.SkipReason:
    waiting = context.instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNFINISHED), limit=1)
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
    as_of = observe(settings.home, settings, {}).as_of
    return dg.RunRequest(
        run_key=f"{state}-{len(failed)}",
        tags={STATE_TAG: state, SOURCE_TAG: sensor, AS_OF_TAG: as_of, REASONS_TAG: "; ".join(found.reasons)},
    )


def is_home_empty(found: Pending, settings: Settings) -> bool:
    """Whether there is nothing at all to build from."""
    return found.sealed_seq == 0 and not observe(settings.home, settings, {}).people_generation


def state_key(settings: Settings) -> str:
    """Names the state of everything that a build depends on: Dagster starts no second run for the same key."""
    return hashlib.sha256(
        observe(settings.home, settings, champions(settings.home)).to_json().encode()
    ).hexdigest()[:32]
