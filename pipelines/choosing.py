"""Choices through a run: proposed while scoring, kept once published, judged when their days are over, and shown as `prd_choice`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable

import polars as pl

from models import recommendation
from models.recommendation import choices as kept
from warehouse import choices, snapshot
from warehouse.build import Working

CHOICE = "prd_choice"


def recover(working: Working) -> None:
    """Keep what the last run that published had put aside, if it died before it could; drop what no run published."""
    newest = snapshot.current(working.home)
    choices.settle(working.home, published_run_id=snapshot.read_build(newest).run_id if newest else "")


def propose(working: Working, found: Iterable[pl.DataFrame]) -> None:
    """Put aside what this run is about to publish."""
    frames = list(found)
    if frames:
        choices.propose(working.home, working.run_id, pl.concat(frames))


def keep(working: Working) -> int:
    """Keep what this run has published."""
    return choices.settle(working.home, published_run_id=working.run_id)


def judge(
    working: Working, tenant: str, tracing: object, people: Callable[[str, pl.DataFrame], pl.DataFrame]
) -> int:
    """Give every choice whose days are over its outcome, and drop what is kept too long; answer how many were judged.

    `people(mart, persons)` answers a mart's rows of those persons who allow predictions.
    """
    home, as_of, settings = working.home, working.window.as_of, working.settings
    window_days = settings.recommendation_outcome_days
    choices.expire(home, tenant, before=as_of - dt.timedelta(days=settings.recommendation_kept_days))
    judged = 0
    for day in choices.open_days(home, tenant, until=as_of - dt.timedelta(days=window_days)):
        closed = kept.closing(choices.read_day(home, tenant, day), window_days=window_days, as_of=as_of)
        persons = closed.select("tenant", "person_key").unique()
        opened = people("fct_statement", persons).filter(
            pl.col("occurred_date").is_between(day, day + dt.timedelta(days=window_days))
        )
        rows = kept.outcomes(
            closed,
            attempts=people("fct_attempt", persons),
            opened=opened,
            tracing=tracing,  # type: ignore[arg-type]
            window_days=window_days,
            as_of=as_of,
        )
        choices.replace_day(home, tenant, day, rows)
        judged += len(rows)
    return judged


def show(working: Working, tenant: str) -> int:
    """Make `prd_choice` what is kept of the choices in which a policy could choose."""
    log = choices.read(working.home, tenant, kept.SCHEMA)
    rows = log.filter(pl.col("decision_id").is_not_null()).drop("candidates", "decision_id", "run_id")
    scope = pl.DataFrame({"tenant": [tenant]})
    working.replace_rows(CHOICE, rows, ("tenant",), scope=scope)
    return len(rows)


def forget(working: Working, refused: pl.DataFrame) -> None:
    """Drop the choices of people who refuse predictions now."""
    for (tenant,), people in refused.group_by("tenant"):
        choices.forget(working.home, str(tenant), people["person_key"].to_list())


def logged(
    found: recommendation.Recommendation, working: Working, *, arm: str, experiment: str | None
) -> pl.DataFrame:
    """What a run is about to publish, as it is kept."""
    return kept.logged(
        found,
        arm=arm,
        experiment=experiment,
        explore_share=working.settings.recommendation_explore_share,
        run_id=working.run_id,
    )
