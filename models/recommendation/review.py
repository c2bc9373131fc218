"""Spaced review: how likely a mastered skill is still remembered, by FSRS over the days on which it was practised.

FSRS (Ye et al. 2022) by its own library with its published default parameters; a day's answers to a skill are one review.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from models.frames import as_frame

DESIRED_RETENTION = 0.9
"""A review is due when recall falls below this chance: the library's and Anki's default."""
_PAIR = ["tenant", "person_key", "skill_key"]


def recall(attempts: Any, pairs: pl.DataFrame, *, as_of: dt.date) -> pl.DataFrame:
    """`pairs` (tenant, person_key, skill_key) that were practised by `as_of`, with `recall` on that day and `last_practised`.

    attempts: rows of `fct_attempt`. A day all right is rated good, half right hard, else again: answers don't tell an easy one.
    """
    import fsrs

    days = _days(attempts, pairs, as_of)
    scheduler = fsrs.Scheduler(
        desired_retention=DESIRED_RETENTION, learning_steps=(), relearning_steps=(), enable_fuzzing=False
    )
    ratings = (fsrs.Rating.Again, fsrs.Rating.Hard, fsrs.Rating.Good)
    asked = _noon(as_of)
    chances = []
    for on_days, rated in days.select("days", "rated").iter_rows():
        card = fsrs.Card(card_id=0, due=_noon(on_days[0]))
        for day, rating in zip(on_days, rated, strict=True):
            card, _ = scheduler.review_card(card, ratings[rating], review_datetime=_noon(day))
        chances.append(scheduler.get_card_retrievability(card, asked))
    return days.select(
        *_PAIR, recall=pl.Series(chances, dtype=pl.Float64), last_practised=pl.col("days").list.last()
    )


def _days(attempts: Any, pairs: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    columns = (*_PAIR, "is_correct", "responded_at")
    answered = as_frame(attempts, columns, name="fct_attempt").select(columns)
    return (
        answered.join(pairs.select(_PAIR).unique(), on=_PAIR, how="semi")
        .with_columns(day=pl.col("responded_at").dt.date())
        .filter(pl.col("day") <= as_of)
        .drop_nulls("is_correct")
        .group_by(*_PAIR, "day")
        .agg(share=pl.col("is_correct").mean())
        .sort(*_PAIR, "day")
        .with_columns(
            rated=pl.when(pl.col("share") == 1).then(2).when(pl.col("share") >= 0.5).then(1).otherwise(0)
        )
        .group_by(_PAIR, maintain_order=True)
        .agg(days="day", rated="rated")
    )


def _noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), dt.UTC)
