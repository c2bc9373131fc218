"""The why of a suggestion, in words for the student. The figures come with the row."""

from __future__ import annotations

import polars as pl

from models.recommendation.candidates import ASSIGNED, IN_REACH, LEARN, REVIEW

FEW_ANSWERS = 3
"""Below this many answers the estimate says little, and the words say so."""


def why() -> pl.Expr:
    """One to four short sentences from a placed row: how things stand, what it builds on, how hard it is, what it leads to."""
    skill = pl.coalesce("skill_title", "skill_key")
    return (
        pl.when(pl.col("kind") == ASSIGNED)
        .then(
            pl.format("Your teacher chose this for you, until {}.", pl.col("end_date").dt.strftime("%-d %B"))
        )
        .when(pl.col("kind") == REVIEW)
        .then(
            pl.format(
                "You have mastered {}; you last practised it {} days ago, and a short review keeps it.",
                skill,
                "days_since",
            )
        )
        .otherwise(pl.concat_str(pl.format("{} {}.", skill, _stand()), _reach(), _leads(), separator=""))
    )


def _stand() -> pl.Expr:
    percent = (pl.col("mastery") * 100).floor().cast(pl.Int64)
    few = (
        pl.when(pl.col("opportunity_count") < FEW_ANSWERS)
        .then(pl.lit(" after few answers"))
        .otherwise(pl.lit(""))
    )
    level = (
        pl.when("is_practised")
        .then(pl.format("is at {} % mastery{}", percent, few))
        .otherwise(pl.lit("has not been practised yet"))
    )
    basis = (
        pl.when(pl.col("condition_count") > 0)
        .then(pl.lit(", and what it builds on is mastered"))
        .otherwise(pl.lit(", and it builds on nothing else"))
    )
    return pl.concat_str(level, basis)


def _reach() -> pl.Expr:
    tenths = (pl.col("chance") * 10).round().cast(pl.Int64)
    return (
        pl.when(pl.col("kind") == LEARN)
        .then(pl.lit(""))
        .when(pl.col("chance").is_between(*IN_REACH))
        .then(pl.format(" Its questions are within reach: about {} of 10 should come out right.", tenths))
        .when(pl.col("chance") > IN_REACH[1])
        .then(pl.lit(" Very little is missing."))
        .otherwise(pl.lit(""))
    )


def _leads() -> pl.Expr:
    opens = (
        pl.when(pl.col("unlock_count") > 1)
        .then(pl.format(" {} other skills build on it.", "unlock_count"))
        .when(pl.col("unlock_count") == 1)
        .then(pl.lit(" Another skill builds on it."))
        .otherwise(pl.lit(""))
    )
    goal = pl.when("is_goal").then(pl.lit(" It leads to a goal of yours.")).otherwise(pl.lit(""))
    liked = (
        pl.when(pl.col("is_liked").fill_null(False))
        .then(pl.lit(" It comes in a form that you like."))
        .otherwise(pl.lit(""))
    )
    return pl.concat_str(opens, goal, liked)
