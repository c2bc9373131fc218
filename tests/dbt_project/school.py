"""One small school for the marts' tests: two classes of maths in two terms, a discovered course, a catalogue with due dates."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.dbt_project.lake import ASSESSMENT, HOME_PAGE, ITEM, course_iri, section_iri

T = "north"


def person(key: str, **more: Any) -> dict[str, Any]:
    row = {"tenant": T, "person_key": key, "kind": "rostered", "role": "student", "school_key": f"{T}:s1"}
    return {**row, "grade": "9", "is_active": True, "is_generated": False, **more}


def identifier(key: str, person_key: str) -> dict[str, Any]:
    return {"tenant": T, "identifier_key": key, "person_key": person_key}


def enrolment(person_key: str, section: str, **more: Any) -> dict[str, Any]:
    row = {"tenant": T, "section_key": f"{T}:{section}", "person_key": person_key, "role": "student"}
    return {**row, "begin_date": None, "end_date": None, "is_active": True, **more}


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def people(**changed: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Tables of lake/people; name a table to put other rows in its place.

    Students p_a (Ada) and p_b (Bo) take maths in autumn (x1); Ada took it in spring (x0) too. p_t teaches.
    """
    tables = {
        "person": [person("p_a"), person("p_b"), person("p_t", role="teacher")],
        "identifier": [identifier("k-a", "p_a"), identifier("k-b", "p_b"), identifier("k-t", "p_t")],
        "organisation": [{"tenant": T, "school_key": f"{T}:s1", "type": "school", "title": "North High"}],
        "academic_session": [
            session("t0", "Spring", "2026-02-02", "2026-06-14"),
            session("t1", "Autumn", "2026-09-07", "2026-12-20"),
        ],
        "course": [
            {
                "tenant": T,
                "course_key": f"{T}:c1",
                "school_key": f"{T}:s1",
                "title": "Maths",
                "iri": course_iri("c1"),
                "is_discovered": False,
            }
        ],
        "section": [section("x0", "t0"), section("x1", "t1")],
        "enrolment": [
            enrolment("p_a", "x0"),
            enrolment("p_a", "x1"),
            enrolment("p_b", "x1"),
            enrolment("p_t", "x1", role="teacher"),
        ],
    }
    return {**tables, **changed}


def session(key: str, title: str, start: str, end: str) -> dict[str, Any]:
    row = {"tenant": T, "session_key": f"{T}:{key}", "title": title, "type": "term"}
    return {**row, "start_date": day(start), "end_date": day(end)}


def section(key: str, session_key: str, *, course: str = "c1", **more: Any) -> dict[str, Any]:
    row = {"tenant": T, "section_key": f"{T}:{key}", "course_key": f"{T}:{course}", "school_key": f"{T}:s1"}
    session_ = f"{T}:{session_key}" if session_key else None
    return {
        **row,
        "session_key": session_,
        "title": f"Maths {key}",
        "iri": section_iri(key),
        "is_discovered": False,
        **more,
    }


def catalogue(**changed: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Two quizzes (due in weeks 2 and 3 of autumn), two items with skills."""
    quiz = {"tenant": T, "type": ASSESSMENT, "course_id": "c1"}
    item = {"tenant": T, "type": ITEM, "course_id": "c1", "parent_iri": f"{HOME_PAGE}/quiz-1"}
    tables: dict[str, list[dict[str, Any]]] = {
        "course": [{"tenant": T, "course_id": "c1", "title": "Maths", "subject": "mathematics"}],
        "activity": [
            {
                **quiz,
                "activity_id": "q1",
                "iri": f"{HOME_PAGE}/quiz-1",
                "title": "Quiz 1",
                "due_date": day("2026-09-18"),
                "weight": 40.0,
                "section_id": "x1",
            },
            {
                **quiz,
                "activity_id": "q2",
                "iri": f"{HOME_PAGE}/quiz-2",
                "title": "Quiz 2",
                "due_date": day("2026-09-27"),
                "weight": 60.0,
                "section_id": "x1",
            },
            {**item, "activity_id": "i1", "iri": f"{HOME_PAGE}/item-1", "title": "Item 1"},
            {**item, "activity_id": "i2", "iri": f"{HOME_PAGE}/item-2", "title": "Item 2"},
        ],
        "skill": [
            {"tenant": T, "skill_id": "add", "title": "Addition", "course_id": "c1"},
            {"tenant": T, "skill_id": "carry", "title": "Carrying", "course_id": "c1"},
        ],
        "prerequisite": [{"tenant": T, "skill_id": "carry", "prerequisite_skill_id": "add"}],
        "activity_skill": [
            {"tenant": T, "activity_iri": f"{HOME_PAGE}/item-1", "skill_id": "add"},
            {"tenant": T, "activity_iri": f"{HOME_PAGE}/item-2", "skill_id": "carry"},
            {"tenant": T, "activity_iri": f"{HOME_PAGE}/item-2", "skill_id": "add"},
        ],
    }
    return {**tables, **changed}
