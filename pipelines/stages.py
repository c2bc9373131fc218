"""The stages of a pipeline run and their order, alike for Dagster and `learnlake run`. What each does lives in its room.

discover -> quarantine -> transform -> check -> score -> publish; `train`, `drift` and `validate` are on their own.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import polars as pl

from learnlake.errors import BusyError
from learnlake.settings import Settings
from models import registry
from models.retraining import KINDS, Trained
from people.db import open_people
from pipelines import choosing, contracts, manifest, nightly, scoring, training
from pipelines.progress import Progress, silent
from warehouse import discover as discovery
from warehouse.build import Working
from warehouse.dbt_run import ModelRun
from warehouse.snapshot import Build
from warehouse.watermark import pending

STAGES = ("discover", "quarantine", "transform", "check", "train", "score", "publish")
"""In the order in which `learnlake run` shows them; `train` only where a model is missing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """Why a run ran and what it published; `build` is None where there was nothing to do."""

    reasons: tuple[str, ...]
    build: Build | None
    trained: tuple[Trained, ...] = ()


def incremental(
    settings: Settings,
    *,
    run_id: str,
    started_by: str,
    full_refresh: bool = False,
    retake_from: dt.date | None = None,
    trains_missing: bool = False,
    wait_seconds: float = 0.0,
    progress: Progress = silent,
) -> Outcome:
    """One whole run, in this process. With nothing new, nothing is opened and nothing is done."""
    found = pending(settings.home, settings, model_versions=registry.champions(settings.home))
    if not (found or full_refresh or retake_from):
        return Outcome((), None)
    with opened(
        settings,
        run_id=run_id,
        started_by=started_by,
        full_refresh=full_refresh,
        retake_from=retake_from,
        wait_seconds=wait_seconds,
    ) as working:
        trained = _build(working, trains_missing=trains_missing, progress=progress)
        return Outcome(found.reasons, publish(working, progress=progress), tuple(trained))


def _build(working: Working, *, trains_missing: bool, progress: Progress) -> list[Trained]:
    """Everything before publishing; answer what was trained on the way."""
    discover(working, progress=progress)
    quarantine(working, progress=progress)
    transform(working, progress=progress)
    check(working, progress=progress)
    trained = train_missing(working, progress=progress) if trains_missing else []
    score(working, progress=progress)
    return trained


@contextmanager
def opened(
    settings: Settings,
    *,
    run_id: str,
    started_by: str,
    full_refresh: bool = False,
    retake_from: dt.date | None = None,
    wait_seconds: float = 0.0,
) -> Iterator[Working]:
    """The working file, held. Waits up to `wait_seconds` for another run to let it go, then BusyError."""
    deadline = time.monotonic() + wait_seconds
    working = Working(
        settings.home,
        settings,
        run_id=run_id,
        started_by=started_by,
        full_refresh=full_refresh,
        retake_from=retake_from,
    )
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(working)
                break
            except BusyError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.5)
        yield working


def discover(working: Working, *, progress: Progress = silent) -> int:
    """Register actors and courses that no roster knows; answer how many things were new."""
    progress("discover", 0, 1, "unknown actors and courses")
    engine = open_people(working.settings)
    try:
        found = discovery.discover(working, engine)
    finally:
        engine.dispose()
    progress("discover", 1, 1, f"{found.persons} new people, {found.courses} new courses")
    return found.total


def quarantine(working: Working, *, progress: Progress = silent) -> int:
    """What the new statements break of their sources' contracts; answer how much."""
    progress("quarantine", 0, 1, "sources' contracts")
    broken = contracts.quarantine_new(working)
    progress("quarantine", 1, 1, f"{broken} broken promises")
    return broken


def transform(working: Working, *, progress: Progress = silent) -> tuple[ModelRun, ...]:
    """dbt over what is new."""
    progress("transform", 0, 0, "dbt")
    runs = working.transform(on_progress=lambda model, done, total: progress("transform", done, total, model))
    manifest.keep(working.home)
    return runs


def check(working: Working, *, progress: Progress = silent) -> pl.DataFrame:
    """The contracts as SQL over the working file; ContractError where a blocking rule fails."""
    progress("check", 0, 1, "data contracts")
    results = contracts.check_built(working)
    failed = len(results.filter(~pl.col("is_passed")))
    progress("check", 1, 1, f"{len(results)} checks, {failed} flagged")
    return results


def score(working: Working, *, progress: Progress = silent) -> dict[str, int]:
    """The champions' predictions for what has changed, checked; answer the rows written by table."""
    written = scoring.score(working, progress=progress)
    contracts.check_predictions(working)
    return written


def publish(working: Working, *, progress: Progress = silent) -> Build:
    """The snapshot, whole or not at all."""
    progress("publish", 0, 1, "snapshot")
    build = working.publish(model_versions=registry.champions(working.home))
    choosing.keep(working)
    progress("publish", 1, 1, build.build_id)
    return build


def train_missing(working: Working, *, progress: Progress = silent) -> list[Trained]:
    """Train the models that nobody has trained yet, where there is enough to learn from."""
    wanted = training.missing(working.home, scoring.tenants(working))
    if not wanted:
        return []
    return training.train(
        working.home,
        wanted,
        lambda tenant: training.from_working(working, tenant),
        trigger="there was none",
        progress=progress,
    )


def train(settings: Settings, *, trigger: str, kinds: Iterable[str] = KINDS) -> list[Trained]:
    """Train the models of `kinds` of every tenant on the published snapshot; better ones take over."""
    return training.train_published(settings, trigger=trigger, kinds=tuple(kinds))


def drift(settings: Settings, *, run_id: str, started_by: str, wait_seconds: float = 0.0) -> pl.DataFrame:
    """A whole run that also measures drift, so that the published build shows it; answer the rows."""
    with opened(settings, run_id=run_id, started_by=started_by, wait_seconds=wait_seconds) as working:
        _build(working, trains_missing=False, progress=silent)
        rows = nightly.measure_drift(working, scoring.tenants(working))
        publish(working)
    return rows


def policy_values(settings: Settings) -> dict[str, dict[str, float | str]]:
    """By tenant what the choices kept say of each policy."""
    return nightly.policy_values(settings)


def validate(settings: Settings) -> pl.DataFrame:
    """The contracts' heavy suites over the published snapshot; answer every check's result."""
    return nightly.validate(settings)
