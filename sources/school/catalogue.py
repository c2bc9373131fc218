"""The sample school's curriculum as the catalogue's seven tables (Polars frames)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from sources import profile
from sources.school.cast import Section
from sources.school.curriculum import (
    ASSESSMENTS,
    COURSES,
    GRADES,
    HOME_PAGE,
    ITEMS_PER_QUIZ,
    LEADS_ON,
    LESSON_MINUTES,
    PREREQUISITES,
    QUIZ_WEEKS,
    TERM_WEEKS,
    TERMS,
    UNIT_WEEKS,
    UNITS_PER_TERM,
    VIDEO_SECONDS,
    Course,
    due_date,
    has_video,
    item_title,
)

Rows = dict[str, list[dict[str, Any]]]


def catalogue(sections: list[Section], starts: tuple[dt.date, ...]) -> dict[str, pl.DataFrame]:
    """The catalogue's seven tables, with the columns of docs/xapi-profile.md."""
    rows: Rows = {
        name: []
        for name in (
            "courses",
            "units",
            "lessons",
            "activities",
            "skills",
            "prerequisites",
            "activity_skills",
        )
    }
    for course in COURSES:
        rows["courses"].append(
            {
                "course_id": course.course_id,
                "title": course.title,
                "iri": course.iri,
                "subject": course.subject,
                "grade": f"{course.grade:02d}",
            }
        )
        _skills(course, rows)
        for term in range(TERMS):
            _lessons(course, term, rows)
            _items(course, term, rows)
    for section in sections:
        _assessments(section, starts[section.term], rows)
    return {name: pl.DataFrame(found, infer_schema_length=None) for name, found in rows.items()}


def _skills(course: Course, rows: Rows) -> None:
    for index, title in enumerate(course.skills):
        rows["skills"].append(
            {
                "skill_id": course.skill_id(index),
                "title": title,
                "subject": course.subject,
                "course_id": course.course_id,
            }
        )
        rows["units"].append(
            {
                "unit_id": course.unit_id(index),
                "course_id": course.course_id,
                "title": title,
                "position": index + 1,
            }
        )
        builds_on = [course.skill_id(before) for before in PREREQUISITES[index]]
        if index == 0 and course.grade > GRADES[0]:
            year_before = next(
                c for c in COURSES if (c.subject, c.grade) == (course.subject, course.grade - 1)
            )
            builds_on.append(year_before.skill_id(LEADS_ON))
        rows["prerequisites"] += [
            {"skill_id": course.skill_id(index), "prerequisite_skill_id": before} for before in builds_on
        ]


def _lessons(course: Course, term: int, rows: Rows) -> None:
    for week in range(1, TERM_WEEKS + 1):
        skill = term * UNITS_PER_TERM + (week - 1) // UNIT_WEEKS
        lesson, title = course.lesson_id(term, week), course.lesson_title(term, week)
        iri = profile.activity_iri(HOME_PAGE, lesson)
        rows["lessons"].append(
            {
                "lesson_id": lesson,
                "unit_id": course.unit_id(skill),
                "title": title,
                "position": (week - 1) % UNIT_WEEKS + 1,
                "iri": iri,
            }
        )
        place = {"course_id": course.course_id, "lesson_id": lesson, "week": week}
        activities = [
            {
                "activity_id": lesson,
                "title": title,
                "type": profile.LESSON,
                "duration_minutes": LESSON_MINUTES,
            }
        ]
        if has_video(week):
            video = {
                "activity_id": course.video_id(term, week),
                "title": f"{title} (video)",
                "type": profile.VIDEO,
            }
            activities.append(video | {"duration_minutes": VIDEO_SECONDS // 60})
        for activity in activities:
            activity["iri"] = profile.activity_iri(HOME_PAGE, str(activity["activity_id"]))
            rows["activities"].append(activity | place)
            rows["activity_skills"].append(
                {"activity_iri": activity["iri"], "skill_id": course.skill_id(skill)}
            )


def _items(course: Course, term: int, rows: Rows) -> None:
    for quiz, week in enumerate(QUIZ_WEEKS, 1):
        for item in range(ITEMS_PER_QUIZ):
            item_id = course.item_id(term, quiz, item)
            iri = profile.activity_iri(HOME_PAGE, item_id)
            rows["activities"].append(
                {
                    "activity_id": item_id,
                    "iri": iri,
                    "title": item_title(course, term, quiz, item),
                    "type": profile.ITEM,
                    "course_id": course.course_id,
                    "week": week,
                }
            )
            rows["activity_skills"] += [
                {"activity_iri": iri, "skill_id": course.skill_id(skill)}
                for skill in course.item_skills(term, quiz, item)
            ]


def _assessments(section: Section, start: dt.date, rows: Rows) -> None:
    """Each class has its own: its own hand-ins and its own due dates."""
    for assessment in ASSESSMENTS:
        name = section.assessment_id(assessment)
        rows["activities"].append(
            {
                "activity_id": name,
                "iri": profile.activity_iri(HOME_PAGE, name),
                "title": section.assessment_title(assessment),
                "type": profile.ASSESSMENT,
                "course_id": section.course.course_id,
                "section_id": section.sourced_id,
                "due_date": due_date(start, assessment.week).isoformat(),
                "weight": assessment.weight,
                "week": assessment.week,
            }
        )
