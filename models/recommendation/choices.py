"""Choices as they are kept: what was published, with which propensity and among what, and what came of it. Where they are kept is not said here."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import polars as pl

from models.mastery.bkt import MasteryModel
from models.recommendation.learned import rewards
from models.recommendation.policy import FEATURES
from models.recommendation.recommend import Recommendation

_STUDENT = ("tenant", "person_key", "course_key")
CANDIDATE = pl.Struct(
    {
        "skill_key": pl.String,
        **dict.fromkeys(FEATURES, pl.Float64),
        "propensity": pl.Float64,
        "is_chosen": pl.Boolean,
    }
)
OUTCOMES = pl.Schema(
    {
        "judged_on": pl.Date,
        "is_attempted": pl.Boolean,
        "answer_count": pl.Int32,
        "right_count": pl.Int32,
        "mastery_rise": pl.Float64,
    }
)
"""Null until the choice's window has closed."""
_COLUMNS: dict[str, Any] = {
    **dict.fromkeys(
        ("tenant", "choice_id", "person_key", "school_key", "section_key", "course_key"), pl.String
    ),
    "skill_key": pl.String,
    "activity_key": pl.String,
    "rank": pl.Int32,
    "kind": pl.String,
    "decision_id": pl.String,
    "propensity": pl.Float64,
    "explore_share": pl.Float64,
    "candidate_count": pl.Int32,
    "candidates_hash": pl.String,
    "candidates": pl.List(CANDIDATE),
    **dict.fromkeys(("arm", "experiment", "policy_version", "model_version"), pl.String),
    "decided_on": pl.Date,
    "run_id": pl.String,
    **OUTCOMES,
}
SCHEMA = pl.Schema(_COLUMNS)
"""A row per published suggestion. Where a policy had no choice (assigned work, reviews, one candidate, a later place) there is no decision."""


def logged(
    found: Recommendation, *, arm: str, experiment: str | None, explore_share: float, run_id: str
) -> pl.DataFrame:
    """What has been published of `found`, as SCHEMA has it, outcomes still open. The same suggestion of the same day has the same `choice_id`."""
    rows = found.rows.rename({"as_of": "decided_on"}).drop("propensity", "mastery", "chance", "recall", "why")
    joined = rows.join(
        _decided(found.decisions), on=[*_STUDENT, "skill_key", "kind"], how="left", nulls_equal=True
    ).with_columns(
        arm=pl.lit(arm),
        experiment=pl.lit(experiment, dtype=pl.String),
        explore_share=pl.lit(explore_share),
        run_id=pl.lit(run_id),
        **{name: pl.lit(None, dtype=kind) for name, kind in OUTCOMES.items()},
    )
    named = (
        "tenant",
        "person_key",
        "course_key",
        "skill_key",
        "activity_key",
        "kind",
        "decided_on",
        "policy_version",
    )
    ids = [_digest(*row) for row in joined.select(*named, "decision_id").iter_rows()]
    return joined.with_columns(choice_id=pl.Series(ids, dtype=pl.String)).select(
        pl.col(name).cast(kind) for name, kind in SCHEMA.items()
    )


def _decided(decisions: pl.DataFrame) -> pl.DataFrame:
    """The chosen candidate of each decision with all that it was chosen among."""
    among = (
        decisions.sort("decision_id", "skill_key")
        .group_by("decision_id", maintain_order=True)
        .agg(
            candidates=pl.struct(name for name in CANDIDATE.to_schema()),
            candidate_count=pl.len().cast(pl.Int32),
            names=pl.col("skill_key").str.join("\x1f"),
        )
    )
    hashes = [_digest(names) for names in among["names"]]
    chosen = decisions.filter("is_chosen").select(*_STUDENT, "skill_key", "kind", "decision_id", "propensity")
    return chosen.join(
        among.drop("names").with_columns(candidates_hash=pl.Series(hashes, dtype=pl.String)), on="decision_id"
    )


def decisions(log: pl.DataFrame) -> pl.DataFrame:
    """A row per candidate of each decision in `log`, as `off_policy.value` takes it, with the reward of the choice."""
    kept = ("school_key", "policy_version", "decided_on", "explore_share")
    return (
        log.filter(pl.col("decision_id").is_not_null())
        .unique("decision_id", keep="first", maintain_order=True)
        .select("decision_id", *_STUDENT, *kept, reward="mastery_rise", candidate="candidates")
        .explode("candidate")
        .unnest("candidate")
    )


def closing(log: pl.DataFrame, *, window_days: int, as_of: dt.date) -> pl.DataFrame:
    """The choices whose window has closed by `as_of` and whose outcome is still open."""
    is_closed = pl.col("decided_on") + dt.timedelta(days=window_days) <= as_of
    return log.filter(pl.col("judged_on").is_null() & is_closed)


def outcomes(
    closed: pl.DataFrame,
    *,
    attempts: pl.DataFrame,
    opened: pl.DataFrame,
    tracing: MasteryModel,
    window_days: int,
    as_of: dt.date,
) -> pl.DataFrame:
    """`closed` with what came of it within `window_days`, the day of the choice included.

    `is_attempted`: the suggested activity was opened or answered (`opened`: person_key, activity_key, occurred_date). `answer_count` and
    `right_count` are of the skill, wherever it was practised. `mastery_rise` is over the course's skills, by `tracing`.
    """
    last = pl.col("decided_on") + dt.timedelta(days=window_days)
    choices = closed.drop(*OUTCOMES)
    seen = (
        choices.select("choice_id", "person_key", "activity_key", "decided_on")
        .join(opened, on=["person_key", "activity_key"])
        .filter(pl.col("occurred_date").is_between(pl.col("decided_on"), last))
        .select("choice_id", is_attempted=pl.lit(True))
        .unique()
    )
    answered = (
        choices.select("choice_id", "person_key", "skill_key", "decided_on")
        .join(
            attempts.select("person_key", "skill_key", "is_correct", "responded_at"),
            on=["person_key", "skill_key"],
        )
        .filter(pl.col("responded_at").dt.date().is_between(pl.col("decided_on"), last))
        .group_by("choice_id")
        .agg(answer_count=pl.len().cast(pl.Int32), right_count=pl.col("is_correct").sum().cast(pl.Int32))
    )
    risen = rewards(
        choices.with_columns(is_chosen=True, decision_id="choice_id"),
        attempts,
        tracing,
        window_days=window_days,
        as_of=as_of,
    ).rename({"decision_id": "choice_id", "reward": "mastery_rise"})
    judged = choices
    for part in (seen, answered, risen):
        judged = judged.join(part, on="choice_id", how="left")
    return judged.with_columns(
        pl.lit(as_of, dtype=pl.Date).alias("judged_on"),
        pl.col("is_attempted").fill_null(False),
        pl.col("answer_count", "right_count").fill_null(0),
    ).select(list(SCHEMA))


def _digest(*parts: Any) -> str:
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]
