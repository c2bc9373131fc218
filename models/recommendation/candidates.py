"""What could be done next: per student and course the skills that are ready, due for review or assigned, with what speaks for each."""

from __future__ import annotations

import datetime as dt
from typing import Any, Protocol

import polars as pl

from models.frames import as_frame
from models.mastery.bkt import Emission, SkillParameters
from models.recommendation import graph, overrides, review

STUDENT = ["tenant", "person_key", "course_key"]
ASSIGNED, LEARN, PRACTISE, REVIEW = "assigned", "learn", "practise", "review"
IN_REACH = (0.5, 0.9)
"""Chance of success in which practice pays: below, most is guessed or given up; above, little is left to learn. Adaptive practice aims
at .75 (Klinkenberg et al. 2011), .85 was derived for learning by trial and error (Wilson et al. 2019)."""


class Tracing(Protocol):
    """What the recommender asks of knowledge tracing; `models.mastery.MasteryModel` is one."""

    version: str

    def parameters(self, skill_key: str) -> SkillParameters: ...

    def emission(self, skill_key: str, activity_key: str | None = None) -> Emission: ...


def students(enrolments: Any) -> pl.DataFrame:
    """Active students of `brg_enrolment`, a row per section."""
    columns = ("tenant", "person_key", "school_key", "section_key", "course_key", "role", "is_active")
    frame = as_frame(enrolments, columns, name="brg_enrolment")
    active = frame.filter(pl.col("is_active") & (pl.col("role") == "student"))
    return active.select(columns[:5]).drop_nulls("course_key").sort("section_key")


def offers(activities: Any, activity_skills: Any) -> pl.DataFrame:
    """tenant, course_key, skill_key, activity_key, type, due_date."""
    links = as_frame(activity_skills, ("tenant", "activity_key", "skill_key"), name="brg_activity_skill")
    columns = ("tenant", "activity_key", "type", "course_key", "due_date")
    known = as_frame(activities, columns, name="dim_activity").select(columns).drop_nulls("course_key")
    return links.select("tenant", "activity_key", "skill_key").join(known, on=["tenant", "activity_key"])


def candidates(
    members: pl.DataFrame,
    offered: pl.DataFrame,
    mastery: Any,
    rules: overrides.Standing,
    *,
    skills: Any,
    prerequisites: Any,
    attempts: Any | None,
    preferences: Any | None,
    tracing: Tracing,
    as_of: dt.date,
    mastery_threshold: float,
) -> pl.DataFrame:
    """One row per student, course and skill that may be suggested, with `kind` and the figures that a policy ranks by."""
    needs = graph.conditions(skills, prerequisites)
    columns = ("tenant", "person_key", "skill_key", "mastery", "opportunity_count", "last_attempt_at")
    known = as_frame(mastery, columns, name="prd_mastery").select(columns)
    waived = rules.known_skills.select("tenant", "person_key", "skill_key", is_waived=pl.lit(True)).unique()

    def estimated(pairs: pl.DataFrame) -> pl.DataFrame:
        return _estimated(pairs, known, waived, tracing, mastery_threshold)

    pairs = _open_pairs(members.unique(STUDENT, keep="first", maintain_order=True), offered, rules)
    found = estimated(pairs)
    assigned = rules.assigned_skills.select(*STUDENT, "skill_key", "end_date", is_assigned=pl.lit(True))
    found = found.join(assigned, on=[*STUDENT, "skill_key"], how="left")
    weak = _judged(found.filter(~pl.col("is_mastered")), needs, estimated)
    wanted = weak.filter(pl.col("is_assigned").fill_null(False) | (pl.col("open_count") == 0))
    due = _due(found.filter(pl.col("is_mastered") & pl.col("is_practised")), attempts, as_of=as_of)
    return (
        pl.concat([wanted.drop("open_count"), due], how="diagonal_relaxed")
        .join(_unlocks(prerequisites), on=["tenant", "skill_key"], how="left")
        .join(_goals(preferences, needs), on=["tenant", "person_key", "skill_key"], how="left")
        .with_columns(
            pl.col("unlock_count", "condition_count", "opportunity_count").fill_null(0).cast(pl.Int64),
            pl.col("is_goal").fill_null(False),
        )
        .with_columns(
            kind=_kind(),
            uncertainty=(
                pl.col("mastery") * (1 - pl.col("mastery")) / (1 + pl.col("opportunity_count"))
            ).sqrt(),
            days_since=(pl.lit(as_of) - pl.col("last_attempt_at").dt.date()).dt.total_days(),
        )
        .drop("is_assigned", "is_waived")
    )


def _open_pairs(firsts: pl.DataFrame, offered: pl.DataFrame, rules: overrides.Standing) -> pl.DataFrame:
    """Student, course and skill with at least one activity that no teacher has excluded."""
    per_skill = offered.group_by("tenant", "course_key", "skill_key").agg(offer_count=pl.len())
    pairs = firsts.join(per_skill, on=["tenant", "course_key"])
    pairs = pairs.join(rules.excluded_skills, on=[*STUDENT, "skill_key"], how="anti")
    barred = (
        rules.excluded_activities.select(*STUDENT, "activity_key")
        .join(offered, on=["tenant", "course_key", "activity_key"])
        .group_by(*STUDENT, "skill_key")
        .agg(barred_count=pl.len())
    )
    return (
        pairs.join(barred, on=[*STUDENT, "skill_key"], how="left")
        .filter(pl.col("offer_count") > pl.col("barred_count").fill_null(0))
        .drop("offer_count", "barred_count")
    )


def _estimated(
    pairs: pl.DataFrame, known: pl.DataFrame, waived: pl.DataFrame, tracing: Tracing, mastery_threshold: float
) -> pl.DataFrame:
    """`pairs` with mastery, chance of success and learning rate; a skill that nobody practised stands at its prior."""
    keys = pairs["skill_key"].unique().sort().to_list()
    table = [tracing.parameters(key) for key in keys]
    of_skill = pl.DataFrame(
        [(key, p.prior, p.learn, p.guess, p.slip) for key, p in zip(keys, table, strict=True)],
        schema={"skill_key": pl.String} | dict.fromkeys(("prior", "learn", "guess", "slip"), pl.Float64),
        orient="row",
    )
    person_skill = ["tenant", "person_key", "skill_key"]
    return (
        pairs.join(known, on=person_skill, how="left")
        .join(waived, on=person_skill, how="left")
        .join(of_skill, on="skill_key", how="left")
        .with_columns(is_practised=pl.col("mastery").is_not_null(), mastery=pl.coalesce("mastery", "prior"))
        .with_columns(
            is_mastered=(pl.col("mastery") >= mastery_threshold) | pl.col("is_waived").fill_null(False),
            chance=chance("mastery", "guess", "slip"),
        )
        .drop("prior", "guess", "slip")
    )


def chance(mastery: str, guess: str, slip: str) -> pl.Expr:
    """The chance of a right answer."""
    known = pl.col(mastery)
    return known * (1 - pl.col(slip)) + (1 - known) * pl.col(guess)


def _judged(weak: pl.DataFrame, needs: pl.DataFrame, estimated: Any) -> pl.DataFrame:
    """`weak` with how many prerequisites each has (`condition_count`) and how many are not mastered (`open_count`)."""
    asked = weak.select(*STUDENT, of="skill_key").join(
        needs.rename({"skill_key": "of", "condition": "skill_key"}), on=["tenant", "of"]
    )
    counted = (
        estimated(asked)
        .group_by(*STUDENT, pl.col("of").alias("skill_key"))
        .agg(condition_count=pl.len(), open_count=(~pl.col("is_mastered")).sum())
    )
    return weak.join(counted, on=[*STUDENT, "skill_key"], how="left").with_columns(
        pl.col("condition_count", "open_count").fill_null(0)
    )


def _due(mastered: pl.DataFrame, attempts: Any | None, *, as_of: dt.date) -> pl.DataFrame:
    """Of what is mastered, what is likely to be forgotten by now."""
    mastered = mastered.filter(~pl.col("is_waived").fill_null(False))
    if attempts is None:
        return mastered.head(0).with_columns(recall=pl.lit(None, dtype=pl.Float64))
    remembered = review.recall(attempts, mastered, as_of=as_of)
    due = remembered.filter(pl.col("recall") < review.DESIRED_RETENTION).drop("last_practised")
    return mastered.join(due, on=["tenant", "person_key", "skill_key"])


def _unlocks(prerequisites: Any) -> pl.DataFrame:
    """How many skills build on each; combinations are none of their own."""
    edges = as_frame(prerequisites, ("tenant", "prerequisite_skill_key"), name="brg_skill_prerequisite")
    return edges.group_by("tenant", pl.col("prerequisite_skill_key").alias("skill_key")).agg(
        unlock_count=pl.len()
    )


def _goals(preferences: Any | None, needs: pl.DataFrame) -> pl.DataFrame:
    """The skills that learners work towards, and all that these wait for."""
    return graph.leading_to(overrides.goals(preferences), needs).with_columns(is_goal=pl.lit(True))


def _kind() -> pl.Expr:
    return (
        pl.when(pl.col("is_assigned").fill_null(False))
        .then(pl.lit(ASSIGNED))
        .when("is_mastered")
        .then(pl.lit(REVIEW))
        .when(pl.col("is_practised") & (pl.col("chance") >= IN_REACH[0]))
        .then(pl.lit(PRACTISE))
        .otherwise(pl.lit(LEARN))
    )
