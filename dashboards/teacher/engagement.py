"""How a class works: activity, attendance and results by week, and each student's last days."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import learner, words
from dashboards.classes import Class, choose_class, classes, weeks
from dashboards.components import charts, notes, page, states, tables
from dashboards.teacher import unscheduled
from dashboards.visit import Visit

t, tn = words.room(__name__)
_ATTENDANCE = """
select
    week_index, sum(meeting_count) as meeting_count, sum(absent_count) as absent_count,
    sum(excused_count) as excused_count, sum(late_count) as late_count
from msr_student_week
where section_key = $section and week_index >= 1
group by week_index
order by week_index
"""
_STUDENTS = """
with week as (
    select person_key, week_index, minutes_active, attempt_count, is_complete, submitted_late_count, absent_count, meeting_count
    from msr_student_week
    where section_key = $section
),
newest as (select max(week_index) as week_index from week where is_complete),
term as (
    select
        week.person_key,
        sum(week.minutes_active) filter (where week.week_index = newest.week_index) as minutes,
        sum(week.attempt_count) filter (where week.week_index = newest.week_index) as attempts,
        sum(week.submitted_late_count) as submitted_late,
        sum(week.absent_count) as absent, sum(week.meeting_count) as meetings
    from week
    cross join newest
    group by week.person_key
)
select
    m.person_key, m.last_active_date, m.is_inactive, m.days_since_active, term.minutes, term.attempts, m.mean_score,
    m.done_count, term.submitted_late, m.task_count, m.overdue_count, term.absent, term.meetings
from msr_student m
left join term on term.person_key = m.person_key
where m.section_key = $section and m.is_enrolled
order by m.days_since_active desc, term.minutes nulls first
"""


def render(visit: Visit) -> None:
    """The page: finding, study time, attendance, right answers, table of students."""
    found = classes(visit)
    if not found:
        page.header(visit, t("Engagement"), t("Here you will see how your class works from week to week."))
        states.empty(t("No class is assigned to you yet"), t("Your administrator can assign one."))
        return
    heading = st.container()
    chosen = choose_class(found)
    if not chosen.has_weeks:
        unscheduled.render(visit, chosen, heading)
        return
    students = visit.named(_STUDENTS, {"section": chosen.section_key})
    with heading:
        page.header(
            visit,
            t("Engagement"),
            _lead(visit, students),
            as_of=chosen.as_of_date,
            section_key=chosen.section_key,
        )
    if students.is_empty():
        states.empty(t("No complete week yet"), t("Figures appear when the class has completed a week."))
        return
    _weeks(visit, chosen)
    _students(students)


def _lead(visit: Visit, students: pl.DataFrame) -> str:
    quiet = students.filter("is_inactive").height
    days = visit.settings.inactive_days
    if students.is_empty():
        return t("Nothing has happened in this class yet.")
    if not quiet:
        return t("Every student did something in the last {days} days. Nobody to call.", days=days)
    return tn(
        "Ask after {count} student who has not been seen for {days} days or more: first in the table below.",
        "Ask after {count} students who have not been seen for {days} days or more: first in the table below.",
        quiet,
        days=days,
    )


def _weeks(visit: Visit, chosen: Class) -> None:
    done = weeks(visit, chosen.section_key)
    if done.is_empty():
        return
    last = done.row(-1, named=True)
    charts.figure(
        tn(
            "{count} minutes of work per student in week {week}",
            "{count} minutes of work per student in week {week}",
            round(last["minutes_per_student"] or 0),
            week=last["week_index"],
        ),
        t("Minutes active in the learning systems per student, by week of the term"),
        charts.weekly_line(done, y="minutes_per_student", y_title=t("Minutes per student")),
        text=t("Line chart of minutes active per student by week."),
        how=notes.definitions(
            **{
                t("Minutes"): "msr_class_week.minutes_active",
                t("Minutes of a student"): "msr_student_week.minutes_active",
            }
        ),
    )
    answered = done.filter(pl.col("attempt_count") > 0)
    if not answered.is_empty():
        charts.figure(
            t(
                "{share} of the answers in week {week} were right",
                share=page.share(answered["correct_share"][-1]),
                week=answered["week_index"][-1],
            ),
            t("Share of right answers, by week of the term"),
            charts.weekly_line(answered, y="correct_share", y_title=t("Right answers"), y_format=".0%"),
            text=t("Line chart of the share of right answers by week."),
            how=notes.definitions(
                **{t("Answers"): "msr_class_week.attempt_count", t("Right"): "msr_class_week.correct_count"}
            ),
        )
    learner.show_attendance(visit.rows(_ATTENDANCE, {"section": chosen.section_key}))


def _students(students: pl.DataFrame) -> None:
    page.section(
        t("Each student's work"),
        t("Longest silence first. Minutes and answers are the newest complete week's, the rest the term's."),
    )
    shown = students.with_columns((100 * pl.col("mean_score")).round(0).alias("score_pct"))
    tables.table(
        shown,
        {
            "display_name": t("Student"),
            "last_active_date": t("Last active"),
            "minutes": t("Minutes"),
            "attempts": t("Answers"),
            "score_pct": t("Score (%)"),
            "task_count": t("Tasks"),
            "done_count": t("Handed in"),
            "submitted_late": t("of those late"),
            "overdue_count": t("Overdue"),
            "absent": t("Absences"),
            "meetings": t("Lessons"),
        },
        file_name="engagement",
        config={t("Minutes"): st.column_config.NumberColumn(format="%.0f")},
        alt=t("Each student's activity, results and attendance"),
    )
    page.how_worked_out(
        notes.definitions(
            **{
                t("Last active"): "msr_student.last_active_date",
                t("Inactive"): "msr_student.is_inactive",
                t("Score"): "msr_student.mean_score",
                t("Tasks"): "msr_student.task_count",
                t("Overdue"): "msr_student.overdue_count",
            }
        )
    )
