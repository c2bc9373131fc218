"""What to do next: candidates ranked by a policy, an activity for each, and the why in words. Rows of `prd_next_activity`.

Estimates come from `prd_mastery` and the mastery model; nothing is learned here.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import polars as pl

from models.frames import as_frame
from models.recommendation import overrides as overriding
from models.recommendation.candidates import (
    ASSIGNED,
    IN_REACH,
    LEARN,
    REVIEW,
    STUDENT,
    Tracing,
    candidates,
    chance,
    offers,
    students,
)
from models.recommendation.policy import FEATURES, Policy, Ranked, explored, scored
from models.recommendation.words import why

SUGGESTIONS = 3
"""Suggestions per student and course: few enough to choose from."""
_SPARE = 3
"""Skills beyond these for which activities are looked up, where two skills share their only activity."""

LESSON = "http://adlnet.gov/expapi/activities/lesson"
VIDEO = "https://w3id.org/xapi/video/activity-type/video"
RESOURCE = "http://id.tincanapi.com/activitytype/resource"
MODULE = "http://adlnet.gov/expapi/activities/module"
ASSESSMENT = "http://adlnet.gov/expapi/activities/assessment"
ITEM = "http://adlnet.gov/expapi/activities/cmi.interaction"
TO_LEARN = (LESSON, VIDEO, RESOURCE, MODULE, ASSESSMENT, ITEM)
"""Types of activities for a skill that is new or hard, the first preferred: something to learn from before something to be tested by."""
TO_PRACTISE = (ASSESSMENT, ITEM, LESSON, VIDEO, RESOURCE, MODULE)
"""The same for a skill that is within reach or to be reviewed: something to answer."""
TESTS = (ASSESSMENT, ITEM)
_AIM = 0.75


class Recommendation(NamedTuple):
    """`rows` of `prd_next_activity`, and `decisions`: every candidate of each choice that a policy made, for its later judging."""

    rows: pl.DataFrame
    decisions: pl.DataFrame


def recommend(
    mastery: Any,
    *,
    enrolments: Any,
    activities: Any,
    activity_skills: Any,
    skills: Any,
    prerequisites: Any,
    tracing: Tracing,
    as_of: dt.date,
    attempts: Any | None = None,
    seen: Any | None = None,
    overrides: Any | None = None,
    preferences: Any | None = None,
    mastery_threshold: float = 0.95,
    policy: Policy | None = None,
    explore: float = 0.0,
) -> Recommendation:
    """Up to SUGGESTIONS rows per active student and course; a student's ranks go through all courses: the first of each, then the second.

    mastery: `prd_mastery`; enrolments: `brg_enrolment`; activities: `dim_activity`; activity_skills: `brg_activity_skill`; skills:
    `dim_skill`; prerequisites: `brg_skill_prerequisite`; tracing: the model behind `mastery`. Optional: attempts: `fct_attempt`, without
    which nothing is reviewed; seen: person_key, activity_key, occurred_date of what was opened; overrides and preferences as
    `models.recommendation.overrides` has them. A suggestion is either assigned by a teacher, or of a skill that no teacher
    excluded, whose prerequisites are mastered (or count as known), and that is below `mastery_threshold` or due for review.
    """
    policy = policy or Ranked()
    members = students(enrolments)
    rules = overriding.standing(overrides, members, as_of=as_of)
    offered = offers(activities, activity_skills)
    found = candidates(
        members,
        offered,
        mastery,
        rules,
        skills=skills,
        prerequisites=prerequisites,
        attempts=attempts,
        preferences=preferences,
        tracing=tracing,
        as_of=as_of,
        mastery_threshold=mastery_threshold,
    )
    ranked = explored(scored(found, policy), version=policy.version, as_of=as_of, share=explore)
    chosen = _choose(_best(ranked), offered, rules, seen=seen, preferences=preferences, tracing=tracing)
    rows = pl.concat([_assigned(members, activities, offered, rules, seen), chosen], how="diagonal_relaxed")
    rows = _placed(rows).join(_titles(skills), on=["tenant", "skill_key"], how="left")
    decisions = _decisions(ranked, rows, policy, as_of)
    return Recommendation(_published(rows, tracing, policy, as_of), decisions)


def _best(ranked: pl.DataFrame) -> pl.DataFrame:
    """Per student and course the best skills: assigned ones first, one review at most."""
    ordered = ranked.sort(pl.col("kind") != ASSIGNED, pl.col("score") * -1, "skill_key")
    is_review = pl.col("kind") == REVIEW
    later = is_review & (is_review.cum_sum().over(STUDENT) > 1)
    return ordered.filter(~later).group_by(STUDENT, maintain_order=True).head(SUGGESTIONS + _SPARE)


def _choose(
    best: pl.DataFrame,
    offered: pl.DataFrame,
    rules: overriding.Standing,
    *,
    seen: Any | None,
    preferences: Any | None,
    tracing: Tracing,
) -> pl.DataFrame:
    """One activity per skill: new to the student, in a form that the student likes, in reach, of the right type; none twice per student."""
    rows = best.join(_with_emission(offered, tracing), on=["tenant", "course_key", "skill_key"])
    rows = rows.join(rules.excluded_activities, on=[*STUDENT, "activity_key"], how="anti")
    opened = _opened(seen).select("person_key", "activity_key", is_seen=pl.lit(True)).unique()
    liked = overriding.formats(preferences).with_columns(is_liked=pl.lit(True))
    rows = rows.join(opened, on=["person_key", "activity_key"], how="left").join(
        liked, on=["tenant", "person_key", "type"], how="left"
    )
    places = [
        pl.col("type").replace_strict(
            {name: n for n, name in enumerate(types)}, default=len(types), return_dtype=pl.Int64
        )
        for types in (TO_LEARN, TO_PRACTISE)
    ]
    rows = rows.with_columns(
        pl.col("is_seen", "is_liked").fill_null(False),
        place_of_type=pl.when(pl.col("kind").is_in([LEARN, ASSIGNED])).then(places[0]).otherwise(places[1]),
        item_chance=chance("mastery", "guess", "slip"),
    ).with_columns(
        is_out_of_reach=pl.col("type").is_in(TESTS) & ~pl.col("item_chance").is_between(*IN_REACH),
        off_aim=pl.when(pl.col("type").is_in(TESTS))
        .then((pl.col("item_chance") - _AIM).abs())
        .otherwise(0.0),
    )
    order: list[str | pl.Expr] = [
        "is_seen",
        pl.col("is_liked") * -1,
        "is_out_of_reach",
        "place_of_type",
        "off_aim",
        "due_date",
        "activity_key",
    ]
    return (
        rows.sort(pl.col("kind") != ASSIGNED, pl.col("score") * -1, "skill_key", *order, nulls_last=True)
        .unique([*STUDENT, "activity_key"], keep="first", maintain_order=True)
        .unique([*STUDENT, "skill_key"], keep="first", maintain_order=True)
        .with_columns(chance=pl.when(pl.col("type").is_in(TESTS)).then("item_chance").otherwise("chance"))
    )


def _with_emission(offered: pl.DataFrame, tracing: Tracing) -> pl.DataFrame:
    pairs = offered.select("skill_key", "activity_key").unique(maintain_order=True)
    emissions = [tracing.emission(*pair) for pair in pairs.iter_rows()]
    table = pairs.with_columns(
        guess=pl.Series([e.guess for e in emissions], dtype=pl.Float64),
        slip=pl.Series([e.slip for e in emissions], dtype=pl.Float64),
    )
    return offered.join(table, on=["skill_key", "activity_key"], how="left")


def _opened(seen: Any | None) -> pl.DataFrame:
    schema = {"person_key": pl.String, "activity_key": pl.String, "occurred_date": pl.Date}
    return (
        pl.DataFrame(schema=schema) if seen is None else as_frame(seen, schema, name="seen").select(*schema)
    )


def _assigned(
    members: pl.DataFrame,
    activities: Any,
    offered: pl.DataFrame,
    rules: overriding.Standing,
    seen: Any | None,
) -> pl.DataFrame:
    """Activities that a teacher has put first and the student has not opened since, the newest decision first."""
    key = ["tenant", "activity_key", "course_key"]
    skill_of = (
        offered.sort("skill_key").unique(key, keep="first", maintain_order=True).select(*key, "skill_key")
    )
    skill_of = as_frame(activities, key, name="dim_activity").select(key).join(skill_of, on=key, how="left")
    opened = (
        _opened(seen).group_by("person_key", "activity_key").agg(last_opened=pl.col("occurred_date").max())
    )
    return (
        rules.assigned_activities.join(members.unique(STUDENT, keep="first", maintain_order=True), on=STUDENT)
        .join(skill_of, on=key)
        .join(opened, on=["person_key", "activity_key"], how="left")
        .filter(pl.col("last_opened").is_null() | (pl.col("last_opened") < pl.col("begin_date")))
        .sort("begin_date", "activity_key", descending=[True, False])
        .select(
            *STUDENT,
            *("school_key", "section_key", "skill_key", "activity_key", "end_date"),
            kind=pl.lit(ASSIGNED),
        )
    )


def _placed(rows: pl.DataFrame) -> pl.DataFrame:
    """At most SUGGESTIONS per student and course, no activity twice, with `rank` over all courses of the student."""
    kept = rows.unique([*STUDENT, "activity_key"], keep="first", maintain_order=True)
    kept = kept.sort(*STUDENT, pl.col("kind") != ASSIGNED, maintain_order=True)
    return (
        kept.with_columns(place=pl.int_range(pl.len()).over(STUDENT))
        .filter(pl.col("place") < SUGGESTIONS)
        .sort(
            "tenant",
            "person_key",
            pl.col("kind") != ASSIGNED,
            "place",
            pl.col("score") * -1,
            "course_key",
            nulls_last=True,
        )
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("tenant", "person_key"))
    )


def _titles(skills: Any) -> pl.DataFrame:
    return as_frame(skills, ("tenant", "skill_key", "title"), name="dim_skill").select(
        "tenant", "skill_key", skill_title=pl.coalesce("title", "skill_key")
    )


def _decisions(ranked: pl.DataFrame, rows: pl.DataFrame, policy: Policy, as_of: dt.date) -> pl.DataFrame:
    """Choices whose outcome is on the page, a row per candidate. person_key is there to find the outcome; a policy never reads it."""
    shown = rows.join(
        ranked.filter(pl.col("is_chosen")).select(*STUDENT, "skill_key", "kind", "decision_id"),
        on=[*STUDENT, "skill_key", "kind"],
    )
    return ranked.join(shown.select("decision_id"), on="decision_id", how="semi").select(
        "decision_id",
        *STUDENT,
        "skill_key",
        "kind",
        *(pl.col(name).cast(pl.Float64) for name in FEATURES),
        "propensity",
        "is_chosen",
        policy_version=pl.lit(policy.version),
        decided_on=pl.lit(as_of, dtype=pl.Date),
    )


def _published(rows: pl.DataFrame, tracing: Tracing, policy: Policy, as_of: dt.date) -> pl.DataFrame:
    return rows.with_columns(why=why()).select(
        *("tenant", "person_key", "school_key", "section_key", "course_key", "skill_key", "activity_key"),
        *("rank", "kind", "why", "mastery", "chance", "recall", "propensity"),
        policy_version=pl.lit(policy.version),
        model_version=pl.lit(tracing.version),
        as_of=pl.lit(as_of, dtype=pl.Date),
    )
