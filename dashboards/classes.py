"""The viewer's classes, and choosing one: shared by the pages that show a class."""

from __future__ import annotations

import dataclasses
import datetime as dt

import polars as pl

from dashboards import words
from dashboards.components import filters
from dashboards.visit import Visit

t, _tn = words.room(__name__)
_CLASSES = """
select
    section_key, session_key, title, coalesce(course_title, title) as course_title, session_title, start_date, end_date,
    is_running, as_of_date, current_week, student_count
from dim_class
order by is_running desc, start_date desc nulls last, course_title, title
"""


@dataclasses.dataclass(frozen=True)
class Class:
    """One section as the chooser shows it."""

    section_key: str
    session_key: str | None
    title: str
    course_title: str
    session_title: str | None
    start_date: dt.date | None
    end_date: dt.date | None
    is_running: bool | None
    as_of_date: dt.date | None
    current_week: int | None
    student_count: int | None

    @property
    def has_weeks(self) -> bool:
        """Whether the class has a term: without one there are no weeks, and nothing that is worked out by week."""
        return self.session_key is not None and self.start_date is not None

    @property
    def label(self) -> str:
        """Course, section and term: a teacher of many sections tells them apart."""
        name = self.title if self.course_title in self.title else f"{self.course_title} · {self.title}"
        return f"{name} · {self.session_title}" if self.session_title else name


def classes(visit: Visit) -> list[Class]:
    """The classes that the viewer may see, running ones first."""
    return [Class(**row) for row in visit.rows(_CLASSES).iter_rows(named=True)]


def choose_class(found: list[Class]) -> Class:
    """Let the reader choose one of `found` (not empty); kept in the address as `?class=KEY`."""
    by_key = {one.section_key: one for one in found}
    return by_key[filters.choose(t("Class"), {key: one.label for key, one in by_key.items()}, param="class")]


def weeks(visit: Visit, section_key: str) -> pl.DataFrame:
    """The class's complete weeks from week 1 on, with shares: one row per week, oldest first."""
    return visit.rows(
        """
        select
            week_index, week_start_date, week_end_date, student_count, active_student_count,
            active_student_count / nullif(student_count, 0) as active_share,
            minutes_active / nullif(student_count, 0) as minutes_per_student,
            attempt_count, correct_count, correct_count / nullif(attempt_count, 0) as correct_share,
            mean_score, absence_rate
        from msr_class_week
        where section_key = $section and week_index between 1 and (
            select max(week_index) from msr_student_week where section_key = $section and is_complete
        )
        order by week_index
        """,
        {"section": section_key},
    )
