"""What a class has mastered: students by skills, most needed first, and the skills to teach again."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.classes import Class, choose_class, classes
from dashboards.components import charts, notes, page, states, tables
from dashboards.teacher import drill_down
from dashboards.visit import Visit

t, tn = words.room(__name__)

STUDENTS_PER_PICTURE = 40
"""More rows than a class has; a course of thousands is shown in pages of this many."""
SKILLS_PER_PICTURE = 24

_MASTERY = """
select m.person_key, m.skill_key, s.title as skill, m.mastery, m.is_mastered, m.opportunity_count, m.correct_count
from prd_mastery m
join dim_skill s on s.skill_key = m.skill_key
where m.section_key = $section and not s.is_combination
"""


def render(visit: Visit) -> None:
    """The page: finding, skills to teach again, heatmap, table."""
    found = classes(visit)
    if not found:
        page.header(
            visit,
            t("Skills"),
            t("Here you will see what your class has mastered and what to teach again."),
        )
        states.empty(t("No class is assigned to you yet"), t("Your administrator can assign one."))
        return
    heading = st.container()
    chosen = choose_class(found)
    mastery = visit.named(_MASTERY, {"section": chosen.section_key})
    if mastery.is_empty():
        with heading:
            page.header(
                visit, t("Skills"), t("No skills are known yet for {course}.", course=chosen.course_title)
            )
        states.empty(
            t("No answers with skills in this class yet"),
            t("Mastery is worked out from answers to questions whose skills the course catalogue names."),
        )
        return
    by_skill = _by_skill(mastery)
    with heading:
        page.header(
            visit, t("Skills"), _lead(by_skill), as_of=chosen.as_of_date, section_key=chosen.section_key
        )
    _weakest(by_skill)
    _heatmap(visit, chosen, mastery, by_skill)
    students = dict(mastery.sort("display_name").select("person_key", "display_name").iter_rows())
    drill_down.show(
        visit, chosen.section_key, students, dict(by_skill.select("skill_key", "skill").iter_rows())
    )


def _by_skill(mastery: pl.DataFrame) -> pl.DataFrame:
    """One row per skill: how many practised it and how many of them still lack it, most lacking first."""
    return (
        mastery.group_by("skill_key", "skill")
        .agg(
            (~pl.col("is_mastered")).sum().alias("lacking_count"),
            pl.col("is_mastered").mean().alias("mastered_share"),
            pl.len().alias("student_count"),
            pl.col("mastery").mean().alias("mastery"),
        )
        .sort(["lacking_count", "mastery", "skill"], descending=[True, False, False])
    )


def _lead(by_skill: pl.DataFrame) -> str:
    first = by_skill.row(0, named=True)
    if not first["lacking_count"]:
        return t("Everybody has mastered every skill practised so far. Move on.")
    return t(
        "Teach “{skill}” again first: {lacking} of the {count} students who practised it have not mastered it.",
        skill=first["skill"],
        lacking=first["lacking_count"],
        count=first["student_count"],
    )


def _weakest(by_skill: pl.DataFrame) -> None:
    lacking = by_skill.filter(pl.col("lacking_count") > 0).head(6)
    if lacking.is_empty():
        return
    few = by_skill.filter(pl.col("mastered_share") < 0.5).height
    charts.figure(
        t(
            "{few} of {count} skills are mastered by fewer than half of the students who practised them",
            few=few,
            count=by_skill.height,
        )
        if few
        else t("Every skill is mastered by at least half of the students who practised it"),
        t("Students who practised the skill and have not mastered it; the six skills with the most of them"),
        charts.ranked_bars(
            lacking,
            x="lacking_count",
            y="skill",
            x_title=t("Students"),
            x_format=",.0f",
            first_needs_help=True,
        ),
        text=t("Bar chart of the skills that most students have practised without mastering them."),
    )


def _heatmap(visit: Visit, chosen: Class, mastery: pl.DataFrame, by_skill: pl.DataFrame) -> None:
    threshold = visit.settings.mastery_threshold
    need = (
        mastery.group_by("person_key", "display_name")
        .agg(pl.col("is_mastered").mean().alias("mastered_share"), pl.col("mastery").mean())
        .sort("mastered_share", "mastery", "display_name")
    )
    pages = -(-need.height // STUDENTS_PER_PICTURE)
    number = st.pagination(pages, key="heatmap_page") if pages > 1 else 1
    shown = need.slice((number - 1) * STUDENTS_PER_PICTURE, STUDENTS_PER_PICTURE)
    skills = by_skill.sort("mastered_share", "mastery", "skill").head(SKILLS_PER_PICTURE)
    cells = (
        shown.select("person_key", pl.col("display_name").alias("student"))
        .join(skills.select("skill_key", "skill"), how="cross")
        .join(
            mastery.select("person_key", "skill_key", "mastery", "opportunity_count"),
            on=["person_key", "skill_key"],
            how="left",
        )
        .with_columns(pl.col("opportunity_count").fill_null(0))
        .with_columns(charts.band("mastery", "opportunity_count", threshold=threshold).alias("band"))
    )
    hidden = by_skill.height - skills.height
    mastered = int(mastery["is_mastered"].sum())
    charts.title(
        t(
            "{share} of what the class has practised is mastered: help is needed at the top left",
            share=page.share(mastered / mastery.height),
        ),
        _measure(mastered, mastery.height, hidden),
    )
    charts.band_legend()
    charts.draw(
        charts.mastery_heatmap(
            cells, students=_unique(shown["display_name"]), skills=skills["skill"].to_list()
        ),
        text=t(
            "Heatmap of mastery of {students} students in {skills} skills; the table below holds the figures.",
            students=shown.height,
            skills=skills.height,
        ),
    )
    page.how_worked_out(
        t(
            "Worked out from the order of right and wrong answers by Bayesian knowledge tracing. **Mastered** counts from "
            "{mastered} on, **on the way** from {half}. A student without an answer in a skill is shown as not tried.",
            mastered=page.share(threshold),
            half=page.share(charts.HALF),
        )
        + "\n\n"
        + notes.definitions(
            **{t("Mastery"): "prd_mastery.mastery", t("Answers"): "prd_mastery.opportunity_count"}
        ),
    )
    _table(mastery, threshold)


def _measure(mastered: int, practised: int, hidden: int) -> str:
    if hidden:
        return t(
            "Students (most need on top) by skills (least mastered on the left); mastered in {mastered} of {practised} "
            "practised squares; the {hidden} best-known skills are in the table only",
            mastered=mastered,
            practised=practised,
            hidden=hidden,
        )
    return t(
        "Students (most need on top) by skills (least mastered on the left); mastered in {mastered} of {practised} "
        "practised squares",
        mastered=mastered,
        practised=practised,
    )


def _unique(names: pl.Series) -> list[str]:
    return names.unique(maintain_order=True).to_list()


def _table(mastery: pl.DataFrame, threshold: float) -> None:
    with st.expander(t("The figures behind the picture")):
        shown = mastery.with_columns(
            charts.band("mastery", "opportunity_count", threshold=threshold).alias("band"),
            (100 * pl.col("mastery")).round(1).alias("mastery_pct"),
        ).sort("display_name", "skill")
        tables.table(
            shown,
            {
                "display_name": t("Student"),
                "skill": t("Skill"),
                "band": t("Mastery"),
                "mastery_pct": t("Probability (%)"),
                "correct_count": t("Right answers"),
                "opportunity_count": t("Answers"),
            },
            file_name="mastery",
            alt=t("Mastery of every student in every skill practised"),
        )
