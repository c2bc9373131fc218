"""A guardian's children: how each is doing at school, in plain words. Every view of a child is audited."""

from __future__ import annotations

import html

import polars as pl
import streamlit as st

from dashboards import inbox, learner
from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.visit import Visit

_CHILDREN = "select person_key, grade from dim_person where role = 'student' order by grade, person_key"


def render(visit: Visit) -> None:
    """The page: chooser of the child, four plain sentences, then week, attendance, skills, results."""
    children = visit.named(_CHILDREN)
    if children.is_empty():
        page.header(visit, "My children", "Here you will see how your children are doing at school.")
        states.empty(
            "No child is linked to your account yet",
            "Ask the school's office to enter you as a guardian; your child then appears here within a minute.",
        )
        return
    heading = st.container()
    names = dict(zip(children["person_key"], children["display_name"], strict=True))
    child = filters.choose("Child", names, param="child")
    visit.audit_view(child, "guardian")
    session = learner.newest_session(visit, child)
    weeks = learner.weeks(visit, child, session["session_key"]) if session else pl.DataFrame()
    due = learner.due_soon(visit, child)
    skills = learner.mastery(visit, child)
    with heading:
        page.header(visit, names[child], _lead(due))
    inbox.show(visit, about=child)
    if weeks.is_empty():
        states.empty("Nothing yet this term", "This page fills up when classes have begun.")
        return
    _plain_words(weeks, skills, learner.results(visit, child))
    _deadlines(due)
    _work(weeks)
    page.section("At lessons")
    learner.show_attendance(weeks)
    page.section("Skills, course by course")
    learner.show_mastery(visit, skills)
    _results(visit, child)


def _lead(due: pl.DataFrame) -> str:
    if due.is_empty():
        return "Nothing is due in the next two weeks. A good moment to ask what was most fun to learn."
    soonest = due.row(0, named=True)
    return f"Ask about “{soonest['title']}”: it is due on {page.short_day(soonest['due_date'])} and not handed in yet."


def _plain_words(weeks: pl.DataFrame, skills: pl.DataFrame, results: pl.DataFrame) -> None:
    sentences = []
    lessons, missed = int(weeks["meeting_count"].sum()), int(weeks["absent_count"].sum())
    excused, late = int(weeks["excused_count"].sum()), int(weeks["late_count"].sum())
    if lessons:
        there = lessons - missed - excused
        extra = f", {page.count(late, 'time', 'times')} late" if late else ""
        sentences.append(f"<b>At school:</b> at {there} of {lessons} lessons this term{extra}.")
        if missed:
            sentences.append(f"<b>Missed without excuse:</b> {page.count(missed, 'lesson', 'lessons')}.")
    if skills.height:
        sentences.append(
            f"<b>Learnt:</b> {int(skills['is_mastered'].sum())} of {skills.height} skills practised so far."
        )
    due, on_time = int(weeks["due_count"].sum()), int(weeks["on_time_due_count"].sum())
    if due:
        sentences.append(f"<b>Handed in on time:</b> {on_time} of {due} pieces of work.")
    scored = results.filter(pl.col("score_scaled").is_not_null())
    if scored.height:
        sentences.append(f"<b>Last results:</b> {_mean(scored['score_scaled'].head(5)):.0%} on average.")
    st.html(
        '<ul class="ll-why" style="font-size:1.05rem">'
        + "".join(f"<li>{s}</li>" for s in sentences)
        + "</ul>"
    )


def _mean(scores: pl.Series) -> float:
    return float(scores.sum()) / len(scores)


def _deadlines(due: pl.DataFrame) -> None:
    if due.is_empty():
        return
    page.section("Due in the next two weeks")
    items = (
        f"<li><b>{page.short_day(row['due_date'])}</b>: {html.escape(row['title'] or 'Assignment')} "
        f'<span class="ll-small">{html.escape(row["course_title"] or "")}</span></li>'
        for row in due.iter_rows(named=True)
    )
    st.html(f'<ul class="ll-why">{"".join(items)}</ul>')


def _work(weeks: pl.DataFrame) -> None:
    page.section("Work, week by week")
    complete = weeks.filter("is_complete")
    if complete.is_empty():
        states.empty("No complete week yet", "The first picture appears after the first week of the term.")
        return
    last = complete.row(-1, named=True)
    charts.figure(
        f"{last['minutes_active'] or 0:,.0f} minutes of work in the learning systems in week {last['week_index']}",
        "Minutes by week of the term; work on paper is not counted",
        charts.weekly_line(complete, y="minutes_active", y_title="Minutes"),
        text="Line chart of minutes of work by week.",
        how=notes.definitions(Minutes="msr_student_week.minutes_active"),
    )


def _results(visit: Visit, child: str) -> None:
    found = learner.results(visit, child)
    if found.is_empty():
        return
    page.section("Last results", "Newest first.")
    tables.table(
        learner.with_timeliness(found),
        {
            "submitted_date": "Handed in",
            "title": "What",
            "course_title": "Course",
            "score_pct": "Score (%)",
            "timeliness": "In time?",
        },
        file_name="results",
        alt="Results of this child, newest first",
    )
