"""The principal's start page: where to look first, what is wrong, the school in figures, groups compared, terms, all classes."""

from __future__ import annotations

import html

import polars as pl
import streamlit as st

from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.principal import alerts, measures
from dashboards.principal.choosing import choose
from dashboards.principal.measures import LEVELS, MEASURES, Choice, Measure
from dashboards.visit import Visit

BARS = 12
"""Groups drawn in a picture; the table holds all."""
FIRST = 3
"""Classes shown as cards: those to look at first."""
TITLE = "My school"


def render(visit: Visit) -> None:
    """The page: choosers, finding, alerts, classes to look at, figures, comparison, weeks, terms, table."""
    heading = st.container()
    chosen = choose(visit, TITLE)
    if chosen is None:
        return
    groups = measures.groups(visit, chosen)
    with heading:
        page.header(visit, TITLE, _lead(groups))
    whole = groups.filter(pl.col("level") == "school")
    if whole.is_empty() or not whole["student_count"][0]:
        states.empty(
            "No students in this term yet",
            "Figures appear when the term has begun and students are enrolled.",
        )
        return
    _alerts(alerts.alerts(visit, chosen, groups))
    _first(groups, chosen)
    weeks = measures.weeks(visit, chosen)
    _figures(whole.row(0, named=True), weeks)
    _compare(visit, chosen, groups)
    _trend(weeks)
    _table(visit, groups)
    _terms(visit, chosen)


def _lead(groups: pl.DataFrame) -> str:
    shown = groups.filter((pl.col("level") == "class") & pl.col("risk_share").is_not_null())
    if shown.is_empty():
        return (
            "Compare your school's classes, grades and subjects. There are no risk estimates for this term."
        )
    worst = shown.sort("risk_share", descending=True).row(0, named=True)
    return (
        f"Look at {worst['title']} first: {worst['risk_share']:.0%} of its {worst['student_count']} students are among "
        "those at highest risk in the school."
    )


def _alerts(found: list[str]) -> None:
    if not found:
        return
    page.section(f"{page.count(len(found), 'thing needs', 'things need')} your attention")
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in found)
    st.html(f'<ul class="ll-why">{items}</ul>')


def _first(groups: pl.DataFrame, chosen: Choice) -> None:
    shown = groups.filter((pl.col("level") == "class") & (pl.col("risk_share") > 0))
    for row in shown.sort("risk_share", descending=True).head(FIRST).iter_rows(named=True):
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
            facts = [
                f"{MEASURES[name].label}: {row[name]:.0%}"
                for name in ("mean_score", "completion_share", "inactive_share", "chronic_absence_share")
                if row[name] is not None
            ]
            high = page.chip(f"{row['risk_share']:.0%} at highest risk", "attention")
            st.html(
                f'<div class="ll-body"><span class="ll-name">{html.escape(row["title"])}</span> {high}'
                f'<div class="ll-small">{html.escape(" · ".join(facts))}</div></div>',
                width="stretch",
            )
            query = {"term": chosen.session_key, "class": row["group_key"]}
            st.page_link(
                st.session_state["pages"]["principal-class"],
                label="Open",
                icon=":material/arrow_forward:",
                icon_position="right",
                query_params=query,
            )


def _figures(whole: dict, weeks: pl.DataFrame) -> None:
    now = weeks.row(-1, named=True) if weeks.height else {}
    before = weeks.row(-2, named=True) if weeks.height > 1 else {}
    number = now.get("week_index", "–")
    page.tiles(
        page.Tile("Students", f"{whole['student_count']:,}"),
        page.Tile(
            f"Active users, week {number}",
            page.share(now.get("active_share")),
            page.points(now.get("active_share"), before.get("active_share")),
            help="Students with any activity in the newest complete week",
        ),
        page.Tile(
            "Completion",
            page.share(whole["completion_share"]),
            help=MEASURES["completion_share"].explanation,
        ),
        page.Tile("Mean score", page.share(whole["mean_score"]), help=MEASURES["mean_score"].explanation),
        page.Tile(
            f"Absence, week {number}",
            page.share(now.get("absence_rate")),
            page.points(now.get("absence_rate"), before.get("absence_rate")),
            higher_is_good=False,
            help="Share of the lessons of the newest complete week that were missed, excused or not",
        ),
    )


def _compare(visit: Visit, chosen: Choice, groups: pl.DataFrame) -> None:
    page.section("Groups compared")
    with st.container(horizontal=True):
        labels = {name: measure.label for name, measure in MEASURES.items()}
        measure = MEASURES[filters.choose("Compare by", labels, param="measure")]
        level = filters.choose("Groups", LEVELS, param="groups")
    if level == "class":
        compared = groups.filter(pl.col("level") == "class")
    else:
        compared = measures.subgroups(visit, chosen).filter(pl.col("level") == level)
    _bars(compared, measure, level)
    page.how_worked_out(
        f"**{measure.label}:** {measure.explanation}. Groups of fewer than {visit.settings.small_group_size} students are "
        "masked, and where a single group is small the next smallest with it: the rest would show its members. Risk is compared "
        "across the whole school, so that a group can have many or none of those at highest risk. A difference between groups "
        "is no cause.\n\n"
        + notes.definitions(
            Inactive="msr_student.is_inactive",
            Completion="msr_subgroup.completion_share",
            Mean_score="msr_subgroup.mean_score",
            Chronic_absence="msr_attendance.is_chronically_absent",
        )
    )


def _bars(compared: pl.DataFrame, measure: Measure, level: str) -> None:
    shown = compared.filter(pl.col(measure.name).is_not_null())
    shown = shown.sort(measure.name, descending=measure.high_is_need)
    masked = int(compared["is_masked"].sum())
    if shown.is_empty():
        states.empty(
            "Nothing to compare by this measure",
            f"Nothing is recorded for it yet, or every group is too small to show ({masked} masked).",
        )
        return
    if level == "grade":
        shown = shown.with_columns(pl.concat_str(pl.lit("Grade "), "title").alias("title"))
    first = shown.row(0, named=True)
    extreme = "most" if measure.high_is_need else "least"
    finding = f"{first['title']} has the {extreme}: {first[measure.name]:.0%}"
    if shown.height > 1:
        middle = shown.select(pl.col(measure.name).median()).item()
        finding += f"; the median of {shown.height} groups is {middle:.0%}"
    said = [measure.explanation, "most need on top"]
    if shown.height > BARS:
        said.append(f"the first {BARS} of {shown.height}")
    if masked:
        said.append(f"{page.count(masked, 'small group', 'small groups')} masked")
    charts.figure(
        finding,
        "; ".join(said),
        charts.ranked_bars(
            shown.head(BARS),
            x=measure.name,
            y="title",
            x_title=measure.label,
            x_format=".0%",
            first_needs_help=shown.height > 1,
        ),
        text=f"Bar chart of {measure.label.lower()} by group. {finding}.",
    )


def _trend(weeks: pl.DataFrame) -> None:
    drawn = weeks.filter(pl.col("active_share").is_not_null())
    if drawn.is_empty():
        return
    first, last = drawn["active_share"][0], drawn["active_share"][-1]
    finding = (
        f"{last:.0%} of students were active in week {drawn['week_index'][-1]}, after {first:.0%} in week "
        f"{drawn['week_index'][0]}"
    )
    charts.figure(
        finding,
        "Share of students with any activity, by week of the term (complete weeks); each student counts once",
        charts.weekly_line(drawn, y="active_share", y_title="Active students", y_format=".0%"),
        text=f"Line chart of active students by week. {finding}.",
        how=notes.definitions(
            Active_students="msr_school_week.active_student_count", Students="msr_school_week.student_count"
        ),
    )


def _terms(visit: Visit, chosen: Choice) -> None:
    found = measures.by_term(visit, chosen.school_key)
    scored = found.filter(pl.col("mean_score").is_not_null())
    if found.height < 2:
        return
    title = "From term to term"
    if scored.height > 1:
        now, before = scored.row(-1, named=True), scored.row(-2, named=True)
        title = (
            f"Mean score {now['mean_score']:.0%} in {now['title']}, after {before['mean_score']:.0%} in "
            f"{before['title']}"
        )
    page.section(
        title, "All students of a term, whoever they were; the growth page follows the same students."
    )
    shares = ("mean_score", "completion_share", "active_share", "correct_share", "absence_rate")
    tables.table(
        found.with_columns((100 * pl.col(name)).round(1).alias(name) for name in shares),
        {
            "title": "Term",
            "student_count": "Students",
            "mean_score": "Mean score (%)",
            "completion_share": "Completion (%)",
            "active_share": "Active in a week (%)",
            "correct_share": "Right answers (%)",
            "absence_rate": "Absence (%)",
        },
        file_name="terms",
        alt="Measures of the school by term, oldest first",
    )


def _table(visit: Visit, groups: pl.DataFrame) -> None:
    page.section(
        "All classes",
        f"Empty cells: fewer than {visit.settings.small_group_size} students, or nothing recorded. Who is in a class, its "
        "teachers know: your role sees no names.",
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
            "completion_share": "Completion (%)",
            "inactive_share": "Inactive (%)",
            "chronic_absence_share": "Chronic absence (%)",
        },
        file_name="classes",
        alt="All classes with risk, score, completion, inactivity and absence",
    )
