"""The student's start page: what to do next and why, what is due, and this week in four figures."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import inbox, learner, words
from dashboards.components import charts, notes, page, states, tables
from dashboards.student import achievements, preferences
from dashboards.visit import Visit

t, tn = words.room(__name__)


def render(visit: Visit) -> None:
    """The page: next activities, deadlines, my week."""
    me = visit.me
    proposed = learner.next_activities(visit, me)
    due = learner.due_soon(visit, me)
    page.header(visit, t("What next"), _lead(proposed, due))
    achievements.bar(visit)
    inbox.show(visit)
    if proposed.is_empty():
        states.empty(
            t("No proposal yet"),
            t("Proposals appear after your first answers in a course whose skills are in the catalogue."),
        )
    else:
        learner.show_next(proposed)
        page.how_worked_out(
            t(
                "Proposed are activities for the skills where practice helps you most now. Doing something else is fine."
            )
            + "\n\n"
            + notes.definitions(
                **{
                    t("Why"): "prd_next_activity.why",
                    t("Order"): "prd_next_activity.rank",
                    t("Kind"): "prd_next_activity.kind",
                    t("Chance"): "prd_next_activity.chance",
                }
            )
        )
    preferences.show(visit)
    _due(due)
    _week(visit, me)


def _lead(proposed: pl.DataFrame, due: pl.DataFrame) -> str:
    first = proposed.row(0, named=True) if proposed.height else None
    start = (
        t("Start with “{title}”.", title=str(first["title"] or first["skill"]))
        if first
        else t("Look at what is due.")
    )
    if due.is_empty():
        return f"{start} {t('Nothing is due in the next two weeks.')}"
    soonest = due.row(0, named=True)
    deadline = t(
        "Next deadline: “{title}” on {day}.",
        title=str(soonest["title"]),
        day=page.short_day(soonest["due_date"]),
    )
    return f"{start} {deadline}"


def _due(due: pl.DataFrame) -> None:
    if due.is_empty():
        return
    page.section(tn("{count} due in the next two weeks", "{count} due in the next two weeks", due.height))
    tables.table(
        due,
        {"due_date": t("Due"), "title": t("What"), "course_title": t("Course")},
        file_name="due",
        config={
            t("Due"): st.column_config.DateColumn(format=tables.day_format(has_weekday=True), width="small")
        },
        alt=t("What is due in the next two weeks, soonest first"),
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
    is_over = bool(now["is_complete"])
    page.section(
        t("My work in week {week}", week=now["week_index"]) if is_over else t("My work this week so far"),
        t(
            "Week {week} of the term: {first} to {last}.",
            week=now["week_index"],
            first=page.short_day(now["week_start_date"]),
            last=page.short_day(now["week_end_date"]),
        ),
    )
    page.tiles(
        _tile(t("Minutes of work"), now["minutes_active"], before.get("minutes_active")),
        _tile(t("Answers"), now["attempt_count"], before.get("attempt_count")),
        page.Tile(t("Right answers"), page.share(now["correct_share"])),
        _tile(t("Days with work"), now["active_days"], before.get("active_days")),
    )
    minutes = round(now["minutes_active"] or 0)
    charts.figure(
        tn(
            "{count} minutes in week {week}",
            "{count} minutes in week {week}",
            minutes,
            week=now["week_index"],
        )
        if is_over
        else tn("{count} minutes this week so far", "{count} minutes this week so far", minutes),
        t("My minutes active in the learning systems, by week of the term")
        if is_over
        else t(
            "My minutes active in the learning systems, by week of the term (the last week is not over yet)"
        ),
        charts.weekly_line(weeks, y="minutes_active", y_title=t("Minutes")),
        text=t("Line chart of my minutes of work by week."),
        how=notes.definitions(**{t("Minutes"): "msr_student_week.minutes_active"}),
    )


def _tile(label: str, value: float | None, before: float | None) -> page.Tile:
    note = t("The week before: {value}", value=words.number(before)) if before is not None else None
    return page.Tile(label, words.number(value or 0), help=note)
