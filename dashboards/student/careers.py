"""What a career asks for beside what the student has: a radar with its table. No forecast, and only what the school teaches."""

from __future__ import annotations

import math

import altair as alt
import polars as pl
import streamlit as st

from dashboards import design, words
from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.visit import Visit

t, tn = words.room(__name__)
SIDE_PX = 320
"""As wide as it is high, or equal gaps would look unequal; a phone has room for it."""
LEAST_AXES = 3
"""Fewer make no shape: the table says it all."""
_CAREERS = """
select m.career_key, c.title, c.description, m.met_count, m.taught_count, m.asked_count, m.practised_count, m.readiness
from msr_career m
join dim_career c on c.career_key = m.career_key
where m.person_key = $person
order by m.readiness desc nulls last, c.title
"""
_SKILLS = """
select b.title, b.importance, coalesce(b.level, $threshold) as asked, b.skill_key is not null as is_taught, p.mastery
from brg_career_skill b
left join prd_mastery p on p.skill_key = b.skill_key and p.person_key = $person
where b.career_key = $career
order by b.importance desc, b.title
"""


def render(visit: Visit) -> None:
    """The page: choose a career; gap, radar, table, what it rests on."""
    careers = visit.rows(_CAREERS, {"person": visit.me})
    if careers.is_empty():
        page.header(visit, t("Careers"), t("Here you will see what careers ask for and what you have of it."))
        states.empty(
            t("Nothing to compare yet"),
            t("A career appears when you have practised at least one skill that it asks for."),
        )
        return
    heading = st.container()
    titles = dict(careers.select("career_key", "title").iter_rows())
    career = filters.choose(t("Career"), titles, param="career")
    row = careers.filter(career_key=career).row(0, named=True)
    keys = {"person": visit.me, "career": career, "threshold": visit.settings.mastery_threshold}
    skills = visit.rows(_SKILLS, keys).with_columns(
        (pl.col("mastery").fill_null(0.0) >= pl.col("asked")).alias("is_met")
    )
    with heading:
        page.header(visit, t("Careers"), _lead(titles[career], skills))
    if row["description"]:
        st.caption(row["description"])
    _radar(skills.filter("is_taught"))
    _table(skills)
    st.caption(
        t(
            "Based on {taught} of {asked} skills that this career asks for: those that your school teaches. "
            "{practised} of them have been practised so far.",
            taught=row["taught_count"],
            asked=row["asked_count"],
            practised=row["practised_count"],
        )
    )


def _lead(career: str, skills: pl.DataFrame) -> str:
    missing = skills.filter(pl.col("is_taught"), ~pl.col("is_met"))
    if missing.is_empty():
        return t("You have every skill for “{career}” that your school teaches.", career=career)
    return t(
        "Practise “{skill}” next: of what “{career}” asks for and you do not have yet, it counts most.",
        skill=missing["title"][0],
        career=career,
    )


def _radar(skills: pl.DataFrame) -> None:
    finding = t(
        "You meet {met} of the {taught} skills asked for that your school teaches",
        met=skills.filter("is_met").height,
        taught=skills.height,
    )
    if skills.height < LEAST_AXES:
        charts.title(finding, t("The table below has each skill."))
        return
    series = {t("Asked for"): "asked", t("What I have"): "mastery"}
    points = pl.concat(
        [
            _shape(skills["title"].to_list(), skills[column].fill_null(0.0).to_list(), name)
            for name, column in series.items()
        ]
    )
    colours = design.palette()
    scale = alt.Scale(domain=list(series), range=[colours.neutral, colours.fine])
    square = alt.Scale(domain=[-1.3, 1.3], nice=False)
    x, y = alt.X("x:Q", axis=None, scale=square), alt.Y("y:Q", axis=None, scale=square)
    shape = (
        alt.Chart(points)
        .mark_line(strokeWidth=2.5, point=True)
        .encode(
            x=x,
            y=y,
            order="place:O",
            color=alt.Color(
                "whose:N", scale=scale, legend=alt.Legend(orient="top", title=None, symbolType="stroke")
            ),
            strokeDash=alt.StrokeDash("whose:N", sort=list(series), legend=None),
            tooltip=[
                alt.Tooltip("skill:N", title=t("Skill")),
                alt.Tooltip("whose:N", title=t("Whose")),
                alt.Tooltip("value:Q", title=t("Mastery"), format=".0%"),
            ],
        )
    )
    names = _shape(skills["title"].to_list(), [1.2] * skills.height, "").unique("skill", keep="first")
    labels = (
        alt.Chart(names.with_columns((pl.col("place") + 1).cast(pl.String).alias("number")))
        .mark_text(fontSize=13, fontWeight=600, color=colours.text)
        .encode(x=x, y=y, text="number:N", tooltip=[alt.Tooltip("skill:N", title=t("Skill"))])
    )
    rim = alt.Chart(_shape(skills["title"].to_list(), [1.0] * skills.height, "")).mark_line(
        color=colours.border
    )
    charts.title(
        finding,
        t("Mastery from 0 in the middle to 100% at the rim; the numbers are those of the table"),
    )
    drawn = (rim.encode(x=x, y=y, order="place:O") + shape + labels).properties(width=SIDE_PX, height=SIDE_PX)
    st.altair_chart(drawn.configure_view(strokeWidth=0), alt=finding, width="content")
    page.how_worked_out(
        notes.definitions(**{t("Readiness"): "msr_career.readiness", t("Mastery"): "prd_mastery.mastery"})
    )


def _shape(titles: list[str], values: list[float], whose: str) -> pl.DataFrame:
    """A closed line around the middle: one corner per skill, the first on top, clockwise."""
    count = len(titles)
    rows = []
    for place in range(count + 1):
        at = place % count
        angle = 2 * math.pi * place / count
        rows.append(
            {
                "skill": titles[at],
                "whose": whose,
                "value": float(values[at]),
                "place": place,
                "x": values[at] * math.sin(angle),
                "y": values[at] * math.cos(angle),
            }
        )
    return pl.DataFrame(rows)


def _table(skills: pl.DataFrame) -> None:
    state = (
        pl.when(~pl.col("is_taught"))
        .then(pl.lit(t("not taught at your school")))
        .when("is_met")
        .then(pl.lit(t("met")))
        .when(pl.col("mastery").is_null())
        .then(pl.lit(t("not tried yet")))
        .otherwise(pl.lit(t("not met yet")))
    )
    number = pl.when("is_taught").then(pl.col("is_taught").cum_sum())
    tables.table(
        skills.with_columns(
            state.alias("state"),
            number.alias("number"),
            (100 * pl.col("mastery")).alias("mastery_pct"),
            (100 * pl.col("asked")).alias("asked_pct"),
        ),
        {
            "number": t("No."),
            "title": t("Skill"),
            "state": t("How it stands"),
            "mastery_pct": t("What I have (%)"),
            "asked_pct": t("Asked for (%)"),
            "importance": t("Importance (1 to 5)"),
        },
        file_name="career-skills",
        alt=t("What this career asks for and what I have of it, the most important first"),
    )
