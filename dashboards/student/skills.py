"""The student's skills: what is mastered, what is close, and what each estimate rests on."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import learner, words
from dashboards.components import charts, page, states, tables
from dashboards.student import live_mastery
from dashboards.visit import Visit
from learnlake.errors import ModelError

t, tn = words.room(__name__)


def render(visit: Visit) -> None:
    """The page: finding, bars by course, table."""
    found, is_moved = _moved(visit, learner.mastery(visit, visit.me))
    page.header(visit, t("My skills"), _lead(found))
    if found.is_empty():
        states.empty(
            t("No skills yet"),
            t("Your first answers to questions whose skills are in the catalogue make this page fill up."),
        )
        return
    if is_moved:
        st.caption(
            t("The answers that you gave under Practise since the last update are counted in already.")
        )
    learner.show_mastery(visit, found)
    with st.expander(t("The figures behind the bars")):
        tables.table(
            found.with_columns((100 * pl.col("mastery")).round(1).alias("mastery_pct")),
            {
                "course": t("Course"),
                "skill": t("Skill"),
                "band": t("Mastery"),
                "mastery_pct": t("Probability (%)"),
                "correct_count": t("Right answers"),
                "opportunity_count": t("Answers"),
                "last_attempt_at": t("Last answer"),
            },
            file_name="my-skills",
            alt=t("My mastery of every skill practised"),
        )


def _moved(visit: Visit, found: pl.DataFrame) -> tuple[pl.DataFrame, bool]:
    """`found` with the answers given here since the build; whether there were any."""
    try:
        moved = live_mastery.moved(visit)
    except ModelError:  # withdrawn meanwhile: the build's figures stand
        return found, False
    if not moved or found.is_empty():
        return found, False
    names = ("mastery", "opportunity_count", "correct_count")
    newer = pl.DataFrame(
        [{"skill_key": key, **{name: getattr(one, name) for name in names}} for key, one in moved.items()]
    )
    threshold = visit.settings.mastery_threshold
    found = found.update(newer.cast({name: found.schema[name] for name in names}), on="skill_key")
    return found.with_columns(
        (pl.col("mastery") >= threshold).alias("is_mastered"),
        charts.band("mastery", "opportunity_count", threshold=threshold).alias("band"),
    ), True


def _lead(found: pl.DataFrame) -> str:
    if found.is_empty():
        return t("Here you will see which skills you have mastered and which come next.")
    mastered = int(found["is_mastered"].sum())
    closest = found.filter(~pl.col("is_mastered")).sort("mastery", descending=True)
    if closest.is_empty():
        return tn(
            "You have mastered all {count} skills that you have practised.",
            "You have mastered all {count} skills that you have practised.",
            found.height,
        )
    return t(
        "You have mastered {mastered} of {count} skills. Closest to being next: “{skill}” ({mastery}).",
        mastered=mastered,
        count=found.height,
        skill=closest["skill"][0],
        mastery=page.share(closest["mastery"][0]),
    )
