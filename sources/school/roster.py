"""The sample school's cast as OneRoster 1.2 tables (Polars frames), every row labelled as generated."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from sources.school.cast import Cast, Person, section_id
from sources.school.curriculum import COURSES, TERM_WEEKS

SCHOOL_ID = "org-sample-school"
SCHOOL_TITLE = "Sample School (generated)"


def roster(cast: Cast, starts: tuple[dt.date, ...]) -> dict[str, pl.DataFrame]:
    """Tables by the names of OneRoster's files."""
    tables: dict[str, list[dict[str, Any]]] = {
        "orgs": [{"sourcedId": SCHOOL_ID, "name": SCHOOL_TITLE, "type": "school", "identifier": "sample"}],
        "academicSessions": _sessions(starts),
        "courses": _courses(),
        "classes": _classes(cast),
        **_users(cast),
        "enrollments": _enrollments(cast, starts),
    }
    return {
        name: pl.DataFrame(rows, infer_schema_length=None).with_columns(
            pl.lit("true").alias("metadata.is_generated")
        )
        for name, rows in tables.items()
    }


def term_id(term: int) -> str:
    return f"term-{term + 1}"


def term_end(start: dt.date) -> dt.date:
    """The Sunday of the term's last week."""
    return start + dt.timedelta(days=7 * TERM_WEEKS - 1)


def _day_after(last: dt.date) -> str:
    """OneRoster's endDate is exclusive."""
    return (last + dt.timedelta(days=1)).isoformat()


def _sessions(starts: tuple[dt.date, ...]) -> list[dict[str, Any]]:
    year_end = term_end(starts[-1])
    year = {
        "sourcedId": "year-1",
        "title": f"School year {year_end.year}",
        "type": "schoolYear",
        "startDate": starts[0].isoformat(),
        "endDate": _day_after(year_end),
        "parentSourcedId": None,
        "schoolYear": str(year_end.year),
    }
    terms = [
        {
            "sourcedId": term_id(term),
            "title": f"Term {term + 1}",
            "type": "term",
            "startDate": start.isoformat(),
            "endDate": _day_after(term_end(start)),
            "parentSourcedId": "year-1",
            "schoolYear": str(year_end.year),
        }
        for term, start in enumerate(starts)
    ]
    return [year, *terms]


def _courses() -> list[dict[str, Any]]:
    return [
        {
            "sourcedId": course.course_id,
            "schoolYearSourcedId": "year-1",
            "title": course.title,
            "courseCode": course.course_id,
            "grades": f"{course.grade:02d}",
            "orgSourcedId": SCHOOL_ID,
            "subjects": course.subject,
        }
        for course in COURSES
    ]


def _classes(cast: Cast) -> list[dict[str, Any]]:
    return [
        {
            "sourcedId": section.sourced_id,
            "title": section.title,
            "grades": f"{section.course.grade:02d}",
            "courseSourcedId": section.course.course_id,
            "classCode": section.sourced_id,
            "classType": "scheduled",
            "schoolSourcedId": SCHOOL_ID,
            "termSourcedIds": term_id(section.term),
            "subjects": section.course.subject,
        }
        for section in cast.sections
    ]


def _users(cast: Cast) -> dict[str, list[dict[str, Any]]]:
    everyone = [*cast.staff, *cast.students, *cast.guardians]
    return {
        "users": [_user(person) for person in everyone],
        "roles": [
            {
                "sourcedId": f"role-{person.sourced_id}",
                "userSourcedId": person.sourced_id,
                "roleType": "primary",
                "role": person.role,
                "orgSourcedId": SCHOOL_ID,
            }
            for person in everyone
        ],
        "demographics": [
            {
                "sourcedId": person.sourced_id,
                "birthDate": person.birth_date.isoformat() if person.birth_date else None,
                "sex": person.sex,
            }
            for person in cast.students
        ],
    }


def _user(person: Person) -> dict[str, Any]:
    return {
        "sourcedId": person.sourced_id,
        "enabledUser": "true",
        "username": person.sourced_id,
        "givenName": person.given_name,
        "familyName": person.family_name,
        "identifier": person.sourced_id,
        "agentSourcedIds": ",".join(person.agents),
        "grades": f"{person.grade:02d}" if person.grade else None,
        "primaryOrgSourcedId": SCHOOL_ID,
    }


def _enrollments(cast: Cast, starts: tuple[dt.date, ...]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for taught in cast.sections:
        start = starts[taught.term]
        rows.append(_enrollment(taught.sourced_id, taught.teacher_id, "teacher", start, term_end(start)))
    entries = cast.enrolments
    for term, start in enumerate(starts):
        for index in range(len(entries)):
            course = COURSES[entries.course[index]]
            section = section_id(course, term, int(entries.number[index]))
            student = cast.students[entries.student[index]].sourced_id
            begin = start + dt.timedelta(days=int(entries.begin_day[term, index]))
            rows.append(_enrollment(section, student, "student", begin, term_end(start)))
    return rows


def _enrollment(section: str, user_id: str, role: str, begin: dt.date, end: dt.date) -> dict[str, Any]:
    return {
        "sourcedId": f"enr-{section}-{user_id}",
        "classSourcedId": section,
        "schoolSourcedId": SCHOOL_ID,
        "userSourcedId": user_id,
        "role": role,
        "primary": "true" if role == "teacher" else "false",
        "beginDate": begin.isoformat(),
        "endDate": _day_after(end),
    }
