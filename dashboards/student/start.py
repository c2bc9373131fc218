"""The student's start page: what to do next and why, what is due, and this week in four figures."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import inbox, learner
from dashboards.components import charts, notes, page, states, tables
from dashboards.student import achievements, preferences
from dashboards.visit import Visit


def render(visit: Visit) -> None:
    """The page: next activities, deadlines, my week."""
    me = visit.me
    proposed = learner.next_activities(visit, me)
    due = learner.due_soon(visit, me)
    page.header(visit, "What next", _lead(proposed, due))
    achievements.bar(visit)
    inbox.show(visit)
    if proposed.is_empty():
        states.empty(
            "No proposal yet",
            "Proposals appear after your first answers in a course whose skills are in the catalogue.",
        )
    else:
        learner.show_next(proposed)
        page.how_worked_out(
            "Proposed are activities for the skills where practice helps you most now. Doing something else is fine.\n\n"
            + notes.definitions(
                Why="prd_next_activity.why",
                Order="prd_next_activity.rank",
                Kind="prd_next_activity.kind",
                Chance="prd_next_activity.chance",
            )
        )
    preferences.show(visit)
    _due(due)
    _week(visit, me)


def _lead(proposed: pl.DataFrame, due: pl.DataFrame) -> str:
    first = proposed.row(0, named=True) if proposed.height else None
    start = f"Start with “{first['title'] or first['skill']}”" if first else "Look at what is due"
    if due.is_empty():
        return f"{start}. Nothing is due in the next two weeks."
    soonest = due.row(0, named=True)
    return f"{start}. Next deadline: “{soonest['title']}” on {page.short_day(soonest['due_date'])}."


def _due(due: pl.DataFrame) -> None:
    if due.is_empty():
        return
    page.section(f"{due.height} due in the next two weeks")
    tables.table(
        due,
        {"due_date": "Due", "title": "What", "course_title": "Course"},
        file_name="due",
        config={"Due": st.column_config.DateColumn(format="ddd D MMM", width="small")},
        alt="What is due in the next two weeks, soonest first",
    )


def _week(visit: Visit, me: str) -> None:
    session = learner.newest_session(visit, me)
    if session is None:
        return
    weeks = learner.weeks(visit, me, session["session_key"])
    if weeks.is_empty():
        return
    now = weeks.row(-1, named=True)
    before = weeks.row(-2, named=True) if weeks.height > 1 else {}
    when = "this week so far" if not now["is_complete"] else f"in week {now['week_index']}"
    page.section(f"My work {when}", _week_note(now))
    page.tiles(
        _tile("Minutes of work", now["minutes_active"], before.get("minutes_active")),
        _tile("Answers", now["attempt_count"], before.get("attempt_count")),
        page.Tile("Right answers", page.share(now["correct_share"])),
        _tile("Days with work", now["active_days"], before.get("active_days")),
    )
    minutes = now["minutes_active"] or 0
    charts.figure(
        f"{minutes:.0f} minutes {when}",
        "My minutes active in the learning systems, by week of the term"
        + ("" if now["is_complete"] else " (the last week is not over yet)"),
        charts.weekly_line(weeks, y="minutes_active", y_title="Minutes"),
        text="Line chart of my minutes of work by week.",
        how=notes.definitions(Minutes="msr_student_week.minutes_active"),
    )


def _week_note(now: dict) -> str:
    return f"Week {now['week_index']} of the term: {page.short_day(now['week_start_date'])} to {page.short_day(now['week_end_date'])}."


def _tile(label: str, value: float | None, before: float | None) -> page.Tile:
    note = f"The week before: {before:,.0f}" if before is not None else None
    return page.Tile(label, f"{value or 0:,.0f}", help=note)
