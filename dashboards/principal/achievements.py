"""Achievements to celebrate: badges counted over everybody, and by name only those who agreed to be shown. Views are audited."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.principal.choosing import choose
from dashboards.principal.measures import Choice
from dashboards.visit import Visit
from dashboards.words import mark

t, tn = words.room(__name__)
TITLE = mark("Achievements")
PLACES = 10
"""Rows of the board; those who tie with the last one stand there too."""
BOARDS = {"badges": mark("Badges earned this term"), "streak": mark("School days in a row")}
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
    chosen = choose(visit, t(TITLE))
    if chosen is None:
        return
    names = visit.celebrated(visit.rows(_STUDENTS, chosen.params))
    with heading:
        page.header(visit, t(TITLE), _lead(names))
    _board(visit, names)
    _badges(visit, chosen)


def _lead(agreed: pl.DataFrame) -> str:
    if agreed.is_empty():
        return t("Celebrate your school's badges; name nobody, because nobody has agreed to it.")
    return tn(
        "Congratulate by name: {count} student has agreed to be shown beside others.",
        "Congratulate by name: {count} students have agreed to be shown beside others.",
        agreed.height,
    )


def _board(visit: Visit, agreed: pl.DataFrame) -> None:
    if agreed.is_empty():
        page.section(t("Who has earned most"))
        states.empty(
            t("Nobody has agreed to be named"),
            t(
                "A student or family that wants to be on this board tells the school's office, which enters their consent; it "
                "can be withdrawn at any time and counts at once."
            ),
        )
        return
    board = filters.choose(t("Board"), {key: t(title) for key, title in BOARDS.items()}, param="board")
    ranked = agreed.filter(pl.col(board) > 0).with_columns(
        pl.col(board).rank("min", descending=True).cast(pl.Int64).alias("place")
    )
    ranked = ranked.filter(pl.col("place") <= PLACES).sort("place", "display_name")
    page.section(
        t(BOARDS[board]),
        t(
            "Of the {count} who agreed to be shown; nobody else is counted or ranked here.",
            count=agreed.height,
        ),
    )
    if ranked.is_empty():
        states.empty(t("Nothing to celebrate yet"), t("The first badge comes with the first day of work."))
        return
    visit.audit_views(ranked["person_key"].to_list(), "principal-achievements")
    tables.table(
        ranked,
        {
            "place": t("Place"),
            "display_name": t("Student"),
            "grade": t("Grade"),
            board: t(BOARDS[board]),
        },
        file_name="achievements",
        alt=t("{board}, of those who agreed to be shown", board=t(BOARDS[board])),
    )


def _badges(visit: Visit, chosen: Choice) -> None:
    found = visit.rows(_BADGES, chosen.params)
    size = visit.settings.small_group_size
    shown = found.filter(pl.col("student_count") >= size)
    if shown.is_empty():
        page.section(t("Badges"))
        states.empty(
            t("No badge to show yet"),
            t("A badge appears here when {size} students or more have earned it in this term.", size=size),
        )
        return
    first = shown.row(0, named=True)
    finding = tn(
        "{count} student earned “{badge}” this term",
        "{count} students earned “{badge}” this term",
        first["student_count"],
        badge=first["title"],
    )
    rare = found.height - shown.height
    charts.figure(
        finding,
        _counted(rare, size),
        charts.ranked_bars(shown, x="student_count", y="title", x_title=t("Students"), x_format=",.0f"),
        text=t("Bar chart of students by badge. {finding}.", finding=finding),
        how=notes.definitions(**{t("Badge"): "msr_badge", t("Days in a row"): "msr_streak.current_days"}),
    )


def _counted(rare: int, size: int) -> str:
    if not rare:
        return t("Students who earned each badge in this term")
    return tn(
        "Students who earned each badge in this term; {count} badge of fewer than {size} students left out",
        "Students who earned each badge in this term; {count} badges of fewer than {size} students left out",
        rare,
        size=size,
    )
