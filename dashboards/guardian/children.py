"""A guardian's children: what to ask about, then how each is doing at school, in plain words. Every view of a child is audited."""

from __future__ import annotations

import html

import polars as pl
import streamlit as st

from dashboards import inbox, learner
from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.guardian import record
from dashboards.visit import Visit

_CHILDREN = "select person_key, grade from dim_person where role = 'student' order by grade, person_key"
BADGES = 6
"""Badges shown, the newest."""


def render(visit: Visit) -> None:
    """The page: chooser of the child, alerts, messages, plain sentences, then achievements, work, lessons, skills, feedback, resources."""
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
    every = {row["person_key"]: row for row in record.standing(visit).iter_rows(named=True)}
    visit.audit_view(child, "guardian")
    session = learner.newest_session(visit, child)
    weeks = learner.weeks(visit, child, session["session_key"]) if session else pl.DataFrame()
    tasks = record.tasks(visit, child)
    alerts = _alerts(every[child])
    with heading:
        page.header(visit, names[child], _lead(tasks, alerts))
    _others(names, every, child)
    _show_alerts(alerts)
    inbox.show(visit, about=child)
    if weeks.is_empty():
        states.empty("Nothing yet this term", "This page fills up when classes have begun.")
        return
    skills = learner.mastery(visit, child)
    feedback = record.feedback(visit, child)
    _plain_words(every[child], skills, weeks, feedback)
    _achievements(visit, child, every[child])
    _deadlines(tasks)
    _work(weeks)
    page.section("At lessons")
    learner.show_attendance(weeks)
    page.section("Skills, course by course")
    learner.show_mastery(visit, skills)
    _feedback(feedback)
    _resources(visit, child)


def _alerts(row: dict) -> list[str]:
    """What a family should know now, as plain sentences."""
    found = []
    if row["overdue_count"]:
        found.append(
            f"{page.count(int(row['overdue_count']), 'piece of work is', 'pieces of work are')} overdue and not handed in."
        )
    if row["is_inactive"]:
        found.append(f"Nothing was done in the learning systems for {row['days_since_active']} days.")
    if row["is_chronically_absent"]:
        found.append(
            f"{int(row['missed_count'])} of {int(row['day_count'])} school days were missed this term: so many that learning "
            "suffers, excused or not."
        )
    return found


def _lead(tasks: pl.DataFrame, alerts: list[str]) -> str:
    overdue = tasks.filter(pl.col("state") == "overdue")
    if overdue.height:
        first = overdue.row(0, named=True)
        return f"Ask about “{first['title'] or 'Assignment'}”: it was due on {page.short_day(first['due_date'])} and is not handed in."
    if alerts:
        return f"Talk about this first: {alerts[0]}"
    if tasks.is_empty():
        return "Nothing is due in the next two weeks. A good moment to ask what was most fun to learn."
    soonest = tasks.row(0, named=True)
    return (
        f"Ask about “{soonest['title'] or 'Assignment'}”: it is due on {page.short_day(soonest['due_date'])} and not handed in "
        "yet."
    )


def _others(names: dict[str, str], every: dict[str, dict], child: str) -> None:
    """The other children with something to talk about: nobody is forgotten behind the chooser."""
    waiting = [names[key] for key in names if key != child and _alerts(every[key])]
    if waiting:
        st.html(
            f'<p class="ll-small">{html.escape("Also look at: " + ", ".join(waiting) + ". Choose the child above.")}</p>'
        )


def _show_alerts(alerts: list[str]) -> None:
    if alerts:
        page.section("To talk about")
        items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in alerts)
        st.html(f'<ul class="ll-why">{items}</ul>')


def _plain_words(row: dict, skills: pl.DataFrame, weeks: pl.DataFrame, feedback: pl.DataFrame) -> None:
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
        mastered = int(skills["is_mastered"].sum())
        sentences.append(f"<b>Learnt:</b> {mastered} of {skills.height} skills practised so far.")
    if row["task_count"]:
        sentences.append(
            f"<b>Handed in:</b> {int(row['done_count'])} of the term's {int(row['task_count'])} pieces of work."
        )
    scored = feedback.filter(pl.col("score_scaled").is_not_null())["score_scaled"].head(5)
    if len(scored):
        mean = float(scored.sum()) / len(scored)
        sentences.append(f"<b>Last results:</b> {mean:.0%} on average.")
    st.html(
        '<ul class="ll-why" style="font-size:1.05rem">'
        + "".join(f"<li>{s}</li>" for s in sentences)
        + "</ul>"
    )


def _achievements(visit: Visit, child: str, row: dict) -> None:
    found = record.badges(visit, child)
    streak = int(row["streak_days"])
    title = (
        f"{page.count(found.height, 'badge', 'badges')} earned"
        if not streak
        else f"{page.count(found.height, 'badge', 'badges')} earned, {page.count(streak, 'school day', 'school days')} in a row"
    )
    page.section(title)
    if found.is_empty():
        states.empty("No badge yet", "The first one comes with the first day of work.")
        return
    chips = " ".join(
        f"{page.chip(badge['title'], 'fine')} <span class='ll-small'>{page.short_day(badge['earned_date'])}</span>"
        for badge in found.head(BADGES).iter_rows(named=True)
    )
    st.html(f"<p>{chips}</p>")
    page.how_worked_out(
        notes.definitions(Badge="msr_badge", Days_in_a_row="msr_streak.current_days")
        + f"\n\nThe longest so far: {page.count(int(row['longest_days'] or 0), 'school day', 'school days')}."
    )


def _deadlines(tasks: pl.DataFrame) -> None:
    if tasks.is_empty():
        return
    page.section("Work that is due")
    items = []
    for row in tasks.iter_rows(named=True):
        late = f" {page.chip('overdue', 'attention')}" if row["state"] == "overdue" else ""
        items.append(
            f"<li><b>{page.short_day(row['due_date'])}</b>: {html.escape(row['title'] or 'Assignment')} "
            f'<span class="ll-small">{html.escape(row["course_title"] or "")}</span>{late}</li>'
        )
    st.html(f'<ul class="ll-why">{"".join(items)}</ul>')


def _work(weeks: pl.DataFrame) -> None:
    page.section("Work, week by week")
    complete = weeks.filter("is_complete")
    if complete.is_empty():
        states.empty("No complete week yet", "The first picture appears after the first week of the term.")
        return
    last = complete.row(-1, named=True)
    finding = f"{last['minutes_active'] or 0:,.0f} minutes of work in the learning systems in week {last['week_index']}"
    charts.figure(
        finding,
        "Minutes by week of the term; work on paper is not counted",
        charts.weekly_line(complete, y="minutes_active", y_title="Minutes"),
        text=f"Line chart of minutes of work by week. {finding}.",
        how=notes.definitions(Minutes="msr_student_week.minutes_active"),
    )


def _feedback(found: pl.DataFrame) -> None:
    if found.is_empty():
        return
    page.section("Results", "Newest first; where a teacher has marked the work since, the teacher's mark.")
    tables.table(
        learner.with_timeliness(found).with_columns(
            pl.when("is_marked")
            .then(pl.lit("teacher's mark"))
            .when(pl.col("score_pct").is_not_null())
            .then(pl.lit("learning system"))
            .alias("marked_by")
        ),
        {
            "submitted_date": "Handed in",
            "title": "What",
            "course_title": "Course",
            "score_pct": "Score (%)",
            "marked_by": "Marked by",
            "timeliness": "In time?",
        },
        file_name="results",
        alt="Results of this child, newest first",
    )


def _resources(visit: Visit, child: str) -> None:
    found = record.resources(visit, child)
    page.section(
        "What was used to learn", f"Opened in the last {record.RESOURCE_DAYS // 7} weeks, the newest first."
    )
    if found.is_empty():
        states.empty("Nothing was opened", "Books and work on paper are not known here.")
        return
    tables.table(
        found,
        {
            "title": "What",
            "course_title": "Course",
            "days_used": "Days",
            "minutes_used": "Minutes",
            "last_used": "Last used",
        },
        file_name="resources",
        alt="What this child used to learn, the newest first",
    )
    page.how_worked_out(
        notes.definitions(Days="fct_resource_use", Minutes="fct_resource_use.minutes_used")
        + "\n\nSingle answers and clicks are not shown to families."
    )
