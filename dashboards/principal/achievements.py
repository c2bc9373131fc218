"""Achievements to celebrate: badges counted over everybody, and by name only those who agreed to be shown. Views are audited."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.principal.choosing import choose
from dashboards.principal.measures import Choice
from dashboards.visit import Visit

TITLE = "Achievements"
PLACES = 10
"""Rows of the board; those who tie with the last one stand there too."""
BOARDS = {"badges": "Badges earned this term", "streak": "School days in a row"}
_BADGES = """
select b.title, count(distinct b.person_key) as student_count
from msr_badge b
join dim_academic_session s on s.session_key = $session
where b.earned_date between s.start_date and s.end_date and ($school is null or b.school_key = $school)
group by b.title
order by student_count desc, b.title
"""
_STUDENTS = """
with term as (select start_date, end_date from dim_academic_session where session_key = $session),
enrolled as (
    select distinct person_key
    from msr_student
    where session_key = $session and is_enrolled and ($school is null or school_key = $school)
),
badge as (
    select b.person_key, count(*) as badges
    from msr_badge b
    join term on b.earned_date between term.start_date and term.end_date
    group by b.person_key
)
select e.person_key, p.grade, coalesce(badge.badges, 0) as badges, coalesce(k.current_days, 0) as streak
from enrolled e
join dim_person p on p.person_key = e.person_key
left join badge on badge.person_key = e.person_key
left join msr_streak k on k.person_key = e.person_key
where p.allows_leaderboard
"""


def render(visit: Visit) -> None:
    """The page: choosers, finding, the board of those who agreed, badges of everybody."""
    heading = st.container()
    chosen = choose(visit, TITLE)
    if chosen is None:
        return
    names = visit.celebrated(visit.rows(_STUDENTS, chosen.params))
    with heading:
        page.header(visit, TITLE, _lead(names))
    _board(visit, names)
    _badges(visit, chosen)


def _lead(agreed: pl.DataFrame) -> str:
    if agreed.is_empty():
        return "Celebrate your school's badges; name nobody, because nobody has agreed to it."
    return f"Congratulate by name: {page.count(agreed.height, 'student has', 'students have')} agreed to be shown beside others."


def _board(visit: Visit, agreed: pl.DataFrame) -> None:
    if agreed.is_empty():
        page.section("Who has earned most")
        states.empty(
            "Nobody has agreed to be named",
            "A student or family that wants to be on this board tells the school's office, which enters their consent; it can be "
            "withdrawn at any time and counts at once.",
        )
        return
    board = filters.choose("Board", BOARDS, param="board")
    ranked = agreed.filter(pl.col(board) > 0).with_columns(
        pl.col(board).rank("min", descending=True).cast(pl.Int64).alias("place")
    )
    ranked = ranked.filter(pl.col("place") <= PLACES).sort("place", "display_name")
    page.section(
        BOARDS[board],
        f"Of the {agreed.height} who agreed to be shown; nobody else is counted or ranked here.",
    )
    if ranked.is_empty():
        states.empty("Nothing to celebrate yet", "The first badge comes with the first day of work.")
        return
    visit.audit_views(ranked["person_key"].to_list(), "principal-achievements")
    tables.table(
        ranked,
        {"place": "Place", "display_name": "Student", "grade": "Grade", board: BOARDS[board]},
        file_name="achievements",
        alt=f"{BOARDS[board]}, of those who agreed to be shown",
    )


def _badges(visit: Visit, chosen: Choice) -> None:
    found = visit.rows(_BADGES, chosen.params)
    size = visit.settings.small_group_size
    shown = found.filter(pl.col("student_count") >= size)
    if shown.is_empty():
        page.section("Badges")
        states.empty(
            "No badge to show yet",
            f"A badge appears here when {size} students or more have earned it in this term.",
        )
        return
    first = shown.row(0, named=True)
    finding = (
        f"{page.count(first['student_count'], 'student', 'students')} earned “{first['title']}” this term"
    )
    rare = found.height - shown.height
    charts.figure(
        finding,
        "Students who earned each badge in this term"
        + (f"; {page.count(rare, 'badge', 'badges')} of fewer than {size} students left out" if rare else ""),
        charts.ranked_bars(shown, x="student_count", y="title", x_title="Students", x_format=",.0f"),
        text=f"Bar chart of students by badge. {finding}.",
        how=notes.definitions(Badge="msr_badge", Days_in_a_row="msr_streak.current_days"),
    )
