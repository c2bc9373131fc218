"""The principal's start page: where to look first, what is wrong, the school in figures, groups compared, terms, all classes."""

from __future__ import annotations

import html

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.principal import alerts, measures, outcomes
from dashboards.principal.choosing import choose
from dashboards.principal.measures import LEVELS, MEASURES, Choice, Measure
from dashboards.visit import Visit
from dashboards.words import mark

t, tn = words.room(__name__)
BARS = 12
"""Groups drawn in a picture; the table holds all."""
FIRST = 3
"""Classes shown as cards: those to look at first."""
TITLE = mark("My school")


def render(visit: Visit) -> None:
    """The page: choosers, finding, alerts, classes to look at, figures, comparison, weeks, table, interventions, terms."""
    heading = st.container()
    chosen = choose(visit, t(TITLE))
    if chosen is None:
        return
    groups = measures.groups(visit, chosen)
    with heading:
        page.header(visit, t(TITLE), _lead(groups))
    whole = groups.filter(pl.col("level") == "school")
    if whole.is_empty() or not whole["student_count"][0]:
        states.empty(
            t("No students in this term yet"),
            t("Figures appear when the term has begun and students are enrolled."),
        )
        return
    _alerts(alerts.alerts(visit, chosen, groups))
    _first(groups, chosen)
    weeks = measures.weeks(visit, chosen)
    _figures(whole.row(0, named=True), weeks)
    _compare(visit, chosen, groups)
    _trend(weeks)
    _table(visit, groups)
    outcomes.show(visit, groups)
    _terms(visit, chosen)


def _lead(groups: pl.DataFrame) -> str:
    shown = groups.filter((pl.col("level") == "class") & pl.col("risk_share").is_not_null())
    if shown.is_empty():
        return t(
            "Compare your school's classes, grades and subjects. There are no risk estimates for this term."
        )
    worst = shown.sort("risk_share", descending=True).row(0, named=True)
    return t(
        "Look at {title} first: {share} of its {count} students are among those at highest risk in the school.",
        title=worst["title"],
        share=page.share(worst["risk_share"]),
        count=worst["student_count"],
    )


def _alerts(found: list[str]) -> None:
    if not found:
        return
    page.section(tn("{count} thing needs your attention", "{count} things need your attention", len(found)))
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in found)
    st.html(f'<ul class="ll-why">{items}</ul>')


def _first(groups: pl.DataFrame, chosen: Choice) -> None:
    shown = groups.filter((pl.col("level") == "class") & (pl.col("risk_share") > 0))
    for row in shown.sort("risk_share", descending=True).head(FIRST).iter_rows(named=True):
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
            facts = [
                f"{t(MEASURES[name].label)}: {page.share(row[name])}"
                for name in ("mean_score", "completion_share", "inactive_share", "chronic_absence_share")
                if row[name] is not None
            ]
            high = page.chip(t("{share} at highest risk", share=page.share(row["risk_share"])), "attention")
            st.html(
                f'<div class="ll-body"><span class="ll-name">{html.escape(row["title"])}</span> {high}'
                f'<div class="ll-small">{html.escape(" · ".join(facts))}</div></div>',
                width="stretch",
            )
            query = {"term": chosen.session_key, "class": row["group_key"]}
            st.page_link(
                st.session_state["pages"]["principal-class"],
                label=t("Open"),
                icon=":material/arrow_forward:",
                icon_position="right",
                query_params=query,
            )


def _figures(whole: dict, weeks: pl.DataFrame) -> None:
    now = weeks.row(-1, named=True) if weeks.height else {}
    before = weeks.row(-2, named=True) if weeks.height > 1 else {}
    number = now.get("week_index", "–")
    page.tiles(
        page.Tile(t("Students"), words.number(whole["student_count"])),
        page.Tile(
            t("Active users, week {week}", week=number),
            page.share(now.get("active_share")),
            page.points(now.get("active_share"), before.get("active_share")),
            help=t("Students with any activity in the newest complete week"),
        ),
        page.Tile(
            t("Completion"),
            page.share(whole["completion_share"]),
            help=t(MEASURES["completion_share"].explanation),
        ),
        page.Tile(
            t("Mean score"),
            page.share(whole["mean_score"]),
            help=t(MEASURES["mean_score"].explanation),
        ),
        page.Tile(
            t("Absence, week {week}", week=number),
            page.share(now.get("absence_rate")),
            page.points(now.get("absence_rate"), before.get("absence_rate")),
            higher_is_good=False,
            help=t("Share of the lessons of the newest complete week that were missed, excused or not"),
        ),
    )


def _compare(visit: Visit, chosen: Choice, groups: pl.DataFrame) -> None:
    page.section(t("Groups compared"))
    with st.container(horizontal=True):
        labels = {name: t(measure.label) for name, measure in MEASURES.items()}
        measure = MEASURES[filters.choose(t("Compare by"), labels, param="measure")]
        level = filters.choose(t("Groups"), {key: t(label) for key, label in LEVELS.items()}, param="groups")
    if level == "class":
        compared = groups.filter(pl.col("level") == "class")
    else:
        compared = measures.subgroups(visit, chosen).filter(pl.col("level") == level)
    _bars(compared, measure, level)
    page.how_worked_out(
        t(
            "**{measure}:** {explanation}. Groups of fewer than {size} students are masked, and where a single group is small "
            "the next smallest with it: the rest would show its members. Risk is compared across the whole school, so that a "
            "group can have many or none of those at highest risk. A difference between groups is no cause.",
            measure=t(measure.label),
            explanation=t(measure.explanation),
            size=visit.settings.small_group_size,
        )
        + "\n\n"
        + notes.definitions(
            **{
                t("Inactive"): "msr_student.is_inactive",
                t("Completion"): "msr_subgroup.completion_share",
                t("Mean score"): "msr_subgroup.mean_score",
                t("Chronic absence"): "msr_attendance.is_chronically_absent",
            }
        )
    )


def _bars(compared: pl.DataFrame, measure: Measure, level: str) -> None:
    shown = compared.filter(pl.col(measure.name).is_not_null())
    shown = shown.sort(measure.name, descending=measure.high_is_need)
    masked = int(compared["is_masked"].sum())
    if shown.is_empty():
        states.empty(
            t("Nothing to compare by this measure"),
            t(
                "Nothing is recorded for it yet, or every group is too small to show ({count} masked).",
                count=masked,
            ),
        )
        return
    if level == "grade":
        shown = shown.with_columns(
            pl.Series("title", [t("Grade {grade}", grade=title) for title in shown["title"]])
        )
    finding = _extreme(shown, measure)
    said = [t(measure.explanation), t("most need on top")]
    if shown.height > BARS:
        said.append(t("the first {count} of {all}", count=BARS, all=shown.height))
    if masked:
        said.append(tn("{count} small group masked", "{count} small groups masked", masked))
    charts.figure(
        finding,
        "; ".join(said),
        charts.ranked_bars(
            shown.head(BARS),
            x=measure.name,
            y="title",
            x_title=t(measure.label),
            x_format=".0%",
            first_needs_help=shown.height > 1,
        ),
        text=t("Bar chart of {measure} by group. {finding}.", measure=t(measure.within), finding=finding),
    )


def _extreme(shown: pl.DataFrame, measure: Measure) -> str:
    """The group that needs most, beside the median of all."""
    first = shown.row(0, named=True)
    group, share = first["title"], page.share(first[measure.name])
    if shown.height == 1:
        if measure.high_is_need:
            return t("{group} has the most: {share}", group=group, share=share)
        return t("{group} has the least: {share}", group=group, share=share)
    middle = page.share(shown.select(pl.col(measure.name).median()).item())
    if measure.high_is_need:
        return t(
            "{group} has the most: {share}; the median of {count} groups is {middle}",
            group=group,
            share=share,
            count=shown.height,
            middle=middle,
        )
    return t(
        "{group} has the least: {share}; the median of {count} groups is {middle}",
        group=group,
        share=share,
        count=shown.height,
        middle=middle,
    )


def _trend(weeks: pl.DataFrame) -> None:
    drawn = weeks.filter(pl.col("active_share").is_not_null())
    if drawn.is_empty():
        return
    first, last = drawn["active_share"][0], drawn["active_share"][-1]
    finding = t(
        "{share} of students were active in week {week}, after {before} in week {first}",
        share=page.share(last),
        week=drawn["week_index"][-1],
        before=page.share(first),
        first=drawn["week_index"][0],
    )
    charts.figure(
        finding,
        t(
            "Share of students with any activity, by week of the term (complete weeks); each student counts once"
        ),
        charts.weekly_line(drawn, y="active_share", y_title=t("Active students"), y_format=".0%"),
        text=t("Line chart of active students by week. {finding}.", finding=finding),
        how=notes.definitions(
            **{
                t("Active students"): "msr_school_week.active_student_count",
                t("Students"): "msr_school_week.student_count",
            }
        ),
    )


def _terms(visit: Visit, chosen: Choice) -> None:
    found = measures.by_term(visit, chosen.school_key)
    scored = found.filter(pl.col("mean_score").is_not_null())
    if found.height < 2:
        return
    title = t("From term to term")
    if scored.height > 1:
        now, before = scored.row(-1, named=True), scored.row(-2, named=True)
        title = t(
            "Mean score {score} in {term}, after {before} in {earlier}",
            score=page.share(now["mean_score"]),
            term=now["title"],
            before=page.share(before["mean_score"]),
            earlier=before["title"],
        )
    page.section(
        title, t("All students of a term, whoever they were; the growth page follows the same students.")
    )
    shares = ("mean_score", "completion_share", "active_share", "correct_share", "absence_rate")
    tables.table(
        found.with_columns((100 * pl.col(name)).round(1).alias(name) for name in shares),
        {
            "title": t("Term"),
            "student_count": t("Students"),
            "mean_score": t("Mean score (%)"),
            "completion_share": t("Completion (%)"),
            "active_share": t("Active in a week (%)"),
            "correct_share": t("Right answers (%)"),
            "absence_rate": t("Absence (%)"),
        },
        file_name="terms",
        alt=t("Measures of the school by term, oldest first"),
    )


def _table(visit: Visit, groups: pl.DataFrame) -> None:
    page.section(
        t("All classes"),
        t(
            "Empty cells: fewer than {size} students, or nothing recorded. Who is in a class, its teachers know: your role "
            "sees no names.",
            size=visit.settings.small_group_size,
        ),
    )
    shown = groups.filter(pl.col("level") == "class").sort("risk_share", descending=True, nulls_last=True)
    shown = shown.with_columns((100 * pl.col(name)).round(1).alias(name) for name in MEASURES)
    tables.table(
        shown,
        {
            "title": t("Class"),
            "student_count": t("Students"),
            "risk_share": t("At highest risk (%)"),
            "mean_score": t("Mean score (%)"),
            "completion_share": t("Completion (%)"),
            "inactive_share": t("Inactive (%)"),
            "chronic_absence_share": t("Chronic absence (%)"),
        },
        file_name="classes",
        alt=t("All classes with risk, score, completion, inactivity and absence"),
    )
