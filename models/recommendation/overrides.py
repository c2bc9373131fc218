"""What teachers have decided and learners prefer, as the recommender takes it. Keeping and permitting it is `people`'s business."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import polars as pl

from models.frames import as_frame

ASSIGN, EXCLUDE, KNOWN = "assign", "exclude", "known"
ACTIONS = (ASSIGN, EXCLUDE, KNOWN)
"""Comes first; never comes; counts as mastered (skills only)."""
GOAL, FORMAT = "goal", "format"

OVERRIDE_SCHEMA = pl.Schema(
    {
        "tenant": pl.String,
        "override_id": pl.Int64,
        "section_key": pl.String,
        "person_key": pl.String,
        "action": pl.String,
        "skill_key": pl.String,
        "activity_key": pl.String,
        "begin_date": pl.Date,
        "end_date": pl.Date,
    }
)
"""One decision for one person, or for a whole section where person_key is null; about a skill or an activity."""
PREFERENCE_SCHEMA = pl.Schema(
    {"tenant": pl.String, "person_key": pl.String, "kind": pl.String, "value": pl.String}
)
"""kind `goal`: a skill_key to work towards; `format`: an activity type that the learner likes."""

_STUDENT = ["tenant", "person_key", "course_key"]


class Standing(NamedTuple):
    """Decisions that hold on a day, by student and course; each frame has the columns of a student and of its target."""

    assigned_activities: pl.DataFrame
    assigned_skills: pl.DataFrame
    excluded_activities: pl.DataFrame
    excluded_skills: pl.DataFrame
    known_skills: pl.DataFrame


def standing(overrides: Any | None, enrolments: pl.DataFrame, *, as_of: dt.date) -> Standing:
    """What holds on `as_of` for the active students of `enrolments`.

    Of several decisions about one target the one for the person beats the one for the class, then the newest wins.
    """
    given = (
        pl.DataFrame(schema=OVERRIDE_SCHEMA)
        if overrides is None
        else as_frame(overrides, OVERRIDE_SCHEMA, name="override")
    )
    held = given.filter(pl.col("begin_date") <= as_of, pl.col("end_date") >= as_of)
    members = enrolments.select("tenant", "person_key", "section_key", "course_key")
    for_class = (
        held.filter(pl.col("person_key").is_null())
        .drop("person_key")
        .join(members, on=["tenant", "section_key"])
    )
    for_one = held.drop_nulls("person_key").join(members, on=["tenant", "section_key", "person_key"])
    target = ["skill_key", "activity_key"]
    last = (
        pl.concat([for_class, for_one.select(for_class.columns)])
        .with_columns(is_own=pl.Series([False] * len(for_class) + [True] * len(for_one), dtype=pl.Boolean))
        .sort("is_own", "override_id")
        .unique([*_STUDENT, *target], keep="last", maintain_order=True)
    )

    def of(action: str, column: str) -> pl.DataFrame:
        rows = last.filter(pl.col("action") == action).drop_nulls(column)
        return rows.select(*_STUDENT, column, "begin_date", "end_date").unique(
            [*_STUDENT, column], keep="last"
        )

    return Standing(
        of(ASSIGN, "activity_key"),
        of(ASSIGN, "skill_key"),
        of(EXCLUDE, "activity_key"),
        of(EXCLUDE, "skill_key"),
        of(KNOWN, "skill_key"),
    )


def goals(preferences: Any | None) -> pl.DataFrame:
    """tenant, person_key, skill_key of the skills that learners work towards."""
    return _preferred(preferences, GOAL).rename({"value": "skill_key"})


def formats(preferences: Any | None) -> pl.DataFrame:
    """tenant, person_key, type of the activities that learners like."""
    return _preferred(preferences, FORMAT).rename({"value": "type"})


def _preferred(preferences: Any | None, kind: str) -> pl.DataFrame:
    given = (
        pl.DataFrame(schema=PREFERENCE_SCHEMA)
        if preferences is None
        else as_frame(preferences, PREFERENCE_SCHEMA, name="preference")
    )
    return given.filter(pl.col("kind") == kind).select("tenant", "person_key", "value").unique()
