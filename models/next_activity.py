"""What to do next: the weakest skill whose prerequisites are mastered, and an activity that exercises it, with the why.

Rows of `prd_next_activity`. Estimates come from `prd_mastery`; nothing is learned here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import polars as pl

from models.frames import as_frame

SUGGESTIONS = 3
"""Suggestions per student and course: few enough to choose from."""

KINDS = (
    "http://adlnet.gov/expapi/activities/lesson",
    "https://w3id.org/xapi/video/activity-type/video",
    "http://id.tincanapi.com/activitytype/resource",
    "http://adlnet.gov/expapi/activities/module",
    "http://adlnet.gov/expapi/activities/assessment",
    "http://adlnet.gov/expapi/activities/cmi.interaction",
)
"""Types of activities, the first preferred: something to learn from before something to be tested by."""

_STUDENT = ["tenant", "person_key", "course_key"]


def recommend(
    mastery: Any,
    *,
    enrolments: Any,
    activities: Any,
    activity_skills: Any,
    skills: Any,
    prerequisites: Any,
    as_of: dt.date,
    start: Callable[[str], float],
    model_version: str,
    mastery_threshold: float = 0.95,
    seen: Any | None = None,
) -> pl.DataFrame:
    """Up to SUGGESTIONS rows of `prd_next_activity` per active student and course; a student's ranks go through all courses:
    each course's weakest skill first, the weakest of these as rank 1.

    mastery: `prd_mastery`; enrolments: `brg_enrolment`; activities: `dim_activity`; activity_skills:
    `brg_activity_skill`; skills: `dim_skill`; prerequisites: `brg_skill_prerequisite`. start(skill_key) is the mastery
    of a skill nobody has practised (`MasteryModel.start`). seen: person_key, activity_key of what was already opened
    (optional): something new comes first. Every suggested skill is below `mastery_threshold`, all its prerequisites not.
    """
    students = _students(enrolments)
    offers = _offers(activities, activity_skills)
    known = as_frame(mastery, ("tenant", "person_key", "skill_key", "mastery"), name="prd_mastery")
    estimates = _estimates(students, offers, known, start)
    weak = estimates.filter(pl.col("mastery") < mastery_threshold)
    conditions = _conditions(skills, prerequisites)
    ready = _ready(weak, conditions, known, start, mastery_threshold).sort(*_STUDENT, "mastery", "skill_key")
    best = ready.group_by(_STUDENT, maintain_order=True).head(SUGGESTIONS)
    chosen = _choose(best, offers, seen)
    titles = as_frame(skills, ("tenant", "skill_key", "title"), name="dim_skill").select(
        "tenant", "skill_key", skill_title=pl.coalesce("title", "skill_key")
    )
    return (
        chosen.join(titles, on=["tenant", "skill_key"], how="left")
        .sort(*_STUDENT, "mastery", "skill_key")
        .with_columns(place=pl.int_range(pl.len()).over(_STUDENT), why=_why())
        .sort("tenant", "person_key", "place", "mastery", "skill_key")
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("tenant", "person_key"))
        .select(
            *("tenant", "person_key", "school_key", "section_key", "course_key", "skill_key", "activity_key"),
            *("rank", "why"),
            model_version=pl.lit(model_version),
            as_of=pl.lit(as_of, dtype=pl.Date),
        )
    )


def _students(enrolments: Any) -> pl.DataFrame:
    columns = ("tenant", "person_key", "school_key", "section_key", "course_key", "role", "is_active")
    frame = as_frame(enrolments, columns, name="brg_enrolment")
    active = frame.filter(pl.col("is_active") & (pl.col("role") == "student"))
    return (
        active.select("tenant", "person_key", "school_key", "section_key", "course_key")
        .drop_nulls("course_key")
        .sort("section_key")
        .unique(_STUDENT, keep="first", maintain_order=True)
    )


def _offers(activities: Any, activity_skills: Any) -> pl.DataFrame:
    """tenant, course_key, skill_key, activity_key, kind (place in KINDS), due_date."""
    links = as_frame(activity_skills, ("tenant", "activity_key", "skill_key"), name="brg_activity_skill")
    columns = ("tenant", "activity_key", "type", "course_key", "due_date")
    known = as_frame(activities, columns, name="dim_activity").select(columns).drop_nulls("course_key")
    kind = pl.col("type").replace_strict({name: n for n, name in enumerate(KINDS)}, default=len(KINDS))
    return links.join(known, on=["tenant", "activity_key"]).with_columns(kind=kind).drop("type")


def _estimates(
    students: pl.DataFrame, offers: pl.DataFrame, known: pl.DataFrame, start: Callable[[str], float]
) -> pl.DataFrame:
    """One row per student, course and skill that the course has activities for, with the mastery known or at the start."""
    offered = offers.select("tenant", "course_key", "skill_key").unique()
    pairs = students.join(offered, on=["tenant", "course_key"])
    return _with_mastery(pairs, known, start)


def _with_mastery(pairs: pl.DataFrame, known: pl.DataFrame, start: Callable[[str], float]) -> pl.DataFrame:
    starts = pairs.select(pl.col("skill_key").unique()).with_columns(
        start=pl.col("skill_key").map_elements(start, return_dtype=pl.Float64)
    )
    estimates = known.select("tenant", "person_key", "skill_key", "mastery")
    return (
        pairs.join(estimates, on=["tenant", "person_key", "skill_key"], how="left")
        .join(starts, on="skill_key", how="left")
        .with_columns(is_practised=pl.col("mastery").is_not_null(), mastery=pl.coalesce("mastery", "start"))
        .drop("start")
    )


def _conditions(skills: Any, prerequisites: Any) -> pl.DataFrame:
    """tenant, skill_key, condition: the prerequisites of each skill; a combination's are those of its parts, outside itself."""
    needed = as_frame(
        prerequisites, ("tenant", "skill_key", "prerequisite_skill_key"), name="brg_skill_prerequisite"
    ).select("tenant", part="skill_key", condition="prerequisite_skill_key")
    columns = ("tenant", "skill_key", "component_skill_keys")
    parts = as_frame(skills, columns, name="dim_skill").select(columns)
    return (
        parts.with_columns(part=pl.col("component_skill_keys"))
        .explode("part")
        .join(needed, on=["tenant", "part"])
        .filter(~pl.col("component_skill_keys").list.contains(pl.col("condition")).fill_null(False))
        .select("tenant", "skill_key", "condition")
        .unique()
    )


def _ready(
    weak: pl.DataFrame,
    conditions: pl.DataFrame,
    known: pl.DataFrame,
    start: Callable[[str], float],
    mastery_threshold: float,
) -> pl.DataFrame:
    """`weak` without the rows of which some prerequisite is not mastered; `condition_count` says how many there are."""
    asked = weak.select(*_STUDENT, "skill_key").join(conditions, on=["tenant", "skill_key"])
    held = _with_mastery(
        asked.rename({"skill_key": "of", "condition": "skill_key"}), known, start
    ).with_columns(is_open=pl.col("mastery") < mastery_threshold)
    judged = held.group_by(*_STUDENT, pl.col("of").alias("skill_key")).agg(
        condition_count=pl.len(), open_count=pl.col("is_open").sum()
    )
    return (
        weak.join(judged, on=[*_STUDENT, "skill_key"], how="left")
        .filter(pl.col("open_count").fill_null(0) == 0)
        .with_columns(condition_count=pl.col("condition_count").fill_null(0))
        .drop("open_count")
    )


def _choose(best: pl.DataFrame, offers: pl.DataFrame, seen: Any | None) -> pl.DataFrame:
    """One activity per suggested skill: new to the student first, then by kind, then by due date; none twice per student."""
    rows = best.join(offers, on=["tenant", "course_key", "skill_key"])
    if seen is not None:
        opened = as_frame(seen, ("person_key", "activity_key"), name="seen").select(
            "person_key", "activity_key"
        )
        rows = rows.join(
            opened.unique().with_columns(is_seen=pl.lit(True)), on=["person_key", "activity_key"], how="left"
        )
    else:
        rows = rows.with_columns(is_seen=pl.lit(None, dtype=pl.Boolean))
    order = [pl.col("kind"), pl.col("is_seen").fill_null(False), pl.col("due_date"), pl.col("activity_key")]
    return (
        rows.sort(*_STUDENT, "mastery", "skill_key", *order, nulls_last=True)
        .unique([*_STUDENT, "activity_key"], keep="first", maintain_order=True)
        .group_by([*_STUDENT, "skill_key"], maintain_order=True)
        .first()
    )


def _why() -> pl.Expr:
    percent = (pl.col("mastery") * 100).floor().cast(pl.Int64)
    level = (
        pl.when("is_practised")
        .then(pl.format("is at {} % mastery", percent))
        .otherwise(pl.lit("has not been practised yet"))
    )
    basis = (
        pl.when(pl.col("condition_count") > 0)
        .then(pl.lit("and what it builds on is mastered"))
        .otherwise(pl.lit("and it builds on nothing else"))
    )
    return pl.format("{} {} {}.", pl.coalesce("skill_title", "skill_key"), level, basis)
