"""The principal's start page: where to look first, the school in four figures, groups compared, all classes."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.principal import measures
from dashboards.principal.measures import MEASURES, Measure
from dashboards.visit import Visit

BARS = 12
"""Classes drawn in a picture; the table holds all."""


def render(visit: Visit) -> None:
    """The page: chooser of term and measure, finding, figures, grades, classes, trend, table."""
    terms = measures.terms(visit)
    if not terms:
        page.header(visit, "My school", "Here you will see your school by class and grade.")
        states.empty(
            "No classes yet", "They appear when your school's roster and its first statements have arrived."
        )
        return
    heading = st.container()
    session_key = filters.choose("Term", terms, param="term")
    groups = measures.groups(visit, session_key)
    with heading:
        page.header(visit, "My school", _lead(groups))
    whole = groups.filter(pl.col("level") == "school")
    if whole.is_empty() or not whole["student_count"][0]:
        states.empty(
            "No complete week in this term yet", "Figures appear when the term's first week is over."
        )
        return
    weeks = measures.weeks(visit, session_key)
    _figures(whole.row(0, named=True), weeks)
    _compare(visit, groups)
    _trend(weeks)
    _table(visit, groups)


def _lead(groups: pl.DataFrame) -> str:
    shown = groups.filter((pl.col("level") == "class") & pl.col("risk_share").is_not_null())
    if shown.is_empty():
        return "Your school by class and grade. No risk estimates for this term yet."
    worst = shown.sort("risk_share", descending=True).row(0, named=True)
    return (
        f"Look at {worst['title']} first: {worst['risk_share']:.0%} of its {worst['student_count']} students are among "
        "those at highest risk in the school."
    )


def _figures(whole: dict, weeks: pl.DataFrame) -> None:
    now = weeks.row(-1, named=True) if weeks.height else {}
    before = weeks.row(-2, named=True) if weeks.height > 1 else {}
    page.tiles(
        page.Tile("Students", f"{whole['student_count']:,}"),
        page.Tile(
            f"Active in week {now.get('week_index', '–')}",
            page.share(now.get("active_share")),
            page.points(now.get("active_share"), before.get("active_share")),
        ),
        page.Tile("Mean score", page.share(whole["mean_score"]), help=MEASURES["mean_score"].explanation),
        page.Tile(
            f"Absence in week {now.get('week_index', '–')}",
            page.share(now.get("absence_rate")),
            page.points(now.get("absence_rate"), before.get("absence_rate")),
            higher_is_good=False,
        ),
    )


def _compare(visit: Visit, groups: pl.DataFrame) -> None:
    labels = {name: measure.label for name, measure in MEASURES.items()}
    chosen = MEASURES[filters.choose("Compare by", labels, param="measure")]
    _bars(visit, groups, chosen, "grade", "grades")
    _bars(visit, groups, chosen, "class", "classes")
    page.how_worked_out(
        f"**{chosen.label}:** {chosen.explanation}. Groups of fewer than {visit.settings.small_group_size} students are "
        "masked: so small a group would show its members. Risk is compared across the whole school, so that a class can "
        "have many or none of those at highest risk."
    )


def _bars(visit: Visit, groups: pl.DataFrame, measure: Measure, level: str, plural: str) -> None:
    shown = groups.filter((pl.col("level") == level) & pl.col(measure.name).is_not_null())
    shown = shown.sort(measure.name, descending=measure.high_is_need)
    masked = groups.filter((pl.col("level") == level) & pl.col("is_masked")).height
    if shown.is_empty():
        charts.title(f"No {plural} to compare by this measure", measure.explanation)
        return
    if level == "grade":
        shown = shown.with_columns(pl.concat_str(pl.lit("Grade "), "title").alias("title"))
    first = shown.row(0, named=True)
    name = first["title"]
    extreme = "most" if measure.high_is_need else "least"
    finding = f"{name} has the {extreme}: {first[measure.name]:.0%}"
    if shown.height > 1:
        middle = shown.select(pl.col(measure.name).median()).item()
        finding += f"; the {plural}' median is {middle:.0%}"
    notes = [measure.explanation, "most need on top"]
    if shown.height > BARS:
        notes.append(f"the first {BARS} of {shown.height} {plural}")
    if masked:
        notes.append(f"{masked} small {plural} masked")
    charts.figure(
        finding,
        "; ".join(notes),
        charts.ranked_bars(
            shown.head(BARS),
            x=measure.name,
            y="title",
            x_title=measure.label,
            x_format=".0%",
            first_needs_help=shown.height > 1,
        ),
        text=f"Bar chart of {measure.label.lower()} by {level}. {finding}.",
    )


def _trend(weeks: pl.DataFrame) -> None:
    drawn = weeks.filter(pl.col("active_share").is_not_null())
    if drawn.is_empty():
        return
    first, last = drawn["active_share"][0], drawn["active_share"][-1]
    charts.figure(
        f"{last:.0%} of students were active in week {drawn['week_index'][-1]}, after {first:.0%} in week "
        f"{drawn['week_index'][0]}",
        "Share of students with any activity in a class, by week of the term (complete weeks)",
        charts.weekly_line(drawn, y="active_share", y_title="Active students", y_format=".0%"),
        text="Line chart of active students by week.",
        how=notes.definitions(Active_students="msr_class_week.active_student_count"),
    )


def _table(visit: Visit, groups: pl.DataFrame) -> None:
    page.section(
        "All classes",
        f"Empty cells: fewer than {visit.settings.small_group_size} students, or nothing recorded.",
    )
    shown = groups.filter(pl.col("level") == "class").sort("risk_share", descending=True, nulls_last=True)
    shown = shown.with_columns((100 * pl.col(name)).round(1).alias(name) for name in MEASURES)
    tables.table(
        shown,
        {
            "title": "Class",
            "student_count": "Students",
            "risk_share": "At highest risk (%)",
            "mean_score": "Mean score (%)",
            "active_share": "Active (%)",
            "absence_rate": "Absence (%)",
        },
        file_name="classes",
        alt="All classes with risk, score, activity and absence",
    )
