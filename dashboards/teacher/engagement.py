"""How a class works: activity, attendance and results by week, and each student's last days."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import design
from dashboards.classes import Class, choose_class, classes, weeks
from dashboards.components import charts, notes, page, states, tables
from dashboards.teacher import unscheduled
from dashboards.visit import Visit

_ATTENDANCE = """
select
    1 + date_diff('day', c.start_date, a.attendance_date) // 7 as week_index, a.status, count(*) as days
from fct_attendance a
join dim_class c on c.section_key = a.section_key
where a.section_key = $section
group by all
order by 1
"""
_STUDENTS = """
with newest as (
    select max(week_index) as week_index
    from msr_student_week
    where section_key = $section and is_complete
)
select
    w.person_key,
    max(w.last_active_date) as last_active_date,
    sum(w.minutes_active) filter (where w.week_index = newest.week_index) as minutes,
    sum(w.attempt_count) filter (where w.week_index = newest.week_index) as attempts,
    sum(w.score_sum) / nullif(sum(w.score_count), 0) as mean_score,
    sum(w.submitted_count) as submitted, sum(w.submitted_late_count) as submitted_late,
    sum(w.due_count) as due,
    sum(w.absent_count) as absent, sum(w.meeting_count) as meetings
from msr_student_week w
cross join newest
where w.section_key = $section
group by w.person_key
order by last_active_date nulls first, minutes nulls first
"""


def render(visit: Visit) -> None:
    """The page: finding, study time, attendance, right answers, table of students."""
    found = classes(visit)
    if not found:
        page.header(visit, "Engagement", "Here you will see how your class works from week to week.")
        states.empty("No class is assigned to you yet", "Your administrator can assign one.")
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
            "Engagement",
            _lead(visit, chosen, students),
            as_of=chosen.as_of_date,
            section_key=chosen.section_key,
        )
    if students.is_empty():
        states.empty("No complete week yet", "Figures appear when the class has completed a week.")
        return
    _weeks(visit, chosen)
    _students(students)


def _quiet(visit: Visit, chosen: Class, students: pl.DataFrame) -> pl.DataFrame:
    days = (pl.lit(chosen.as_of_date or visit.build.as_of) - pl.col("last_active_date")).dt.total_days()
    return students.filter(pl.col("last_active_date").is_null() | (days >= visit.settings.inactive_days))


def _lead(visit: Visit, chosen: Class, students: pl.DataFrame) -> str:
    quiet = _quiet(visit, chosen, students).height
    days = visit.settings.inactive_days
    if students.is_empty():
        return "Nothing has happened in this class yet."
    if not quiet:
        return f"Every student did something in the last {days} days. Nobody to call."
    who = page.count(quiet, "student who has", "students who have")
    return f"Ask after {who} not been seen for {days} days or more: first in the table below."


def _weeks(visit: Visit, chosen: Class) -> None:
    done = weeks(visit, chosen.section_key)
    if done.is_empty():
        return
    last = done.row(-1, named=True)
    charts.figure(
        f"{last['minutes_per_student'] or 0:.0f} minutes of work per student in week {last['week_index']}",
        "Minutes active in the learning systems per student, by week of the term",
        charts.weekly_line(done, y="minutes_per_student", y_title="Minutes per student"),
        text="Line chart of minutes active per student by week.",
        how=notes.definitions(
            Minutes="msr_class_week.minutes_active", Minutes_of_a_student="msr_student_week.minutes_active"
        ),
    )
    answered = done.filter(pl.col("attempt_count") > 0)
    if not answered.is_empty():
        charts.figure(
            f"{answered['correct_share'][-1]:.0%} of the answers in week {answered['week_index'][-1]} were right",
            "Share of right answers, by week of the term",
            charts.weekly_line(answered, y="correct_share", y_title="Right answers", y_format=".0%"),
            text="Line chart of the share of right answers by week.",
            how=notes.definitions(
                Answers="msr_class_week.attempt_count", Right="msr_class_week.correct_count"
            ),
        )
    _attendance(visit, chosen)


def _attendance(visit: Visit, chosen: Class) -> None:
    attendance = visit.rows(_ATTENDANCE, {"section": chosen.section_key})
    if attendance.is_empty():
        return
    colours = design.palette()
    words = {"present": "Present", "late": "Late", "excused": "Excused", "absent": "Absent"}
    tones = dict(
        zip(words.values(), (colours.fine, colours.watch, colours.neutral, colours.attention), strict=True)
    )
    attendance = attendance.with_columns(pl.col("status").replace(words).alias("what"))
    total = int(attendance["days"].sum())
    absent = int(attendance.filter(pl.col("status") == "absent")["days"].sum())
    charts.figure(
        f"{absent / total:.0%} of all lessons were missed without excuse",
        "Students' lessons by week of the term: present, late, excused, absent",
        charts.stacked_weeks(attendance, y="days", series="what", colours=tones, y_title="Lessons"),
        text="Stacked bars of attendance by week.",
        how=notes.definitions(Attendance="fct_attendance.status"),
    )


def _students(students: pl.DataFrame) -> None:
    page.section(
        "Each student's work",
        "Longest silence first. Minutes and answers are the newest complete week's, the rest the term's.",
    )
    shown = students.with_columns((100 * pl.col("mean_score")).round(0).alias("score_pct"))
    tables.table(
        shown,
        {
            "display_name": "Student",
            "last_active_date": "Last active",
            "minutes": "Minutes",
            "attempts": "Answers",
            "score_pct": "Score (%)",
            "submitted": "Handed in",
            "submitted_late": "of those late",
            "due": "Due so far",
            "absent": "Absences",
            "meetings": "Lessons",
        },
        file_name="engagement",
        config={"Minutes": st.column_config.NumberColumn(format="%.0f")},
        alt="Each student's activity, results and attendance",
    )
